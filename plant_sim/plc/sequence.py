"""The line's states (a subset of PackML), its interlocks and the line-hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from line.modes import LineCommand, LineState
from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector

# Plain integers: enumeration members cost a look-up each, many times a second.
STOPPED, STARTING, EXECUTE = int(LineState.STOPPED), int(LineState.STARTING), int(LineState.EXECUTE)
HELD, COMPLETING, COMPLETE = int(LineState.HELD), int(LineState.COMPLETING), int(LineState.COMPLETE)
CMD_START, CMD_HOLD, CMD_RESUME = int(LineCommand.START), int(LineCommand.HOLD), int(LineCommand.RESUME)
CMD_RUN_OUT, CMD_STOP = int(LineCommand.RUN_OUT), int(LineCommand.STOP)
#: Bits of Sys/Interlock.
HOPPER_LEVEL, MAIN_FORCE, EJECTION_FORCE, PRESS_STOP, WATCHDOG, DIVERTER_FEEDBACK = 1, 2, 4, 8, 16, 32
BIT_NAMES = {
    HOPPER_LEVEL: "hopper level",
    MAIN_FORCE: "main force",
    EJECTION_FORCE: "ejection force",
    PRESS_STOP: "press stop",
    WATCHDOG: "watchdog",
    DIVERTER_FEEDBACK: "diverter feedback",
}
#: The blender's feed is allowed again below this share of the high level.
HIGH_RESET = 0.9
Events = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Signals:
    """What the interlocks look at, (n,) each: level [kg], main force and ejection [N] of the last second, press_stop."""

    level: Vector
    level_setpoint: Vector
    main_force: Vector
    ejection: Vector
    press_stop: Flags
    watchdog: Flags


class Sequence:
    """State of n lines. Commands act on their edge; RESUME waits for the cause of the hold to go."""

    def __init__(self, p: Columns, n_lines: int) -> None:
        self._p = p
        self.state: Counts = np.full(n_lines, STOPPED)
        self.interlock: Counts = np.zeros(n_lines, np.int64)
        self._resume_to = self.state.copy()
        self._resume_armed: Flags = np.zeros(n_lines, np.bool_)
        self._last_command: Counts = np.zeros(n_lines, np.int64)
        self._feed_stop: Flags = np.zeros(n_lines, np.bool_)
        self._starving: Flags = np.zeros(n_lines, np.bool_)
        self._work_out()

    def _work_out(self) -> None:
        """Set who runs: `feeding` feeders, `blending` impeller, `pressing` press and paddles, `steady` EXECUTE, (n,) each."""
        state, free = self.state, ~self._feed_stop
        completing, starting = state == COMPLETING, state == STARTING
        self.steady: Flags = state == EXECUTE
        self.pressing: Flags = self.steady | completing
        self.blending: Flags = (self.pressing | starting) & free
        self.feeding: Flags = self.blending & ~completing

    @property
    def moving(self) -> Flags:
        """(n,) material moves somewhere: rate limits of set-points apply."""
        return self.feeding | self.pressing

    def step(self, command: Vector, signals: Signals) -> Events:
        """Advance one second with SP/LineCommand (n,); return (line, event) pairs."""
        before, bits_before = self.state, self.interlock
        trips = self._trips(signals)
        edge = command != self._last_command
        state = self.state
        if edge.any() or self._resume_armed.any():
            self._last_command = np.where(edge, command, self._last_command).astype(np.int64)
            state = self._obey(np.where(edge, command, 0.0), trips != 0)
        going = (state == STARTING) | (state == EXECUTE) | (state == COMPLETING)
        held = going & (trips != 0)
        self._resume_to = np.where(held, state, self._resume_to)
        state = np.where(held, HELD, state)
        self.state = self._progress(state, signals)
        self._work_out()
        level_bit = np.where(self._feed_stop | self._starving, HOPPER_LEVEL, 0)
        self.interlock = trips | level_bit | np.where(signals.watchdog, WATCHDOG, 0)
        if np.array_equal(before, self.state) and np.array_equal(bits_before, self.interlock):
            return []
        return self._events(before, bits_before)

    def _trips(self, s: Signals) -> Counts:
        high = s.level >= self._p["hopper_high"]
        self._feed_stop = high | (self._feed_stop & (s.level >= HIGH_RESET * self._p["hopper_high"]))
        self._starving = (self.state == EXECUTE) & (s.level <= self._p["hopper_low"])
        trips = np.where(s.main_force > self._p["force_trip"], MAIN_FORCE, 0)
        trips = trips + np.where(s.ejection > self._p["ejection_trip"], EJECTION_FORCE, 0)
        return trips + np.where(s.press_stop, PRESS_STOP, 0)

    def _obey(self, command: Vector, caused: Flags) -> Counts:
        state = self.state
        idle = (state == STOPPED) | (state == COMPLETE)
        going = ~idle & (state != HELD)
        state = np.where((command == CMD_START) & idle, STARTING, state)
        hold = (command == CMD_HOLD) & going
        self._resume_to = np.where(hold, self.state, self._resume_to)
        state = np.where(hold, HELD, state)
        run_out = command == CMD_RUN_OUT
        state = np.where(run_out & going, COMPLETING, state)
        held = self.state == HELD
        self._resume_to = np.where(run_out & held, COMPLETING, self._resume_to)
        asked = (command == CMD_RESUME) & held
        dropped = (command == CMD_HOLD) | (command == CMD_STOP) | ~held
        self._resume_armed = (self._resume_armed | asked) & ~dropped
        resume = self._resume_armed & ~caused
        self._resume_armed &= ~resume
        state = np.where(resume, self._resume_to, state)
        return np.where(command == CMD_STOP, STOPPED, state)

    def _progress(self, state: Counts, s: Signals) -> Counts:
        full = (state == STARTING) & (s.level >= s.level_setpoint)
        empty = (state == COMPLETING) & (s.level <= self._p["hopper_empty"])
        state = np.where(full, EXECUTE, state)
        state = np.where(empty, COMPLETE, state)
        return np.where((state == EXECUTE) & self._starving, STARTING, state)

    def _events(self, before: Counts, bits_before: Counts) -> Events:
        events: Events = []
        for i in np.flatnonzero((before != self.state) | (bits_before != self.interlock)):
            line, old, new = int(i), LineState(int(before[i])), LineState(int(self.state[i]))
            risen = int(self.interlock[i]) & ~int(bits_before[i])
            causes = [name for bit, name in BIT_NAMES.items() if risen & bit]
            if causes:
                events.append((line, {"code": "INTERLOCK", "bits": int(self.interlock[i]), "cause": ", ".join(causes)}))
            if old == new:
                continue
            events.append((line, {"code": "STATE_CHANGED", "old": old.name, "new": new.name}))
            if new is LineState.HELD:
                events.append((line, {"code": "LINE_HOLD", "cause": ", ".join(causes) or "command"}))
            if old is LineState.HELD and new is not LineState.STOPPED:
                events.append((line, {"code": "LINE_RESUMED", "state": new.name}))
        return events
