"""The reference plant for tests: built from the shipped configuration, driven without any wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from line.configuration import LineConfiguration, LotLoad, PlantFault, Scenario, load
from line.samples import StepResult
from line.tags import TagRegister, load_register
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.parameters import PlantParameters, draw_parameters, load_parameters
from plant_sim.plant import Plant, PlantSetup

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
START, HOLD, RESUME, RUN_OUT = 1.0, 2.0, 3.0, 4.0
Hook = Callable[[int, "Driver"], None]


@cache
def register() -> TagRegister:
    return load_register(CONFIGS / "line" / "tags.csv")


@cache
def nominal() -> PlantParameters:
    return load_parameters(CONFIGS / "materials" / "reference-line.toml")


@cache
def line() -> LineConfiguration:
    return load(CONFIGS / "line" / "reference.toml", LineConfiguration)


def scenario(faults: Sequence[PlantFault] = (), lots: Sequence[LotLoad] = (), throughput: float = 25.0) -> Scenario:
    return Scenario(
        name="bench", title="bench", minutes=240, throughput_kg_per_h=throughput, faults=tuple(faults), lots=tuple(lots)
    )


def plant(
    faults: Sequence[PlantFault] = (),
    lots: Sequence[LotLoad] = (),
    seed: int = 1,
    draw: int | None = None,
    measured: MeasuredSpectra | None = None,
    throughput: float = 25.0,
) -> Plant:
    parameters = nominal() if draw is None else draw_parameters(nominal(), draw)
    shift = scenario(faults, lots, throughput)
    return Plant(PlantSetup(register(), parameters, seed, shift, line().geometry, measured_spectra=measured))


class Driver:
    """Steps a plant as an engine would: beat, REMOTE, accept, START; `sp` may be changed by tag name."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        first = plant.initial()
        self.index = register().setpoint_index
        self.values = first.values[[register().scalar_index[t] for t in register().setpoint_ids]].copy()
        self.events: list[dict[str, Any]] = []
        self.last: StepResult = first
        self.beating = True
        self["SP/RemoteRequest"] = 1.0
        self["SP/AcceptRequest"] = 1.0

    def __setitem__(self, tag: str, value: float) -> None:
        self.values[self.index[tag]] = value

    def __getitem__(self, tag: str) -> float:
        return float(self.last.values[register().scalar_index[tag]])

    def command(self, value: float) -> None:
        """One pulse of SP/LineCommand."""
        self["SP/LineCommand"] = value
        self.step()
        self["SP/LineCommand"] = 0.0

    def step(self) -> StepResult:
        k = self.plant.k
        if self.beating:
            self["SP/HeartbeatCtrl"] = float(k + 1)
        self.last = self.plant.step(k, k, self.values)
        self.events += [dict(e) for e in self.last.events]
        return self.last

    def start(self) -> Driver:
        self.step()
        self.command(START)
        return self

    def run(self, until: int, hook: Hook | None = None) -> Driver:
        """Step until second `until`; hook(k, driver) is called before each step."""
        while self.plant.k < until:
            if hook is not None:
                hook(self.plant.k, self)
            self.step()
        return self

    def codes(self, code: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["code"] == code]


def settled(until: int = 900, **kwargs: Any) -> Driver:
    """A plant in EXECUTE at second `until`."""
    return Driver(plant(**kwargs)).start().run(until)


def series(driver: Driver, name: str) -> np.ndarray:
    return driver.plant.truth.series[name]
