"""Water in the powders: sorption isotherm, and exchange with the room air while they stand in the feeders."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import TINY_KG, Vector, bounded


def gab_content(activity: Vector, monolayer: Vector, c: Vector, k: Vector) -> Vector:
    """Return the equilibrium water content [kg per kg of powder].

    activity 0..0.95 of water (relative humidity) [-]; monolayer [kg/kg]; c, k [-]. Guggenheim-Anderson-de Boer:
    x = x_m c k a / ((1 - k a)(1 - k a + c k a)) (van den Berg & Bruin 1981). Wrong above 0.95 and where a hydrate forms.
    """
    ka = k * activity
    free = 1.0 - ka
    return monolayer * c * ka / (free * (free + c * ka))


def stored_moisture(p: Columns, feeder: Columns) -> Vector:
    """Return the water content (n, 4) [kg/kg] of materials that come from the store, in balance with its air."""
    isotherm = (feeder["moisture_monolayer"], feeder["moisture_c"], feeder["moisture_k"])
    return gab_content(bounded(p["store_humidity"], 0.0, 0.95)[:, None], *isotherm)


class PowderMoisture:
    """Water content of the powder in n lines x 4 feeders, (n, 4) [kg/kg].

    dx/dt = (x_eq(RH) - x)/tau in the hopper; a refill mixes in the supply's content. `content` is what the feeders
    hold, `supply` what the next refill brings (equilibrium with the store at the start).

    Water is a property here, not a mass: at tau = 6 h and a humidity step of 20 points the microcrystalline cellulose
    takes up 0.3 % in an hour, the blend less than 0.2 %, and scales and mass ledger do not feel it. The powder's way
    through line (140 s) and refill pipe is too short to matter: conveying air at 10 kg powder per kg carries
    0.02 % of the powder's mass for each 2 g/kg of humidity. Wrong for sealed supplies and for hours of standstill in air.
    """

    def __init__(self, p: Columns, feeder: Columns, step_s: float) -> None:
        self._isotherm = (feeder["moisture_monolayer"], feeder["moisture_c"], feeder["moisture_k"])
        self._share = -np.expm1(-step_s / p["moisture_time"])[:, None]
        self.supply: Vector = self.equilibrium(p["store_humidity"])
        self.content: Vector = self.supply.copy()

    def equilibrium(self, humidity: Vector) -> Vector:
        """Return the content (n, 4) in balance with air of relative humidity (n,) [-]."""
        return gab_content(bounded(humidity, 0.0, 0.95)[:, None], *self._isotherm)

    def step(self, humidity: Vector, held_kg: Vector, added_kg: Vector) -> None:
        """Advance one step. humidity (n,) [-]; held_kg (n, 4) now; added_kg (n, 4) refilled within the step."""
        fresh = bounded(added_kg / np.maximum(held_kg, TINY_KG), 0.0, 1.0)
        content = self.content + fresh * (self.supply - self.content)
        self.content = content + self._share * (self.equilibrium(humidity) - content)
