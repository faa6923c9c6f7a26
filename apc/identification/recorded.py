"""What identification works from: the measurements of recorded runs, second by second, never a plant's truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowsheet.layout import N_FEEDERS, STEP_S
from line.modes import FeederMode, LineState

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]

PERIOD = int(STEP_S)
FEEDERS = tuple(f"Feeder{i}" for i in range(1, N_FEEDERS + 1))
#: Tags that are read at every second.
SIGNALS = (
    *(f"{feeder}/{what}" for feeder in FEEDERS for what in ("MassFlow", "NetWeight", "ScrewSpeed", "Mode", "Setpoint")),
    "Sys/LineState", "Blender/HoldUpMass", "Blender/ImpellerSpeed", "Hopper/Level",
    "Press/TurretSpeed", "Press/FillDepth", "Press/MainHeight", "Press/MainForceMean", "Press/MainForceSetpoint",
    "SP/HopperLevel", "SP/Throughput",
)  # fmt: skip
#: Turret speed above which the press runs [rpm].
RUNNING_RPM = 5.0
#: Seconds of a scale after a refill that still hold the refill.
BLIND_S = 30
#: Seconds over which a feeder's flow per revolution is averaged, both ways: long against the scale's noise, short
#: against its drift.
FACTOR_WINDOW_S = 60


@dataclass(frozen=True)
class Samples:
    """Results of one instrument: seconds (k,) that they speak of, values (k, columns) plant units, NaN where missing."""

    seconds: Vector
    values: Vector


@dataclass(frozen=True)
class RecordedRun:
    """The measurements of one run.

    seconds (n,) without gaps; signals by tag of SIGNALS, (n,) plant units, NaN where not usable; spectra: API share of
    the blend [kg/kg] of every valid spectrum; tester: weight [mg], thickness [mm], hardness [N]; assay: potency [% LC].
    """

    name: str
    content_hash: str
    seconds: Vector
    signals: Mapping[str, Vector]
    spectra: Samples
    tester: Samples
    assay: Samples

    def part(self, first: float, last: float) -> RecordedRun:
        """Return what was measured in the seconds first (included) to last (not)."""
        inside = (self.seconds >= first) & (self.seconds < last)

        def cut(samples: Samples) -> Samples:
            keep = (samples.seconds >= first) & (samples.seconds < last)
            return Samples(samples.seconds[keep], samples.values[keep])

        signals = {tag: values[inside] for tag, values in self.signals.items()}
        late = cut(self.spectra), cut(self.tester), cut(self.assay)
        return RecordedRun(self.name, self.content_hash, self.seconds[inside], signals, *late)

    @property
    def running(self) -> Flags:
        """(n,) seconds in which the line makes tablets."""
        return (self.signals["Sys/LineState"] == LineState.EXECUTE) & (self.signals["Press/TurretSpeed"] > RUNNING_RPM)

    def since_start(self) -> Vector:
        """(n,) seconds for which the line has been making tablets without a stop, 0 while it does not."""
        count, lasted = 0, np.zeros(len(self.seconds))
        for i, on in enumerate(self.running.tolist()):
            count = count + 1 if on else 0
            lasted[i] = count
        return lasted

    def seeing(self, feeder: int) -> Flags:
        """(n,) seconds in which a feeder's scale (0..3) sees its flow: gravimetric for BLIND_S."""
        gravimetric = self.signals[f"{FEEDERS[feeder]}/Mode"] == FeederMode.GRAVIMETRIC
        blind = np.convolve(~gravimetric, np.ones(BLIND_S))[: len(gravimetric)] > 0
        return gravimetric & ~blind

    def flows(self) -> Vector:
        """Return (n, 4) flows [kg/h] from screw speed times flow per revolution, averaged FACTOR_WINDOW_S both ways.

        The scale's own flow is late by half its window; a screw's speed is not. Wrong inside an interruption that is
        shorter than the window.
        """
        return np.column_stack([self._flow(i) for i in range(N_FEEDERS)])

    def _flow(self, feeder: int) -> Vector:
        name = FEEDERS[feeder]
        speed, flow = self.signals[f"{name}/ScrewSpeed"], self.signals[f"{name}/MassFlow"]
        use = self.seeing(feeder) & np.isfinite(speed) & np.isfinite(flow) & (speed > 0)
        window = np.ones(2 * FACTOR_WINDOW_S + 1)
        above = np.convolve(np.where(use, flow, 0.0), window, mode="same")
        below = np.convolve(np.where(use, speed, 0.0), window, mode="same")
        known = below > 0
        if not known.any():
            return np.full(len(speed), np.nan)
        factor = np.interp(self.seconds, self.seconds[known], above[known] / below[known])
        return factor * speed

    def periods(self, values: Vector) -> Vector:
        """Return the means (n // 5, ...) of each period of 5 s, NaN left out; NaN where nothing was usable."""
        n = len(values) // PERIOD
        parts = values[: n * PERIOD].reshape(n, PERIOD, *values.shape[1:])
        good = np.isfinite(parts)
        count = good.sum(axis=1)
        means: Vector = np.where(count > 0, np.where(good, parts, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
        return means

    def around(self, tag: str, seconds: Vector, half_width_s: int) -> Vector:
        """Return (k,) means of a signal within half_width_s of each of `seconds` (k,), NaN where there is none."""
        signal, out = self.signals[tag], np.full(len(seconds), np.nan)
        for j, at in enumerate(seconds.tolist()):
            near = signal[np.abs(self.seconds - at) <= half_width_s]
            near = near[np.isfinite(near)]
            if near.size:
                out[j] = near.mean()
        return out
