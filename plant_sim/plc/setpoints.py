"""The guard of the set-points: nothing enters the plant that is not finite, in range, slow enough and allowed now."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
#: Rounding of a difference of two floats is no change.
RATE_SLACK = 1e-9
Events = list[tuple[int, dict[str, Any]]]
#: Taken whatever the mode: the party that holds them must always be heard.
ALWAYS_HEARD = ("SP/AcceptRequest", "SP/HeartbeatCtrl", "SP/DecisionCounter", "SP/RemoteRequest")


class SetpointGuard:
    """Accepted set-points of n lines, (n, m) plant units in the register's set-point order.

    A set-point stays in force until another one is accepted, in REMOTE and in LOCAL alike.
    """

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
        self._moves = np.isfinite(self._rate)
        self._whole = np.array([register[tag].type == "Int64" for tag in self.ids])
        self._reach = self._rate * (1.0 + RATE_SLACK)
        self._moves_at, self._whole_at = _places(self._moves), _places(self._whole)
        self._always = np.array([tag in ALWAYS_HEARD for tag in self.ids])
        self._heartbeat = register.setpoint_index["SP/HeartbeatCtrl"]
        self.accepted: Vector = start.copy()
        #: Something else than the heartbeat was accepted in the last second.
        self.changed = True
        #: All of `requested` was accepted in the last second.
        self._settled = False
        #: What was refused and is still asked for, by (line, column).
        self._refused: dict[tuple[int, int], float] = {}
        self.refused_total = np.zeros(start.shape[0], np.int64)

    def take(self, requested: Vector, heard: Flags, running: Flags, taken: Flags | None = None) -> Events:
        """Accept what may be accepted; return (line, event) for each newly refused value.

        requested (n, m); heard (n,) lines in REMOTE; running (n,) lines whose rate limits apply; taken (n,) lines that
        came into REMOTE this second: their process set-points stay as they are for this second, so that the transfer
        itself moves nothing. A value that is sent again unchanged after a refusal is refused once, not each second.
        """
        undisturbed = np.count_nonzero(heard) == heard.size and (taken is None or not np.count_nonzero(taken))
        self.changed = not (undisturbed and self._settled and self._only_beats(requested))
        if not self.changed:
            return []
        self._settled = not self._refused and undisturbed and self._all_good(requested)
        if self._settled:
            self.accepted = requested.copy()
            return []
        return self._sort(requested, heard, running, taken)

    def _only_beats(self, requested: Vector) -> bool:
        """Accept a second in which nothing but good heartbeats is new; return whether it was one."""
        beat, column = requested[:, self._heartbeat], self._heartbeat
        before = self.accepted[:, column]
        if np.count_nonzero(requested != self.accepted) > np.count_nonzero(beat != before):
            return False
        good = (beat >= self._low[column]) & (beat <= self._high[column]) & (np.rint(beat) == beat)
        if np.count_nonzero(good) < good.size:
            return False
        before[:] = beat
        return True

    def _all_good(self, requested: Vector) -> bool:
        """Return whether every value of every line may be taken as it is, in few operations."""
        if not ((requested >= self._low) & (requested <= self._high)).all():
            return False
        counts, moves = requested[:, self._whole_at], self._moves_at
        if not (np.rint(counts) == counts).all():
            return False
        return bool((np.abs(requested[:, moves] - self.accepted[:, moves]) <= self._reach[moves]).all())

    def _sort(self, requested: Vector, heard: Flags, running: Flags, taken: Flags | None) -> Events:
        """Judge every value that is asked for and not in force."""
        lines, columns = (requested != self.accepted).nonzero()
        if self._refused:
            self._forget(requested)
        listens = heard[lines] | self._always[columns]
        if taken is not None:
            listens &= ~(taken[lines] & self._moves[columns])
        if not listens.all():
            lines, columns = lines[listens], columns[listens]
        value = requested[lines, columns]
        inside = (value >= self._low[columns]) & (value <= self._high[columns])
        inside &= ~self._whole[columns] | (value == np.rint(value))
        with np.errstate(invalid="ignore"):
            slow = (np.abs(value - self.accepted[lines, columns]) <= self._reach[columns]) | ~running[lines]
        good = inside & slow
        self.accepted = self.accepted.copy()
        self.accepted[lines[good], columns[good]] = value[good]
        if good.all():
            return []
        bad = np.flatnonzero(~good)
        return self._judge([(int(lines[b]), int(columns[b]), float(value[b]), bool(inside[b])) for b in bad])

    def _forget(self, requested: Vector) -> None:
        """Forget refused values that are no longer asked for; one that is not finite is like another."""

        def same(asked: float, old: float) -> bool:
            return asked == old or not (np.isfinite(asked) or np.isfinite(old))

        self._refused = {key: old for key, old in self._refused.items() if same(float(requested[key]), old)}

    def _judge(self, refusals: list[tuple[int, int, float, bool]]) -> Events:
        events: Events = []
        for i_line, column, value, in_range in refusals:
            if (i_line, column) not in self._refused:
                events.append(self._refusal(i_line, column, value, in_range))
            self._refused[i_line, column] = value
        return events

    def _refusal(self, i_line: int, column: int, value: float, in_range: bool) -> tuple[int, dict[str, Any]]:
        self.refused_total[i_line] += 1
        tag = self.ids[column]
        if in_range:
            limit = f"change {self._rate[column]:g} a second from {self.accepted[i_line, column]:g}"
        else:
            limit = f"{self._low[column]:g}..{self._high[column]:g}"
        shown = value if np.isfinite(value) else str(value)
        return i_line, {"code": "SETPOINT_REFUSED", "tag": tag, "value": shown, "limit": limit}


def _places(flags: Flags) -> slice | NDArray[np.int64]:
    """Return where the flags stand: a slice if they stand together (a view costs less than a copy), else indices."""
    at = np.flatnonzero(flags)
    together = at.size > 0 and at[-1] - at[0] + 1 == at.size
    return slice(int(at[0]), int(at[-1]) + 1) if together else at
