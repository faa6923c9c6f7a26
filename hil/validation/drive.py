"""Runs simulated lines as an operator would who only starts them and lets them go on after a stop."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from engine.wiring import LineFiles
from line.configuration import LotLoad, PlantFault, Scenario
from line.modes import LineCommand, LineState, WeightLoop
from plant_sim.instruments.laboratory import Sampling
from plant_sim.lines import Lines, LineSetup
from plant_sim.parameters import PlantParameters, Quantity

#: Parameters by which a plant scatters; a quiet plant has none of it.
NOISES = frozenset(
    {
        "flow_noise", "feed_factor_drift", "refill_bump", "scale_noise", "screw_line", "refill_scale_noise", "level_noise",
        "load_cell_noise", "within_run_sigma", "tablet_sigma", "punch_length_sigma", "force_sensor_noise", "sensor_noise",
        "encoder_noise", "micro_mixing_sigma", "speed_noise", "load_cell_drift", "wander_temperature", "wander_humidity",
    }
)  # fmt: skip
#: Longest that any run here lasts [min].
MINUTES_MAX = 1440.0


def without_noise(parameters: PlantParameters, keep: Sequence[str] = (), also: Sequence[str] = ()) -> PlantParameters:
    """Return the same plant with every noise of NOISES at zero, those in `keep` left as they are, those in `also` zero too."""
    silent = (NOISES | set(also)) - set(keep)
    return parameters.model_copy(update=_silenced(parameters, silent))


def _silenced(group: BaseModel, names: AbstractSet[str]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in type(group).model_fields:
        item = getattr(group, name)
        if isinstance(item, Quantity):
            if name in names:
                changed[name] = item.model_copy(update={"value": 0.0})
        elif isinstance(item, BaseModel):
            changed[name] = item.model_copy(update=_silenced(item, names))
    return changed


@dataclass(frozen=True)
class LinePlan:
    """One line of a run: parameters, seed, what happens to it, its lots, its throughput [kg/h]."""

    parameters: PlantParameters
    seed: int = 1
    faults: tuple[PlantFault, ...] = ()
    lots: tuple[LotLoad, ...] = ()
    throughput_kg_per_h: float = 25.0


class Drive:
    """Lines in step: beat, REMOTE, accept, START, RESUME after a stop. `set` changes a set-point from the next second on."""

    def __init__(self, files: LineFiles, plans: Sequence[LinePlan], weight_loop: WeightLoop = WeightLoop.FORCE) -> None:
        sampling = files.recipe.sampling
        plan = Sampling(int(sampling.tester_interval_s), sampling.tester_n, int(sampling.assay_interval_s), sampling.assay_n)
        geometry = files.configuration.geometry
        setups = [LineSetup(p.parameters, p.seed, p.seed, _scenario(p), geometry) for p in plans]
        self.lines = Lines(files.register, setups, plan, weight_loop)
        register = files.register
        self._index = register.setpoint_index
        columns = [register.scalar_index[tag] for tag in register.setpoint_ids]
        self._tags = register.scalar_index
        self.requested: NDArray[np.float64] = self.lines.frame.values[:, columns].copy()
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.set("SP/RemoteRequest", 1.0)
        self.set("SP/AcceptRequest", 1.0)

    @property
    def second(self) -> int:
        """The simulated second reached."""
        return self.lines.second

    def set(self, tag: str, value: Any) -> None:
        """Ask for a set-point [plant units], one value or one a line."""
        self.requested[:, self._index[tag]] = value

    def tag(self, name: str) -> NDArray[np.float64]:
        """Return a scalar tag of every line (n,), plant units; a copy."""
        return self.lines.frame.values[:, self._tags[name]].copy()

    def step(self) -> None:
        """Advance one second."""
        state = self.tag("Sys/LineState")
        self.set("SP/HeartbeatCtrl", float(self.second + 1))
        command = np.where(state == LineState.STOPPED, float(LineCommand.START), float(LineCommand.NONE))
        if self.second == 0:  # REMOTE first: a command sent with the request for it is not heard
            command = np.zeros_like(command)
        self.set("SP/LineCommand", np.where(state == LineState.HELD, float(LineCommand.RESUME), command))
        self.events = self.lines.step(self.requested)

    def run(self, until: int) -> Drive:
        """Step until second `until`."""
        while self.second < until:
            self.step()
        return self


def _scenario(plan: LinePlan) -> Scenario:
    return Scenario(
        name="validation",
        title="validation",
        minutes=MINUTES_MAX,
        throughput_kg_per_h=plan.throughput_kg_per_h,
        faults=plan.faults,
        lots=plan.lots,
    )
