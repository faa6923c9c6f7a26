"""The readings that controllers without a state estimate work from: newest values by name, with age, error and novelty."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from apc.control.problem import Reading
from apc.estimation.readings import Readings
from apc.observation import Observation
from apc.supervision.observer import DOUBT_FACTOR, DOUBTFUL
from flowsheet.layout import STEP_S
from flowsheet.parameters import FlowsheetParameters
from sensing.verdict import SpectrumVerdict

#: Readings of every period: name of the output -> tag.
PERIODIC = {
    "level_hopper": "Hopper/Level",
    "hold_up_blender": "Blender/HoldUpMass",
    "fill_depth": "Press/FillDepth",
    "force_main": "Press/MainForceMean",
    "speed_turret": "Press/TurretSpeed",
}
FLOW_NAMES = ("mass_flow_api", "mass_flow_premix", "mass_flow_lactose", "mass_flow_lubricant")
#: Time constant of the mean of spectra that an assay is compared with [s].
NIR_MEAN_S = 120.0
#: Share of the gap between assay and NIR that one assay moves the NIR's offset.
ASSAY_SHARE = 0.5
#: An assay is left out if that mean moved more around its time than this many of its standard deviations.
STEADY_SIGMA = 5.0
#: How long means of spectra are kept [decisions]: an assay's age and the way from probe to tablet.
KEPT = 120


class MeasurementBoard:
    """Keeps the newest reading of each instrument, validated as the estimator's are; late results carry their age.

    | reading | age at arrival | first | last |
    | periodic, flows | 0 | now | now |
    | potency_blend (NIR) | 5-6 s | newest spectrum that may be used | until the next one |
    | weight, hardness (tester) | 60 s | newest sample | until the next one |
    | potency_tablet (assay) | 2-30 min | newest sample | until the next one |
    | offset_nir | that of the assay | 0 | half way to each assay's gap |

    `offset_nir`: mean of the NIR around the time at which an assayed tablet's blend passed the probe, minus the assay.
    Nothing is learnt while that mean moves. Wrong if potency drifts slower than that between probe and tablet.
    """

    def __init__(self, p: FlowsheetParameters, noise: Mapping[str, float]) -> None:
        self._p, self._noise = p, noise
        self._transport_s = (p.hopper_level + p.feed_frame_hold_up) / p.reference_flow
        self.reset()

    def reset(self) -> None:
        """Forget every late result and the NIR's offset."""
        self._late: dict[str, tuple[float, float, float]] = {}
        self._means: deque[tuple[int, float]] = deque(maxlen=KEPT)
        self._offset = 0.0

    def update(self, readings: Readings, observation: Observation) -> dict[str, Reading]:
        """Take one decision's readings in; return all readings by name, plant units."""
        now = {name: Reading(readings.mean[tag], 0.0, self._error(name)) for name, tag in PERIODIC.items()}
        for i, name in enumerate(FLOW_NAMES):
            value = 0.0 if readings.stopped[i] else float(readings.flows[i])
            now[name] = Reading(value, 0.0, self._error(name))
        fresh = self._arrived(observation)
        for name, (value, moment, error) in self._late.items():
            now[name] = Reading(value, observation.step - moment, error, name in fresh)
        now["offset_nir"] = Reading(self._offset, now["potency_tablet"].age_s if "potency_tablet" in now else math.inf)
        return now

    def _error(self, name: str) -> float:
        p, n = self._p, self._noise
        if name in FLOW_NAMES:
            nominal = p.fractions[FLOW_NAMES.index(name)] * p.reference_flow * 3600.0
            return n[f"measured_flow_{name.removeprefix('mass_flow_')}_pct"] / 100.0 * nominal
        return {
            "level_hopper": n["measured_level_kg"],
            "hold_up_blender": n["measured_hold_up_kg"],
            "fill_depth": n["measured_fill_depth_mm"],
            "force_main": n["measured_force_pct"] / 100.0 * p.main_force / 1e3,
            "speed_turret": 0.0,
        }[name]

    def _arrived(self, observation: Observation) -> set[str]:
        """Note what came since the last decision; return its names."""
        fresh = set()
        snapshot, n = observation.snapshot, self._noise
        if usable_spectrum(observation.nir):
            self._take_spectrum(observation.nir, observation.step)
            fresh.add("potency_blend")
        for is_new, name, tag, pulled, error in (
            (observation.tester_new, "weight", "Tester/WeightMean", "Tester/PulledStep", n["measured_weight_pct"]),
            (observation.tester_new, "hardness", "Tester/HardnessMean", "Tester/PulledStep", n["measured_hardness_pct"]),
            (observation.assay_new, "potency_tablet", "Assay/PotencyMean", "Assay/PulledStep", n["measured_assay_pct"]),
        ):
            value, moment = snapshot.value(tag), snapshot.value(pulled)
            if is_new and math.isfinite(value) and math.isfinite(moment):
                self._late[name] = (value, moment, error / 100.0 * abs(value))
                fresh.add(name)
        if "potency_tablet" in fresh:
            self._calibrate(*self._late["potency_tablet"][:2])
        return fresh

    def _take_spectrum(self, nir: SpectrumVerdict | None, step: int) -> None:
        if nir is None:
            return
        per_w_w = 100.0 / self._p.fraction_api
        value = nir.api_w_w * per_w_w
        stated = nir.standard_error_w_w * per_w_w if math.isfinite(nir.standard_error_w_w) else 0.0
        error = max(self._noise["measured_nir_pct"], stated) * (1.0 if nir.valid else DOUBT_FACTOR)
        self._late["potency_blend"] = (value, float(nir.step), error)
        before = self._means[-1][1] if self._means else value
        self._means.append((nir.step, before + STEP_S / NIR_MEAN_S * (value - before)))

    def _calibrate(self, assay_pct_lc: float, pulled_step: float) -> None:
        """Move the offset towards what an assay says; a mean lags behind its spectra by its time constant.

        While the potency moves, a lagging mean and a tablet do not speak of the same blend: then nothing is learnt.
        """
        wanted = pulled_step - self._transport_s + NIR_MEAN_S
        around = [(step, mean) for step, mean in self._means if abs(step - wanted) <= NIR_MEAN_S]
        after = [mean for step, mean in around if step >= wanted]
        if not after:
            return
        spread = self._noise["measured_nir_pct"] * math.sqrt(STEP_S / (2.0 * NIR_MEAN_S))
        moved = max(mean for _, mean in around) - min(mean for _, mean in around)
        if moved <= STEADY_SIGMA * spread:
            self._offset += ASSAY_SHARE * (after[0] - assay_pct_lc - self._offset)


def usable_spectrum(nir: SpectrumVerdict | None) -> bool:
    """Return whether a verdict's prediction may be used at all (valid, or doubtful with a wider error)."""
    return nir is not None and math.isfinite(nir.api_w_w) and (nir.valid or nir.validity in DOUBTFUL)
