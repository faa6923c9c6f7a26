"""The faults of public USP <905> calculators, each by the name of where it stands: what they say, and what is right.

Each test repeats the faulty rule on purpose, shows that it changes the verdict or the value, and that ours does not.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtr.statistics.uniformity import UniformityVerdict, judge, reference_value, stage
from rtr.statistics.weight_variation import estimated_contents

#: AV(30) = 15.15 with every unit inside 75..125 %: fails by L1 only.
WIDE_10, NEAR_20 = [122.725, 77.275, 117.675, 82.325] + [100.0] * 6, [101.7675, 98.2325, 100.2525, 99.7475] + [100.0] * 16
FLAT_20 = [100.0] * 20


def spread(units: list[float]) -> float:
    return float(np.std(units, ddof=1))


def test_theneoplanets_takes_l2_as_the_limit_of_stage_2() -> None:
    """theneoplanets.com, content uniformity and weight variation: "AV <= 25.0 for L2"; L2 only sets the range of units."""
    faulty_passes = 2.0 * spread(WIDE_10 + NEAR_20) <= 25.0
    result = judge(WIDE_10, NEAR_20)
    assert faulty_passes
    assert (result.verdict, result.fail_reasons) == (UniformityVerdict.FAIL, ("AV>L1",))


def test_theneoplanets_passes_the_published_example_that_fails() -> None:
    """USP FAQ, Q2: mean 105.9 with AV 16.4 at stage 1, and still above 15.0 at 30 units, does not comply."""
    ten = [105.9 + 5.0 * math.sqrt(9 / 10) * sign for sign in (1, -1) * 5]
    result = judge(ten, [105.9 + 6.4 * sign for sign in (1, -1) * 10])
    assert result.stage_1.acceptance_value == pytest.approx(16.4)
    assert 15.0 < result.decisive.acceptance_value <= 25.0
    assert (result.verdict, result.decisive.n_outside) == (UniformityVerdict.FAIL, 0)


def test_allinterview_30_units_below_25() -> None:
    """allinterview.com: "30 units AV <= 25"."""
    assert judge(WIDE_10, NEAR_20).decisive.acceptance_value == pytest.approx(15.15)
    assert judge(WIDE_10, NEAR_20).verdict is UniformityVerdict.FAIL


def test_contentu_calc_l2av_keeps_k_2_4_at_stage_2() -> None:
    """bobsaw/contentU `calcL2AV`: k = 2.4 at n = 30. s = 7.047: 2.0 s passes, 2.4 s = 16.9 would not."""
    ten = [88.0] * 5 + [112.0] * 5
    assert 2.4 * spread(ten + FLAT_20) > 15.0
    result = judge(ten, FLAT_20)
    assert result.decisive.k == 2.0
    assert result.verdict is UniformityVerdict.PASS_S2


def test_contentu_calc_l2av_takes_a_quarter_percent_for_25_percent() -> None:
    """bobsaw/contentU `calcL2AV`: the range test is x < 100 - 0.25. Here 10 of 30 units would be outside."""
    ten = [88.0] * 5 + [112.0] * 5
    assert sum(not 99.75 <= x <= 100.25 for x in ten + FLAT_20) == 10
    assert judge(ten, FLAT_20).decisive.n_outside == 0


def test_contentu_calc_l2av_counts_units_outside_by_sum_equal_zero() -> None:
    """bobsaw/contentU `calcL2AV`: `sum(x == 0)` looks for contents of zero. One unit of 74 % fails, though AV passes."""
    ten = [74.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 126.5]
    result = judge(ten, FLAT_20)
    assert sum(x == 0 for x in ten) == 0
    assert result.decisive.acceptance_value <= 15.0
    assert (result.verdict, result.fail_reasons) == (UniformityVerdict.FAIL, ("unit_outside_L2_range",))
    assert result.decisive.n_outside == 2


@pytest.mark.parametrize(("mean", "m_ref"), [(103.0, 103.0), (106.5, 105.0), (97.5, 98.5)])
def test_contentu_calc_l1av_never_reaches_a_target_above_101_5(mean: float, m_ref: float) -> None:
    """bobsaw/contentU `calcL1AV`: the branch T > 101.5 lies inside `if (T <= 101.5)`, so M stays undefined."""
    assert reference_value(mean, 105.0) == m_ref
    ten = [mean + d for d in (2, -2, 1, -1, 3, -3, 0.5, -0.5, 0, 0)]
    assert stage(ten, 105.0).acceptance_value == pytest.approx(abs(m_ref - mean) + 2.4 * spread(ten))


def test_strro_fixes_m_at_100() -> None:
    """strro.co.in: M = 100. At mean 97 the penalty is 98.5 - 97, not 3."""
    ten = [99.0, 95.0, 98.0, 96.0, 100.0, 94.0, 97.5, 96.5, 97.0, 97.0]
    found = stage(ten)
    assert found.m_ref == 98.5
    assert found.acceptance_value == pytest.approx(1.5 + 2.4 * spread(ten))
    assert found.acceptance_value < abs(100.0 - 97.0) + 2.4 * spread(ten)


def test_strro_calls_the_old_weight_rule_905() -> None:
    """strro.co.in: every weight within 7.5 % of the mean passes. AV of these weights is above 15 and fails stage 1."""
    weights = [200.0 * (1 + 0.07 * sign) for sign in (1, -1) * 5]
    assert all(abs(w / 200.0 - 1) <= 0.075 for w in weights)
    assert judge(estimated_contents(weights, 100.0)).verdict is UniformityVerdict.CONTINUE_S2
