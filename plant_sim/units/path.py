"""From feeders to die: which path a line has."""

from __future__ import annotations

from plant_sim.columns import Columns
from plant_sim.parameters import Variant
from plant_sim.units.dispersion import DispersionPath
from plant_sim.units.passage import MaterialPath
from plant_sim.units.tanks import TankPath


def build_path(groups: dict[str, Columns], variant: Variant = "a") -> MaterialPath:
    """Return an empty path of as many lines as the groups `blender`, `hopper`, `feed_frame` and `dispersion` have."""
    return DispersionPath(groups) if variant == "b" else TankPath(groups)
