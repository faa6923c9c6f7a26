"""Plug flow and mixing: how material moves through a volume, for many lines at once and without losing a microgram."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import N_EXTENTS, TINY_KG, TOTAL, Counts, Vector

CAPACITY = 1024


class PlugFlow:
    """First in, first out: parcels in a ring, one ring a lane. A parcel is split, never mixed.

    `mass` (n_lanes,) kg held. A mass that enters leaves after exactly `mass / flow` seconds at constant flow.
    """

    def __init__(self, n_lanes: int, capacity: int = CAPACITY) -> None:
        self._ring = np.zeros((n_lanes, capacity, N_EXTENTS))
        self._lanes = np.arange(n_lanes)
        self._head: Counts = np.zeros(n_lanes, np.int64)
        self._count: Counts = np.zeros(n_lanes, np.int64)
        self._capacity = capacity
        self.held = np.zeros((n_lanes, N_EXTENTS))

    @property
    def mass(self) -> Vector:
        """(n_lanes,) kg held."""
        return self.held[:, TOTAL]

    def pop(self, wanted_kg: Vector) -> Vector:
        """Remove up to `wanted_kg` (n_lanes,) from the oldest end; return what came out, (n_lanes, N_EXTENTS)."""
        out = np.zeros_like(self.held)
        left = wanted_kg.copy()
        while True:
            slot = self._ring[self._lanes, self._head]
            there = slot[:, TOTAL]
            take = np.minimum(left, there) * (self._count > 0)
            share = take / np.maximum(there, TINY_KG)
            part = slot * share[:, None]
            out += part
            self._ring[self._lanes, self._head] = slot - part
            emptied = (take >= there) & (self._count > 0)
            left -= take
            self._head = np.where(emptied, (self._head + 1) % self._capacity, self._head)
            self._count = self._count - emptied
            if not (emptied & (left > 0.0)).any():
                break
        self.held = np.where((self._count > 0)[:, None], self.held - out, 0.0)
        return out

    def push(self, material: Vector) -> None:
        """Add a parcel (n_lanes, N_EXTENTS) at the newest end; an empty parcel takes no place, a full ring merges."""
        real = material[:, TOTAL] > 0.0
        full = self._count >= self._capacity
        fresh = real & ~full
        tail = (self._head + np.where(fresh, self._count, np.maximum(self._count - 1, 0))) % self._capacity
        old = self._ring[self._lanes, tail]
        kept = np.where(fresh[:, None], 0.0, old)
        self._ring[self._lanes, tail] = kept + np.where(real[:, None], material, 0.0)
        self._count = self._count + fresh
        self.held = self.held + np.where(real[:, None], material, 0.0)


def mix(tank: Vector, inflow: Vector, out_kg: Vector) -> tuple[Vector, Vector]:
    """Return (tank after, outflow) of an ideally mixed tank over one step.

    tank, inflow (n, N_EXTENTS); out_kg (n,) kg that leaves, 0..tank mass. Outlet composition is the mean of the exact
    solution over the step, x = x_in + (x_0 - x_in) (1 - exp(-a)) / a with a = inflow / mean mass. Exactly conservative
    and never negative; wrong where the mass changes much within a step (second order in that change).
    """
    m_in, m_0 = inflow[:, TOTAL], tank[:, TOTAL]
    mean_mass = np.maximum(m_0 + 0.5 * (m_in - out_kg), TINY_KG)
    a = np.maximum(m_in / mean_mass, 1e-12)
    weight = -np.expm1(-a) / a
    old = out_kg * weight / np.maximum(m_0, TINY_KG)
    new = out_kg * (1.0 - weight) / np.maximum(m_in, TINY_KG)
    out = tank * old[:, None] + inflow * new[:, None]
    return tank + inflow - out, out
