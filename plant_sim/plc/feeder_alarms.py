"""The vendor's deviation alarm: a feeder's measured flow is off its set-point for too long."""

from __future__ import annotations

from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector

KG_PER_H = 3600.0
#: An alarm that has stood for so long is no disturbance that passes by itself [s].
LASTING_S = 60
Events = list[tuple[int, dict[str, Any]]]


class DeviationAlarm:
    """FLOW_DEVIATION of n lines x 4 feeders: |mass flow - set-point| beyond a share of the set-point for `deviation_time`.

    It comes once, and goes once after the same time inside. Not judged while a feeder does not measure (refill, settling,
    fresh start): the time then stands still. `lasting` (n, 4): it has stood for LASTING_S.
    """

    def __init__(self, plc: Columns, shape: tuple[int, ...]) -> None:
        self._limit = plc["deviation_limit"][:, None]
        self._time = plc["deviation_time"][:, None]
        self._for_s = np.zeros(shape)
        self.active: Flags = np.zeros(shape, np.bool_)
        self._stood_s = np.zeros(shape)
        self.lasting: Flags = np.zeros(shape, np.bool_)
        self.any_lasting = False
        self._counting = False
        # the band, worked out anew for other set-points
        self._asked: Vector | None = None
        self._band = np.zeros(shape)

    def watch(self, setpoint: Vector, mass_flow: Vector, measuring: Flags) -> Events:
        """Take one second, (n, 4) each, [kg/s]; return alarms that come or go."""
        if setpoint is not self._asked:
            self._asked, self._band = setpoint, self._limit * setpoint
        outside = np.abs(mass_flow - setpoint) > self._band
        if not self._counting and not np.count_nonzero(outside):
            return []
        against = (outside & (setpoint > 0.0)) != self.active
        self._for_s = np.where(measuring, np.where(against, self._for_s + 1.0, 0.0), self._for_s)
        turned = self._for_s >= self._time
        self._stood_s = np.where(self.active, self._stood_s + 1.0, 0.0)
        self.lasting = self._stood_s >= LASTING_S
        self.any_lasting = bool(np.count_nonzero(self.lasting))
        self._counting = bool(np.count_nonzero(self._for_s) or np.count_nonzero(self.active))
        if not np.count_nonzero(turned):
            return []
        self.active = self.active ^ turned
        self._for_s = np.where(turned, 0.0, self._for_s)
        self._counting = True
        events: Events = []
        for line, i in np.argwhere(turned).tolist():
            event = {"code": "FLOW_DEVIATION", "feeder": i + 1, "active": bool(self.active[line, i])}
            event["mass_flow_kg_per_h"] = round(float(mass_flow[line, i]) * KG_PER_H, 4)
            event["setpoint_kg_per_h"] = round(float(setpoint[line, i]) * KG_PER_H, 4)
            events.append((line, event))
        return events
