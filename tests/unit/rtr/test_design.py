"""The designed sample: slices far enough apart, the bound of plan 2 on them, and lots that are too short for it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from line.recipe import LotDesign, Slices
from rtr.disposition.attributes import AttributeState
from rtr.disposition.content import Contents, designed_attribute, designed_sample
from rtr.disposition.design import judge_slices, slice_places, take_slices
from rtr.statistics.batch_inference import pass_bound
from tests.release_line import RECIPE

ROWS = Slices(from_h=0, n_slices=8, n_units=4)
DESIGN = LotDesign(slice_gap_kg=2.66, confidence=0.90, lower_bound=0.95, slices=(ROWS,))


@given(st.integers(0, 200_000), st.integers(1, 12_000), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_places_rise_by_at_least_the_gap_and_are_as_many_as_fit(n: int, gap: int, wanted: int, seed: int) -> None:
    places = slice_places(n, gap, wanted, np.random.default_rng(seed))
    assert all(0 <= place < n for place in places)
    assert all(b - a >= gap for a, b in pairwise(places))
    assert len(places) == (min(wanted, (n - 1) // gap + 1) if n else 0)


def test_places_reach_over_the_whole_lot() -> None:
    found = np.array([slice_places(100_001, 5_000, 8, np.random.default_rng(s)) for s in range(300)])
    assert found.min() < 500 and found.max() > 99_500
    np.testing.assert_allclose(found.mean(axis=0), (np.arange(8) + 0.5) * 105_000 / 8 - 2_500, atol=600)


def parcels(n: int, sd_between: float, seed: int = 1) -> Contents:
    """n parcels of 31 tablets; each second has a mean of its own, single masses vary by 1 %."""
    rng = np.random.default_rng(seed)
    means = 100.0 + sd_between * rng.standard_normal(n)
    units = [m * (1.0 + 0.01 * rng.standard_normal(36)) for m in means]
    return Contents(range(100, 100 + n), np.full(n, 31), units, 1.0, n / 3600.0)


def test_slices_hold_tablets_of_the_parcel_they_lie_in() -> None:
    contents = parcels(3400, 2.0)
    found = take_slices(contents.accepted.tolist(), contents.units, contents.parcels, 11_823, ROWS, np.random.default_rng(3))
    assert len(found) == 8
    for piece in found:
        assert piece.parcel == 100 + piece.place // 31
        assert set(piece.contents_pct_lc) <= set(contents.units[piece.parcel - 100].tolist())
        assert len(set(piece.contents_pct_lc)) == 4


def test_the_plan_by_hand() -> None:
    """Two slices of two tablets, every term computed here from the formulas of the standard (release reference 3.3)."""
    rows, rules = Slices(from_h=0, n_slices=2, n_units=2), RECIPE.uniformity
    slices = take_slices(
        [10, 10], [np.array([99.0, 101.0]), np.array([102.0, 106.0])], [0, 1], 10, rows, np.random.default_rng(1)
    )
    sample = judge_slices(slices, rows, DESIGN, rules, 100.0, 1.5)
    g = math.sqrt(0.90)
    means, within = np.array([100.0, 104.0]), (2.0 + 8.0) / 2
    between = means.var(ddof=1)
    h1, h2 = 1 / stats.chi2.ppf(1 - g, 1) - 1, 2 / stats.chi2.ppf(1 - g, 2) - 1
    upper = math.sqrt(between + within / 2 + math.hypot(h1 * between, h2 * within / 2) + rules.residual_variance_pct2)
    half = stats.t.ppf((1 + g) / 2, 1) * math.sqrt((between + rules.residual_variance_pct2 / 2) / 2) + 1.5
    assert sample.plan is not None
    assert (sample.mean, sample.sd_places, sample.sd_within) == pytest.approx((102.0, means.std(ddof=1), math.sqrt(within)))
    assert (sample.plan.sigma_upper, sample.plan.mean_half_width) == pytest.approx((upper, half))
    by_hand = min(pass_bound(102.0 - half, upper).bound, pass_bound(102.0 + half, upper).bound)
    assert sample.plan.bound == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "sd", "state"),
    [(3400, 0.8, AttributeState.PASS), (3400, 9.0, AttributeState.FAIL), (3400, 4.0, AttributeState.MISSING)],
)
def test_a_lot_passes_fails_or_is_not_proven(n: int, sd: float, state: AttributeState) -> None:
    attribute = designed_attribute(designed_sample(parcels(n, sd), RECIPE, 1), RECIPE)
    assert attribute.state is state
    assert ("not proven" in attribute.words) is (state is AttributeState.MISSING)


def test_a_lot_too_short_for_its_design_has_no_value() -> None:
    attribute = designed_attribute(designed_sample(parcels(1700, 0.8), RECIPE, 1), RECIPE)
    assert attribute.state is AttributeState.MISSING
    assert "5 of 8 slices" in attribute.words and "too short" in attribute.words


def test_a_long_lot_has_forty_slices_and_mean_masses_are_no_single_tablets() -> None:
    assert (RECIPE.design.slices_for(12.0).n_slices, RECIPE.design.slices_for(12.0).n_units) == (40, 3)
    assert (RECIPE.design.slices_for(0.9).n_slices, RECIPE.design.slices_for(0.9).n_units) == (8, 4)
    contents = parcels(3400, 0.8)
    blind = Contents(contents.parcels, contents.accepted, [u[:1] for u in contents.units], 1.0, 1.0)
    assert designed_sample(blind, RECIPE, 1).slices == ()


def test_slices_rise_from_zero_hours() -> None:
    for starts in ((1.0,), (0.0, 0.0), (0.0, 6.0, 3.0)):
        with pytest.raises(ValueError, match="start at 0 h and rise"):
            LotDesign.model_validate({**DESIGN.model_dump(), "slices": [{**ROWS.model_dump(), "from_h": h} for h in starts]})
