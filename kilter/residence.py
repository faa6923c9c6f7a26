"""Is the line's registered t95 the one that the recipe's residence times give?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flowsheet.rtd import convolve, dead_time, quantile, tanks_in_series
from line.configuration import LineConfiguration
from line.errors import Fault
from line.recipe import Recipe

GRID_S = 0.5
#: A registered t95 may be shorter than the computed one by this share: rounding to whole seconds.
TOLERANCE = 0.01


def t95_slowest_s(recipe: Recipe) -> float:
    """Return the age [s] below which 95 % of the material has left the line at the slowest validated throughput.

    Blender (dead time, n tanks; hold-up ~ flow^a speed^-b), hopper at its level set-point (plug share, one tank), feed
    frame (dead time in front of its hold-up, two unequal tanks); dead times are fixed masses. Wrong if the line runs at
    another level or speed.
    """
    rtd = recipe.rtd
    flow = rtd.throughput_min_kg_per_h / 3600.0
    slower = rtd.throughput_min_kg_per_h / rtd.blender_reference_flow_kg_per_h
    speed = recipe.setpoints["SP/ImpellerSpeed"] / rtd.blender_reference_speed_rpm
    hold_up = rtd.blender_hold_up_kg * slower**rtd.blender_flow_exponent * speed**-rtd.blender_speed_exponent
    blender_dead_s = rtd.blender_dead_time_s / slower
    frame_dead_s = rtd.feed_frame_dead_time_s / slower
    hopper_s = recipe.setpoints["SP/HopperLevel"] / flow
    frame_s = rtd.feed_frame_hold_up_kg / flow
    dead_s = blender_dead_s + frame_dead_s + rtd.hopper_plug_share * hopper_s
    grid: NDArray[np.float64] = np.arange(0.0, 8.0 * (hold_up / flow + hopper_s + frame_s), GRID_S)
    density = tanks_in_series(grid, hold_up / flow - blender_dead_s, rtd.blender_n_tanks)
    tanks = ((1.0 - rtd.hopper_plug_share) * hopper_s, rtd.feed_frame_tank_split * frame_s)
    for mean_s in (*tanks, (1.0 - rtd.feed_frame_tank_split) * frame_s):
        density = convolve(density, tanks_in_series(grid, mean_s, 1), GRID_S)
    return quantile(grid, dead_time(grid, dead_s, density), 0.95)


def residence_faults(line: LineConfiguration, recipe: Recipe, file: str) -> list[Fault]:
    """Return a fault if the line registers a shorter t95 than the recipe's residence times give."""
    computed_s = t95_slowest_s(recipe)
    if line.t95_slowest_s >= (1.0 - TOLERANCE) * computed_s:
        return []
    remedy = f"at least {computed_s:.0f} s: t95 of recipe {recipe.id} at {recipe.rtd.throughput_min_kg_per_h:g} kg/h"
    return [Fault(file, "t95_slowest_s", f"{line.t95_slowest_s:g}", remedy)]
