"""The path from feeders to die alone: fed, driven and booked second by second, without press, PLC or wire."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import cache

import numpy as np

from plant_sim.columns import group_columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ACTIVE, API, LOT_SLOTS, LOTS_FROM, N_EXTENTS, TOTAL, TRACER, VOLUME, Vector
from plant_sim.parameters import PlantParameters, Variant
from plant_sim.units.path import build_path
from tests.plant_bench import nominal

#: 25 kg/h [kg/s], reference impeller and paddle speed [rev/s], level [kg], seconds of the level loop.
FLOW, IMPELLER, PADDLE, LEVEL, LEVEL_S = 25.0 / 3600.0, 250.0 / 60.0, 1.0, 0.6, 20.0
SHARES = (0.08, 0.56, 0.35, 0.01)
#: Columns that a path neither makes nor loses: all but shear.
BOOKED = [i for i in range(N_EXTENTS) if i != 7]


def powder(flow: Vector | float, shares: Sequence[float] = SHARES, slot: int = 0) -> Vector:
    """Material (n, N_EXTENTS) of a second's flow (n,) [kg]: components, active API, bulk volume, water, lots."""
    kg = np.atleast_1d(np.asarray(flow, dtype=float))
    one = np.zeros((kg.size, N_EXTENTS))
    one[:, TOTAL] = kg
    for i, share in enumerate(shares):
        one[:, API + i] = one[:, LOTS_FROM + LOT_SLOTS * i + slot] = kg * share
    one[:, ACTIVE], one[:, VOLUME] = one[:, API], kg / 450.0
    one[:, 9], one[:, 10] = 0.03 * kg, kg
    return one


def with_values(group: str, **values: float) -> PlantParameters:
    """The reference plant with other values in one group, units as written there."""
    plant = nominal()
    old = getattr(plant, group)
    new = {name: getattr(old, name).model_copy(update={"value": value}) for name, value in values.items()}
    return plant.model_copy(update={group: old.model_copy(update=new)})


class PathBench:
    """A path with its faults and books: `fed` and `pressed` (n, N_EXTENTS), everything since the start."""

    def __init__(self, variant: Variant, plants: Sequence[PlantParameters] | None = None) -> None:
        plants = [nominal()] if plants is None else plants
        names = ("blender", "hopper", "feed_frame", "dispersion")
        self.path = build_path({name: group_columns(plants, name) for name in names}, variant)
        self.n = len(plants)
        self.effects = FaultEffects(self.n)
        self.fed, self.pressed = np.zeros((self.n, N_EXTENTS)), np.zeros((self.n, N_EXTENTS))
        self.impeller, self.paddle = np.full(self.n, IMPELLER), np.full(self.n, PADDLE)

    def fault(self, **values: float) -> PathBench:
        """Put faults in force on all lines; no value: take all off."""
        for i in range(self.n):
            self.effects.clear(i)
        for name, value in values.items():
            getattr(self.effects, name)[:] = value
        self.effects.any_active = bool(values)
        return self

    def step(self, feed: Vector, wanted: Vector | float) -> None:
        """Feed material and press `wanted` (n,) kg, at most what is at the die."""
        intake = np.minimum(np.zeros(self.n) + wanted, self.path.at_die[:, TOTAL])
        self.path.step(feed, intake, self.impeller, self.paddle, self.effects)
        self.fed += feed
        self.pressed += self.path.frame_exit

    def hold_level(self, flow: float) -> Vector:
        """What a press takes that keeps the hopper at LEVEL while `flow` is fed."""
        return np.maximum(flow + (self.path.hopper[:, TOTAL] - LEVEL) / LEVEL_S, 0.0)

    def settle(self, seconds: int = 2000, flow: float = FLOW) -> PathBench:
        """Run at a constant feed with the level held."""
        feed = powder(np.full(self.n, flow))
        for _ in range(seconds):
            self.step(feed, self.hold_level(flow))
        return self

    def pulse(self, seconds: int = 2000, flow: float = FLOW) -> Vector:
        """Share of a marker, fed in one second, that leaves blender, hopper and feed frame in each second, (seconds, 3)."""
        feed, rows = powder(np.full(self.n, flow)), []
        for k in range(seconds):
            marked = feed.copy()
            marked[:, TRACER] = float(k == 0)
            self.step(marked, self.hold_level(flow))
            path = self.path
            rows.append([float(x[0, TRACER]) for x in (path.blender_exit, path.hopper_exit, path.frame_exit)])
        return np.array(rows)

    def markers(self, seconds: int, flow: float = FLOW) -> Vector:
        """Share of a marker that leaves the blender of each line in each second, (seconds, n)."""
        feed, rows = powder(np.full(self.n, flow)), []
        for k in range(seconds):
            marked = feed.copy()
            marked[:, TRACER] = float(k == 0)
            self.step(marked, self.hold_level(flow))
            rows.append(self.path.blender_exit[:, TRACER].copy())
        return np.array(rows)

    @property
    def held(self) -> Vector:
        """(n, N_EXTENTS) in the whole path."""
        return self.path.blender + self.path.hopper + self.path.frame

    def gap(self) -> float:
        """Largest relative gap of the books of any line and column but shear."""
        fed = self.fed[:, BOOKED]
        off = np.abs(fed - (self.held + self.pressed)[:, BOOKED])
        return float((off / np.maximum(fed, 1e-9)).max())

    def lowest(self) -> float:
        """The smallest number held anywhere or that left in the last second."""
        path = self.path
        arrays = (path.blender, path.hopper, path.frame, path.blender_exit, path.hopper_exit, path.frame_exit)
        return min(float(x.min()) for x in arrays)


@cache
def _settled(variant: Variant) -> PathBench:
    return PathBench(variant).settle(1500)


def settled(variant: Variant) -> PathBench:
    """The reference path at 25 kg/h after 1,500 s, a copy of its own."""
    return deepcopy(_settled(variant))


def moments(share: Vector) -> tuple[float, float]:
    """Mean [s] and variance [s2] of the ages at which shares (seconds,) leave."""
    age = np.arange(share.size)
    mean = float((age * share).sum() / share.sum())
    return mean, float(((age - mean) ** 2 * share).sum() / share.sum())


def quantile(share: Vector, level: float) -> int:
    """Age [s] at which a share `level` has left."""
    return int(np.searchsorted(np.cumsum(share) / share.sum(), level))
