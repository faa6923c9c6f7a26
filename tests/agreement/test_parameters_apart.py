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

#: Parameter of the control model -> where a plant holds the same quantity.
SAME = {
    "blender_hold_up": "blender.hold_up", "blender_flow_exponent": "blender.flow_exponent",
    "blender_speed_exponent": "blender.speed_exponent", "blender_dead_time": "blender.dead_time",
    "blender_reference_speed": "blender.reference_speed", "reference_flow": "blender.reference_flow",
    "hopper_level": "hopper.level", "hopper_plug_share": "hopper.plug_share",
    "feed_frame_hold_up": "feed_frame.hold_up", "feed_frame_dead_time": "feed_frame.dead_time",
    "feed_frame_split": "feed_frame.split", "feed_frame_paddle_speed": "feed_frame.paddle_speed",
    "level_time": "plc.level_time", "feeder_lag": "feeder_common.drive_lag", "feeder_deviation_time": "plc.gravimetric_time",
    "fill_density": "fill.density", "fill_depth": "fill.depth_nominal", "fill_turret_term": "fill.turret_term",
    "fill_depth_term": "fill.depth_term", "die_diameter": "compaction.die_diameter",
    "true_density": "compaction.true_density", "yield_pressure": "compaction.yield_pressure",
    "heckel_intercept": "compaction.heckel_intercept", "press_stiffness": "compaction.press_stiffness",
    "main_height": "compaction.main_height", "main_force": "compaction.main_force",
    "elastic_recovery": "compaction.elastic_recovery", "strength": "strength.strength_nominal",
    "porosity_factor": "strength.porosity_factor", "lubrication_share": "strength.lubrication_share",
    "lubrication_loss": "strength.lubrication_loss",
}  # fmt: skip
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
    for name, path in SAME.items():
        group, field = path.split(".")
        value = getattr(getattr(plant, group), field).si
        if name not in READ_OFF and getattr(believed, name) == pytest.approx(value, rel=1e-12):
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
