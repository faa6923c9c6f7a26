"""Hopper and chute over the press: what part is a plug, what part mixes, and how fast it can discharge."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import TINY_KG, TOTAL, WATER, ZERO, Vector, bounded


class Discharge:
    """Largest discharge of the hopper, F_max = F_ref exp(-k max(w - w_lim, 0)): damp powder is more cohesive.

    w is the water share of the powder at the outlet. Form and values are estimates; drier powder than the limit does
    not flow faster. Wrong for arching, which is a fault of its own.
    """

    def __init__(self, hopper: Columns) -> None:
        self._rate = hopper["discharge_rate_max"]
        self._limit, self._effect = hopper["moisture_limit"], hopper["moisture_effect"]

    def largest(self, powder: Vector) -> Vector:
        """Return the largest discharge [kg/s], (n,), of powder (n, N_EXTENTS) at the outlet."""
        water = powder[:, WATER] / np.maximum(powder[:, TOTAL], TINY_KG)
        result: Vector = self._rate * np.exp(-self._effect * np.maximum(water - self._limit, 0.0))
        return result


class PlugHopper:
    """Mass flow: a plug over a mixed tank that holds 1 - plug_share of the hopper's mass at any level."""

    def __init__(self, hopper: Columns) -> None:
        self._mixed = 1.0 - hopper["plug_share"]
        self._plug = hopper["plug_share"].copy()

    def into_tank(self, plug_kg: Vector, tank_kg: Vector, inflow: Vector, outflow: Vector) -> Vector:
        """Return what goes from plug to tank this second [kg], (n,), so that the tank keeps its share."""
        wanted = self._mixed * (plug_kg + tank_kg + inflow) - tank_kg + self._plug * outflow
        return bounded(wanted, ZERO, plug_kg)


class FunnelHopper:
    """Funnel flow: a fast core and a slow ring at the wall, both plugs, that meet in a small mixed outlet.

    The core holds core_share of the hopper's mass and takes core_flow of what comes; the outlet holds outlet_share.
    All shares are estimates. Wrong when the level falls below the cone.
    """

    def __init__(self, dispersion: Columns) -> None:
        self._core, self._outlet = dispersion["core_share"], dispersion["outlet_share"]
        self.core_flow: Vector = dispersion["core_flow"]

    def into_outlet(
        self, core_kg: Vector, wall_kg: Vector, outlet_kg: Vector, inflow: Vector, outflow: Vector
    ) -> tuple[Vector, Vector]:
        """Return what goes from (core, wall) to the outlet this second [kg], (n,) each."""
        after = core_kg + wall_kg + outlet_kg + inflow - outflow
        whole = bounded(self._outlet * after - outlet_kg + outflow, 0.0, core_kg + wall_kg)
        core = bounded(core_kg + self.core_flow * inflow - self._core * after, 0.0, np.minimum(core_kg, whole))
        return core, np.minimum(whole - core, wall_kg)
