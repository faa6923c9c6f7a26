"""A derivative-free search within bounds that is the same for whatever is tuned, and the same numbers every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: Chooses among the scrambled Sobol' sequences; one for all controllers.
SCRAMBLE = 6
#: Width of the first box around the best, as a share of the range, and what it shrinks by with each point.
BOX, SHRINK = 0.5, 0.85
#: Significant digits of a proposed setting: what one would write into a file.
DIGITS = 3


@dataclass(frozen=True)
class Tried:
    """Settings by name and what they cost (lower is better)."""

    values: Mapping[str, float]
    cost: float


class Search:
    """Proposes settings one after the other; equal costs in give equal settings out.

    Points of one scrambled Sobol' sequence (Sobol' 1967; Owen 1995): first anywhere in the ranges, logarithmically; then
    in a box around the best of all tried, cut at the ranges, which shrinks with each point. No slopes, no surrogate: few
    evaluations, noise-free costs and settings that matter unequally. Wrong as a claim of optimality: it stops when told.
    """

    def __init__(self, ranges: Mapping[str, tuple[float, float]], n_wide: int, n_evaluations: int) -> None:
        """ranges: lowest and highest value by name, > 0; n_wide: evaluations before the box, the first of all included."""
        from scipy.stats.qmc import Sobol

        self._names = tuple(ranges)
        self._low, self._high = (np.log([ranges[name][side] for name in self._names]) for side in (0, 1))
        self._n_wide = n_wide
        bits = max(int(np.ceil(np.log2(max(n_evaluations, 2)))), 1)
        self._points: Vector = Sobol(len(self._names), scramble=True, rng=SCRAMBLE).random_base2(bits)

    def propose(self, tried: Sequence[Tried]) -> dict[str, float]:
        """Return the settings to try next, in their ranges; `tried` (at least one) in the order in which they were."""
        n = len(tried)
        point = self._points[n - 1]
        if n >= self._n_wide:
            best = min(tried, key=lambda item: item.cost)
            width = BOX * SHRINK ** (n - self._n_wide)
            point = np.clip(self._unit(best.values) + width * (point - 0.5), 0.0, 1.0)
        logs = self._low + point * (self._high - self._low)
        return {name: _rounded(float(np.exp(value))) for name, value in zip(self._names, logs, strict=True)}

    def _unit(self, values: Mapping[str, float]) -> Vector:
        """Return settings as a point of the unit cube; what is in force may lie outside the ranges."""
        logs = np.log([max(values[name], 1e-12) for name in self._names])
        unit: Vector = np.clip((logs - self._low) / (self._high - self._low), 0.0, 1.0)
        return unit


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
