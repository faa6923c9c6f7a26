"""Water in the powders: sorption isotherm, and exchange with the room air while they stand in the feeders."""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector, bounded

#: Highest water activity the isotherm is used at.
WETTEST: Final = 0.95


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
    return gab_content(bounded(p["store_humidity"], 0.0, WETTEST)[:, None], *isotherm)


class PowderMoisture:
    """What the room's air does to the powder in n lines x 4 feeders: dx/dt = (x_eq(RH) - x)/tau.

    `equilibrium` (n, 4) [kg/kg] with the air of the last look, `share` (n, 1) of the way there in one look: the feeders
    move the water of their hoppers by it.

    Water is a property here, not a mass: at tau = 6 h and a humidity step of 20 points microcrystalline cellulose takes
    up 0.3 % of its mass in an hour, the blend less than 0.2 %, and scales and mass ledger do not feel it. The powder's
    way through line (140 s) and refill hose is too short to matter: conveying air with 10 kg of powder a kg carries
    0.02 % of the powder's mass for each 2 g/kg of humidity. Wrong for sealed supplies and for hours of standstill.
    """

    def __init__(self, p: Columns, feeder: Columns, look_s: float) -> None:
        self._isotherm = (feeder["moisture_monolayer"], feeder["moisture_c"], feeder["moisture_k"])
        self.share: Vector = -np.expm1(-look_s / p["moisture_time"])[:, None]
        self.equilibrium: Vector = stored_moisture(p, feeder)

    def feel(self, humidity: Vector) -> None:
        """Take the relative humidity of the room, (n,) [-]."""
        self.equilibrium = gab_content(bounded(humidity, 0.0, WETTEST)[:, None], *self._isotherm)
