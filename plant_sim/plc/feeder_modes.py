"""Modes of the feeders: gravimetric, refill, settling, stopped; when a refill starts, ends, or is given up; weight alarms."""

from __future__ import annotations

from typing import Any

import numpy as np

from line.modes import FeederMode
from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector

# Plain integers: enumeration members cost a look-up each, many times a second.
GRAVIMETRIC, VOLUMETRIC = int(FeederMode.GRAVIMETRIC), int(FeederMode.VOLUMETRIC)
REFILL, STOPPED = int(FeederMode.REFILL), int(FeederMode.STOPPED)
#: A low-weight alarm goes when the weight is above its limit by this factor.
LOW_RESET = 1.1
Events = list[tuple[int, dict[str, Any]]]


class FeederModes:
    """Modes of n lines x 4 feeders and their weight alarms.

    A second in which no weight crosses a limit, no time is up and nobody starts or stops changes nothing and costs little:
    `_low`, `_high` and `_due` hold the next thing that may happen to each feeder. A refill starts below the request
    weight, ends at the complete weight or is given up after its time-out; the feeder then feeds on by its scale and asks
    again after the retry time. High-high weight stops the vacuum receiver whatever the valve does.
    """

    def __init__(self, feeder: Columns, plc: Columns, shape: tuple[int, ...]) -> None:
        self._request, self._complete = feeder["refill_request"], feeder["refill_complete"]
        self._settle = feeder["settle_time"]
        self._high_high = feeder["refill_complete"] * plc["overfill_share"][:, None]
        self._low_weight = feeder["refill_request"] * plc["feeder_low_share"][:, None]
        self._timeout = feeder["refill_time"] * plc["refill_timeout_share"][:, None]
        self._retry = plc["refill_retry"][:, None] + np.zeros(shape)
        none = np.zeros(shape, np.bool_)
        self.mode: Counts = np.full(shape, STOPPED)
        self.refilling, self.gravimetric, self.overfilled, self.low_weight = none, none, none, none
        self.started, self.completed, self.ended, self.timed_out = none, none, none, none
        self.restart: Flags | None = ~none
        self.switched, self.all_gravimetric, self.all_running = False, False, False
        self._none, self._waiting = none, none
        self._runs = bytes(shape[0])
        self._second = 0
        self._due, self._next_due = np.full(shape, np.inf), np.inf
        self._set_limits()

    def step(self, run: Flags, reading: Vector) -> Events:
        """Advance one second with who runs (n,) and the scales' reading (n, 4) [kg]; return alarms that come or go."""
        self._second += 1
        if self.switched:
            self.switched = False
            self.started, self.completed, self.ended, self.timed_out = self._none, self._none, self._none, self._none
            self._set_restart()
        runs = run.tobytes()
        quiet = runs == self._runs and self._second < self._next_due
        if quiet and not np.count_nonzero((reading < self._low) | (reading >= self._high)):
            return []
        self._runs = runs
        self._move(run[:, None], reading)
        events = self._watch(run[:, None], reading)
        self._set_limits()
        return events

    def _move(self, running: Flags, reading: Vector) -> None:
        due = self._due <= self._second
        fresh = running & (self.mode == STOPPED)
        mode = np.where(fresh, GRAVIMETRIC, self.mode)
        gravimetric = mode == GRAVIMETRIC
        self._waiting = self._waiting & running & ~(gravimetric & due)
        low = running & gravimetric & ~self._waiting & (reading < self._request)
        full = (mode == REFILL) & (reading >= self._complete)
        late = (mode == REFILL) & due & ~full
        settled = (mode == VOLUMETRIC) & due
        ended = full | late
        self._waiting = self._waiting | late
        mode = np.where(settled, GRAVIMETRIC, mode)
        mode = np.where(low, REFILL, mode)
        mode = np.where(ended, VOLUMETRIC, mode)
        self.mode = np.where(running, mode, STOPPED)
        due_at = np.where(due, np.inf, self._due)
        due_at = np.where(settled & self._waiting, self._second + self._retry, due_at)
        due_at = np.where(low, self._second + self._timeout, due_at)
        due_at = np.where(ended, self._second + self._settle, due_at)
        self._due = np.where(running, due_at, np.inf)
        self._next_due = float(self._due.min())
        self.started, self.timed_out = low, late & running
        self.completed, self.ended = full & running, self.refilling & (ended | ~running)
        self.switched = bool(np.count_nonzero(low | self.ended))
        self.refilling = self.mode == REFILL
        self.gravimetric = self.mode == GRAVIMETRIC
        self.all_gravimetric = bool(self.gravimetric.all())
        self.all_running = bool(running.all())
        self._set_restart()

    def _set_restart(self) -> None:
        """Say whose slope starts anew: refilled or stopped feeders, and those whose refill ends in this second."""
        restart = self.refilling | (self.mode == STOPPED) | self.ended
        self.restart = restart if np.count_nonzero(restart) else None

    def _watch(self, running: Flags, reading: Vector) -> Events:
        over, low = self.overfilled, self.low_weight
        self.overfilled = (over | (reading >= self._high_high)) & (reading >= self._complete)
        short = running & (reading < self._low_weight)
        self.low_weight = short | (low & (reading < LOW_RESET * self._low_weight))
        events: Events = []
        for line, i in np.argwhere(self.timed_out).tolist():
            events.append((line, {"code": "REFILL_TIMEOUT", "feeder": i + 1, "after_s": float(self._timeout[line, i])}))
        for code, before, now in (("FEEDER_OVERFILL", over, self.overfilled), ("FEEDER_LOW", low, self.low_weight)):
            for line, i in np.argwhere(before != now).tolist():
                event = {"code": code, "feeder": i + 1, "active": bool(now[line, i])}
                events.append((line, event | {"net_weight_kg": round(float(reading[line, i]), 4)}))
        return events

    def _set_limits(self) -> None:
        """Set the weights (n, 4) [kg] below and above which something happens next."""
        wants = (self.mode == GRAVIMETRIC) & ~self._waiting
        alarm = np.where(self.low_weight | (self.mode == STOPPED), -np.inf, self._low_weight)
        low = np.where(wants, self._request, alarm)
        self._low = np.where(self.overfilled, self._complete, low)
        high = np.where(self.refilling, self._complete, np.where(self.overfilled, np.inf, self._high_high))
        reset = np.where(self.low_weight, LOW_RESET * self._low_weight, np.inf)
        self._high = np.minimum(high, reset)
