"""The suite without a line: its parameters, a made-up line in steady running, faults by name of the effect."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns, feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.parameters import draw_parameters
from plant_sim.surroundings.activity import Activity
from plant_sim.surroundings.suite import STEP_S, Surroundings
from tests.plant_bench import nominal

GROUPS = ("surroundings", "room", "drive", "blender", "feed_frame", "content")
#: 25 kg/h in tablets of 225 mg, 36 stations.
TABLETS_PER_S = 25.0 / 3600.0 / 225e-6
AMBIENT = 1.2


def values(n: int = 1, **changed: float) -> Columns:
    """The group's SI values of n equal lines, some of them changed."""
    group = group_columns([nominal()] * n, "surroundings")
    return Columns(group.values | {name: np.full(n, value) for name, value in changed.items()})


def room(n: int = 1) -> Columns:
    return group_columns([nominal()] * n, "room")


def suite(members: list[int]) -> Surroundings:
    plants = [draw_parameters(nominal(), m) for m in members]
    return Surroundings({g: group_columns(plants, g) for g in GROUPS}, feeder_columns(plants), members)


def doing(n: int, second: int, on: bool = True) -> Activity:
    """The line in steady running at 25 kg/h; feeder 2 gets 0.1 kg in each of the 20 s of a refill every 514 s."""
    flag, one = np.full(n, on), np.full(n, float(on))
    refilled = np.zeros((n, 4))
    refilled[:, 1] = 2.0 * (second // 514) + 0.1 * min(second % 514, 20)
    made = np.full(n, round(TABLETS_PER_S * second) * on)
    screws = one[:, None] * np.array([0.5, 0.8, 0.45, 0.35])
    return Activity(flag, flag, flag, one * 51.4 / 60, one * 250 / 60, one, screws, made, one * 0.7, refilled * on)


def run(around: Surroundings, until: int, effects: FaultEffects | None = None, start: int = 0) -> Surroundings:
    n = around.temperature_c.size
    for second in range(start + STEP_S, until + 1, STEP_S):
        around.step(doing(n, second), effects or FaultEffects(n))
    return around


def faulty(n: int = 1, **effects: float) -> FaultEffects:
    made = FaultEffects(n)
    made.any_active = True
    for name, value in effects.items():
        getattr(made, name)[0] = value
    return made
