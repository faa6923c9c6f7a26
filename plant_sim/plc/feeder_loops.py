"""Gravimetric loops of the four feeders: slope of the scale, feed factor, refill, totaliser."""

from __future__ import annotations

import numpy as np

from line.modes import FeederMode
from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector, bounded

# Plain integers: enumeration members cost a look-up each, many times a second.
GRAVIMETRIC, VOLUMETRIC = int(FeederMode.GRAVIMETRIC), int(FeederMode.VOLUMETRIC)
REFILL, STOPPED = int(FeederMode.REFILL), int(FeederMode.STOPPED)
#: Longest slope window [s]; shortest that is believed.
WINDOW_MAX_S, WINDOW_MIN_S = 20, 5
#: Feed factor as a share of its start value that the loop may reach.
#: Largest correction of the mass dispensed during a refill.
CORRECTION_MAX = 0.15
FEED_FACTOR_LOW, FEED_FACTOR_HIGH = 0.6, 1.6


def slope_weights() -> Vector:
    """Return weights (position, samples, ring) so that weights . ring is the least-squares slope per sample.

    `position` of the newest sample in a ring of WINDOW_MAX_S, `samples` how many newest ones count (0..WINDOW_MAX_S).
    """
    size = WINDOW_MAX_S
    table = np.zeros((size, size + 1, size))
    for position in range(size):
        for samples in range(2, size + 1):
            time = np.arange(samples) - (samples - 1) / 2.0
            where = (position - samples + 1 + np.arange(samples)) % size
            table[position, samples, where] = time / (time**2).sum()
    return table


