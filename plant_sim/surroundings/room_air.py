"""Air of the compression suite: temperature and water content by balances, held by the air handler."""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector, bounded
from plant_sim.surroundings import moist_air

DAY_S = 86400.0
#: The warmest hour of a day is this long before the next midnight [s].
WARMEST_BEFORE_MIDNIGHT_S = 9 * 3600.0
#: Density of air for flows of volume [kg/m3]; reach of the coils [degC, kg/kg]; limits of the humidity steered to [-].
AIR_DENSITY: Final = 1.2
SUPPLY_HIGHEST_C: Final = 40.0
SUPPLY_DRIEST, SUPPLY_WETTEST = 0.002, 0.02
DRIEST_AIM, WETTEST_AIM = 0.02, 0.98
TEMPERATURE, RATIO = 0, 1


class RoomAir:
    """Well-mixed air of n rooms; arrays (2, n): row TEMPERATURE [degC], row RATIO [kg of water per kg of dry air].

    f rho V cp dT/dt = m cp (T_s - T) + m_out cp (T_out - T) + Q and rho V dW/dt = m (W_s - W) + m_out (W_out - W) + G,
    solved exactly over each step with held inputs. The air handler sets T_s and W_s by proportional and integral
    action on T and W within what its coils reach. On top lies what is not modelled (doors, coil cycling): a
    first-order random wander. Wrong close to a door and for minutes after it opens: there is one temperature only.

    `state` of the balance, `commanded` supply air and `outdoor` air (2, n); `air_kg_per_s` of supply air (n,); `shown_c` and
    `shown_humidity` [-] (n,) with the wander: what everybody in the room feels.
    """

    def __init__(self, p: Columns, room: Columns, step_s: float, heat_w: Vector) -> None:
        self._p, self._step_s = p, step_s
        self._target_c, self._target_humidity = room["temperature"], room["humidity"]
        none = np.zeros_like(heat_w)
        air_kg = AIR_DENSITY * p["room_volume"]
        self.air_kg_per_s: Vector = air_kg * p["air_changes"]
        self._exchange, self._leak = p["air_changes"], p["infiltration"]
        self._inertia = np.stack((p["thermal_mass"], np.ones_like(none)))
        self._per_watt = 1.0 / (air_kg * moist_air.CP_AIR)
        people_w = p["people"] * p["person_heat"] + p["lighting"]
        self._source = np.stack((people_w * self._per_watt, p["people"] * p["person_moisture"] / air_kg))
        self._reach_low = np.stack((p["supply_lowest"], none + SUPPLY_DRIEST))
        self._reach_high = np.stack((none + SUPPLY_HIGHEST_C, none + SUPPLY_WETTEST))
        self._gain, self._act = p["control_gain"], step_s / p["control_time"]
        self._wander = np.zeros((2, heat_w.shape[0]))
        self._wander_keep = np.exp(-step_s / p["wander_time"])
        size = np.stack((p["wander_temperature"], p["wander_humidity"]))
        self._wander_in = size * np.sqrt(1.0 - self._wander_keep * self._wander_keep)
        wet = moist_air.humidity_ratio(p["outdoor_temperature"], p["outdoor_humidity"])
        self.outdoor: Vector = np.stack((p["outdoor_temperature"], wet))
        self.weather(0)
        self._aim = self._set_points = self._aimed_at(none, none)
        self._error: Vector = np.zeros_like(self._aim)
        self.state: Vector = self._aim.copy()
        self.set_flow(None)
        load = self._source + self._leak * (self.outdoor - self.state)
        load[TEMPERATURE] += heat_w * self._per_watt
        self.commanded: Vector = self.state - load / self._exchange
        self._base = self.commanded
        self._show()

    def set_errors(self, offset_c: Vector, offset_humidity: Vector) -> None:
        """Let the supply air be wrong by so much that the room ends (n,) degC and fraction beside its set-points.

        The air handler does not know: it commands the same supply air and holds the room there.
        """
        self._aim = self._aimed_at(offset_c, offset_humidity)
        self._error = self._aim - self._set_points

    def _aimed_at(self, offset_c: Vector, offset_humidity: Vector) -> Vector:
        aim_c = self._target_c + offset_c
        humidity = bounded(self._target_humidity + offset_humidity, DRIEST_AIM, WETTEST_AIM)
        return np.stack((aim_c, moist_air.humidity_ratio(aim_c, humidity)))

    def set_flow(self, running: Flags | None) -> None:
        """Say which air handlers blow, (n,); None: all."""
        self._supply_rate = self._exchange if running is None else self._exchange * running
        self._rate = self._supply_rate + self._leak
        self._keep = np.exp(-self._rate * self._step_s / self._inertia)

    def weather(self, second: int) -> None:
        """Set the outdoor temperature of a second of the shift: a daily sine around its mean."""
        p = self._p
        phase = (p["start_of_shift"] + second + WARMEST_BEFORE_MIDNIGHT_S) * (2.0 * np.pi / DAY_S)
        self.outdoor[TEMPERATURE] = p["outdoor_temperature"] + p["outdoor_swing"] * np.cos(phase)

    def step(self, heat_w: Vector, normals: Vector) -> None:
        """Advance one step. heat_w (n,) of the machines [W]; normals (2, n)."""
        push = self._gain * (self._aim - self.state)
        self._base = bounded(self._base + self._act * push, self._reach_low, self._reach_high)
        self.commanded = bounded(self._base + push, self._reach_low, self._reach_high)
        supply = self.commanded + self._error
        end = self._supply_rate * supply + self._leak * self.outdoor + self._source
        end[TEMPERATURE] += heat_w * self._per_watt
        end = end / self._rate
        self.state = end + self._keep * (self.state - end)
        self._wander = self._wander_keep * self._wander + self._wander_in * normals
        self._show()

    def _show(self) -> None:
        self.shown_c: Vector = self.state[TEMPERATURE] + self._wander[TEMPERATURE]
        saturated = moist_air.saturation_over_water_pa(self.shown_c)
        humidity = moist_air.vapour_pressure_pa(self.state[RATIO]) / saturated + self._wander[RATIO]
        self.shown_humidity: Vector = bounded(humidity, 0.0, 1.0)
