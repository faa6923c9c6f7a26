"""Attributes of the lot: each passes, fails, or is missing. Missing is not failing, and it is not passing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

SLOPE_BLOCK_S = 300
SLOPE_BLOCKS_MIN = 4
SLOPE_SIGNIFICANCE = 2.0
HORIZON_H = 1.0


class AttributeState(StrEnum):
    """Outcome of one attribute."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Attribute:
    """One attribute of the specification with its value, limits, state and the basis it rests on."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    state: AttributeState
    basis: str

    @property
    def words(self) -> str:
        """Return the attribute as a person reads it."""
        value = "no value" if self.value != self.value else f"{self.value:.2f} {self.unit}"
        return f"{self.name} {value}, limits {self.low:g}..{self.high:g} ({self.basis})"


def within(name: str, unit: str, value: float, low: float, high: float, basis: str) -> Attribute:
    """Return an attribute judged by a closed range; NaN is MISSING."""
    if not math.isfinite(value):
        state = AttributeState.MISSING
    else:
        state = AttributeState.PASS if low <= value <= high else AttributeState.FAIL
    return Attribute(name, unit, value, low, high, state, basis)


@dataclass(frozen=True)
class Trend:
    """Named statistic of R2: least-squares slope of 5 min means of potency over the lot.

    `trending`: |slope| above the recipe's limit, above twice its standard error, and the line leaves the assay limits
    within an hour after the lot's end.
    """

    slope_pct_per_h: float
    standard_error_pct_per_h: float
    n_blocks: int
    trending: bool


def assay_trend(
    steps: Sequence[int], potency_pct_lc: Sequence[float], limit_pct_per_h: float, low: float, high: float
) -> Trend:
    """Return the trend of potency [% LC] over seconds `steps` of accepted parcels; low..high the limits of the assay.

    Blocks of 300 s; fewer than 4 blocks give no trend (NaN, not trending). Ordinary least squares on block means.
    """
    time, value = np.asarray(steps, dtype=float), np.asarray(potency_pct_lc, dtype=float)
    known = np.isfinite(value)
    time, value = time[known], value[known]
    block = (time // SLOPE_BLOCK_S).astype(int)
    names = np.unique(block)
    if len(names) < SLOPE_BLOCKS_MIN:
        return Trend(math.nan, math.nan, len(names), False)
    hours = np.array([time[block == b].mean() for b in names]) / 3600.0
    means = np.array([value[block == b].mean() for b in names])
    centred = hours - hours.mean()
    slope = float(centred @ means / (centred @ centred))
    fitted = means.mean() + slope * centred
    spread = float(((means - fitted) ** 2).sum() / (len(names) - 2) / (centred @ centred)) ** 0.5
    leaves = not low <= fitted[-1] + slope * HORIZON_H <= high
    trending = abs(slope) > max(limit_pct_per_h, SLOPE_SIGNIFICANCE * spread) and bool(leaves)
    return Trend(slope, spread, len(names), trending)
