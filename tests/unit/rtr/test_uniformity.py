"""USP <905>: terms, both stages, rounding."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from line.errors import DataError
from rtr.statistics.uniformity import (
    UniformityVerdict,
    acceptability_constant,
    acceptance_value,
    conforms,
    judge,
    reference_value,
    round_half_up,
    stage,
    unit_range,
)

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "uniformity.json").read_text(encoding="utf-8"))
SPREAD_10 = [100.5, 96.5, 99.5, 97.5, 101.5, 95.5, 99.0, 98.0, 98.5, 98.5]
FLAT_20 = [100.0] * 20


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["id"])
def test_published_and_independent_values(case: dict[str, Any]) -> None:
    result = judge(case["units_10"], case["units_20"], case["target"])
    assert result.verdict.value == case["verdict"]
    assert result.stage_1.acceptance_value == pytest.approx(case["acceptance_value_10"], abs=1e-9)
    if case["acceptance_value_30"] is not None:
        assert result.stage_2 is not None
        assert result.stage_2.acceptance_value == pytest.approx(case["acceptance_value_30"], abs=1e-9)


def test_worked_numbers_of_the_official_questions_and_answers() -> None:
    # USP FAQ, uniformity of dosage units, Q2: mean 105.9, s 5.0 -> AV 16.4; range for M = 101.5 is 76.125..126.875
    assert acceptance_value(105.9, 5.0, 10) == pytest.approx(16.4, abs=1e-12)
    assert unit_range(reference_value(105.9)) == (76.125, 126.875)
    assert not conforms(16.4, 15.0, "compendial")


@pytest.mark.parametrize("n", [9, 11, 20, 29, 31])
def test_no_constant_between_the_defined_ones(n: int) -> None:
    with pytest.raises(DataError, match=f"n = {n}"):
        acceptability_constant(n)


def test_a_unit_on_the_border_is_inside() -> None:
    # mean 100 exactly: the range is 75..125, closed
    result = judge([75.0, 125.0] + [100.0] * 8, FLAT_20)
    assert result.stage_2 is not None
    assert result.stage_2.n_outside == 0
    outside = judge([74.999, 125.001] + [100.0] * 8, FLAT_20)
    assert outside.fail_reasons == ("unit_outside_L2_range",)


@pytest.mark.parametrize(
    ("value", "rounded"), [(15.04, 15.0), (15.05, 15.1), (15.049999999999, 15.1), (14.95, 15.0), (2.25, 2.3), (0.0, 0.0)]
)
def test_rounding_is_half_up_on_decimal_digits(value: float, rounded: float) -> None:
    assert round_half_up(value) == rounded


def test_rounding_policy_decides_15_04() -> None:
    assert conforms(15.04, 15.0, "compendial") and not conforms(15.04, 15.0, "none")
    assert not conforms(15.05, 15.0, "compendial")
    assert conforms(15.0, 15.0, "none")


def test_stage_1_has_no_limit_on_single_units_and_stage_2_is_needed_only_after_it() -> None:
    assert judge([100.0] * 10).verdict is UniformityVerdict.PASS_S1
    assert judge([88.0] * 5 + [112.0] * 5).verdict is UniformityVerdict.CONTINUE_S2


def test_predicted_contents_get_their_residual_variance() -> None:
    # independent numbers: ten predictions with s = 1.0247126329 and residual 1.8: s' = sqrt(s^2 + 1.8^2) = 2.0712402034
    units = [99.2475, 99.9975, 101.606, 97.909, 100.0, 99.94775, 100.4976, 99.696, 99.8478, 101.25165]
    widened = stage(units, residual_variance=1.8**2)
    assert widened.s == pytest.approx(2.0712402034, abs=1e-9)
    assert widened.acceptance_value == pytest.approx(4.9709764881, abs=1e-9)


def test_shared_bias_goes_the_unfavourable_way() -> None:
    low = [97.0 + d for d in (-1, 1) * 5]
    high = [103.0 + d for d in (-1, 1) * 5]
    for units in (low, high):
        assert stage(units, shared_bias=1.0).acceptance_value == pytest.approx(stage(units).acceptance_value + 1.0)
    inside = [100.0] * 10
    assert stage(inside, shared_bias=1.0).acceptance_value == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_contents_that_are_no_contents(bad: float) -> None:
    with pytest.raises(DataError):
        judge([bad] + [100.0] * 9)


@pytest.mark.parametrize("target", [84.9, 115.1, math.nan])
def test_targets_outside_the_chapter(target: float) -> None:
    with pytest.raises(DataError):
        judge([100.0] * 10, target=target)


def test_wrong_numbers_of_units() -> None:
    with pytest.raises(DataError):
        judge([100.0] * 9)
    with pytest.raises(DataError):
        judge([88.0] * 5 + [112.0] * 5, [100.0] * 19)


def test_negative_doubt_is_refused() -> None:
    with pytest.raises(DataError):
        stage(SPREAD_10, residual_variance=-1.0)
    with pytest.raises(DataError):
        acceptance_value(100.0, -1.0, 10)
