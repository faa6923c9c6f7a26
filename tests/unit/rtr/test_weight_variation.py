"""Weight variation: identities of the formula, route by Table 1."""

from __future__ import annotations

import math

import pytest

from line.errors import DataError
from rtr.statistics.uniformity import mean_and_s
from rtr.statistics.weight_variation import estimated_contents, route, variation_pct

WEIGHTS = [199.2, 201.1, 200.4, 198.7, 202.0, 200.9, 199.5, 201.3, 200.2, 198.9]


def test_mean_is_the_assay_and_spread_is_that_of_weights() -> None:
    mean, s = mean_and_s(estimated_contents(WEIGHTS, 99.3))
    assert mean == pytest.approx(99.3, abs=1e-12)
    assert s == pytest.approx(99.3 * variation_pct(WEIGHTS) / 100.0, abs=1e-12)


@pytest.mark.parametrize(
    ("coat", "dose", "mass", "rsd", "expected"),
    [
        ("film", 30, 100, None, "WV"), ("none", 25, 100, None, "WV"), ("none", 20, 60, None, "CU"),
        ("film", 30, 150, None, "CU"), ("other", 30, 100, None, "CU"), ("film", 10, 100, 1.6, "WV(W4 exception)"),
        ("film", 10, 100, 2.1, "CU"), ("none", 18, 225, None, "CU"),
    ],
)  # fmt: skip
def test_route(coat: str, dose: float, mass: float, rsd: float | None, expected: str) -> None:
    assert route(coat, dose, mass, rsd) == expected  # type: ignore[arg-type]


def test_refuses_what_is_no_weight() -> None:
    for weights, assay in (([200.0], 100.0), ([200.0, math.nan], 100.0), ([200.0, -1.0], 100.0), (WEIGHTS, math.nan)):
        with pytest.raises(DataError):
            estimated_contents(weights, assay)
    with pytest.raises(DataError):
        route("none", 30, 20)
