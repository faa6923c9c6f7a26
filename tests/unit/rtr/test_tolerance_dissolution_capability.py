"""Tolerance factors, dissolution, friability, charts: published values and both sides of every limit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from line.errors import DataError
from rtr.statistics.capability import individuals_chart, performance
from rtr.statistics.dissolution import (
    DissolutionVerdict,
    friability_sample,
    judge_dissolution,
    judge_friability,
    judge_pooled,
)
from rtr.statistics.tolerance import one_sided_exact, one_sided_natrella, two_one_sided, two_sided_howe


def test_published_tolerance_factors() -> None:
    """NIST/SEMATECH e-Handbook 7.2.6.3: n 43, p 0.90, confidence 0.99."""
    assert two_sided_howe(43, 0.90, 0.99) == pytest.approx(2.2173159, abs=5e-8)
    assert one_sided_natrella(43, 0.90, 0.99) == pytest.approx(1.8751896, abs=5e-8)


def test_k_of_905_is_a_howe_factor() -> None:
    assert two_sided_howe(10, 0.91, 0.84) == pytest.approx(2.4, abs=0.002)
    assert two_sided_howe(30, 0.91, 0.84) == pytest.approx(2.0, abs=0.002)


def test_exact_factor_covers() -> None:
    """mean + k1 s is above the 90 % quantile in 95 % of 40,000 samples of 15."""
    rng = np.random.Generator(np.random.PCG64(5))
    x = rng.standard_normal((40_000, 15))
    above = x.mean(axis=1) + one_sided_exact(15, 0.90, 0.95) * x.std(axis=1, ddof=1) >= 1.2815515655
    assert float(above.mean()) == pytest.approx(0.95, abs=0.004)


def test_two_one_sided() -> None:
    assert two_one_sided(100.0, 3.0, 30, 0.95, 0.95, (85.0, 115.0))
    assert not two_one_sided(91.0, 3.0, 30, 0.95, 0.95, (85.0, 115.0))
    assert not two_one_sided(109.0, 3.0, 30, 0.95, 0.95, (85.0, 115.0))
    assert two_one_sided(100.0, 0.0, 30, 0.95, 0.95, (100.0, 100.5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: two_sided_howe(1, 0.9, 0.9),
        lambda: two_sided_howe(10, 1.0, 0.9),
        lambda: one_sided_exact(10, 0.9, 0.0),
        lambda: one_sided_natrella(2, 0.9, 0.99),
        lambda: two_one_sided(float("nan"), 1.0, 10, 0.9, 0.9, (85.0, 115.0)),
        lambda: two_one_sided(100.0, -1.0, 10, 0.9, 0.9, (85.0, 115.0)),
        lambda: two_one_sided(100.0, 1.0, 10, 0.9, 0.9, (115.0, 85.0)),
        lambda: judge_dissolution(80, [90] * 5),
        lambda: judge_dissolution(80, [90, 90, 90, 90, 90, float("nan")]),
        lambda: judge_dissolution(80, [70] * 6, [-1] * 6),
        lambda: judge_dissolution(120, [90] * 6),
        lambda: judge_dissolution(80, [70] * 6, None, [90] * 12),
        lambda: judge_pooled(80, []),
        lambda: judge_pooled(80, [90, 80, 80, 80]),
        lambda: judge_pooled(80, [float("nan")]),
        lambda: friability_sample(0.0),
        lambda: judge_friability([0.5, 0.6], False),
        lambda: judge_friability([-0.1], False),
        lambda: individuals_chart([1.0]),
        lambda: individuals_chart([1.0, float("inf")]),
        lambda: performance([1.0, 2.0], 3.0, 3.0),
    ],
)
def test_bad_input_is_refused(call: object) -> None:
    with pytest.raises(DataError):
        call()  # type: ignore[operator]


V = DissolutionVerdict
LOW_6 = [84.0, 70.0, 78.0, 79.0, 80.0, 81.0]


@pytest.mark.parametrize(
    ("s1", "s2", "s3", "verdict"),
    [
        ([85.0] * 6, None, None, V.PASS_S1),
        ([85.0] * 5 + [84.999], None, None, V.CONTINUE_S2),
        ([85.0] * 5 + [65.0], [85.0] * 6, None, V.PASS_S2),
        ([85.0] * 5 + [64.9], [85.0] * 6, None, V.CONTINUE_S3),
        ([80.0] * 6, [80.0] * 6, None, V.PASS_S2),
        ([80.0] * 6, [79.9] * 6, None, V.CONTINUE_S3),
        (LOW_6, [80.0, 82, 79, 65, 75, 78], [88.0, 86, 85, 84, 90, 87, 86, 85, 84, 83, 82, 88], V.PASS_S3),
        ([85.0] * 4 + [64.0] * 2, [85.0] * 6, [85.0] * 12, V.PASS_S3),
        ([85.0] * 4 + [64.0] * 2, [64.0] + [85.0] * 5, [95.0] * 12, V.FAIL),
        ([85.0] * 5 + [55.0], [85.0] * 6, [85.0] * 12, V.PASS_S3),
        ([85.0] * 5 + [54.9], [85.0] * 6, [85.0] * 12, V.FAIL),
        ([80.0] * 6, [79.0] * 6, [80.0] * 12, V.FAIL),
    ],
)
def test_acceptance_table_1(s1: list[float], s2: list[float] | None, s3: list[float] | None, verdict: V) -> None:
    """USP <711> Acceptance Table 1 at Q = 80: each line from both sides."""
    assert judge_dissolution(80.0, s1, s2, s3) is verdict


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ([90.0], V.PASS_S1), ([89.9], V.CONTINUE_S2), ([89.9, 85.0], V.PASS_S2), ([89.9, 84.9], V.CONTINUE_S3),
        ([89.9, 84.9, 80.0], V.PASS_S3), ([89.9, 84.9, 79.9], V.FAIL),
    ],
)  # fmt: skip
def test_pooled_samples(means: list[float], verdict: V) -> None:
    assert judge_pooled(80.0, means) is verdict


def test_friability() -> None:
    """USP <1216>: 6.5 g of whole tablets up to 650 mg, else 10; 1.0 %."""
    assert (friability_sample(650.0), friability_sample(650.1), friability_sample(9000.0)) == (10, 10, 10)
    assert friability_sample(225.0) == 29
    assert judge_friability([1.0], False) == "PASS"
    assert judge_friability([1.01], False) == "REPEAT"
    assert judge_friability([1.2, 0.9, 0.9], False) == "PASS"
    assert judge_friability([1.2, 1.0, 0.9], False) == "FAIL"
    assert judge_friability([0.1], True) == "FAIL"


def test_chart_and_performance() -> None:
    """Ten values by hand: moving ranges all 2, limits mean -+ 3 x 2 / 1.128."""
    values = [99.0, 101.0] * 5
    chart = individuals_chart(values)
    assert chart.centre == 100.0
    assert chart.high == pytest.approx(100 + 3 * 2 / 1.128)
    assert chart.range_high == pytest.approx(3.267 * 2)
    assert chart.outside == ()
    assert individuals_chart([*values, 130.0]).outside == (10,)
    result = performance(values, 95.0, 106.0)
    assert result.ppk == pytest.approx(5.0 / (3 * result.s))
    assert result.outside == 0
    assert performance([5.0, 5.0], 0.0, 10.0).ppk == math.inf
    assert performance([11.0, 11.0], 0.0, 10.0).ppk == -math.inf
