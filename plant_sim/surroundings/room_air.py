"""Air of the compression suite: temperature and water content by balances, held by the air handler."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector, bounded
from plant_sim.surroundings import moist_air

DAY_S = 86400.0
#: The warmest hour of a day is this long before the next midnight [s].
WARMEST_BEFORE_MIDNIGHT_S = 9 * 3600.0
AIR_DENSITY = 1.2
SUPPLY_HIGHEST_C = 40.0
SUPPLY_DRIEST, SUPPLY_WETTEST = 0.002, 0.02


class RoomAir:
    """Well-mixed air of n rooms.

    f rho V cp dT/dt = m cp (T_s - T) + m_out cp (T_out - T) + Q and rho V dW/dt = m (W_s - W) + m_out (W_out - W) + G,
    solved exactly over each step with held inputs. The air handler sets T_s and W_s by proportional and integral
    action on T and W within what its coils reach. On top lies what is not modelled (doors, coil cycling): a
    first-order random wander. Wrong close to a door and for minutes after it opens: there is one temperature only.

    State (n,): `temperature_c`, `ratio` [kg/kg] of the balance; `shown_c`, `shown_humidity` [-] with the wander;
    `supply_c`, `supply_ratio`; `outdoor_c`, `outdoor_ratio`; `air_kg_per_s` of supply air.
    """

    def __init__(self, p: Columns, room: Columns, step_s: float, heat_w: Vector) -> None:
        self._p, self._step_s = p, step_s
        self._target_c, self._target_humidity = room["temperature"], room["humidity"]
        air_kg = AIR_DENSITY * p["room_volume"]
        self.air_kg_per_s: Vector = air_kg * p["air_changes"]
        self._supply, self._leak = p["air_changes"], p["infiltration"]
        self._rate = self._supply + self._leak
        self._keep_c = np.exp(-self._rate * step_s / p["thermal_mass"])
        self._keep_ratio = np.exp(-self._rate * step_s)
        self._per_watt = 1.0 / (air_kg * moist_air.CP_AIR)
        self._per_kg_s = 1.0 / air_kg
        self._people_w = p["people"] * p["person_heat"] + p["lighting"]
        self._people_kg_s = p["people"] * p["person_moisture"]
        self._act = step_s / p["control_time"]
        self._wander = np.zeros((2, heat_w.shape[0]))
        self._wander_keep = np.exp(-step_s / p["wander_time"])
        size = np.stack((p["wander_temperature"], p["wander_humidity"]))
        self._wander_in = size * np.sqrt(1.0 - self._wander_keep * self._wander_keep)
        self.outdoor_ratio: Vector = moist_air.humidity_ratio(p["outdoor_temperature"], p["outdoor_humidity"])
        self.temperature_c: Vector = self._target_c.copy()
        self.set_targets(None, None)
        self.ratio: Vector = self._target_ratio.copy()
        self.weather(0)
        self._balance(heat_w)
        self._show()

    def set_targets(self, offset_c: Vector | None, offset_humidity: Vector | None) -> None:
        """Let the air handler steer to its set-points plus what faults add, (n,) degC and fraction."""
        self._aim_c = self._target_c if offset_c is None else self._target_c + offset_c
        humidity = self._target_humidity if offset_humidity is None else self._target_humidity + offset_humidity
        self._aim_ratio = moist_air.humidity_ratio(self._aim_c, bounded(humidity, 0.02, 0.98))
        if offset_c is None:
            self._target_ratio = self._aim_ratio

    def weather(self, second: int) -> None:
        """Set the outdoor temperature of a second of the shift: a daily sine around its mean."""
        p = self._p
        phase = (p["start_of_shift"] + second + WARMEST_BEFORE_MIDNIGHT_S) * (2.0 * np.pi / DAY_S)
        self.outdoor_c: Vector = p["outdoor_temperature"] + p["outdoor_swing"] * np.cos(phase)

    def step(self, heat_w: Vector, normals: Vector, running: Flags | None = None) -> None:
        """Advance one step. heat_w (n,) of the machines; normals (2, n); running (n,) air handler, None: all."""
        self._steer()
        supply = self._supply if running is None else self._supply * running
        rate = supply + self._leak
        keep_c, keep_ratio = self._keep_c, self._keep_ratio
        if running is not None:
            keep_c = np.exp(-rate * self._step_s / self._p["thermal_mass"])
            keep_ratio = np.exp(-rate * self._step_s)
        end = (supply * self.supply_c + self._leak * self.outdoor_c + (heat_w + self._people_w) * self._per_watt) / rate
        self.temperature_c = end + keep_c * (self.temperature_c - end)
        end = (supply * self.supply_ratio + self._leak * self.outdoor_ratio + self._people_kg_s * self._per_kg_s) / rate
        self.ratio = end + keep_ratio * (self.ratio - end)
        self._wander = self._wander_keep * self._wander + self._wander_in * normals
        self._show()

    def _show(self) -> None:
        self.shown_c: Vector = self.temperature_c + self._wander[0]
        self.shown_humidity: Vector = bounded(moist_air.relative_humidity(self.shown_c, self.ratio) + self._wander[1], 0.0, 1.0)

    def _balance(self, heat_w: Vector) -> None:
        """Start with the supply air that holds the set-points under the first load."""
        heat = (heat_w + self._people_w) * self._per_watt + self._leak * (self.outdoor_c - self._target_c)
        water = self._people_kg_s * self._per_kg_s + self._leak * (self.outdoor_ratio - self._target_ratio)
        self.supply_c = self._base_c = self._target_c - heat / self._supply
        self.supply_ratio = self._base_ratio = self._target_ratio - water / self._supply

    def _steer(self) -> None:
        gain = self._p["control_gain"]
        push_c, push_ratio = gain * (self._aim_c - self.temperature_c), gain * (self._aim_ratio - self.ratio)
        low, high = self._p["supply_lowest"], SUPPLY_HIGHEST_C
        self._base_c = bounded(self._base_c + self._act * push_c, low, high)
        self._base_ratio = bounded(self._base_ratio + self._act * push_ratio, SUPPLY_DRIEST, SUPPLY_WETTEST)
        self.supply_c = bounded(self._base_c + push_c, low, high)
        self.supply_ratio = bounded(self._base_ratio + push_ratio, SUPPLY_DRIEST, SUPPLY_WETTEST)
