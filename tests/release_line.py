"""A line made of textbook formulas, to test release against: residence times by convolution, no tank is ever stepped.

Constant throughput. API fed as a function of time; blender exit and die follow by convolution with gamma and
exponential densities (Levenspiel, Chemical Reaction Engineering, ch. 11 and 14). Nothing is shared with `rtr`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import fftconvolve
from scipy.stats import gamma

from line.configuration import LineConfiguration, load
from line.recipe import Recipe
from line.samples import Snapshot, StepResult
from line.tags import TagRegister, load_register
from rtr.release import ReleaseEngine, ReleaseStep
from sensing.verdict import SpectrumVerdict, Validity

ROOT = Path(__file__).resolve().parents[1]
REGISTER: TagRegister = load_register(ROOT / "configs/line/tags.csv")
RECIPE: Recipe = load(ROOT / "configs/recipes/reference-18mg.toml", Recipe)
LINE: LineConfiguration = load(ROOT / "configs/line/reference.toml", LineConfiguration)
SENSOR = "5" * 64
KG_PER_S = 25.0 / 3600.0
#: Densities live on a grid of a tenth of a second, long enough for all material to leave.
FINE, N_KERNEL = 10, 1500


def density(cdf: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Probability of each tenth of a second of age."""
    return np.diff(cdf(np.arange(N_KERNEL * FINE + 1) / FINE))


def exponential(tau_s: float) -> np.ndarray:
    """One tank."""
    return density(lambda age: 1.0 - np.exp(-age / tau_s))


def tanks(n: int, tau_s: float, dead_s: float) -> np.ndarray:
    """n equal tanks of total mean tau_s behind a dead time."""
    return density(lambda age: gamma.cdf(age - dead_s, n, scale=tau_s / n))


def delay(seconds: float) -> np.ndarray:
    """A pure delay with linear interpolation."""
    kernel = np.zeros(N_KERNEL * FINE)
    whole = int(seconds * FINE)
    part = seconds * FINE - whole
    kernel[whole], kernel[whole + 1] = 1.0 - part, part
    return kernel


def joined(*kernels: np.ndarray) -> np.ndarray:
    """One after the other. A grid cell stands for its middle, so each kernel beyond the first adds half a cell."""
    whole = kernels[0]
    for kernel in kernels[1:]:
        whole = fftconvolve(whole, kernel)[: N_KERNEL * FINE]
    return fftconvolve(whole, delay(0.5 * (len(kernels) - 1) / FINE))[: N_KERNEL * FINE]


