"""Punches of the turret: their lengths, how they wear, and which pair is in which slot of the second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Counts, Vector
from plant_sim.streams import PUNCH_WEAR, STATIONS, generator
from plant_sim.units.tablets import MAX_TABLETS

#: Seconds between two looks at the slow wear.
WEAR_EVERY_S = 60
#: Station whose punch pair a fault may lengthen.
FAULTY_STATION = 7
#: Share of a length error that the lower punch has: it also sets the fill depth of its die.
LOWER_SHARE = 0.5


class Punches:
    """Length errors of n_stations punch pairs of n lines, and their wear.

    A pair that is longer by x sees a main gap smaller by x; wear shortens it. Lengths are normal with the registered
    standard deviation and zero mean over the turret; each pair wears at a rate of its own, normal around the registered
    one and never below 0, in proportion to the revolutions pressed. Wrong for tips that break or chip.
    Source: estimates (0.02 mm is 2.4 % of force).
    """

    def __init__(self, compaction: Columns, seeds: Sequence[int], n_stations: int, turret_reference: Vector) -> None:
        sigma = compaction["punch_length_sigma"]
        self._main, self._fill = _lengths(seeds, n_stations, sigma)
        a_turn = compaction["punch_wear"] / turret_reference
        spread = compaction["punch_wear_sigma"][:, None] * _standard(seeds, n_stations, PUNCH_WEAR, 1)[:, 0]
        self._rate = a_turn[:, None] * np.maximum(1.0 + spread, 0.0)
        self._faulty = min(FAULTY_STATION, n_stations) - 1
        self._n_stations = n_stations
        n = len(seeds)
        self.wear_m: Vector = np.zeros((n, n_stations))
        width = n_stations + MAX_TABLETS
        self._table = np.zeros((2, n, width))
        #: Where the pairs of a second stand in a row of the table if the first is station 0, (n, MAX_TABLETS).
        self._places: Counts = np.arange(MAX_TABLETS) + width * np.arange(n)[:, None]
        self._places_for: dict[int, Counts] = {}
        self._age, self._faults = 0, False
        self._write(None)

    def step(self, revolutions: Counts, effects: FaultEffects) -> None:
        """Advance one second: wear at most once a minute, faults at once; revolutions (n,) pressed so far."""
        if self._age % WEAR_EVERY_S == 0:
            self.wear_m = self._rate * revolutions[:, None]
        if effects.any_active or self._faults or self._age % WEAR_EVERY_S == 0:
            self._write(effects)
            self._faults = effects.any_active
        self._age += 1

    def at(self, first_station: Counts, n_slots: int) -> tuple[Vector, Vector]:
        """Return what the pairs in the slots add to the main gap and to the fill depth [m], (n, n_slots) each."""
        if n_slots not in self._places_for:
            self._places_for[n_slots] = np.ascontiguousarray(self._places[:, :n_slots])
        both: Vector = self._table.reshape(2, -1).take(self._places_for[n_slots] + first_station[:, None], axis=1)
        return both[0], both[1]

    def _write(self, effects: FaultEffects | None) -> None:
        """Rebuild the table of what each station adds, repeated so that a second is one piece of it."""
        shorter = self.wear_m.copy()
        if effects is not None:
            shorter += effects.tip_wear_m[:, None]
            shorter[:, self._faulty] -= effects.punch_offset_m
        n = self._n_stations
        for row, offset in enumerate((shorter - self._main, LOWER_SHARE * shorter + self._fill)):
            repeats = -(-(n + MAX_TABLETS) // n)
            self._table[row] = np.tile(offset, (1, repeats))[:, : n + MAX_TABLETS]


def _standard(seeds: Sequence[int], n_stations: int, purpose: int, n_sets: int) -> Vector:
    return np.stack([generator(seed, purpose).standard_normal((n_sets, n_stations)) for seed in seeds])


def _lengths(seeds: Sequence[int], n_stations: int, sigma_m: Vector) -> tuple[Vector, Vector]:
    """Return (main, fill) punch-length errors [m], (n_lines, n_stations), zero mean over the turret."""
    lengths = _standard(seeds, n_stations, STATIONS, 2)
    lengths = (lengths - lengths.mean(axis=2, keepdims=True)) * sigma_m[:, None, None]
    return np.ascontiguousarray(lengths[:, 0]), np.ascontiguousarray(lengths[:, 1])