class FeederLoops:
    """Level-1 control of all feeders, (n_lines, 4).

    Screw speed = (set-point - Kp r) / ff_hat; r = measured less expected slope over the same window; ff_hat integrates
    r / flow with time Ti and follows a stored curve of the level. Frozen while r is beyond the flow alarm. During
    refill and settling the speed follows ff_hat alone (volumetric).
    """

    def __init__(self, feeder: Columns, plc: Columns, reading: Vector) -> None:
        shape = reading.shape
        self._f = feeder
        self._time = plc["gravimetric_time"][:, None]
        self._gain = plc["gravimetric_gain"][:, None]
        self._alarm = plc["flow_alarm"][:, None]
        self._known = plc["refill_array_share"][:, None] * (1.0 - feeder["feed_factor_ratio"])
        self._window = np.minimum(np.rint(feeder["scale_window"]), WINDOW_MAX_S).astype(np.int64)
        self._weights = slope_weights()
        self._base = feeder["feed_factor_max"].copy()
        self._base_limits = (FEED_FACTOR_LOW * self._base, FEED_FACTOR_HIGH * self._base)
        self._rings = np.zeros((2, *shape, WINDOW_MAX_S))
        self._position = 0
        self._samples: Counts = np.zeros(shape, np.int64)
        self._expected = np.zeros(shape)
        self._timer = np.zeros(shape)
        self._refilling_before: Flags = np.zeros(shape, np.bool_)
        self._in_refill, self._in_settling, self._seen_settling = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._anchor = reading.copy()
        self._anchor_at_refill = reading.copy()
        self.reading = reading
        self.mode: Counts = np.full(shape, STOPPED)
        self.feed_factor: Vector = self._base.copy()
        self.mass_flow: Vector = np.zeros(shape)
        self.command: Vector = np.zeros(shape)
        self.started: Flags = np.zeros(shape, np.bool_)
        self.completed: Flags = np.zeros(shape, np.bool_)

    @property
    def refilling(self) -> Flags:
        """(n_lines, 4) the refill valve is open."""
        return self.mode == REFILL

    @property
    def total(self) -> Vector:
        """(n_lines, 4) kg dispensed by the scale: initial + refilled - net."""
        return self._anchor - self.reading

    @property
    def loaded(self) -> Vector:
        """(n_lines, 4) kg that the last refill brought, by the scale."""
        return self._anchor - self._anchor_at_refill

    def step(self, setpoint: Vector, run: Flags, reading: Vector, speed: Vector) -> None:
        """Take the scales' reading [kg] and measured speed [rev/s]; set `command` [rev/s] for set-points [kg/s]."""
        curve = 1.0 - self._known * np.exp(-self._f["level_coefficient"] * np.maximum(reading, 0.0))
        expected_flow = self._base * curve * speed
        disturbed = self.refilling | self._refilling_before
        self._refilling_before = self.refilling
        self._count(disturbed, reading, expected_flow)
        self.reading = reading
        self._modes(run, reading)
        deviation = self._slopes(reading, expected_flow)
        gravimetric = (self.mode == GRAVIMETRIC) & (self._samples >= WINDOW_MIN_S)
        trusted = gravimetric & (np.abs(deviation) <= self._alarm * np.maximum(setpoint, 1e-6))
        correction = np.where(trusted, deviation / np.maximum(expected_flow, 1e-7) / self._time, 0.0)
        self._base = bounded(self._base * (1.0 + bounded(correction, -0.02, 0.02)), *self._base_limits)
        self.feed_factor = self._base * curve
        wanted = setpoint - np.where(trusted, self._gain * deviation, 0.0)
        top = self._f["screw_speed_max"]
        self.command = np.where(run[:, None], bounded(wanted / self.feed_factor, 0.0, top), 0.0)

    def _count(self, disturbed: Flags, reading: Vector, expected_flow: Vector) -> None:
        """Keep the totaliser going through a refill by the expected flow; once settled, correct that by what was seen.

        The flow of the settling time over the expected one is taken for the refill too (both are densified alike).
        """
        self._anchor = self._anchor + np.where(disturbed, reading - self.reading + expected_flow, 0.0)
        settling = self.mode == VOLUMETRIC
        self._in_refill = np.where(disturbed, self._in_refill + expected_flow, self._in_refill)
        seen = settling & ~disturbed
        self._in_settling = np.where(seen, self._in_settling + expected_flow, self._in_settling)
        self._seen_settling = np.where(seen, self._seen_settling + self.reading - reading, self._seen_settling)
        done = (self.mode == GRAVIMETRIC) & (self._in_settling > 0.0)
        if done.any():
            ratio = self._seen_settling / np.maximum(self._in_settling, 1e-9)
            ratio = bounded(ratio, 1.0 - CORRECTION_MAX, 1.0 + CORRECTION_MAX)
            self._anchor = self._anchor + np.where(done, self._in_refill * (ratio - 1.0), 0.0)
        clear = done | (self.mode == STOPPED)
        self._in_refill = np.where(clear, 0.0, self._in_refill)
        self._in_settling = np.where(clear, 0.0, self._in_settling)
        self._seen_settling = np.where(clear, 0.0, self._seen_settling)

    def _slopes(self, reading: Vector, expected_flow: Vector) -> Vector:
        self._position = (self._position + 1) % WINDOW_MAX_S
        self._expected = self._expected + expected_flow
        self._rings[0, ..., self._position] = reading
        self._rings[1, ..., self._position] = reading + self._expected
        restart = (self.mode == REFILL) | (self.mode == STOPPED) | self.completed
        self._samples = np.where(restart, 0, np.minimum(self._samples + 1, self._window))
        slopes = -(self._rings * self._weights[self._position][self._samples]).sum(axis=-1)
        seen = (self._samples >= WINDOW_MIN_S) & (self.mode != VOLUMETRIC)
        stopped = self.mode == STOPPED
        self.mass_flow = np.where(stopped, 0.0, np.where(seen, slopes[0], expected_flow))
        return slopes[1]

    def _modes(self, run: Flags, reading: Vector) -> None:
        mode, running = self.mode, run[:, None]
        self._timer = np.maximum(self._timer - 1.0, 0.0)
        fresh = running & (mode == STOPPED)
        mode = np.where(fresh, GRAVIMETRIC, mode)
        low = running & (mode == GRAVIMETRIC) & (reading < self._f["refill_request"])
        full = running & (mode == REFILL) & (reading >= self._f["refill_complete"])
        settled = running & (mode == VOLUMETRIC) & (self._timer <= 0.0)
        self._timer = np.where(full, self._f["settle_time"], self._timer)
        mode = np.where(settled, GRAVIMETRIC, mode)
        mode = np.where(low, REFILL, mode)
        mode = np.where(full, VOLUMETRIC, mode)
        self._anchor_at_refill = np.where(low, self._anchor, self._anchor_at_refill)
        self.started, self.completed = low, full
        self.mode = np.where(running, mode, STOPPED)
