"""Readings of one period as an estimator takes them, without a line around it."""

from __future__ import annotations

import numpy as np

from apc.estimation.readings import AVERAGED, Readings
from flowsheet.layout import N_U, OUTPUT
from tests.control_parts import flowsheet

READ = {
    "Hopper/Level": "level_hopper",
    "Blender/HoldUpMass": "hold_up_blender",
    "Press/FillDepth": "fill_depth",
    "Press/MainForceMean": "force_main",
    "Press/TurretSpeed": "speed_turret",
}
FLOWS = tuple(OUTPUT[f"mass_flow_{name}"] for name in ("api", "premix", "lactose", "lubricant"))


def readings_from(y: np.ndarray) -> Readings:
    """The outputs (N_Y,) as instruments without error read them."""
    mean = dict.fromkeys(AVERAGED, float("nan")) | {tag: float(y[OUTPUT[name]]) for tag, name in READ.items()}
    return Readings(mean, np.array(y)[list(FLOWS)], np.zeros(4, dtype=np.bool_))


def readings_of() -> Readings:
    """What is read at the reference point."""
    model = flowsheet()
    y = np.array(model.outputs(model.x_nominal, np.ones(N_U), np.zeros(9))).ravel()
    return readings_from(y)
