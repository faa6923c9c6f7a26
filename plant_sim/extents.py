"""What a mass of powder carries: columns of every material array. All are additive, so mixing and splitting are exact.

A material array has a last axis of N_EXTENTS: total mass, mass of the four components, mass of active API, bulk volume,
shear (revolutions x mass), tracer, water, yield-pressure factor x mass, and the mass from each raw-material lot: LOT_SLOTS
slots a feeder, which lots take in turn. A later property of material is one more column.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
#: Anything the frame takes: numbers of any kind.
Numbers = NDArray[Any]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

TOTAL: Final = 0  # kg
API: Final = 1  # kg of the API component
PREMIX: Final = 2  # kg
LACTOSE: Final = 3  # kg
LUBRICANT: Final = 4  # kg
ACTIVE: Final = 5  # kg of active API (component times purity)
VOLUME: Final = 6  # m3 at loose bulk density
SHEAR: Final = 7  # kg rev
TRACER: Final = 8  # weightless marker
WATER: Final = 9  # kg of water, part of the components' mass
YIELD: Final = 10  # kg, mass times factor on yield pressure
LOTS_FROM: Final = 11  # first of N_FEEDERS x LOT_SLOTS columns: kg from the lot in that slot
LOT_SLOTS: Final = 4
N_EXTENTS: Final = LOTS_FROM + 4 * LOT_SLOTS
COMPONENTS: Final = slice(API, LUBRICANT + 1)
N_FEEDERS: Final = 4

#: Smallest mass that may divide [kg].
TINY_KG: Final = 1e-15
#: Numbers that meet small arrays many times a second, as arrays: a Python number costs more than the operation.
ZERO: Final[Vector] = np.array(0.0)
ONE: Final[Vector] = np.array(1.0)
HALF: Final[Vector] = np.array(0.5)
TINY: Final[Vector] = np.array(TINY_KG)
for _number in (ZERO, ONE, HALF, TINY):
    _number.flags.writeable = False


def bounded(x: Vector, low: Vector | float, high: Vector | float) -> Vector:
    """Return x held in low..high. The same as numpy's clip in half its time; a NaN stays a NaN."""
    held: Vector = np.minimum(np.maximum(x, low), high)
    return held
