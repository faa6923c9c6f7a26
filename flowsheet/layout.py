"""Names and order of states, inputs, disturbances and outputs of the control model, and their nominal sizes.

States and inputs are scaled: 1 is nominal. Disturbances are relative (0 is nominal). Outputs are in plant units.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowsheet.parameters import FlowsheetParameters

Vector = NDArray[np.float64]

N_FEEDERS: Final = 4
N_TANKS: Final = 3
N_CELLS: Final = 8
COMPOSITION: Final = ("api", "lubricant", "shear")
STEP_S: Final = 5.0

INPUTS: Final = (
    "mass_flow_api",
    "mass_flow_premix",
    "mass_flow_lactose",
    "mass_flow_lubricant",
    "force_main",
    "height_main",
    "level_hopper",
    "speed_impeller",
)
DISTURBANCES: Final = (
    "bias_api",
    "bias_premix",
    "bias_lactose",
    "bias_lubricant",
    "bias_yield_pressure",
    "bias_density",
    "bias_strength",
    "bias_hold_up",
    "offset_turret",
)
OUTPUTS: Final = (
    "potency_tablet",
    "potency_blend",
    "weight",
    "hardness",
    "level_hopper",
    "lubricant_tablet",
    "force_main",
    "fill_depth",
    "speed_turret",
    "hold_up_blender",
    "mass_flow_api",
    "mass_flow_premix",
    "mass_flow_lactose",
    "mass_flow_lubricant",
    "strength",
)
#: Unit of each output.
OUTPUT_UNITS: Final = ("% LC", "% LC", "mg", "N", "kg", "% w/w", "kN", "mm", "rpm", "kg") + ("kg/h",) * N_FEEDERS + ("MPa",)


def _state_names() -> tuple[str, ...]:
    names = [f"deviation_feeder_{i}" for i in range(N_FEEDERS)]
    names += [f"flow_feeder_{i}_{age}" for age in ("last", "before") for i in range(N_FEEDERS)]
    names += [f"{what}_tank_{j}" for j in range(N_TANKS) for what in ("mass", *COMPOSITION)]
    names += ["level_hopper"]
    names += [f"{what}_cell_{j}" for j in range(N_CELLS + 1) for what in COMPOSITION]
    names += [f"{what}_feed_frame_{j}" for j in range(2) for what in COMPOSITION]
    return (*names, "fill_depth")


STATES: Final = _state_names()
N_X: Final = len(STATES)
N_U: Final = len(INPUTS)
N_D: Final = len(DISTURBANCES)
N_Y: Final = len(OUTPUTS)
STATE: Final = {name: i for i, name in enumerate(STATES)}
INPUT: Final = {name: i for i, name in enumerate(INPUTS)}
DISTURBANCE: Final = {name: i for i, name in enumerate(DISTURBANCES)}
OUTPUT: Final = {name: i for i, name in enumerate(OUTPUTS)}

DEVIATION: Final = slice(0, N_FEEDERS)
FLOW_LAST: Final = slice(N_FEEDERS, 2 * N_FEEDERS)
FLOW_BEFORE: Final = slice(2 * N_FEEDERS, 3 * N_FEEDERS)
BLENDER: Final = slice(3 * N_FEEDERS, 3 * N_FEEDERS + 4 * N_TANKS)
LEVEL: Final = BLENDER.stop
CELLS: Final = slice(LEVEL + 1, LEVEL + 1 + 3 * (N_CELLS + 1))
FEED_FRAME: Final = slice(CELLS.stop, CELLS.stop + 6)
FILL_DEPTH: Final = FEED_FRAME.stop


def blender_tank_mass(p: FlowsheetParameters) -> float:
    """Return the mass of one blender tank at the reference flow and speed [kg]; the dead time holds the rest."""
    return (p.blender_hold_up - p.reference_flow * p.blender_dead_time) / N_TANKS


def feed_frame_plug(p: FlowsheetParameters) -> float:
    """Return the mass of the feed frame's dead time [kg]."""
    return p.reference_flow * p.feed_frame_dead_time


def feed_frame_masses(p: FlowsheetParameters) -> tuple[float, float]:
    """Return the masses of the feed frame's two tanks [kg]."""
    mixed = p.feed_frame_hold_up - feed_frame_plug(p)
    return mixed * p.feed_frame_split, mixed * (1.0 - p.feed_frame_split)


def shear_profile(p: FlowsheetParameters) -> tuple[Vector, Vector]:
    """Return nominal revolutions seen: in the blender tanks (N_TANKS,) and in the feed frame's tanks (2,) [rev]."""
    per_tank = p.blender_reference_speed * blender_tank_mass(p) / p.reference_flow
    blender: Vector = per_tank * np.arange(1.0, N_TANKS + 1.0)
    frame = blender[-1] + np.cumsum(feed_frame_masses(p)) / p.reference_flow * p.feed_frame_paddle_speed
    return blender, frame


def state_scale(p: FlowsheetParameters) -> Vector:
    """Return (N_X,) the SI size of 1 of each state."""
    scale = np.ones(N_X)
    flows = np.array(p.fractions) * p.reference_flow
    scale[FLOW_LAST] = scale[FLOW_BEFORE] = flows
    mass = blender_tank_mass(p)
    revolutions, _ = shear_profile(p)
    last = revolutions[-1]
    scale[BLENDER] = np.tile([mass, mass * p.fraction_api, mass * p.fraction_lubricant, mass * last], N_TANKS)
    scale[LEVEL] = p.hopper_level
    scale[CELLS] = np.tile([p.fraction_api, p.fraction_lubricant, last], N_CELLS + 1)
    scale[FEED_FRAME] = np.tile([p.fraction_api, p.fraction_lubricant, last], 2)
    scale[FILL_DEPTH] = p.fill_depth
    return scale


def input_scale(p: FlowsheetParameters) -> Vector:
    """Return (N_U,) the SI size of 1 of each input."""
    flows = [fraction * p.reference_flow for fraction in p.fractions]
    return np.array([*flows, p.main_force, p.main_height, p.hopper_level, p.blender_reference_speed])


def nominal_state(p: FlowsheetParameters) -> Vector:
    """Return (N_X,) the scaled state at the reference point (steady up to the rounding of the published press values)."""
    x = np.ones(N_X)
    x[DEVIATION] = 0.0
    blender, frame = shear_profile(p)
    for j in range(N_TANKS):
        x[BLENDER.start + 4 * j + 3] = blender[j] / blender[-1]
    for j in range(2):
        x[FEED_FRAME.start + 3 * j + 2] = frame[j] / blender[-1]
    return x
