"""Electric power of the air handler: fan, cooling coil, reheat, humidifier."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector, bounded
from plant_sim.surroundings import moist_air
from plant_sim.surroundings.room_air import AIR_DENSITY, RoomAir


class AirHandler:
    """Power of n air handlers from the enthalpies of the air they mix, dry, cool, reheat and humidify.

    Mixed air = fresh share of outdoor air + room air. A share b of it is cooled to the saturated state of the coil
    (`coil_temperature`), so much as the harder of drying and cooling needs: Q_c = m b (h_mix - h_coil). What is then
    too cold is reheated, less what is recovered; what is too dry gets steam. P = dp V'/eta + Q_c/COP_c + (Q_h +
    steam)/COP_h, for the supply air it commands: a fault that spoils this air costs nothing by itself. Steady: pipes and
    coils answer in minutes. Wrong where the coil runs wet but above saturation.
    """

    def __init__(self, p: Columns, air: RoomAir) -> None:
        self._p = p
        self._air = air
        saturated = np.ones_like(p["coil_temperature"])
        self._coil_c = p["coil_temperature"]
        self._coil_ratio = moist_air.humidity_ratio(self._coil_c, saturated)
        self._coil_j = moist_air.enthalpy_j_per_kg(self._coil_c, self._coil_ratio)
        self._fan_w = air.air_kg_per_s / AIR_DENSITY * p["hvac_fan_pressure"] / p["hvac_fan_efficiency"]

    def power_w(self) -> Vector:
        """Return the electric power now, (n,) [W]."""
        p, air = self._p, self._air
        fresh = p["fresh_share"]
        supply_c, supply = air.commanded
        mixed_c, mixed = air.state + fresh * (air.outdoor - air.state)
        drying = (mixed - supply) / np.maximum(mixed - self._coil_ratio, 1e-6)
        cooling = (mixed_c - supply_c) / np.maximum(mixed_c - self._coil_c, 1e-3)
        through = bounded(np.maximum(drying, cooling), 0.0, 1.0)
        dropped = np.maximum(moist_air.enthalpy_j_per_kg(mixed_c, mixed) - self._coil_j, 0.0)
        after_c = mixed_c - through * np.maximum(mixed_c - self._coil_c, 0.0)
        after = mixed - through * np.maximum(mixed - self._coil_ratio, 0.0)
        reheat = moist_air.CP_AIR * np.maximum(supply_c - after_c, 0.0) * (1.0 - p["heat_recovery"])
        steam = moist_air.EVAPORATION * np.maximum(supply - after, 0.0)
        flow = air.air_kg_per_s
        power: Vector = self._fan_w + flow * (through * dropped / p["cooling_cop"] + (reheat + steam) / p["heating_cop"])
        return power
