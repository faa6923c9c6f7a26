"""Feeders and their loops without the rest of the line, for tests: own chance for each line, parameters changed by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from line.configuration import LotLoad
from plant_sim.columns import Columns, feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_EXTENTS, Vector
from plant_sim.lots import LotSupply
from plant_sim.plc.feeder_loops import FeederLoops
from plant_sim.surroundings.moisture import stored_moisture
from plant_sim.units.feeders import FeederBank
from tests.plant_bench import nominal, scenario

KG_PER_H = 3600.0
SETPOINTS_KG_PER_S = np.array([2.0, 14.0, 8.75, 0.25]) / KG_PER_H
API, PREMIX, LACTOSE, LUBRICANT = range(4)
#: Every source of chance and of slow change off: what is left is the law of delivery.
STILL = {
    "flow_noise": 0.0, "feed_factor_drift": 0.0, "screw_line": 0.0, "scale_noise": 0.0, "refill_scale_noise": 0.0,
    "refill_bump": 0.0, "screw_wear": 0.0, "load_cell_drift": 0.0,
}  # fmt: skip
Hook = Callable[[int, "FeederBench"], None]


def columns(n: int, **changes: float) -> Columns:
    """The reference feeders n times, with some columns [SI] changed."""
    values = dict(feeder_columns([nominal()] * n).values)
    for name, value in changes.items():
        values[name] = np.full_like(values[name], value)
    return Columns(values)


def bank(n: int = 1, **changes: float) -> FeederBank:
    """Feeders alone; call `turn` to step them."""
    feeder = columns(n, **changes)
    return FeederBank(feeder, stored_moisture(group_columns([nominal()] * n, "surroundings"), feeder))


def turn(feeders: FeederBank, speed: float, seconds: int = 1, effects: FaultEffects | None = None) -> Vector:
    """Step with all screws told to turn at `speed` [rev/s], no chance, no refill; return what the last second brought."""
    shape = feeders.speed.shape
    still, shut = np.zeros((shape[0], 3, 4)), np.zeros(shape, np.bool_)
    effects = FaultEffects(shape[0]) if effects is None else effects
    blend = np.zeros((shape[0], N_EXTENTS))
    for _ in range(seconds):
        blend = feeders.step(np.full(shape, speed), shut, shut, effects, still)
    return blend


class FeederBench:
    """n lines of feeders under their loops at constant set-points; line i has the chance of seeds[i]."""

    def __init__(self, seeds: Sequence[int] = (1,), lots: Sequence[Sequence[LotLoad]] = ((),), **changes: float) -> None:
        self.n, self.second = len(seeds), 0
        feeder, plc = columns(self.n, **changes), group_columns([nominal()] * self.n, "plc")
        self.effects = FaultEffects(self.n)
        self.bank = FeederBank(feeder, stored_moisture(group_columns([nominal()] * self.n, "surroundings"), feeder))
        self._chance = [np.random.default_rng(seed) for seed in seeds]
        self.reading = self.bank.scale.read(np.zeros((self.n, 4)), self.effects)
        self.loops = FeederLoops(feeder, plc, self.reading)
        loads = list(lots) if len(lots) == self.n else [()] * self.n
        self.lots = LotSupply([scenario(lots=item) for item in loads], list(seeds), feeder)
        self.setpoint = np.tile(SETPOINTS_KG_PER_S, (self.n, 1))
        self.run_lines = np.ones(self.n, np.bool_)
        self.initial, self.fed = self.bank.mass.copy(), np.zeros((self.n, N_EXTENTS))
        self.events: list[tuple[int, int, dict[str, Any]]] = []
        self.flows: list[Vector] = []
        self.blends: list[Vector] = []

    def step(self) -> None:
        normals = np.stack([source.standard_normal((4, 4)) for source in self._chance])
        speed = self.bank.speed * (1.0 + 0.002 * normals[:, 3])
        found = self.loops.step(self.setpoint.copy(), self.run_lines.copy(), self.reading, speed)
        found = found + self.lots.serve(self.second, self.loops, self.bank)
        loops = self.loops
        blend = self.bank.step(loops.command, loops.refilling, loops.receiver_off, self.effects, normals[:, :3])
        self.reading = self.bank.scale.read(normals[:, 2], self.effects)
        self.events += [(self.second, line, event) for line, event in found]
        self.flows.append(self.bank.delivered.copy())
        self.blends.append(blend)
        self.fed += blend
        self.second += 1

    def run(self, until: int, hook: Hook | None = None) -> FeederBench:
        """Step until second `until`; hook(second, bench) is called before each step."""
        while self.second < until:
            if hook is not None:
                hook(self.second, self)
            self.step()
        return self

    def fault(self, name: str, value: float, i_feeder: int, i_line: int = 0) -> None:
        """Let an effect act on one feeder from now on."""
        getattr(self.effects, name)[i_line, i_feeder] = value
        self.effects.any_active = True

    def heal(self) -> None:
        """Take all effects off."""
        for i_line in range(self.n):
            self.effects.clear(i_line)
        self.effects.any_active = False

    def codes(self, code: str, i_feeder: int | None = None, i_line: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """(second, event) of a line's events with this code, of one feeder or all."""
        return [
            (second, event) for second, line, event in self.events
            if line == i_line and event["code"] == code and i_feeder in (None, event.get("feeder", 0) - 1)
        ]  # fmt: skip

    def flow(self, start: int, end: int, i_feeder: int, i_line: int = 0) -> float:
        """Mean delivery over seconds start..end relative to the set-point."""
        window = np.array([flow[i_line, i_feeder] for flow in self.flows[start:end]])
        return float(window.mean() / self.setpoint[i_line, i_feeder])
