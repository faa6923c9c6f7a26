"""Is a model in use still the one that was validated? Monitors over lots, and the frozen rule by which it retires.

Everything here rests on records and check samples, never on what a simulator knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]
CONFIDENCE, Z_95 = 0.95, 1.959963984540054
#: Spectra beyond a limit may be so many times as frequent as alpha promised before a lot counts as drifted.
BEYOND_FACTOR = 10.0
#: So many drifted lots running retire a model.
LOTS_RUNNING = 2


@dataclass(frozen=True)
class LotEvidence:
    """What one lot says of its soft sensor, in % of label claim.

    t2, q (n,) of spectra that showed powder, over their limits; check_gaps (m,) prediction minus assay of check samples;
    balance_gap: mean of NIR minus feeders over accepted material (NaN: none); shadow_gaps (k,) challenger minus champion.
    """

    lot: str
    t2: Vector
    q: Vector
    check_gaps: Vector
    balance_gap: float
    shadow_gaps: Vector

    @property
    def beyond(self) -> float:
        """Share of spectra with T2 or Q above its limit, NaN without spectra."""
        return float(np.mean((self.t2 > 1.0) | (self.q > 1.0))) if self.t2.size else math.nan


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval (NaN: too few values) and what was counted."""

    value: float
    low: float
    high: float
    n: int

    @property
    def significant(self) -> bool:
        """True if the interval does not hold zero."""
        return self.low > 0.0 or self.high < 0.0


@dataclass(frozen=True)
class Drift:
    """The monitors over all lots, and why the model is due to retire (empty: it is not)."""

    n_lots: int
    covered: int
    checks: int
    coverage_low: float
    coverage_high: float
    check_bias: Mean
    balance_bias: Mean
    beyond: tuple[float, ...]
    q_median: float
    shadow: Mean
    due: tuple[str, ...]


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share hits / n; (NaN, NaN) for n = 0.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Wrong, too narrow, where trials depend on each other.

    >>> [round(x, 4) for x in wilson(18, 20)]
    [0.699, 0.9721]
    """
    if n == 0:
        return math.nan, math.nan
    share, z2 = hits / n, Z_95 * Z_95
    centre = share + z2 / (2 * n)
    spread = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = (centre - spread) / (1 + z2 / n), (centre + spread) / (1 + z2 / n)
    return low if hits else 0.0, high if hits < n else 1.0


def mean_over_lots(by_lot: Sequence[Vector]) -> Mean:
    """Return the mean of lot means with Student's interval; lots, not values, are counted. One lot has no interval."""
    means = np.array([values.mean() for values in by_lot if values.size])
    n = means.size
    if n == 0:
        return Mean(math.nan, math.nan, math.nan, 0)
    if n == 1:
        return Mean(float(means[0]), math.nan, math.nan, 1)
    half = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * float(means.std(ddof=1)) / math.sqrt(n)
    mean = float(means.mean())
    return Mean(mean, mean - half, mean + half, n)


def judge_drift(lots: Sequence[LotEvidence], half_width_pct: float, level: float, alpha: float, bias_max_pct: float) -> Drift:
    """Return the monitors of lots in the order made.

    half_width_pct: of the model's interval of nominal coverage `level` [% LC]; alpha: share of in-control spectra beyond a
    limit; bias_max_pct: the recipe's limit on the sensor's bias [% LC]. Rule of retirement, any of:
    coverage of check samples below `level` (Wilson's interval lies under it); bias against check samples, or against the
    mass balance, beyond its limit and different from zero over lots; more than ten alpha of spectra beyond T2 or Q (twice:
    each limit has its own alpha) in the last two lots.
    """
    gaps = [lot.check_gaps[np.isfinite(lot.check_gaps)] for lot in lots]
    pooled = np.concatenate([*gaps, np.empty(0)])
    covered = int((np.abs(pooled) <= half_width_pct).sum())
    low, high = wilson(covered, pooled.size)
    balance = mean_over_lots([np.array([x]) for x in (lot.balance_gap for lot in lots) if math.isfinite(x)])
    bias, beyond = mean_over_lots(gaps), tuple(lot.beyond for lot in lots)
    due = []
    if high < level:
        due.append(f"{covered} of {pooled.size} check samples inside the {100 * level:g} % interval")
    for words, found in (("check samples", bias), ("the mass balance", balance)):
        if abs(found.value) > bias_max_pct and found.significant:
            due.append(f"bias {found.value:+.2f} % of label claim against {words}, limit +-{bias_max_pct:g}")
    limit = 2 * BEYOND_FACTOR * alpha
    last = beyond[-LOTS_RUNNING:]
    if len(last) == LOTS_RUNNING and all(share > limit for share in last):
        words = ", ".join(f"{100 * share:.1f}" for share in last)
        due.append(f"{words} % of spectra beyond T2 or Q in the last {LOTS_RUNNING} lots, limit {100 * limit:g} %")
    q = np.concatenate([*(lot.q for lot in lots), np.empty(0)])
    return Drift(
        n_lots=len(lots),
        covered=covered,
        checks=int(pooled.size),
        coverage_low=low,
        coverage_high=high,
        check_bias=bias,
        balance_bias=balance,
        beyond=beyond,
        q_median=float(np.median(q)) if q.size else math.nan,
        shadow=mean_over_lots([lot.shadow_gaps for lot in lots]),
        due=tuple(due),
    )
