"""Every limit of the statistics from both sides: what is just allowed is computed, what is just not is refused or fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from line.errors import DataError
from rtr.statistics.batch_inference import (
    acceptance_limit_plan_1,
    lower_bound_plan_1,
    lower_bound_plan_2,
    pass_bound,
    probability_av_passes,
    sigma_upper,
)
from rtr.statistics.capability import individuals_chart, performance
from rtr.statistics.dissolution import friability_sample, judge_dissolution, judge_friability, judge_pooled
from rtr.statistics.large_samples import (
    Row,
    Table,
    alternative_1,
    count_outside,
    large_n_limit,
    largest_count,
    modified_large_n_limit,
    reconstructed_k,
    reconstructed_table,
    table_from,
)
from rtr.statistics.tolerance import one_sided_exact, one_sided_natrella, two_one_sided, two_sided_howe
from rtr.statistics.uniformity import acceptance_value, conforms, judge, reference_value, round_half_up, stage
from rtr.statistics.weight_variation import estimated_contents, route

ALLOWED: dict[str, Callable[[], Any]] = {
    "two weights": lambda: estimated_contents([0.5, 0.7], 0.5),
    "dose of half a milligram": lambda: route("none", 0.5, 0.5),
    "concentration RSD of 2 %": lambda: route("none", 10, 100, 2.0) == "WV(W4 exception)" or 1 / 0,
    "two values in a chart": lambda: individuals_chart([1.0, 2.0]),
    "two values for performance": lambda: performance([1.0, 2.0], 0.0, 3.0),
    "two units for a factor": lambda: two_sided_howe(2, 0.5, 0.5),
    "Q of half a percent": lambda: judge_dissolution(0.5, [0.0] * 6),
    "Q of 100": lambda: judge_dissolution(100.0, [90.0] * 6),
    "nothing dissolved, pooled": lambda: judge_pooled(80.0, [0.0]),
    "three pooled means": lambda: judge_pooled(80.0, [0.0, 0.0, 0.0]),
    "a loss of nothing and of all": lambda: (judge_friability([0.0], False), judge_friability([100.0], False)),
    "a light tablet": lambda: friability_sample(0.5),
    "100 empty contents": lambda: alternative_1([0.0] * 100, Row(100, 2.15, 0)),
    "large n at its ends": lambda: (large_n_limit(100), large_n_limit(10_000), modified_large_n_limit(100)),
    "reconstruction from 100 on": lambda: (reconstructed_k(100), reconstructed_table(100).row(100)),
    "a table of one row at its least": lambda: table_from([(100, 1.5, 0)], "x"),
    "a table of k up to 3.0 that stands still": lambda: table_from([(100, 3.0, 2), (101, 3.0, 2)], "x"),
    "targets at the ends": lambda: (reference_value(100.0, 85.0), reference_value(100.0, 115.0)),
    "target 115 in E2810": lambda: probability_av_passes(100.0, 3.0, 10, 115.0),
    "target 85 in E2810": lambda: probability_av_passes(100.0, 3.0, 10, 85.0),
    "three units in E2810": lambda: (sigma_upper(1.0, 3, 0.9), lower_bound_plan_1(100.0, 0.0, 3)),
    "two places of two units": lambda: lower_bound_plan_2(100.0, 0.0, 0.0, 2, 2),
    "AV of no spread": lambda: acceptance_value(100.0, 0.0, 10),
    "a content of nothing": lambda: stage([0.0] * 10),
}
REFUSED: dict[str, Callable[[], Any]] = {
    "a weight of nothing": lambda: estimated_contents([0.0, 1.0], 100.0),
    "an assay of nothing": lambda: estimated_contents([1.0, 1.0], 0.0),
    "one weight": lambda: estimated_contents([1.0], 100.0),
    "no dose": lambda: route("none", 0.0, 100.0),
    "more dose than tablet": lambda: route("none", 100.1, 100.0),
    "one value in a chart": lambda: individuals_chart([1.0]),
    "limits that are equal": lambda: performance([1.0, 2.0], 2.0, 2.0),
    "no value for performance": lambda: performance([1.0], 0.0, 2.0),
    "one unit for a factor": lambda: two_sided_howe(1, 0.5, 0.5),
    "no share": lambda: two_sided_howe(10, 0.0, 0.5),
    "all of the share": lambda: one_sided_exact(10, 1.0, 0.5),
    "no confidence": lambda: one_sided_exact(10, 0.5, 0.0),
    "all confidence": lambda: two_sided_howe(10, 0.5, 1.0),
    "tolerance limits that are equal": lambda: two_one_sided(1.0, 0.0, 10, 0.5, 0.5, (1.0, 1.0)),
    "Q of nothing": lambda: judge_dissolution(0.0, [90.0] * 6),
    "Q above 100": lambda: judge_dissolution(100.1, [90.0] * 6),
    "Q of nothing, pooled": lambda: judge_pooled(0.0, [90.0]),
    "a negative mean": lambda: judge_pooled(80.0, [-0.1]),
    "one mean of two that is negative": lambda: judge_pooled(80.0, [50.0, -1.0]),
    "one loss of three that is negative": lambda: judge_friability([0.5, -0.1, 0.5], False),
    "two losses": lambda: judge_friability([0.1, 0.1], False),
    "a loss above 100": lambda: judge_friability([100.1], False),
    "a loss that is NaN": lambda: judge_friability([math.nan], False),
    "a tablet without mass": lambda: friability_sample(math.inf),
    "99 contents": lambda: alternative_1([100.0] * 99, Row(100, 2.15, 0)),
    "a negative bias": lambda: alternative_1([100.0] * 100, Row(100, 2.15, 0), shared_bias=-0.1),
    "a table from 99 on": lambda: table_from([(99, 2.0, 0)], "x"),
    "k below 1.5": lambda: table_from([(100, 1.49, 0)], "x"),
    "k above 3.0": lambda: table_from([(100, 3.01, 0)], "x"),
    "c2 below nothing": lambda: table_from([(100, 2.0, -1)], "x"),
    "k that falls": lambda: table_from([(100, 2.2, 0), (200, 2.1, 0)], "x"),
    "c2 that falls": lambda: table_from([(100, 2.2, 1), (200, 2.2, 0)], "x"),
    "n twice": lambda: table_from([(100, 2.2, 0), (100, 2.2, 0)], "x"),
    "an empty table": lambda: Table((), "x", True).row(100),
    "large n without a share": lambda: large_n_limit(200, 0.0),
    "mean NaN": lambda: reference_value(math.nan),
    "sigma infinite": lambda: probability_av_passes(100.0, math.inf, 10),
    "two units in E2810": lambda: sigma_upper(1.0, 2, 0.9),
    "no confidence in E2810": lambda: sigma_upper(1.0, 10, 0.0),
    "s infinite": lambda: sigma_upper(math.inf, 10, 0.9),
    "a bound of nothing": lambda: acceptance_limit_plan_1(99.0, 10, lower_bound=0.0),
    "a negative deviation of places": lambda: lower_bound_plan_2(100.0, -0.1, 1.0, 3, 3),
    "a negative deviation within": lambda: lower_bound_plan_2(100.0, 1.0, -0.1, 3, 3),
    "a negative residual": lambda: lower_bound_plan_2(100.0, 1.0, 1.0, 3, 3, residual_variance=-0.1),
    "a negative bias in plan 2": lambda: lower_bound_plan_2(100.0, 1.0, 1.0, 3, 3, shared_bias=-0.1),
    "a deviation that is NaN": lambda: lower_bound_plan_2(100.0, 1.0, math.nan, 3, 3),
    "a negative shared bias": lambda: stage([100.0] * 10, shared_bias=-0.1),
}


@pytest.mark.parametrize("call", ALLOWED.values(), ids=ALLOWED)
def test_just_allowed(call: Callable[[], Any]) -> None:
    call()


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_just_not(call: Callable[[], Any]) -> None:
    with pytest.raises(DataError):
        call()


def test_a_unit_on_a_limit_is_inside_and_one_beyond_is_not() -> None:
    assert count_outside([85.0, 115.0]) == 0
    assert performance([1.0, 3.0], 1.0, 3.0).outside == 0
    assert performance([0.9, 3.1], 1.0, 3.0).outside == 2
    assert individuals_chart([0.0, 1.128 / 3.0]).outside == ()
    row = Row(100, 2.15, 0)
    assert alternative_1([75.0, 125.0] + [100.0] * 98, row).n_outside == 0
    assert alternative_1([74.9, 125.1] + [100.0] * 98, row).n_outside == 2
    assert two_one_sided(100.0, 0.0, 30, 0.95, 0.95, (99.5, 100.0))
    assert not two_one_sided(100.1, 0.0, 30, 0.95, 0.95, (99.5, 100.0))


def test_alternative_1_at_its_limits() -> None:
    """Contents of two values: s = d sqrt(100/99); k such that AV is 15 exactly, and one part in a thousand above."""
    contents = [94.0, 106.0] * 50
    k = 15.0 / (6.0 * math.sqrt(100 / 99))
    assert alternative_1(contents, Row(100, k, 0)).ok
    assert not alternative_1(contents, Row(100, 1.001 * k, 0)).ok
    far = [70.0, *[100.0] * 99]
    assert alternative_1(far, Row(100, 2.15, 1)).ok and not alternative_1(far, Row(100, 2.15, 0)).ok
    off = alternative_1([97.0] * 100, Row(100, 2.15, 0))
    assert (off.m_ref, off.acceptance_value) == (98.5, 1.5)
    biased = alternative_1([103.0] * 100, Row(100, 2.15, 0), shared_bias=2.0)
    assert (biased.mean, biased.acceptance_value) == (105.0, 3.5)
    edge = [75.0, *[100.0] * 99]
    assert alternative_1(edge, Row(100, 2.15, 0), shared_bias=0.0).n_outside == 0
    assert alternative_1(edge, Row(100, 2.15, 0), shared_bias=1.0).n_outside == 1


@pytest.mark.parametrize(("n", "p"), [(100, 0.01), (500, 0.048), (7, 0.5), (1000, 0.0095)])
def test_the_median_rule_by_scipy(n: int, p: float) -> None:
    c = largest_count(n, p)
    assert stats.binom.cdf(c, n, p) <= 0.5 or c == 0
    assert stats.binom.cdf(c + 1, n, p) > 0.5


def test_the_stage_limits_and_rounding() -> None:
    assert conforms(15.0 + 5e-10, 15.0, "none") and not conforms(15.0 + 1e-8, 15.0, "none")
    assert round_half_up(1.2345, 3) == 1.235
    assert round_half_up(0.05 - 1e-12) == 0.1
    assert round_half_up(15.0499999996) == 15.1  # noise below 1e-9 is taken off
    assert stage([98.5] * 10).acceptance_value == 0.0 == stage([101.5] * 10).acceptance_value
    assert stage([98.4] * 10).acceptance_value == pytest.approx(0.1)
    assert stage([101.6] * 10).acceptance_value == pytest.approx(0.1)
    result = judge([88.0] * 5 + [112.0] * 5, [100.0] * 20, shared_bias=1.0)
    assert result.stage_2 is not None and result.stage_2.n_outside == 0
    # M follows the biased mean to 99.47: 74.6..124.3; each of the two units leaves it only when moved by the bias
    moved = judge([124.0, 75.0] + [100.0] * 8, [100.0] * 20, shared_bias=0.5)
    assert moved.stage_2 is not None and moved.stage_2.n_outside == 2
    assert moved.stage_1.n_outside == 0


def test_performance_looks_at_the_nearer_limit() -> None:
    values = [9.0, 11.0]
    assert performance(values, 4.0, 100.0).ppk == pytest.approx(6.0 / (3 * math.sqrt(2.0)))
    assert performance(values, -100.0, 16.0).ppk == pytest.approx(6.0 / (3 * math.sqrt(2.0)))
    assert performance([4.0, 4.0], 4.0, 9.0).ppk == math.inf
    assert performance([1.0, 2.0, 3.0], -1.0, 5.0).ppk == pytest.approx(1.0)
    assert performance([0.1, 0.2, 0.3], -0.1, 0.5).ppk == pytest.approx(1.0)


def test_the_chart_is_two_sided_and_has_no_slack() -> None:
    chart = individuals_chart([99.0, 101.0])
    assert (chart.low + chart.high, chart.high - chart.low) == pytest.approx((200.0, 2 * 3 * 2 / 1.128))
    assert individuals_chart([5.0, 5.0]).outside == ()
    assert individuals_chart([0.0] * 49 + [1e-3]).outside == (49,)


def test_dissolution_and_friability_on_their_limits() -> None:
    """Three units of Q - 15 exactly are not below it; a mean of 24 of Q exactly passes; 6.5 g of 100 mg are 65 tablets."""
    assert judge_dissolution(80.0, [85.0] * 3 + [65.0] * 3, [84.0] * 6, [90.0] * 12) == "PASS_S3"
    assert judge_dissolution(80.0, [80.0] * 6, [79.0] * 6, [80.5] * 12) == "PASS_S3"
    assert friability_sample(100.0) == 65


def test_natrella_by_hand() -> None:
    """a = 1 - z_c^2 / (2 (n - 1)), b = z_p^2 - z_c^2 / n with z of 0.9 and 0.95 from tables (1.281552, 1.644854), n = 20."""
    a, b = 1 - 1.644854**2 / 38, 1.281552**2 - 1.644854**2 / 20
    assert one_sided_natrella(20, 0.90, 0.95) == pytest.approx((1.281552 + math.sqrt(1.281552**2 - a * b)) / a, abs=1e-5)


def test_e2810_parts_by_scipy() -> None:
    """Sigma's limit, the region of the mean and both corners, by scipy; a reference table value of the standard is 2.63."""
    g = math.sqrt(0.90)
    upper = 3.4 * math.sqrt(29 / stats.chi2.ppf(1 - g, 29))
    assert sigma_upper(3.4, 30, 0.90) == pytest.approx(upper)
    half = stats.norm.ppf((1 + g) / 2) * upper / math.sqrt(30)
    for mean in (96.0, 104.0):
        corners = [pass_bound(mean + d, upper).bound for d in (-half, half)]
        assert lower_bound_plan_1(mean, 3.4, 30) == pytest.approx(min(corners), rel=1e-9)
        assert corners[0] != corners[1]


