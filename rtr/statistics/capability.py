"""Descriptive summaries for the reviewer: control-chart limits and capability. Descriptive: they decide nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from line.errors import DataError

#: c4-free constants of the individuals chart: moving range of two, d2 = 1.128, D4 = 3.267.
D2, D4 = 1.128, 3.267


@dataclass(frozen=True)
class IndividualsChart:
    """Individuals and moving-range chart: centre, limits, indices of points outside."""

    centre: float
    low: float
    high: float
    range_high: float
    outside: tuple[int, ...]


def individuals_chart(values: Sequence[float]) -> IndividualsChart:
    """Return the chart of values in order (n >= 2), limits centre -+ 3 MR / 1.128.

    Wrong (limits too tight) for autocorrelated values: give means of slices further apart than the line's memory.
    Source: Montgomery, Introduction to Statistical Quality Control; ISO 7870-2.
    """
    x = _finite(values, 2)
    moving = [abs(b - a) for a, b in itertools.pairwise(x)]
    centre, mean_range = math.fsum(x) / len(x), math.fsum(moving) / len(moving)
    half = 3.0 * mean_range / D2
    outside = tuple(i for i, value in enumerate(x) if abs(value - centre) > half + 1e-12)
    return IndividualsChart(centre, centre - half, centre + half, D4 * mean_range, outside)


@dataclass(frozen=True)
class Capability:
    """Process performance of n values against two limits."""

    n: int
    mean: float
    s: float
    ppk: float
    outside: int


def performance(values: Sequence[float], low: float, high: float) -> Capability:
    """Return Ppk = min(high - mean, mean - low) / (3 s); infinite for s = 0 inside the limits.

    Wrong for values that are not normal or not from one stable process. Errors: DataError for n < 2, limits reversed.
    """
    x = _finite(values, 2)
    if not low < high:
        raise DataError("limits are the wrong way round", where="capability", how_much=f"{low} .. {high}")
    mean = math.fsum(x) / len(x)
    s = math.sqrt(math.fsum((v - mean) ** 2 for v in x) / (len(x) - 1))
    nearest = min(high - mean, mean - low)
    ppk = nearest / (3 * s) if s > 0 else math.copysign(math.inf, nearest)
    return Capability(len(x), mean, s, ppk, sum(not low <= v <= high for v in x))


def _finite(values: Sequence[float], least: int) -> list[float]:
    x = [float(v) for v in values]
    if len(x) < least or not all(math.isfinite(v) for v in x):
        raise DataError("too few or not finite values", where="capability", how_much=f"{len(x)} values")
    return x
