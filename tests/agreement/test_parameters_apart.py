"""The controller believes nothing that it could only know from the simulation: no parameter is a plant's to the last digit."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from apc.supervision.assembly import known_parameters
from flowsheet.parameters import flowsheet_parameters
from line.configuration import ModelParameter
from plant_sim.parameters import PlantParameters, draw_parameters
from tests.control_parts import configuration, line, recipe
from tests.plant_bench import nominal
from tests.plant_counterparts import SAME, counterpart

#: The one that no plant has: how fast the force loop of the PLC works is an outcome of several settings.
NOWHERE = {"force_loop_time"}
#: What a person reads off a drawing, the recipe or the PLC's settings: there plant and controller must agree.
READ_OFF = {
    "reference_flow", "blender_reference_speed", "hopper_level", "main_height", "main_force", "die_diameter",
    "feed_frame_paddle_speed", "level_time",
}  # fmt: skip


def plants() -> list[PlantParameters]:
    """Twenty plants as runs draw them."""
    return [draw_parameters(nominal(), seed) for seed in range(1, 21)]


def equal_to(plant: PlantParameters, table: Mapping[str, ModelParameter]) -> set[str]:
    """Parameters that are the plant's to the last digit, SI, those that are read off left out."""
    believed = flowsheet_parameters(table, known_parameters(recipe(), line()))
    found = set()
    for name in SAME:
        if name not in READ_OFF and getattr(believed, name) == pytest.approx(counterpart(plant, name), rel=1e-12):
            found.add(name)
    return found


def test_no_parameter_is_a_plants_to_the_last_digit() -> None:
    table = configuration().model
    assert [equal_to(plant, table) for plant in plants()] == [set()] * 20


def test_nor_is_what_was_identified_the_designs() -> None:
    table = configuration().model
    measured = {name for name, p in table.items() if p.source == "measured"}
    assert len(measured) >= 8 and not measured & equal_to(nominal(), table)


def test_a_parameter_copied_from_a_plant_is_seen() -> None:
    plant = plants()[4]
    copied = configuration().model["yield_pressure"].model_copy(update={"value": plant.compaction.yield_pressure.value})
    assert equal_to(plant, {**configuration().model, "yield_pressure": copied}) == {"yield_pressure"}


def test_every_parameter_is_looked_at_and_only_settings_are_read_off() -> None:
    table = configuration().model
    assert set(table) == set(SAME) | NOWHERE
    assert {name for name, p in table.items() if p.source == "registered"} == READ_OFF
