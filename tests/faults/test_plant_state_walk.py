"""The walk over a plant's state meets everything that any structure, fault or instrument of the plant may hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from line.configuration import LotLoad, PlantFault
from line.modes import WeightLoop
from plant_sim.checkpoint.state import Freezer, Thawer
from plant_sim.faults import FAULTS
from plant_sim.instruments.calibration import MeasuredSpectra, make_calibration_set
from plant_sim.parameters import load_parameters
from plant_sim.plant import Plant, PlantSetup
from tests.plant_bench import CONFIGS, Driver, line, nominal, register, scenario

#: The line runs from here on; then each fault of the library comes for two seconds, those that stop the line last.
RUNNING, END = 270, 530
STOPPERS = ("press_stop", "guard_opened", "e_stop_pressed", "power_dip", *(n for n in FAULTS if n.startswith("gate_")))
ORDER = [*(name for name in FAULTS if name not in STOPPERS), *STOPPERS]


def faults() -> list[PlantFault]:
    return [PlantFault(name=name, at_s=RUNNING + 3 * i, duration_s=2) for i, name in enumerate(ORDER)]


def build(variant: str) -> Plant:
    """Variant b has all that may be chosen otherwise: equations, real spectra, the host's weight loop."""
    shift = scenario(faults(), [LotLoad(at_s=20 * i, feeder=i, lot=f"L{i}", bulk_density_pct=1.0) for i in range(1, 5)])
    if variant == "a":
        return Plant(PlantSetup(register(), nominal(), 3, shift, line().geometry))
    parameters = load_parameters(CONFIGS / "materials" / "reference-line-b.toml")
    _, spectra, api, _ = make_calibration_set(parameters, 5, 6, 2)
    measured = MeasuredSpectra(spectra, api, 4)
    setup = PlantSetup(
        register(), parameters, 3, shift, line().geometry, measured_spectra=measured, plant_seed=9, weight_loop=WeightLoop.HOST
    )
    return Plant(setup)


@pytest.mark.parametrize("variant", ["a", "b"])
def test_a_plant_goes_on_from_its_state_with_every_fault_of_the_library(variant: str) -> None:
    first = Driver(build(variant)).start()
    kept, answers = {}, {}
    while first.plant.k < END:
        first.step()
        answers[first.plant.k] = (first.last.values.tobytes(), repr(first.last.events))
        if first.plant.k in (40, 330, 420, 500):
            freezer = Freezer()
            tree = json.dumps(freezer.freeze(first.plant.state(), "plant"), allow_nan=False)
            kept[first.plant.k] = (tree, [memory.copy() for memory in freezer.memory])
    assert RUNNING + 3 * len(ORDER) < END
    for k, (tree, memory) in kept.items():
        again = Driver(build(variant))
        again.plant.take_state(Thawer(memory).thaw(json.loads(tree), again.plant.state(), "plant"))
        again.values = first.values.copy()
        assert again.plant.k == k
        while again.plant.k < min(k + 40, END):
            again.step()
            assert (again.last.values.tobytes(), repr(again.last.events)) == answers[again.plant.k]


def test_saving_changes_nothing() -> None:
    saved, plain = (Driver(build("a")).start() for _ in range(2))
    for _ in range(25):
        Freezer().freeze(saved.plant.state(), "plant")
        saved.step()
        plain.step()
    assert saved.last.values.tobytes() == plain.last.values.tobytes()
    assert np.array_equal(saved.plant.truth.series["mass_in_kg"], plain.plant.truth.series["mass_in_kg"])
