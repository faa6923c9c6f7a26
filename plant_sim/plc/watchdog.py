"""Who moves the line: REMOTE while the controller asks for it and its beat lives, LOCAL otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from line.modes import PlcMode
from plant_sim.extents import Flags, Vector

#: Seconds without a new beat after which the PLC takes LOCAL.
SILENCE_LIMIT_S = 3


class Watchdog:
    """Beat and mode of n lines."""

    def __init__(self, n_lines: int) -> None:
        self.remote: Flags = np.zeros(n_lines, np.bool_)
        self.tripped: Flags = np.zeros(n_lines, np.bool_)
        self._beat = np.zeros(n_lines)
        self._silence = np.full(n_lines, SILENCE_LIMIT_S)

    def listen(self, beat: Vector, request: Vector) -> list[tuple[int, dict[str, Any]]]:
        """Take one second's beat and REMOTE request, (n,) each; return (line, event) for each change of mode.

        A beat that is not finite is no beat.
        """
        fresh = np.isfinite(beat) & (beat != self._beat)
        self._beat = np.where(fresh, beat, self._beat)
        self._silence = np.where(fresh, 0, self._silence + 1)
        silent = self._silence >= SILENCE_LIMIT_S
        wanted = request == 1.0
        before = self.remote
        self.remote = wanted & ~silent
        self.tripped = wanted & silent & (before | self.tripped)
        if np.array_equal(before, self.remote):
            return []
        return [self._event(int(i), bool(silent[i])) for i in np.flatnonzero(before != self.remote)]

    def _event(self, i_line: int, silent: bool) -> tuple[int, dict[str, Any]]:
        if self.remote[i_line]:
            return i_line, {"code": "PLC_REMOTE", "mode": int(PlcMode.REMOTE)}
        cause = f"no new beat for {SILENCE_LIMIT_S} s" if silent else "REMOTE no longer requested"
        return i_line, {"code": "PLC_LOCAL", "mode": int(PlcMode.LOCAL), "cause": cause}
