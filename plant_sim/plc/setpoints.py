"""The guard of the set-points: nothing enters the plant that is not finite, in range, slow enough and allowed now."""

from __future__ import annotations

from typing import Any

import numpy as np

from line.errors import ConfigurationFaults, Fault
from line.tags import TagRegister
from plant_sim.extents import Flags, Vector

#: Largest change a second of the running line, plant units.
RATE_LIMITS: dict[str, float] = {
    "SP/Feeder1MassFlow": 0.45,
    "SP/Feeder2MassFlow": 3.0,
    "SP/Feeder3MassFlow": 2.0,
    "SP/Feeder4MassFlow": 0.08,
    "SP/Throughput": 5.0,
    "SP/MainForce": 1.0,
    "SP/MainHeight": 0.15,
    "SP/HopperLevel": 0.3,
    "SP/ImpellerSpeed": 60.0,
    "SP/FillDepth": 0.5,
}
#: Taken whatever the mode: the party that holds them must always be heard.
ALWAYS_HEARD = ("SP/AcceptRequest", "SP/HeartbeatCtrl", "SP/DecisionCounter", "SP/RemoteRequest")


class SetpointGuard:
    """Accepted set-points of n lines, (n, m) plant units in the register's set-point order."""

    def __init__(self, register: TagRegister, start: Vector) -> None:
        missing = [t for t in (*RATE_LIMITS, *ALWAYS_HEARD, "SP/LineCommand") if t not in register.setpoint_index]
        if missing:
            raise ConfigurationFaults(
                [Fault("tag register", tag, "missing", "the plant needs this set-point") for tag in missing]
            )
        self.ids = register.setpoint_ids
        ranges = [register.setpoint_range(tag) for tag in self.ids]
        self._low = np.array([low for low, _ in ranges])
        self._high = np.array([high for _, high in ranges])
        self._rate = np.array([RATE_LIMITS.get(tag, np.inf) for tag in self.ids])
        self._whole = np.array([register[tag].type == "Int64" for tag in self.ids])
        self._always = np.array([tag in ALWAYS_HEARD for tag in self.ids])
        self.accepted: Vector = start.copy()
        self._requested: Vector = start.copy()
        self.refused_total = np.zeros(start.shape[0], np.int64)

    def take(self, requested: Vector, heard: Flags, running: Flags) -> list[tuple[int, dict[str, Any]]]:
        """Accept what may be accepted; return (line, event) for each newly refused value.

        requested (n, m); heard (n,) lines in REMOTE; running (n,) lines whose rate limits apply. A value that is sent
        again unchanged after a refusal is refused once, not each second.
        """
        with np.errstate(invalid="ignore"):
            finite = np.isfinite(requested)
            inside = finite & (requested >= self._low) & (requested <= self._high)
            inside &= ~self._whole | (requested == np.rint(requested))
            slow = (np.abs(requested - self.accepted) <= self._rate * (1.0 + 1e-9)) | ~running[:, None]
            new = (requested != self._requested) & (finite | np.isfinite(self._requested))
        addressed = heard[:, None] | self._always
        good = inside & slow & addressed
        wrong = addressed & ~(inside & slow) & new
        self.accepted = np.where(good, requested, self.accepted)
        self._requested = np.where(addressed, requested, self._requested)
        if not wrong.any():
            return []
        return [self._refusal(int(i), int(j), requested[i, j], bool(inside[i, j])) for i, j in np.argwhere(wrong)]

    def _refusal(self, i_line: int, column: int, value: float, in_range: bool) -> tuple[int, dict[str, Any]]:
        self.refused_total[i_line] += 1
        tag = self.ids[column]
        if in_range:
            limit = f"change {self._rate[column]:g} a second from {self.accepted[i_line, column]:g}"
        else:
            limit = f"{self._low[column]:g}..{self._high[column]:g}"
        shown = float(value) if np.isfinite(value) else str(value)
        return i_line, {"code": "SETPOINT_REFUSED", "tag": tag, "value": shown, "limit": limit}
