"""The sequence of a line: commands, interlocks and finished acting states move it through the PackML states."""

from __future__ import annotations

from typing import Any

import numpy as np

from line.modes import LineCommand, LineState
from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector
from plant_sim.plc.interlocks import ABORTS, HOLDS, HOPPER_LEVEL, WATCHDOG, Limits, Signals, bit_words
from plant_sim.plc.packml import ACTING_S, Cause, PackState, acting_times, line_states, members, transition_table

# Plain integers: enumeration members cost a look-up each, many times a second.
IDLE, STARTING, EXECUTE = int(PackState.IDLE), int(PackState.STARTING), int(PackState.EXECUTE)
SUSPENDED, COMPLETING = int(PackState.SUSPENDED), int(PackState.COMPLETING)
CMD_START, CMD_HOLD, CMD_RESUME = int(LineCommand.START), int(LineCommand.HOLD), int(LineCommand.RESUME)
CMD_RUN_OUT, CMD_STOP = int(LineCommand.RUN_OUT), int(LineCommand.STOP)
#: Sys/LineState of a line that stands.
STOPPED = int(LineState.STOPPED)
S = PackState
#: States in which feeders and blender fill the hopper; material is being processed; drives are at rest before a start.
FILLING = members(S.STARTING, S.SUSPENDING, S.SUSPENDED, S.UNSUSPENDING)
WORKING = FILLING | members(S.EXECUTE, S.COMPLETING)
PRODUCING = WORKING | members(S.HOLDING, S.HELD, S.UNHOLDING)
HOLDABLE = members(S.HOLDING, S.HELD)
ACTING = members(*ACTING_S)
AT_REST = members(S.ABORTING, S.ABORTED, S.CLEARING, S.STOPPING, S.STOPPED, S.RESETTING, S.IDLE, S.COMPLETE)
#: What the wish to start asks for in the waiting states on its way.
START_WALK = {S.ABORTED: Cause.CLEAR, S.STOPPED: Cause.RESET, S.COMPLETE: Cause.RESET, S.IDLE: Cause.START}
Events = list[tuple[int, dict[str, Any]]]


