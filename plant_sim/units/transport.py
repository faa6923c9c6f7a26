"""Plug flow and mixing: how material moves through a volume, for many lines at once and without losing a microgram."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import COMPONENTS, N_EXTENTS, ONE, TINY, TOTAL, ZERO, Counts, Vector

#: Places a lane has at first, and most parcels it may hold; beyond that neighbours merge.
PLACES, PARCELS_MAX = 128, 2048
#: Parcels looked at together when material leaves: three hold a second's flow unless flow has just changed much.
AT_ONCE = 3
#: Smallest number there is: divides where nothing is there [kg].
_NOTHING_KG = np.array(5e-324)
_FIVE_THIRDS = np.array(5.0 / 3.0)


class PlugFlow:
    """First in, first out: parcels in a row, one row a lane. A parcel is split, never mixed.

    `held` (n_lanes, N_EXTENTS) in the lanes, `mass` (n_lanes,) kg of it. A mass that enters leaves after exactly
    `mass / flow` seconds at constant flow. Rows move up when they reach their end and grow when more than half full;
    beyond PARCELS_MAX neighbours in that lane merge, which blurs it by less than a thousandth of its length.
    """

    def __init__(self, n_lanes: int, places: int = PLACES) -> None:
        self._places = places
        self._rows = np.zeros((n_lanes * places, N_EXTENTS))
        self._first: Counts = (np.arange(n_lanes, dtype=np.int64) * places)[:, None]
        self._next: Counts = self._first.copy()
        self._pushes_left = places - AT_ONCE
        self._ahead: Counts = np.arange(AT_ONCE)
        self.held = np.zeros((n_lanes, N_EXTENTS))

    @property
    def mass(self) -> Vector:
        """(n_lanes,) kg held."""
        return self.held[:, TOTAL]

    def parcels(self, lane: int) -> Vector:
        """Return what a lane holds, oldest first, (n_parcels, N_EXTENTS)."""
        return self._rows[int(self._first[lane, 0]) : int(self._next[lane, 0])]

    def pop(self, wanted_kg: Vector) -> Vector:
        """Remove up to `wanted_kg` (n_lanes,), >= 0, from the oldest end; return what came out, (n_lanes, N_EXTENTS)."""
        wanted = wanted_kg.reshape(-1, 1)
        out, there = self._take(wanted)
        while np.count_nonzero(wanted > there):
            wanted = np.maximum(wanted - there, ZERO) * (self._first < self._next)
            if not np.count_nonzero(wanted):
                break
            more, there = self._take(wanted)
            out += more
        self.held -= out
        np.maximum(self.held, ZERO, out=self.held)
        return out

    def _take(self, wanted: Vector) -> tuple[Vector, Vector]:
        """Take `wanted` (n_lanes, 1) from the AT_ONCE oldest parcels; return what came and what they held [kg]."""
        rows = self._first + self._ahead
        parcels = self._rows.take(rows, axis=0)
        there = parcels[:, :, TOTAL]
        end = np.add.accumulate(there, axis=1)
        part = np.minimum(np.maximum(wanted - (end - there), ZERO), there)
        share = part / np.maximum(there, _NOTHING_KG)
        leaving = parcels * share[:, :, None]
        self._rows[rows] = parcels - leaving
        emptied = np.add.reduce(share >= ONE, axis=1, keepdims=True, dtype=np.int64)
        self._first = np.minimum(self._first + emptied, self._next)
        out: Vector = np.add.reduce(leaving, axis=1)
        return out, end[:, -1:]

    def push(self, material: Vector) -> None:
        """Add a parcel (n_lanes, N_EXTENTS) at the newest end; one without mass must be empty and takes no place."""
        self._rows[self._next[:, 0]] = material
        self._next += material[:, :1] > ZERO
        self.held += material
        self._pushes_left -= 1
        if self._pushes_left == 0:
            self._make_room()

    def trade(self, first_lane: int, given: Vector, taken: Vector) -> None:
        """Let the lanes from first_lane on give and take material (n, N_EXTENTS) of equal mass, all along their length.

        Each parcel gives in proportion to what it has of a column and takes in proportion to its mass.
        """
        for i in np.flatnonzero(given[:, TOTAL] > 0.0).tolist():
            held, parcels = self.held[first_lane + i], self.parcels(first_lane + i)
            gone = parcels * (given[i] / np.maximum(held, _NOTHING_KG))
            gone[:, TOTAL] = gone[:, COMPONENTS].sum(axis=1)
            parcels += parcels[:, :1] * (taken[i] / held[TOTAL]) - gone
            held += taken[i] - given[i]

    def _make_room(self) -> None:
        """Move all rows to the start of their lanes; double the lanes if one is more than half full."""
        lanes = [self.parcels(lane) for lane in range(self.held.shape[0])]
        lanes = [_merged(parcels) if parcels.shape[0] >= PARCELS_MAX else parcels for parcels in lanes]
        fullest = max(parcels.shape[0] for parcels in lanes)
        if fullest > self._places // 2:
            self._places *= 2
        self._rows = np.zeros((len(lanes) * self._places, N_EXTENTS))
        for lane, parcels in enumerate(lanes):
            start, count = lane * self._places, parcels.shape[0]
            self._rows[start : start + count] = parcels
            self._first[lane], self._next[lane] = start, start + count
        self._pushes_left = min(self._places - AT_ONCE - fullest, max(PARCELS_MAX - fullest, 1))


def _merged(parcels: Vector) -> Vector:
    """Return the parcels added up in pairs from the oldest on."""
    whole = np.concatenate((parcels, np.zeros((parcels.shape[0] % 2, N_EXTENTS))))
    return whole[0::2] + whole[1::2]


def mixing(m_0: Vector, m_in: Vector, out_kg: Vector) -> tuple[Vector, Vector]:
    """Return the shares of (what was in, what came into) a mixed tank that leave in one step.

    m_0 mass before, m_in mass that comes, out_kg mass that leaves, 0..m_0 [kg], any one shape. With a = m_in / mean
    mass the exact outlet x = x_in + (x_0 - x_in) (1 - exp(-a)) / a is replaced by its rational form (the [2/1] Pade
    approximant of exp(-a)), new = out / (2 m_0 - out + 5/3 m_in), whose error is a^3 / 72 of the outflow: 1e-5 where
    a tenth of the tank flows through in a step. Both shares stay in 0..1 for every flow, m_0 old + m_in new = out_kg.
    Wrong where the mass changes much within a step (second order in that change).
    """
    new = out_kg / np.maximum(m_0 + m_0 - out_kg + m_in * _FIVE_THIRDS, TINY)
    old = (out_kg - m_in * new) / np.maximum(m_0, TINY)
    return old, new


def mix(tank: Vector, inflow: Vector, out_kg: Vector) -> tuple[Vector, Vector]:
    """Return (tank after, outflow) of an ideally mixed tank over one step; law and limits as in `mixing`.

    tank, inflow (n, N_EXTENTS); out_kg (n,) kg that leaves, 0..tank mass. Exactly conservative and never negative.
    """
    old, new = mixing(tank[:, TOTAL], inflow[:, TOTAL], out_kg)
    out = tank * old[:, None] + inflow * new[:, None]
    return np.maximum(tank + inflow - out, 0.0), out
