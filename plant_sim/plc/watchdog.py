"""Who moves the line: REMOTE while the controller asks for it and its beat lives, LOCAL otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from line.modes import PlcMode
from plant_sim.extents import ONE, Counts, Flags, Vector
from plant_sim.plc.interlocks import bit_words

#: Seconds without a new beat after which the PLC takes LOCAL.
SILENCE_LIMIT_S = 3
Events = list[tuple[int, dict[str, Any]]]


class Watchdog:
    """Beat and mode of n lines: `remote`, `tripped` (n,), and `taken` (n,): REMOTE was granted this second.

    REMOTE is granted while it is asked for, the beat lives and no fault stands. A fault that comes later takes nothing
    away: who moves the line is not changed by an interlock.
    """

    def __init__(self, n_lines: int) -> None:
        self._no: Flags = np.zeros(n_lines, np.bool_)
        self.remote: Flags = self._no.copy()
        self.tripped: Flags = self._no.copy()
        self.taken: Flags = self._no.copy()
        self._beat = np.zeros(n_lines)
        self._silence: Counts = np.full(n_lines, SILENCE_LIMIT_S)
        self._refused: Flags = self._no.copy()
        self._settled = False

    def listen(self, beat: Vector, request: Vector, faults: Counts) -> Events:
        """Take one second's beat, REMOTE request and standing faults (bits of Sys/Interlock), (n,) each.

        Returns (line, event) for each change of mode and each request that is refused because of a fault. A beat that
        is not finite is no beat.
        """
        fresh = np.isfinite(beat) & (beat != self._beat)
        wanted = request == ONE
        if self._settled and np.count_nonzero(fresh & wanted) == fresh.size:
            self._beat = beat.copy()
            return []
        self._beat = np.where(fresh, beat, self._beat)
        self._silence = np.where(fresh, 0, self._silence + 1)
        silent = self._silence >= SILENCE_LIMIT_S
        before = self.remote
        ready = wanted & ~silent
        refused = ready & ~before & (faults != 0)
        self.remote = ready & ~refused
        self.taken = self.remote & ~before
        self.tripped = wanted & silent & (before | self.tripped)
        new, self._refused = refused & ~self._refused, refused
        self._settled = bool((self.remote & ~self.taken & fresh).all())
        events = [self._event(int(i), bool(silent[i])) for i in np.flatnonzero(before != self.remote)]
        return events + [self._refusal(int(i), int(faults[i])) for i in np.flatnonzero(new)]

    def _event(self, i_line: int, silent: bool) -> tuple[int, dict[str, Any]]:
        if self.remote[i_line]:
            return i_line, {"code": "PLC_REMOTE", "mode": int(PlcMode.REMOTE)}
        cause = f"no new beat for {SILENCE_LIMIT_S} s" if silent else "REMOTE no longer requested"
        return i_line, {"code": "PLC_LOCAL", "mode": int(PlcMode.LOCAL), "cause": cause}

    @staticmethod
    def _refusal(i_line: int, faults: int) -> tuple[int, dict[str, Any]]:
        return i_line, {"code": "REMOTE_REFUSED", "mode": int(PlcMode.LOCAL), "cause": bit_words(faults)}
