"""Segregation of API where a level moves: what leaves is richer while the level falls and poorer while it rises."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import ACTIVE, API, COMPONENTS, LOT_SLOTS, LOTS_FROM, N_EXTENTS, TINY_KG, TOTAL, Vector, bounded

#: A level that moves slower than this share of the throughput leaves the surface as it is.
STILL = 0.03
#: Largest relative change of the API in what leaves; largest share of a component that a volume gives in a second.
SHIFT_MAX, GIVEN_MAX = 0.2, 0.1
_API_COLUMNS = np.zeros(N_EXTENTS)
_API_COLUMNS[[API, ACTIVE]] = 1.0
_API_COLUMNS[LOTS_FROM : LOTS_FROM + LOT_SLOTS] = 1.0
_OTHER_COLUMNS = np.zeros(N_EXTENTS)
_OTHER_COLUMNS[COMPONENTS] = 1.0
_OTHER_COLUMNS[LOTS_FROM + LOT_SLOTS :] = 1.0
_OTHER_COLUMNS[API] = 0.0


class Segregation:
    """Trade of API against the other components, mass for mass, between k volumes and what leaves them.

    Relative gain of API in the outflow e = amplitude x (fall of level / reference flow), 0 below STILL. At a constant
    level nothing happens; over a cycle of levels nothing is lost. Direction after the sifting of fines towards the
    core of a hopper in funnel flow, whose rim comes last; amplitude is an estimate. Bulk volume, water, shear and the
    yield factor stay where they are (a parcel's factor is off by about 1e-8 for it). Wrong for API coarser than the
    excipients (other sign).
    """

    def __init__(self, amplitude: Vector, flow_ref: Vector) -> None:
        self._amplitude, self._flow_ref = amplitude, flow_ref
        self._level = np.zeros_like(amplitude)
        self.gain = np.zeros_like(amplitude)
        self.supply = np.zeros_like(amplitude)
        self.active = self.supplies = False

    def watch(self, level_kg: Vector, seconds: float, extra: Vector | float = 0.0) -> None:
        """Compare levels (k, n) with those of `seconds` ago; extra is added to the amplitude (a fault)."""
        fall = bounded((self._level - level_kg) / (seconds * self._flow_ref), -1.0, 1.0)
        self._level = level_kg
        fall = np.where(np.abs(fall) < STILL, 0.0, fall)
        gain = bounded((self._amplitude + extra) * fall, -SHIFT_MAX, SHIFT_MAX)
        self.supply = (0.5 * seconds) * (self.gain + gain)
        self.gain = gain
        self.active, self.supplies = bool(gain.any()), bool(self.supply.any())

    def trade(self, volume: Vector, leaving: Vector) -> tuple[Vector, Vector]:
        """Return what volumes give to what leaves them this second, and what they take; all (k, n, N_EXTENTS).

        Both have the same mass; API in what leaves changes by the gain unless the volume has too little.
        """
        return _trade(self.gain * leaving[:, :, API], volume, leaving)

    def stock(self, i_volume: int, above: Vector, volume: Vector, leaving: Vector) -> tuple[Vector, Vector]:
        """Return what a volume (n, N_EXTENTS) gets from what lies above it, and what it gives back, same mass.

        Called after each `watch` while `supplies`; it replaces what the volume trades with what leaves, by the
        trapezoidal rule, so that a whole hopper feeds the trade of its outlet.
        """
        wanted = self.supply[i_volume] * leaving[:, API]
        given, taken = _trade(wanted[None], above[None], volume[None])
        return given[0], taken[0]


def _trade(wanted: Vector, volume: Vector, leaving: Vector) -> tuple[Vector, Vector]:
    """Return (given, taken) of volumes, (k, n, N_EXTENTS), that change API in what leaves by `wanted` (k, n) [kg]."""
    api, others = _halves(leaving)
    api_there, others_there = _halves(volume)
    low = -np.minimum(GIVEN_MAX * others_there, 0.5 * api)
    moved = bounded(wanted, low, np.minimum(GIVEN_MAX * api_there, 0.5 * others))
    rich, poor = np.maximum(moved, 0.0), np.maximum(-moved, 0.0)
    given = volume * _columns(rich / np.maximum(api_there, TINY_KG), poor / np.maximum(others_there, TINY_KG))
    taken = leaving * _columns(poor / np.maximum(api, TINY_KG), rich / np.maximum(others, TINY_KG))
    given[:, :, TOTAL] = taken[:, :, TOTAL] = np.abs(moved)
    return given, taken


def _halves(material: Vector) -> tuple[Vector, Vector]:
    """Return (API, other components) [kg] of material (k, n, N_EXTENTS)."""
    return material[:, :, API], material[:, :, API + 1] + material[:, :, API + 2] + material[:, :, API + 3]


def _columns(of_api: Vector, of_others: Vector) -> Vector:
    """Return the share of each column, (k, n, N_EXTENTS), from the shares of API and of the others, (k, n)."""
    result: Vector = of_api[:, :, None] * _API_COLUMNS + of_others[:, :, None] * _OTHER_COLUMNS
    return result
