"""Large samples: published rows and limits, and that each part of the verdict can fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from line.errors import DataError
from rtr.statistics.large_samples import (
    LARGE_DEVIATION_P,
    Row,
    alternative_1,
    count_outside,
    large_n_limit,
    largest_count,
    modified_large_n_limit,
    reconstructed_k,
    reconstructed_table,
    table_from,
)

TABLE = reconstructed_table()


@pytest.mark.parametrize(("n", "k", "c2"), [(385, 2.23, 3), (406, 2.23, 3), (407, 2.24, 3), (489, 2.24, 3), (490, 2.24, 4)])
def test_published_rows(n: int, k: float, c2: int) -> None:
    """Rows 385, 407, 490 of Ph. Eur. 2.9.47 as published."""
    row = TABLE.row(n)
    assert (row.k, row.c2) == (k, c2)
    assert not TABLE.official


@pytest.mark.parametrize(
    ("n", "c2"), [(175, 0), (176, 1), (280, 2), (384, 2), (594, 5), (699, 6), (804, 7), (909, 8), (1013, 9)]
)
def test_break_points_of_c2(n: int, c2: int) -> None:
    assert TABLE.row(n).c2 == c2
    assert float(stats.binom.cdf(c2, n, LARGE_DEVIATION_P)) <= 0.5 or c2 == 0


def test_k_rises_with_n_and_is_looked_up_downwards() -> None:
    assert [reconstructed_k(n) for n in (100, 105, 120, 139, 161, 189, 224, 270, 328, 515, 670, 902)] == [
        2.15, 2.16, 2.17, 2.18, 2.19, 2.20, 2.21, 2.22, 2.23, 2.25, 2.26, 2.27,
    ]  # fmt: skip
    assert TABLE.row(10_000) == TABLE.rows[-1]


def test_published_counting_limits() -> None:
    """Large-N 500 -> 23, Modified 250 -> 7 (both published)."""
    assert large_n_limit(500) == 23
    assert modified_large_n_limit(250) == 7
    assert modified_large_n_limit(100) == 3
    assert largest_count(5, 0.001) == 0
    assert count_outside([84.999, 85.0, 100.0, 115.0, 115.001]) == 2


def test_verdict_by_spread_by_mean_and_by_single_units() -> None:
    good = [100 + 4 * float(stats.norm.ppf((i - 0.5) / 400)) for i in range(1, 401)]
    row = TABLE.row(400)
    assert alternative_1(good, row).ok
    assert not alternative_1([x - 9 for x in good], row).ok
    assert not alternative_1([100 + 2 * (x - 100) for x in good], row).ok
    far = [70.0, 71.0, 72.0, 73.0, *good[4:]]
    result = alternative_1(far, row)
    assert (result.n_outside, result.ok) == (4, False)
    assert alternative_1(far, Row(400, row.k, 4)).ok


def test_residual_variance_and_bias_only_make_it_harder() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    contents = [float(x) for x in rng.normal(99.0, 3.0, 150)]
    row = TABLE.row(150)
    plain = alternative_1(contents, row)
    harder = alternative_1(contents, row, residual_variance=4.0, shared_bias=2.0)
    assert harder.acceptance_value > plain.acceptance_value
    assert harder.s == pytest.approx(math.sqrt(plain.s**2 + 4.0))
    assert harder.mean == pytest.approx(plain.mean - 2.0)


def test_official_table_is_checked_row_by_row() -> None:
    table = table_from([(100, 2.15, 0), (385, 2.23, 3)], "licensed text, transcribed and signed")
    assert table.official
    assert table.row(384).c2 == 0
    with pytest.raises(DataError, match=r"row 2 is not above row 1.*"):
        table_from([(385, 2.23, 3), (100, 2.15, 0)], "x")
    with pytest.raises(DataError, match="row 1"):
        table_from([(30, 2.0, 0)], "x")
    with pytest.raises(DataError, match="no rows"):
        table_from([], "x")


@pytest.mark.parametrize(
    "call",
    [
        lambda: TABLE.row(99),
        lambda: reconstructed_k(99),
        lambda: large_n_limit(99),
        lambda: large_n_limit(10_001),
        lambda: large_n_limit(200, 1.0),
        lambda: modified_large_n_limit(99),
        lambda: alternative_1([100.0] * 99, Row(99, 2.1, 0)),
        lambda: alternative_1([100.0] * 99 + [float("nan")], Row(100, 2.15, 0)),
        lambda: alternative_1([100.0] * 99 + [-1.0], Row(100, 2.15, 0)),
        lambda: alternative_1([100.0] * 100, Row(100, 2.15, 0), residual_variance=-1.0),
    ],
)
def test_other_numbers_of_units_are_errors(call: object) -> None:
    with pytest.raises(DataError):
        call()  # type: ignore[operator]
