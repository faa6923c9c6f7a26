"""A press for tests: parameter groups of one line, and whole lines of either variant with effects in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from line.configuration import Geometry
from line.modes import LineCommand, WeightLoop
from plant_sim.columns import Columns, feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.instruments.laboratory import Sampling
from plant_sim.lines import GROUPS, Lines, LineSetup
from plant_sim.parameters import PlantParameters, Variant, draw_parameters, load_parameters
from tests.plant_bench import CONFIGS, line, nominal, register, scenario

Apply = Callable[[FaultEffects], None]


@cache
def parameters(variant: str) -> PlantParameters:
    return nominal() if variant == "a" else load_parameters(CONFIGS / "materials" / "reference-line-b.toml")


def which(variant: str) -> Variant:
    return "b" if variant == "b" else "a"


@cache
def press_groups(variant: str) -> dict[str, Columns]:
    """Return the groups of one nominal line, arrays (1,)."""
    plants = [parameters(variant)]
    groups = {name: group_columns(plants, name) for name in GROUPS}
    density = feeder_columns(plants)["bulk_density"]
    groups["blend"] = Columns({"share": np.array([p.plc.shares() for p in plants]), "bulk_density": density})
    return groups


class Bench:
    """Lines of one variant that start by themselves; `apply` writes effects into force from `onset` on."""

    def __init__(
        self,
        variant: str = "a",
        seeds: Sequence[int] = (1,),
        throughputs: Sequence[float] = (25.0,),
        draw: bool = False,
        geometry: Geometry | None = None,
        weight_loop: WeightLoop = WeightLoop.FORCE,
    ) -> None:
        base, where = parameters(variant), geometry or line().geometry
        setups = [
            LineSetup(draw_parameters(base, seed) if draw else base, seed, seed, scenario(throughput=flow), where)
            for seed, flow in zip(seeds, [*throughputs] * len(seeds), strict=False)
        ]
        self.lines = Lines(register(), setups, Sampling(), weight_loop)
        self.requested = self.lines.guard.accepted.copy()
        self._column = register().setpoint_index
        self["SP/RemoteRequest"] = self["SP/AcceptRequest"] = 1.0

    def __setitem__(self, tag: str, value: float) -> None:
        self.requested[:, self._column[tag]] = value

    def run(self, until: int, apply: Apply | None = None, each: Callable[[Lines], None] | None = None) -> Bench:
        """Step until second `until`, with `apply`'s effects in force; `each` looks at the lines after each second."""
        timeline = self.lines.timeline
        if apply is not None:
            timeline.effects.any_active = True
            apply(timeline.effects)
        while self.lines.second < until:
            k = self.lines.second
            self["SP/HeartbeatCtrl"] = float(k + 1)
            self["SP/LineCommand"] = float(LineCommand.START if k == 1 else LineCommand.NONE)
            self.lines.step(self.requested)
            if each is not None:
                each(self.lines)
        return self


class Sums:
    """Means over seconds and tablets of one line: mass, force, reading, strength, ... by field of `Tablets`."""

    def __init__(self, i_line: int = 0) -> None:
        self._i = i_line
        self.rows: dict[str, list[np.ndarray]] = {}

    def __call__(self, lines: Lines) -> None:
        tablets = lines.tablets
        if tablets is None:
            return
        n = int(tablets.count[self._i])
        for name in (
            "mass_kg",
            "force_n",
            "force_read_n",
            "pre_force_n",
            "pressure_pa",
            "strength_pa",
            "ejection_n",
            "height_m",
        ):
            self.rows.setdefault(name, []).append(getattr(tablets, name)[self._i, :n])

    def all(self, name: str) -> np.ndarray:
        return np.concatenate(self.rows[name])

    def mean(self, name: str) -> float:
        return float(self.all(name).mean())
