"""What the feeders have dispensed, counted through refills in which the scale cannot see it."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import Counts, Flags, Vector, bounded
from plant_sim.plc.feeder_modes import GRAVIMETRIC, REFILL, STOPPED, VOLUMETRIC

#: Largest correction of the mass dispensed during a refill.
CORRECTION_MAX = 0.15


class Totaliser:
    """Totals of n lines x 4 feeders: dispensed = anchor - reading; a refill lifts the anchor by what it brought.

    Through a refill the expected flow is counted; once settled, that is corrected by the flow of the settling time over the
    expected one (both are densified alike). Wrong where the settling time is not like the refill.
    """

    def __init__(self, reading: Vector) -> None:
        shape = reading.shape
        self.anchor: Vector = reading.copy()
        self.busy = False
        self._anchor_at_refill = reading.copy()
        self._refilling_before: Flags = np.zeros(shape, np.bool_)
        self._in_refill, self._in_settling, self._seen_settling = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    @property
    def loaded(self) -> Vector:
        """(n, 4) kg that the last refill brought, by the scale."""
        return self.anchor - self._anchor_at_refill

    def note(self, started: Flags) -> None:
        """Remember where refills start, (n, 4)."""
        self._anchor_at_refill = np.where(started, self.anchor, self._anchor_at_refill)
        self.busy = True

    def count(self, mode: Counts, before: Vector, reading: Vector, expected_flow: Vector) -> None:
        """Count one second in which somebody is refilled or settles; (n, 4) each, mode is that of the second before."""
        refilling = mode == REFILL
        disturbed = refilling | self._refilling_before
        self._refilling_before = refilling
        self.anchor = self.anchor + np.where(disturbed, reading - before + expected_flow, 0.0)
        self._in_refill = self._in_refill + np.where(disturbed, expected_flow, 0.0)
        settling = mode == VOLUMETRIC
        seen = settling & ~disturbed
        self._in_settling = self._in_settling + np.where(seen, expected_flow, 0.0)
        self._seen_settling = self._seen_settling + np.where(seen, before - reading, 0.0)
        done = (mode == GRAVIMETRIC) & (self._in_settling > 0.0)
        if np.count_nonzero(done):
            ratio = self._seen_settling / np.maximum(self._in_settling, 1e-9)
            ratio = bounded(ratio, 1.0 - CORRECTION_MAX, 1.0 + CORRECTION_MAX)
            self.anchor = self.anchor + np.where(done, self._in_refill * (ratio - 1.0), 0.0)
        clear = done | (mode == STOPPED)
        if np.count_nonzero(clear):
            self._in_refill = np.where(clear, 0.0, self._in_refill)
            self._in_settling = np.where(clear, 0.0, self._in_settling)
            self._seen_settling = np.where(clear, 0.0, self._seen_settling)
        self.busy = bool(np.count_nonzero(disturbed | settling | (self._in_refill > 0.0)))
