"""T2 and Q limits against published numbers and against exact distributions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from line.errors import DataError
from sensing.diagnostics import (
    chi2_limit_box,
    q_limit_jackson_mudholkar,
    t2_and_q,
    t2_limit_calibration,
    t2_limit_new,
)


@pytest.fixture(scope="module")
def published(repository: Path) -> dict[str, Any]:
    return json.loads((repository / "tests/golden/diagnostic_limits.json").read_text(encoding="utf-8"))


def test_t2_limits_as_published(published: dict[str, Any]) -> None:
    ours = [t2_limit_calibration(0.05, 32, a) for a in (1, 2, 3, 4)]
    np.testing.assert_allclose(ours, published["t2_limits_n32_alpha_0.05"], rtol=1e-8)


def test_q_limits_jackson_mudholkar_as_published(published: dict[str, Any]) -> None:
    eigenvalues = np.array(published["eigenvalues"])
    ours = [q_limit_jackson_mudholkar(0.05, eigenvalues[a:]) for a in (1, 2, 3, 4)]
    np.testing.assert_allclose(ours, published["q_limits_jackson_mudholkar_alpha_0.05"], rtol=1e-7)


def test_q_limits_chi2_as_published_with_whole_degrees(published: dict[str, Any]) -> None:
    values = [np.array(published["q"][str(a)]) for a in (1, 2, 3)]
    np.testing.assert_allclose(
        [chi2_limit_box(0.05, q, whole_degrees=True) for q in values],
        published["q_limits_chi2_whole_degrees_alpha_0.05"],
        rtol=1e-6,
    )
    assert all(chi2_limit_box(0.05, q) > chi2_limit_box(0.05, q, whole_degrees=True) for q in values)


def test_new_spectra_have_a_wider_t2_limit() -> None:
    """n = 60, A = 3, alpha 0.01: 12.87 for calibration spectra, 13.09 for new ones, 11.34 for very many (chi2)."""
    assert t2_limit_calibration(0.01, 60, 3) == pytest.approx(12.87, abs=0.005)
    assert t2_limit_new(0.01, 60, 3) == pytest.approx(13.09, abs=0.005)
    assert t2_limit_new(0.01, 10**7, 3) == pytest.approx(11.345, abs=0.001)


def test_equal_eigenvalues_are_a_chi_square() -> None:
    """Q of k equal variances v is v chi2(k) exactly; both formulas come near it."""
    exact = 0.3 * stats.chi2.isf(0.01, 20)
    assert q_limit_jackson_mudholkar(0.01, np.full(20, 0.3)) == pytest.approx(exact, rel=0.01)
    drawn = 0.3 * np.random.default_rng(1).chisquare(20, 200_000)
    assert chi2_limit_box(0.01, drawn) == pytest.approx(exact, rel=0.01)


def test_new_normal_spectra_exceed_the_t2_limit_as_often_as_alpha() -> None:
    chance, n, a, alpha = np.random.default_rng(2), 25, 3, 0.05
    beyond = []
    for _ in range(1500):
        known = chance.standard_normal((n, a))
        new = chance.standard_normal((1, a)) - known.mean(axis=0)
        inverse = np.linalg.inv(np.cov(known.T))
        beyond.append(float((new @ inverse @ new.T)[0, 0]) > t2_limit_new(alpha, n, a))
    assert np.mean(beyond) == pytest.approx(alpha, abs=4 * np.sqrt(alpha * (1 - alpha) / 1500))


def test_t2_and_q_of_a_point_off_the_plane() -> None:
    """Plane spanned by the first axis, variance 4: (6, 0, 2) has T2 = 36 / 4 and Q = 4."""
    axis = np.array([[1.0], [0.0], [0.0]])
    t2, q = t2_and_q(np.array([[6.0, 0.0, 2.0]]), axis, axis, np.array([4.0]))
    assert (t2[0], q[0]) == (9.0, 4.0)


@pytest.mark.parametrize(("alpha", "n", "a"), [(0.0, 10, 2), (1.0, 10, 2), (0.05, 3, 3), (0.05, 10, 0)])
def test_impossible_t2_limits_are_refused(alpha: float, n: int, a: int) -> None:
    with pytest.raises(DataError, match="diagnostic limit"):
        t2_limit_new(alpha, n, a)


@pytest.mark.parametrize("values", [np.zeros(3), np.array([]), np.array([1.0, -0.1])])
def test_impossible_eigenvalues_are_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="diagnostic limit"):
        q_limit_jackson_mudholkar(0.05, values)


@pytest.mark.parametrize("values", [np.ones(5), np.array([1.0]), np.array([np.nan, 1.0])])
def test_impossible_q_samples_are_refused(values: np.ndarray) -> None:
    with pytest.raises(DataError, match="diagnostic limit"):
        chi2_limit_box(0.05, values)
