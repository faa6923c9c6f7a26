"""Segregation of API where a level moves: what leaves is richer while the level falls and poorer while it rises."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import ACTIVE, API, COMPONENTS, LOT_SLOTS, LOTS_FROM, N_EXTENTS, TINY_KG, Vector, bounded

#: A level that moves slower than this share of the throughput leaves the surface as it is.
STILL = 0.03
#: Largest relative change of the API in what leaves.
SHIFT_MAX = 0.2
_API_COLUMNS = np.zeros(N_EXTENTS)
_API_COLUMNS[[API, ACTIVE]] = 1.0
_API_COLUMNS[LOTS_FROM : LOTS_FROM + LOT_SLOTS] = 1.0
_OTHER_COLUMNS = np.zeros(N_EXTENTS)
_OTHER_COLUMNS[COMPONENTS] = 1.0
_OTHER_COLUMNS[LOTS_FROM + LOT_SLOTS :] = 1.0
_OTHER_COLUMNS[API] = 0.0


class Segregation:
    """Exchange of API against the other components between a volume and what leaves it, mass for mass.

    Relative gain of API in the outflow e = amplitude x (fall of level / reference flow), 0 below STILL. At a constant
    level nothing happens; over a cycle of levels nothing is lost. Direction after the sifting of fines towards the
    core of a hopper in funnel flow; amplitude is an estimate. Bulk volume, water and shear stay where they are.
    """

    def __init__(self, amplitude: Vector, flow_ref: Vector) -> None:
        self._amplitude, self._flow_ref = amplitude, flow_ref
        self._level = np.zeros_like(amplitude)
        self.gain = np.zeros_like(amplitude)
        self.active = False

    def watch(self, level_kg: Vector, seconds: float, extra: Vector | float = 0.0) -> None:
        """Compare levels (k, n) with those of `seconds` ago; extra is added to the amplitude (a fault)."""
        fall = bounded((self._level - level_kg) / (seconds * self._flow_ref), -1.0, 1.0)
        self._level = level_kg
        fall = np.where(np.abs(fall) < STILL, 0.0, fall)
        self.gain = bounded((self._amplitude + extra) * fall, -SHIFT_MAX, SHIFT_MAX)
        self.active = bool(self.gain.any())

    def shift(self, leaving: Vector, old: Vector, new: Vector) -> Vector:
        """Return what outflows (k, n, N_EXTENTS) gain; old, new (k, n): shares of tank and inflow that leave."""
        apart = leaving[:, :, API]
        rest = leaving[:, :, API + 1] + leaving[:, :, API + 2] + leaving[:, :, API + 3]
        ratio = apart / np.maximum(rest, TINY_KG)
        share = np.maximum(np.maximum(old, new), TINY_KG)
        room = 0.5 * np.minimum((1.0 - share) / share, 1.0) / np.maximum(ratio, 1.0)
        gain = bounded(self.gain, -room, room)
        each = gain[:, :, None] * (_API_COLUMNS - ratio[:, :, None] * _OTHER_COLUMNS)
        return leaving * each
