"""What the instruments read in one period, what the biases may be, and where an estimate begins: for every estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.estimation.noise import N_BIAS
from apc.estimation.readings import Readings
from flowsheet.assembly import Flowsheet
from flowsheet.layout import BLENDER, DEVIATION, FEED_FRAME, LEVEL, N_X, OUTPUT
from flowsheet.parameters import FlowsheetParameters

Vector = NDArray[np.float64]

#: Outputs whose results come late: blend potency (NIR), tablet potency (assay), tablet weight and hardness (tester).
LATE = ("potency_blend", "potency_tablet", "weight", "hardness")
POTENCY_BLEND, POTENCY_TABLET, WEIGHT, HARDNESS = range(4)
#: Largest relative biases that may be believed.
BIAS_LIMIT = np.array([0.2, 0.05, 0.05, 0.6, 0.3, 0.3, 0.5, 0.4, 0.3])
BIAS_API, BIAS_YIELD, BIAS_DENSITY, BIAS_STRENGTH, BIAS_NIR = N_X, N_X + 4, N_X + 5, N_X + 6, N_X + 8
#: Late results this many standard deviations off tell of a change that the random walk does not expect; the room that
#: the bias behind the result is given then (one standard deviation), by late output.
WIDEN_SIGMA = 2.5
ROOM = {POTENCY_TABLET: (BIAS_API, 0.012), WEIGHT: (BIAS_YIELD, 0.03), HARDNESS: (BIAS_STRENGTH, 0.03)}
#: A NIR that has been on one side for long tells of a step of the API feeder's bias (its own drifts over hours): room for
#: that step (one standard deviation), and how many periods ago it came at least: blender's lag and time to be sure.
ROOM_NIR, JUMP_AGE = 0.02, 24
#: Doubt about masses, a period, while flows change: there the hold-up law is rough and may not blame the weight.
UNSETTLED_MASS = 0.02
FLOW_OUTPUTS = ("mass_flow_api", "mass_flow_premix", "mass_flow_lactose", "mass_flow_lubricant")


@dataclass(frozen=True)
class Direct:
    """One reading of now: output name, value and error (1 sigma) in plant units; how many in a row are believed."""

    name: str
    value: float
    error: float
    patience: int = 3


def direct_readings(
    readings: Readings, force_kn: float, noise: Mapping[str, float], p: FlowsheetParameters, running: bool
) -> list[Direct]:
    """Return what was read (NaN left out); press signals only while it runs. force_kn scales the force's error."""
    found, mean = [], readings.mean
    for i, (name, flow) in enumerate(zip(FLOW_OUTPUTS, readings.flows.tolist(), strict=True)):
        nominal = p.fractions[i] * p.reference_flow * 3600.0
        error = noise[f"measured_flow_{name.removeprefix('mass_flow_')}_pct"] / 100.0 * nominal
        found.append(Direct(name, flow, error, patience=2))
    found.append(Direct("hold_up_blender", mean["Blender/HoldUpMass"], noise["measured_hold_up_kg"]))
    found.append(Direct("level_hopper", mean["Hopper/Level"], noise["measured_level_kg"]))
    if running:
        found.append(Direct("fill_depth", mean["Press/FillDepth"], noise["measured_fill_depth_mm"]))
        found.append(Direct("force_main", mean["Press/MainForceMean"], noise["measured_force_pct"] / 100.0 * force_kn))
    return [reading for reading in found if math.isfinite(reading.value)]


def tester_errors(noise: Mapping[str, float], p: FlowsheetParameters, hardness_n: float) -> tuple[float, float]:
    """Return the errors (1 sigma) of a tester sample's mean weight [mg] and hardness [N]."""
    weight = noise["measured_weight_pct"] / 100.0 * p.tablet_mass * 1e6
    return weight, noise["measured_hardness_pct"] / 100.0 * max(hardness_n, 1.0)


def first_mean(flowsheet: Flowsheet, readings: Readings) -> Vector:
    """Return (N_X + 9,) the start: masses and level as read, compositions the recipe's, extents follow the mass."""
    p, mean = flowsheet.parameters, np.concatenate([flowsheet.x_nominal, np.zeros(N_BIAS)])
    hold_up, level = readings.mean["Blender/HoldUpMass"], readings.mean["Hopper/Level"]
    if math.isfinite(hold_up):
        mean[BLENDER] = flowsheet.x_nominal[BLENDER] * max(hold_up / p.blender_hold_up, 0.01)
    if math.isfinite(level):
        mean[LEVEL] = max(level / p.hopper_level, 0.01)
    return mean


def bound(mean: Vector) -> None:
    """Clip states and biases (..., N_X + 9) in place to what a line can be."""
    biases = mean[..., N_X : N_X + N_BIAS]
    np.clip(biases, -BIAS_LIMIT, BIAS_LIMIT, out=biases)
    for where, low, high in ((DEVIATION, -1.0, 1.0), (slice(DEVIATION.stop, N_X), 0.0, np.inf), (FEED_FRAME, 0.0, 4.0)):
        np.clip(mean[..., where], low, high, out=mean[..., where])


def unsettled(process: Vector) -> Vector:
    """Return the process covariance with the doubt about masses that holds while flows change."""
    wide = process.copy()
    for masses in (BLENDER, slice(LEVEL, LEVEL + 1)):
        wide[masses, masses] += UNSETTLED_MASS**2
    return wide


def turret_offset(turret_rpm: float, law_rpm: float, p: FlowsheetParameters) -> float:
    """Return the measured turret speed's offset from the level loop's law, relative to nominal [-]."""
    nominal_rpm = p.reference_flow / (p.n_stations * p.tablet_mass) * 60.0
    return (turret_rpm - law_rpm) / nominal_rpm


LATE_OUTPUTS = tuple(OUTPUT[name] for name in LATE)