class Sequence:
    """PackML state of n lines: `packml` (n,), `state` (n,) Sys/LineState, `interlock` (n,) bits of Sys/Interlock.

    Commands act on their edge. START walks from any state at rest to STARTING (clear, reset, start), but only if no
    abort cause stands when it is given: releasing an emergency stop starts nothing, and the bit of an abort stays in
    `interlock` until the line is cleared. RESUME waits in HELD for the cause of the hold to go; after an abort that cut
    off production it is a START. A line wakes in IDLE.
    """

    def __init__(self, p: Columns, n_lines: int) -> None:
        self._limits = Limits(p, n_lines)
        self._next, self._acting, self._line_states = transition_table(), acting_times(), line_states()
        no: Flags = np.zeros(n_lines, np.bool_)
        self.packml: Counts = np.full(n_lines, IDLE)
        self.interlock: Counts = np.zeros(n_lines, np.int64)
        self._standing, self._latched = self.interlock, self.interlock
        self._left_s: Counts = np.zeros(n_lines, np.int64)
        self._last_command: Vector = np.zeros(n_lines)
        self._start, self._resume, self._run_out = no.copy(), no.copy(), no.copy()
        self._unfilled, self._interrupted = no.copy(), no.copy()
        self._held_from: Counts = np.zeros(n_lines, np.int64)
        self._second = 0
        self._refused: Events = []
        self._work_out()
        self._busy = False

    def _work_out(self) -> None:
        """Set who runs: `feeding` feeders, `blending` impeller, `pressing` press and paddles, `steady` EXECUTE, (n,) each."""
        packml, free = self.packml, ~self._limits.feed_stop
        self.state: Counts = self._line_states[self._interrupted * 1, packml]
        self.steady: Flags = packml == EXECUTE
        completing = packml == COMPLETING
        self.pressing: Flags = self.steady | completing
        self.blending: Flags = WORKING[packml] & free
        self.feeding: Flags = self.blending & ~completing
        self._waits = bool((self._start | self._resume | FILLING[packml] | completing).any())

    @property
    def moving(self) -> Flags:
        """(n,) material moves somewhere: rate limits of set-points apply."""
        return self.feeding | self.pressing

    @property
    def faults(self) -> Counts:
        """(n,) causes of hold or abort that stand now, as bits; while one stands, REMOTE is not granted anew."""
        return self._standing

    def step(self, command: Vector, signals: Signals) -> Events:
        """Advance one second with SP/LineCommand (n,); return (line, event) pairs."""
        self._second += 1
        edge = command != self._last_command
        told = bool(np.count_nonzero(edge))
        if not (self._busy or told or self._limits.crossed(signals, self.steady)):
            return []
        before, bits_before, packml, stopped = self.state, self.interlock, self.packml, self._limits.stopped
        trips = self._limits.trips(signals)
        self._left_s = np.maximum(self._left_s - 1, 0)
        if told:
            self._last_command = np.where(edge, command, self._last_command)
            self._obey(np.where(edge, command, 0.0), trips)
        if trips.any():
            self._trip(trips)
        if self._waits or told:
            self._walk(trips)
        starving = self.steady & self._limits.starved(signals)
        self._progress(signals, starving)
        if told or stopped or self._limits.stopped or self.packml is not packml:
            self._work_out()
        self._standing = trips
        level_bit = (self._limits.feed_stop | starving) * HOPPER_LEVEL
        self.interlock = trips | self._latched | level_bit | signals.watchdog * WATCHDOG
        self._busy = self._waits or bool((self.interlock | self._left_s).any())
        events, self._refused = self._refused, []
        if self.state is before and not (self.interlock != bits_before).any():
            return events
        return events + self._events(before, bits_before)

    def _fire(self, cause: Cause, where: Flags) -> Flags:
        """Move the lines where `cause` comes and means something; return which moved."""
        if not where.any():
            return where
        after = self._next[cause, self.packml]
        moved: Flags = where & (after != self.packml)
        if moved.any():
            self.packml = np.where(moved, after, self.packml)
            self._left_s = np.where(moved, self._acting[self.packml], self._left_s)
        return moved

    def _obey(self, command: Vector, trips: Counts) -> None:
        """Take commands at their edge: some act now, some are wishes that wait for the line."""
        packml, aborting = self.packml, (trips & ABORTS) != 0
        start, resume = command == CMD_START, command == CMD_RESUME
        hold, stop, run_out = command == CMD_HOLD, command == CMD_STOP, command == CMD_RUN_OUT
        rest = AT_REST[packml]
        restart = (start | (resume & self._interrupted)) & rest
        for i in np.flatnonzero(restart & aborting):
            word = LineCommand(int(command[i])).name
            body = {"code": "COMMAND_REFUSED", "command": word, "cause": bit_words(int(trips[i]) & ABORTS)}
            self._refused.append((int(i), body))
        self._start = (self._start | (restart & ~aborting)) & ~(hold | stop)
        self._resume = (self._resume | (resume & HOLDABLE[packml])) & ~(hold | stop)
        self._run_out = (self._run_out | (run_out & (PRODUCING[packml] | self._interrupted))) & ~stop
        self._unfilled &= ~stop
        self._interrupted &= ~stop
        self._hold(hold)
        self._fire(Cause.STOP, stop)

    def _hold(self, where: Flags) -> None:
        before = self.packml
        held = self._fire(Cause.HOLD, where)
        self._unfilled = np.where(held & WORKING[before], FILLING[before], self._unfilled)

    def _trip(self, trips: Counts) -> None:
        """Hold or abort where a cause stands."""
        self._hold((trips & HOLDS) != 0)
        before = self.packml
        aborted = self._fire(Cause.ABORT, (trips & ABORTS) != 0)
        self._latched = self._latched | (trips & ABORTS)
        self._interrupted |= aborted & PRODUCING[before]
        self._start &= (trips & ABORTS) == 0
        self._resume &= ~aborted

    def _walk(self, trips: Counts) -> None:
        """Let wishes act that waited: resume a held line whose cause is gone, lead a line at rest to its start."""
        if self._resume.any():
            moved = self._fire(Cause.UNHOLD, self._resume & ((trips & HOLDS) == 0))
            self._resume &= ~moved
        if not self._start.any():
            return
        packml = self.packml
        for state, cause in START_WALK.items():
            moved = self._fire(cause, self._start & (packml == state))
            if cause is Cause.CLEAR:
                self._latched = np.where(moved, 0, self._latched)
            elif cause is Cause.START:
                self._start &= ~moved
                self._run_out &= ~(moved & ~self._interrupted)
                self._interrupted &= ~moved

    def _progress(self, s: Signals, starving: Flags) -> None:
        """Finish acting states whose time is over and whose work is done, and what follows from the hopper's level."""
        packml, full = self.packml, s.level >= s.level_setpoint
        unfinished = ((packml == STARTING) & ~full) | ((packml == COMPLETING) & ~self._limits.empty(s))
        self._fire(Cause.DONE, ACTING[packml] & (self._left_s == 0) & ~unfinished)
        self._fire(Cause.UNSUSPEND, (packml == SUSPENDED) & full)
        self._fire(Cause.TO_COMPLETE, self._run_out)
        suspended = self._fire(Cause.SUSPEND, starving | (self._unfilled & ~full))
        if self._unfilled.any():
            self._unfilled = self._unfilled & ~(suspended | (self.packml == EXECUTE))

    def _events(self, before: Counts, bits_before: Counts) -> Events:
        events: Events = []
        for i in np.flatnonzero((before != self.state) | (bits_before != self.interlock)):
            line, old, new = int(i), LineState(int(before[i])), LineState(int(self.state[i]))
            causes = bit_words(int(self.interlock[i]) & ~int(bits_before[i]))
            if causes:
                events.append((line, {"code": "INTERLOCK", "bits": int(self.interlock[i]), "cause": causes}))
            if old != new:
                events += [(line, event) for event in self._changed(line, old, new, causes)]
        return events

    def _changed(self, line: int, old: LineState, new: LineState, causes: str) -> list[dict[str, Any]]:
        packml = PackState(int(self.packml[line])).name
        said: list[dict[str, Any]] = [{"code": "STATE_CHANGED", "old": old.name, "new": new.name, "packml": packml}]
        if new is LineState.HELD:
            self._held_from[line] = self._second
            said.append({"code": "LINE_HOLD", "cause": causes or "command"})
        if old is LineState.HELD and new is not LineState.STOPPED:
            held_s = self._second - int(self._held_from[line])
            said.append({"code": "LINE_RESUMED", "state": new.name, "held_s": held_s})
        return said
