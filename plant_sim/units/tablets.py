"""The tablets of one second: arrays with a slot for each, and the tables that say which slots and stations are used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from plant_sim.extents import Counts, Flags, Vector

#: Most tablets a second: 90 rpm x 36 stations.
MAX_TABLETS = 56
#: Normal numbers a tablet: fill, force sensor, micro-mixing, strength, chute.
NORMALS_A_TABLET = 5
FILL, FORCE, MIXING, STRENGTH, CHUTE = range(NORMALS_A_TABLET)
#: Slots are used in groups of so many: NumPy adds up rows in groups of eight, so that unused groups change no bit of a sum.
SLOT_GROUP = 8


@dataclass
class Tablets:
    """The tablets compressed in one second; arrays (n_lines, n_slots), zero or meaningless where not `made`.

    n_slots is a multiple of SLOT_GROUP, enough for the line with most tablets. Between `fill` and `finish` mass is what
    the die holds; content (active API, kg) is known after `finish`. drawn_kg (n_lines,) is what all dies take;
    first_counter, first_station (n_lines,) belong to the first slot. solid_fraction, height_m and strength_pa are those
    of the relaxed tablet, pressure_pa and force_n those of main compression, pre_force_n of pre-compression,
    pre_force_sum_n (n_lines,) its sum. `judged_bad` is what the press decided, `rejected` what its gate did; `any_bad` if
    any was judged so.
    """

    made: Flags
    count: Counts
    first_station: Counts
    first_counter: Counts
    mass_kg: Vector
    drawn_kg: Vector
    pre_force_n: Vector
    pre_force_sum_n: Vector
    force_n: Vector
    force_read_n: Vector
    pressure_pa: Vector
    solid_fraction: Vector
    height_m: Vector
    strength_pa: Vector
    ejection_n: Vector
    content_kg: Vector
    judged_bad: Flags
    rejected: Flags
    any_bad: bool = False

    @property
    def counter(self) -> Counts:
        """(n_lines, n_slots) running number of each tablet, from 1."""
        return self.first_counter[:, None] + np.arange(self.made.shape[1])


@cache
def slots_in_use(n_slots: int) -> tuple[Flags, Vector]:
    """Return (flags, the same as 0 and 1): row c marks the first c of n_slots; (MAX_TABLETS + 1, n_slots)."""
    used = np.arange(n_slots) < np.arange(MAX_TABLETS + 1)[:, None]
    return used, used.astype(np.float64)


class Wide:
    """Columns (..., n_lines) spread over the slots, once for each number of slots: contiguous arrays calculate fastest."""

    def __init__(self, **columns: Vector) -> None:
        self._columns = columns
        self._ready: dict[int, dict[str, Vector]] = {}

    def at(self, n_slots: int) -> dict[str, Vector]:
        """Return the columns as arrays (..., n_lines, n_slots); not to be changed."""
        if n_slots not in self._ready:
            self._ready[n_slots] = {k: np.repeat(c[..., None], n_slots, axis=-1) for k, c in self._columns.items()}
        return self._ready[n_slots]


def slots_for(count: Counts) -> int:
    """Return how many slots hold the largest count, a multiple of SLOT_GROUP from SLOT_GROUP to MAX_TABLETS."""
    most = max(count.tolist())
    return min(max(-(-most // SLOT_GROUP) * SLOT_GROUP, SLOT_GROUP), MAX_TABLETS)
