"""ASTM E2810 against its published value, Monte Carlo and its own limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from line.errors import DataError
from rtr.statistics.batch_inference import (
    acceptance_limit_plan_1,
    lower_bound_plan_1,
    lower_bound_plan_2,
    pass_bound,
    probability_av_passes,
    sigma_upper,
)
from rtr.statistics.uniformity import UniformityVerdict, judge


def test_published_limit() -> None:
    """n 10, mean 97, confidence 90 %, bound 95 % -> 2.63 (Lewis & Fan 2016)."""
    assert round(acceptance_limit_plan_1(97.0, 10), 2) == 2.63


@pytest.mark.parametrize(("mu", "sigma", "near"), [(100.0, 6.0, 0.02), (97.0, 5.0, 0.02), (92.0, 3.0, 0.02), (103.5, 5.5, 1.0)])
def test_bound_lies_below_and_near_monte_carlo(mu: float, sigma: float, near: float) -> None:
    """Near on and below target; above it the fixed range of single units (to 123.1) is narrower than M's own, so only below."""
    rng = np.random.Generator(np.random.PCG64(1))
    n = 4000
    passed = 0
    for units in rng.normal(mu, sigma, (n, 30)):
        verdict = judge(list(units[:10]), list(units[10:])).verdict
        passed += verdict in (UniformityVerdict.PASS_S1, UniformityVerdict.PASS_S2)
    share, error = passed / n, math.sqrt(passed * (n - passed) / n) / n
    bound = pass_bound(mu, sigma).bound
    assert bound <= share + 3 * error
    assert bound >= share - near


@pytest.mark.parametrize(("n", "k"), [(10, 2.4), (30, 2.0)])
def test_stage_probability_is_exact(n: int, k: float) -> None:
    """Against 200,000 draws of the sample mean and standard deviation; T = 105 moves the zone."""
    rng = np.random.Generator(np.random.PCG64(2))
    for mu, sigma, target in ((100.0, 6.0, 100.0), (94.0, 4.0, 100.0), (106.0, 5.0, 105.0)):
        means = rng.normal(mu, sigma / math.sqrt(n), 200_000)
        s = sigma * np.sqrt(rng.chisquare(n - 1, 200_000) / (n - 1))
        reference = np.clip(means, 98.5, max(101.5, target))
        seen = float((np.abs(reference - means) + k * s <= 15.0).mean())
        assert probability_av_passes(mu, sigma, n, target) == pytest.approx(seen, abs=0.004)


def test_far_off_lots_never_pass() -> None:
    assert probability_av_passes(60.0, 1.0, 10) == 0.0
    assert pass_bound(100.0, 40.0).bound < 0.01
    assert acceptance_limit_plan_1(80.0, 30) == 0.0


def test_limit_and_bound_are_two_ways_to_say_the_same() -> None:
    for mean in (93.0, 99.0, 104.0):
        limit = acceptance_limit_plan_1(mean, 30)
        assert lower_bound_plan_1(mean, limit, 30) >= 0.95
        assert lower_bound_plan_1(mean, limit + 1e-4, 30) < 0.95


def test_more_units_more_confidence_less_demand() -> None:
    assert acceptance_limit_plan_1(99.0, 100) > acceptance_limit_plan_1(99.0, 30) > acceptance_limit_plan_1(99.0, 10)
    assert acceptance_limit_plan_1(99.0, 30, confidence=0.95) < acceptance_limit_plan_1(99.0, 30, confidence=0.90)
    assert acceptance_limit_plan_1(103.0, 30, target=105.0) > acceptance_limit_plan_1(103.0, 30)


def test_upper_limit_of_sigma_covers() -> None:
    """One-sided at sqrt(0.90): 94.9 % of samples of 12 give a limit above the true sigma (Monte Carlo, 20,000)."""
    rng = np.random.Generator(np.random.PCG64(3))
    s = rng.normal(100.0, 4.0, (20_000, 12)).std(axis=1, ddof=1)
    factor = sigma_upper(1.0, 12, 0.90)
    assert float((s * factor >= 4.0).mean()) == pytest.approx(math.sqrt(0.90), abs=0.006)


def test_plan_2_upper_limit_covers_two_variances() -> None:
    """20 slices x 3, between 2.0, within 3.0: at least sqrt(0.90) of samples give a limit above the truth."""
    rng = np.random.Generator(np.random.PCG64(4))
    truth, covered, n = math.hypot(2.0, 3.0), 0, 800
    for _ in range(n):
        units = rng.normal(0, 2.0, (20, 1)) + rng.normal(0, 3.0, (20, 3))
        within = math.sqrt(float(units.var(axis=1, ddof=1).mean()))
        plan = lower_bound_plan_2(100.0, float(units.mean(axis=1).std(ddof=1)), within, 20, 3)
        covered += plan.sigma_upper >= truth
    assert covered / n >= math.sqrt(0.90) - 0.02


def test_plan_2_of_perfect_slices() -> None:
    plan = lower_bound_plan_2(100.0, 0.0, 0.0, 8, 4)
    assert (plan.sigma_hat, plan.sigma_upper, plan.mean_half_width) == (0.0, 0.0, 0.0)
    assert plan.bound == pytest.approx(1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: probability_av_passes(100.0, 5.0, 20),
        lambda: probability_av_passes(100.0, 0.0, 10),
        lambda: probability_av_passes(float("nan"), 5.0, 10),
        lambda: probability_av_passes(100.0, 5.0, 10, 116.0),
        lambda: lower_bound_plan_1(99.0, -1.0, 30),
        lambda: lower_bound_plan_1(99.0, 3.0, 2),
        lambda: lower_bound_plan_1(99.0, 3.0, 30, confidence=1.0),
        lambda: acceptance_limit_plan_1(99.0, 30, lower_bound=1.0),
        lambda: lower_bound_plan_2(99.0, 1.0, 1.0, 1, 3),
        lambda: lower_bound_plan_2(99.0, 1.0, 1.0, 20, 1),
        lambda: lower_bound_plan_2(99.0, float("nan"), 1.0, 20, 3),
        lambda: lower_bound_plan_2(99.0, 1.0, 1.0, 20, 3, confidence=0.0),
    ],
)
def test_bad_input_is_refused(call: object) -> None:
    with pytest.raises(DataError):
        call()  # type: ignore[operator]