def through(series: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Means per second of what leaves, for means per second of what enters; before the series all was series[0]."""
    long = np.repeat(np.concatenate([np.full(N_KERNEL, series[0]), series]), FINE)
    out = fftconvolve(long, kernel)[: len(long)]
    return out[N_KERNEL * FINE :].reshape(-1, FINE).mean(axis=1)


#: Mean times at 25 kg/h: 100.8 s of blender, 6 of them dead; 86.4 s of hopper, 75 % of them plug; feed frame 3 + 50.4 s.
BLENDER = tanks(3, 94.8, 6.0)
DOWNSTREAM = joined(delay(64.8 + 3.0), exponential(21.6), exponential(0.79 * 50.4), exponential(0.21 * 50.4))


class TextbookLine:
    """Runs `seconds` of a shift through a ReleaseEngine and keeps truth and answers.

    fed(t) API mass fraction into the blender; nir(t, truth, rng) the verdict on the spectrum of second t or None;
    change(t, values) may alter the tag values of a second (dictionary by tag id).
    """

    def __init__(
        self,
        fed: Callable[[int], float],
        seconds: int,
        *,
        engine: ReleaseEngine | None = None,
        seed: int = 1,
        nir: Callable[[int, float, np.random.Generator], SpectrumVerdict | None] | None = None,
        change: Callable[[int, dict[str, float]], None] | None = None,
        nir_noise_pct: float = 2.5,
        running_out: Callable[[int], bool] = lambda t: False,
    ) -> None:
        self.engine = engine or ReleaseEngine(RECIPE, LINE, REGISTER, SENSOR)
        self.seconds, self.change, self.running_out = seconds, change or (lambda t, values: None), running_out
        self.rng = np.random.default_rng(seed)
        self.fed = np.array([fed(t) for t in range(seconds)])
        self.exit = through(self.fed, BLENDER)
        self.die = through(self.exit, DOWNSTREAM)
        self.nir = nir or self._spectrum
        self.noise_pct, self._error = nir_noise_pct, 0.0
        self.steps: list[ReleaseStep] = []
        self.accepted_truth = np.zeros(seconds, dtype=bool)
        self._values = self._start()
        self._counts = {"made": 0, "accepted": 0, "diverted": 0, "way": [0, 0]}

    def run(self) -> TextbookLine:
        """Run the shift; returns self."""
        for t in range(self.seconds):
            self.second(t)
        return self

    def second(self, t: int) -> None:
        """Let one second pass; a spectrum arrives every five, six seconds after its material passed."""
        row = self.snapshot(t)
        verdict = self.nir(t - 6, float(self.exit[t - 6]), self.rng) if t >= 6 and (t - 6) % 5 == 0 else None
        out = self.running_out(t)
        self.steps.append(self.engine.observe(row, verdict, plc_remote=True, comms_ok=True, running_out=out))

    def snapshot(self, t: int) -> Snapshot:
        """All tags of second t: the gate carries out last second's request, tablets reach it two seconds after the die."""
        values, counts = self._values, self._counts
        made = 31 if t % 10 else 30
        accept = bool(self.steps and self.steps[-1].accept)
        counts["way"].append(made)
        arrived = counts["way"].pop(0)
        counts["accepted" if accept else "diverted"] += arrived
        if accept and t >= 2:
            self.accepted_truth[t - 2] = True
        counts["made"] += made
        x = self.fed[max(t - 5, 0)]
        flows = self._flows(float(x))
        for i, flow in enumerate(flows, start=1):
            values[f"Feeder{i}/MassFlow"] = flow
        values.update({"Press/TabletsMade": counts["made"], "Diverter/TabletsAccepted": counts["accepted"],
                       "Diverter/TabletsDiverted": counts["diverted"], "Diverter/Position": float(accept),
                       "Sys/StepIndex": t})  # fmt: skip
        values["Press/MainForceMean"] = 6.2 * (1.0 + 0.0075 * self.rng.standard_normal())
        row = dict(values)
        self.change(t, row)
        return snapshot(t, row)

    def _flows(self, x: float) -> list[float]:
        others = 23.0
        return [others * x / (1.0 - x), 14.0, 8.75, 0.25]

    def _start(self) -> dict[str, float]:
        values = dict.fromkeys(REGISTER.scalar_ids, 0.0)
        values.update({
            "Sys/LineState": 2, "Sys/CtrlMode": 1, "Blender/ImpellerSpeed": 250.0, "Blender/HoldUpMass": 0.70,
            "Hopper/Level": 0.60, "Press/TurretSpeed": 51.4, "Press/SREL": 4.1, "Press/MainHeight": 3.373,
            "SP/Throughput": 25.0, "SP/MainForce": 6.2, "SP/MainHeight": 3.373, "SP/HopperLevel": 0.6,
            "SP/ImpellerSpeed": 250.0, "SP/FillDepth": 6.5,
        })  # fmt: skip
        for i, flow in enumerate((2.0, 14.0, 8.75, 0.25), start=1):
            values[f"Feeder{i}/Setpoint"] = values[f"Feeder{i}/MassFlow"] = flow
            values[f"Feeder{i}/ScrewSpeed"], values[f"Feeder{i}/Mode"] = 50.0, 0
        return values

    def _spectrum(self, t: int, truth: float, rng: np.random.Generator) -> SpectrumVerdict:
        keep = np.exp(-1.0)
        self._error = keep * self._error + np.sqrt(1.0 - keep**2) * self.noise_pct / 100.0 * rng.standard_normal()
        return spectrum(t, truth + 0.08 * self._error, se=0.08 * self.noise_pct / 100.0)


def spectrum(
    t: int, api: float, validity: Validity = Validity.VALID, se: float = 0.002, model: str = SENSOR
) -> SpectrumVerdict:
    """A verdict on the spectrum of second t."""
    return SpectrumVerdict(t, t // 5 + 1, api, se, 1.0, 10.0, 1.0, 10.0, validity, "", "nir-blend-api", model)


def snapshot(t: int, values: dict[str, float], statuses: dict[str, int] | None = None, arrays: Any = None) -> Snapshot:
    """A snapshot of second t; tags that are not named are zero. NaN values get a Bad status."""
    row = np.array([values.get(tag, 0.0) for tag in REGISTER.scalar_ids], dtype=float)
    status = np.where(np.isnan(row), 0x80310000, 0).astype(np.uint32)
    for tag, code in (statuses or {}).items():
        status[REGISTER.scalar_index[tag]] = code
    return Snapshot(REGISTER, StepResult(t, row, status, np.full(len(row), t), arrays or {}))
