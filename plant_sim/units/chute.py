"""Behind the press: ejection, chute, gate and containers. Every tablet arrives once, in exactly one container."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import cache

import numpy as np

from line.configuration import Geometry
from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ZERO, Counts, Flags, Vector, bounded
from plant_sim.units.gate import Gate
from plant_sim.units.tablets import MAX_TABLETS, Tablets, slots_in_use

#: Transport is at most so many standard deviations from its mean.
TRANSPORT_REACH = 4.0
#: A clogged deduster takes at most so many times longer.
SLOWEST = 10.0


class Destination(IntEnum):
    """Where a tablet ended."""

    IN_CHUTE = 0
    ACCEPTED = 1
    DIVERTED = 2
    REJECTED = 3
    SAMPLED = 4


N_DESTINATIONS = 5
# Plain integers: enumeration members cost a look-up each, many times a second.
ACCEPTED, DIVERTED = int(Destination.ACCEPTED), int(Destination.DIVERTED)
REJECTED, SAMPLED = int(Destination.REJECTED), int(Destination.SAMPLED)


@cache
def pressed_within(n_slots: int) -> Vector:
    """Return when within the second the tablets of a count are pressed [s]: (MAX_TABLETS + 1, n_slots), row by count."""
    return (np.arange(n_slots) + 0.5) / np.maximum(np.arange(MAX_TABLETS + 1), 1)[:, None]


@cache
def unused(n_slots: int) -> Flags:
    """Return flags of the slots without a tablet: (MAX_TABLETS + 1, n_slots), row by count."""
    free: Flags = ~slots_in_use(n_slots)[0]
    return free


class Chute:
    """Tablets on their way and the scales under the four containers of n lines.

    A tablet reaches the gate ejection + gate transport after compression (registered mean and spread, normal, cut at
    TRANSPORT_REACH standard deviations and at 0; tablets may overtake each other); a rejected or sampled one leaves at
    ejection. Masses are added up by the second of arrival; single tablets are looked at only in a second in which the
    gate moves. `open` is its true position at the end of the second.
    """

    def __init__(self, p: Columns, geometry: Sequence[Geometry]) -> None:
        n = len(geometry)
        mean = np.array([g.ejection_from_die.mean_s + g.gate_from_ejection.mean_s for g in geometry])
        spread = np.array([np.hypot(g.ejection_from_die.spread_s, g.gate_from_ejection.spread_s) for g in geometry])
        self._mean, self._spread = mean[:, None], spread[:, None]
        self._latest = mean + TRANSPORT_REACH * spread
        self._latest_column = self._latest[:, None]
        #: seconds of production that may be on their way, of the slowest line
        self._n_seconds = int(np.ceil(self._latest.max() * SLOWEST)) + 3
        self._gate = Gate(np.array([g.gate_switching.mean_s for g in geometry]))
        shape = (n, self._n_seconds, MAX_TABLETS)
        # by second of production: ring place of arrival (or rejected, sampled, no tablet), time of arrival, mass
        self._due: Counts = np.full(shape, self._n_seconds + 2, np.int64)
        self._arrival: Vector = np.zeros(shape)
        self._mass: Vector = np.zeros(shape)
        self._first_counter: Counts = np.zeros(shape[:2], np.int64)
        # by second of arrival, and behind them: rejected, sampled, no tablet
        self._due_n: Counts = np.zeros((n, self._n_seconds), np.int64)
        self._due_kg: Vector = np.zeros((n, self._n_seconds))
        self._base = np.arange(n)[:, None] * (self._n_seconds + 3)
        self.counts: Counts = np.zeros((n, N_DESTINATIONS), np.int64)
        self.masses: Vector = np.zeros((n, N_DESTINATIONS))
        self._settled = -1
        # last of the slots written so far
        self._widest = 0

    @property
    def open(self) -> Flags:
        """(n,) true position of the gate: accept."""
        return self._gate.open

    @property
    def held(self) -> Vector:
        """(n,) kg between die and containers."""
        held: Vector = self._due_kg.sum(axis=1)
        return held

    def add(self, second: int, tablets: Tablets, sampled: Flags, effects: FaultEffects, normals: Vector) -> None:
        """Take this second's tablets (compressed within second..second+1); sampled ones go to the sample container.

        normals (n, MAX_TABLETS) for the transport times.
        """
        m = tablets.made.shape[1]
        travel = normals[:, :m] * self._spread
        travel += self._mean
        travel = bounded(travel, ZERO, self._latest_column)
        if effects.any_active:
            travel *= bounded(effects.chute_slow, 0.0, SLOWEST)[:, None]
        travel += pressed_within(m).take(tablets.count, axis=0)
        travel += float(second)
        due = travel.astype(np.int64)
        due %= self._n_seconds
        ring = second % self._n_seconds
        np.copyto(due, self._n_seconds + 2, where=unused(m).take(tablets.count, axis=0))
        gone = tablets.any_bad or bool(np.count_nonzero(sampled))
        if gone:
            due[tablets.rejected] = self._n_seconds
            due[sampled] = self._n_seconds + 1
        self._widest = max(self._widest, m)
        if m < self._widest:
            self._due[:, ring, m:] = self._n_seconds + 2
        self._due[:, ring, :m] = due
        self._arrival[:, ring, :m] = travel
        self._mass[:, ring, :m] = tablets.mass_kg
        self._first_counter[:, ring] = tablets.first_counter
        self._share_out(due, tablets.mass_kg, gone)

    def _share_out(self, due: Counts, mass: Vector, gone: bool) -> None:
        """Add masses and numbers to the second of arrival; rejected and sampled ones at once to their containers."""
        n, last = due.shape[0], self._n_seconds
        if n > 1:
            due += self._base
        place, size = due.ravel(), n * (last + 3)
        numbers = np.bincount(place, minlength=size).reshape(n, -1)
        masses = np.bincount(place, mass.ravel(), minlength=size).reshape(n, -1)
        self._due_n += numbers[:, :last]
        self._due_kg += masses[:, :last]
        if gone:
            self.counts[:, REJECTED:] += numbers[:, last : last + 2]
            self.masses[:, REJECTED:] += masses[:, last : last + 2]

    def newest(self, second: int) -> tuple[Vector, Flags]:
        """Return (time of arrival at the gate [s], whether it is on its way there) of the tablets added in `second`.

        Both (n, slots); rejected and sampled tablets and unused slots are not on their way.
        """
        ring = second % self._n_seconds
        return self._arrival[:, ring, : self._widest], self._due[:, ring, : self._widest] < self._n_seconds

    def settle(self, second: int, command_open: Flags, effects: FaultEffects) -> None:
        """Let tablets arrive within second..second+1 while the gate obeys `command_open` (n,)."""
        column = second % self._n_seconds
        numbers, masses = self._due_n[:, column].copy(), self._due_kg[:, column].copy()
        self._due_n[:, column], self._due_kg[:, column] = 0, 0.0
        was_open = self._gate.open
        moving = self._gate.step(second, command_open, effects)
        n_open = np.count_nonzero(was_open)
        if moving is None and n_open in (0, was_open.size):
            to = ACCEPTED if n_open else DIVERTED
            self.counts[:, to] += numbers
            self.masses[:, to] += masses
        else:
            self._sort_out(second, was_open, moving, numbers, masses)
        self._settled = second

    def _sort_out(self, second: int, was_open: Flags, moving: Flags | None, numbers: Counts, masses: Vector) -> None:
        """Share a second's arrivals among accepted and diverted where gates differ or move."""
        good = was_open * numbers
        good_kg = was_open * masses
        for i in np.flatnonzero(moving) if moving is not None else ():
            accepted = self._accepted(int(i), second)
            good[i] = accepted.sum()
            good_kg[i] = masses[i] if good[i] == numbers[i] else (self._mass[i][accepted]).sum()
        self.counts[:, ACCEPTED] += good
        self.counts[:, DIVERTED] += numbers - good
        self.masses[:, ACCEPTED] += good_kg
        self.masses[:, DIVERTED] += masses - good_kg

    def _accepted(self, line: int, second: int) -> Flags:
        """Return the tablets of one line that a second's gate accepts, (seconds, tablets) of production."""
        here: Flags = self._due[line] == second % self._n_seconds
        return here & self._gate.open_at(line, self._arrival[line])

    def arrivals(self, line: int) -> tuple[Counts, Counts]:
        """Return the counters of the tablets of one line that were (accepted, diverted) in the second settled last."""
        if self._settled < 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        places = np.flatnonzero(self._due[line] == self._settled % self._n_seconds)
        seconds, slots = np.divmod(places, MAX_TABLETS)
        counters = self._first_counter[line].take(seconds) + slots
        is_open = self._gate.open_at(line, self._arrival[line].take(places))
        return counters[is_open], counters[~is_open]
