"""Content uniformity of large samples: Ph. Eur. 2.9.47 alternative 1, Large-N and Modified Large-N counting tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from line.errors import DataError
from rtr.statistics.uniformity import L1, L2, LIMIT_TOLERANCE, mean_and_s, reference_value, round_half_up, unit_range

N_MIN = 100
#: A sample that meets c2 leaves a 75 % chance that 30 units show no largely deviating one (Holte & Horvat).
LARGE_DEVIATION_P = 1 - 0.75 ** (1 / 30)
#: Anchor and upper chi-square quantile of the reconstructed k; chosen because they give back the three published rows.
K_ANCHOR, K_QUANTILE = 2.33161, 0.90
#: Share outside 85..115 % at 50 % acceptance of the harmonised test (Sandell et al. 2006).
LARGE_N_P, LARGE_N_MIN, LARGE_N_MAX = 0.048, 100, 10_000
MODIFIED_SHARE = 0.03


@dataclass(frozen=True)
class Row:
    """One row of table 2.9.47.-1: from how many units on, k and c2."""

    n: int
    k: float
    c2: int


@dataclass(frozen=True)
class Table:
    """Rows in rising n, and where they are from. `official` is False for the reconstruction: simulation only."""

    rows: tuple[Row, ...]
    source: str
    official: bool

    def row(self, n: int) -> Row:
        """Return the row with the largest n not above `n`. No rounding of sample sizes.

        Clause: 2.9.47 Table 2.9.47.-1. Errors: DataError for n below the first row (100 in the official table).
        """
        known = [row for row in self.rows if row.n <= n]
        if not known:
            raise _n_not_defined(n, self.rows[0].n if self.rows else N_MIN)
        return known[-1]


def table_from(rows: Sequence[tuple[int, float, int]], source: str) -> Table:
    """Return an official table from rows (n, k, c2) that a person has transcribed from the licensed text and signed.

    Errors: DataError naming every row that is out of order, not finite, or whose k or c2 falls.
    """
    faults = []
    for i, (n, k, c2) in enumerate(rows):
        if n < N_MIN or not 1.5 <= k <= 3.0 or c2 < 0:
            faults.append(f"row {i + 1}: n {n}, k {k}, c2 {c2}")
        elif i and (n <= rows[i - 1][0] or k < rows[i - 1][1] or c2 < rows[i - 1][2]):
            faults.append(f"row {i + 1} is not above row {i}")
    if faults or not rows:
        raise DataError(
            "table cannot be used",
            where="Ph. Eur. 2.9.47 table",
            how_much="; ".join(faults) or "no rows",
            what_now="Transcribe n, k, c2 in rising order.",
        )
    return Table(tuple(Row(int(n), float(k), int(c2)) for n, k, c2 in rows), source, official=True)


def largest_count(n: int, p: float) -> int:
    """Return max{c : P(Bin(n, p) <= c) <= 0.5}, the binomial median rule; 0 if there is none."""
    c = math.floor(n * p) + 1  # the median of a binomial lies within one of its mean
    while c > 0 and float(special.bdtr(c, n, p)) > 0.5:
        c -= 1
    return c


def reconstructed_k(n: int) -> float:
    """Return k = 2.33161 sqrt((n - 1)(1 + 1/n) / chi2_{0.90}(n - 1)), rounded half up to 0.01.

    A Howe factor with the chi-square at the upper quantile, so that k rises with n. NOT the official table: a
    reconstruction that gives back the three published rows (385, 407, 490). Errors: DataError for n < 100.
    """
    if n < N_MIN:
        raise _n_not_defined(n, N_MIN)
    return round_half_up(K_ANCHOR * math.sqrt((n - 1) * (1 + 1 / n) / float(special.chdtri(n - 1, 1 - K_QUANTILE))), 2)


def reconstructed_row(n: int) -> Row:
    """Return k and c2 for exactly n units by the reconstruction. For simulation only. Errors: DataError for n < 100."""
    return Row(n, reconstructed_k(n), largest_count(n, LARGE_DEVIATION_P))


def reconstructed_table(n_to: int = 1100) -> Table:
    """Return the reconstruction as a table: a row wherever k or c2 changes, from 100 to `n_to`."""
    rows: list[Row] = []
    for n in range(N_MIN, n_to + 1):
        row = reconstructed_row(n)
        if not rows or (row.k, row.c2) != (rows[-1].k, rows[-1].c2):
            rows.append(row)
    return Table(tuple(rows), "reconstruction from published rows and rules; for simulation only", official=False)


@dataclass(frozen=True)
class LargeSampleResult:
    """Terms of alternative 1, contents in % LC. `ok`: AV <= L1 and n_outside <= c2. AV is not rounded."""

    n: int
    k: float
    c2: int
    mean: float
    s: float
    m_ref: float
    acceptance_value: float
    n_outside: int
    ok: bool


def alternative_1(
    contents: Sequence[float],
    row: Row,
    target: float = 100.0,
    *,
    residual_variance: float = 0.0,
    shared_bias: float = 0.0,
) -> LargeSampleResult:
    """Return Ph. Eur. 2.9.47 alternative 1 for n >= 100 contents [% LC] with the table's row for n.

    AV = |M - mean| + k s <= L1 = 15.0 and the number of units outside (1 -+ 0.25) M at most c2; M as in 2.9.40.
    residual_variance [(% LC)^2] and shared_bias [% LC] as in `uniformity.stage`, zero for measured contents.
    Clause: 2.9.47 Alternative 1. Rounding: none. Errors: DataError for n < 100, contents not finite or negative.
    """
    values = [float(x) for x in contents]
    n = len(values)
    if n < N_MIN:
        raise _n_not_defined(n, N_MIN)
    if not all(math.isfinite(x) and x >= 0 for x in values) or not (residual_variance >= 0 and shared_bias >= 0):
        raise DataError("contents must be finite and not negative", where="Ph. Eur. 2.9.47")
    mean, s = mean_and_s(values)
    s = math.sqrt(s * s + residual_variance)
    candidates = (mean - shared_bias, mean, mean + shared_bias)
    mean = max(candidates, key=lambda m: abs(reference_value(m, target) - m))
    m_ref = reference_value(mean, target)
    value = abs(m_ref - mean) + row.k * s
    low, high = unit_range(m_ref, L2)
    outside = sum(x - shared_bias < low - LIMIT_TOLERANCE or x + shared_bias > high + LIMIT_TOLERANCE for x in values)
    ok = value <= L1 + LIMIT_TOLERANCE and outside <= row.c2
    return LargeSampleResult(n, row.k, row.c2, mean, s, m_ref, value, outside, ok)


def large_n_limit(n: int, p: float = LARGE_N_P) -> int:
    """Return the largest number of units outside 85..115 % LC that n units may have (Large-N).

    c = max{t : P(Bin(n, p) <= t) <= 0.5}, p = 0.048; n in 100..10,000. Errors: DataError for other n.
    Source: Sandell et al., Drug Inf. J. 40 (2006) 337.

    >>> large_n_limit(500)
    23
    """
    if not LARGE_N_MIN <= n <= LARGE_N_MAX or not 0 < p < 1:
        raise _n_not_defined(n, LARGE_N_MIN)
    return largest_count(n, p)


def modified_large_n_limit(n: int) -> int:
    """Return floor(0.03 n), the limit of the Modified Large-N test; n >= 100.

    Source: Bergum & Vukovinsky 2010.

    >>> modified_large_n_limit(250)
    7
    """
    if n < LARGE_N_MIN:
        raise _n_not_defined(n, LARGE_N_MIN)
    return math.floor(round(MODIFIED_SHARE * n, 9))


def count_outside(contents: Sequence[float], low: float = 85.0, high: float = 115.0) -> int:
    """Return how many contents [% LC] leave low..high; equality is inside."""
    return sum(not low - LIMIT_TOLERANCE <= float(x) <= high + LIMIT_TOLERANCE for x in contents)


def _n_not_defined(n: int, least: int) -> DataError:
    return DataError(
        "number of units is not defined by the test",
        where="large-sample uniformity",
        how_much=f"n = {n}",
        what_now=f"Use at least {least} units.",
    )