def test_the_range_of_single_units_is_the_narrowest_any_m_gives() -> None:
    """T <= 101.5: 0.75 x 101.5 = 76.125 to 1.25 x 98.5 = 123.125; T = 110: from 82.5. By scipy's normal distribution."""
    for mu, sigma, target, low in ((101.0, 6.0, 100.0, 76.125), (97.0, 8.0, 110.0, 82.5)):
        one = stats.norm.cdf(123.125, mu, sigma) - stats.norm.cdf(low, mu, sigma)
        assert pass_bound(mu, sigma, target).p_stage_2_range == pytest.approx(one**30, rel=1e-9)
    found = pass_bound(100.0, 6.5)
    assert found.bound == max(found.p_stage_1, found.p_stage_2_av + found.p_stage_2_range - 1.0)
    assert pass_bound(100.0, 30.0).bound == pass_bound(100.0, 30.0).p_stage_1  # the sum less one is below nothing


def test_plan_2_with_doubt_is_never_kinder() -> None:
    plain = lower_bound_plan_2(97.0, 1.5, 2.5, 8, 4)
    doubt = lower_bound_plan_2(97.0, 1.5, 2.5, 8, 4, residual_variance=4.0, shared_bias=1.0)
    assert doubt.sigma_upper**2 == pytest.approx(plain.sigma_upper**2 + 4.0)
    assert doubt.sigma_hat**2 == pytest.approx(plain.sigma_hat**2 + 4.0)
    g = math.sqrt(0.90)
    assert doubt.mean_half_width == pytest.approx(stats.t.ppf((1 + g) / 2, 7) * math.sqrt((1.5**2 + 1.0) / 8) + 1.0)
    assert doubt.bound < plain.bound
    assert doubt.estimate == pytest.approx(pass_bound(97.0, doubt.sigma_hat).bound)
