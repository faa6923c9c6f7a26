"""Which quantities of a simulated plant are parameters of the control model too: for tests alone."""

from __future__ import annotations

from flowsheet.parameters import FlowsheetParameters
from plant_sim.parameters import PlantParameters
from tests.control_parts import parameters
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
#: What the model lumps with something else, so that the plant's own value is another quantity.
LUMPED = ("feeder_lag", "feeder_deviation_time")


def counterpart(plant: PlantParameters, name: str) -> float:
    """The plant's value of a parameter, SI."""
    group, field = SAME[name].split(".")
    return float(getattr(getattr(plant, group), field).si)


def design() -> FlowsheetParameters:
    """The control model of the reference design itself: what a test of its equations needs, and no controller may have."""
    values = {name: counterpart(nominal(), name) for name in SAME if name not in LUMPED}
    return FlowsheetParameters.model_validate({**parameters().model_dump(), **values})
