"""Bounded least squares against closed forms, other programs and chance: values, intervals, what is not identifiable."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.signal import lfilter

from apc.identification.fit import Unknown, collinearity, fit
from apc.identification.noise import from_samples, white_equivalent
from line.errors import DataError

N, BLOCK = 1200, 60
BLOCKS = np.arange(N) // BLOCK


def design(seed: int = 0) -> np.ndarray:
    """Two slow inputs, as a test has them."""
    return np.array(lfilter([1.0], [1.0, -0.95], np.random.default_rng(seed).normal(size=(N, 2)), axis=0))


def correlated(seed: int, pole: float) -> np.ndarray:
    return np.array(lfilter([math.sqrt(1.0 - pole**2)], [1.0, -pole], np.random.default_rng(1000 + seed).normal(size=N)))


def unknowns(*names: str) -> list[Unknown]:
    return [Unknown(name, 1.0, 0.0, 4.0) for name in names]


def test_apc_fit_of_a_linear_model_is_the_least_squares_solution() -> None:
    """Small residuals, so that Huber's loss is the square: numpy.linalg.lstsq has the answer."""
    x = design()
    y = x @ np.array([1.7, 2.4]) + 0.1 * correlated(1, 0.0)
    found = fit(lambda k: y - x @ k, unknowns("a", "b"), BLOCKS)
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    assert [e.value for e in found.estimated] == pytest.approx(expected.tolist(), abs=1e-5)
    assert found.kept == {} and found.collinearity == pytest.approx(collinearity(x))


def test_apc_fit_with_gross_errors_is_scipys_huber_fit_and_missing_rows_are_left_out() -> None:
    x = design(3)
    y = x @ np.array([1.7, 2.4]) + correlated(2, 0.0)
    y[::25] += 40.0
    y[7::50] = np.nan
    found = fit(lambda k: y - x @ k, unknowns("a", "b"), BLOCKS)
    good = np.isfinite(y)
    other = least_squares(lambda k: y[good] - x[good] @ k, [1.0, 1.0], loss="huber", f_scale=1.345)
    assert [e.value for e in found.estimated] == pytest.approx(other.x.tolist(), abs=1e-3)
    assert [e.value for e in found.estimated] == pytest.approx([1.7, 2.4], abs=0.1)


def test_apc_intervals_hold_although_residuals_are_correlated() -> None:
    """150 records whose errors last 20 samples, a sixth of a block: nominal 95 %; as if white, it would be half of that."""
    x, truth, inside, as_white = design(5), 2.4, 0, 0
    spread = np.sqrt(np.diag(np.linalg.inv(x.T @ x)))[1]
    for seed in range(150):
        y = x @ np.array([1.7, truth]) + correlated(seed, 0.95)
        b = fit(lambda k, y=y: y - x @ k, unknowns("a", "b"), np.arange(N) // 120).estimated[1]
        inside += b.low <= truth <= b.high
        as_white += abs(b.value - truth) <= 1.96 * spread
    assert 0.88 <= inside / 150 <= 0.99
    assert as_white / 150 < 0.6


def test_apc_collinearity_of_two_columns_is_the_closed_form() -> None:
    """Brun et al. 2001: least eigenvalue of [[1, c], [c, 1]] is 1 - |c|."""
    angle = 0.3
    columns = np.array([[1.0, math.cos(angle)], [0.0, math.sin(angle)]])
    assert collinearity(columns) == pytest.approx(1.0 / math.sqrt(1.0 - math.cos(angle)))


def test_apc_what_runs_do_not_identify_keeps_its_value_and_says_why() -> None:
    x = design(7)
    y = x @ np.array([1.7, 0.02]) + 0.1 * correlated(3, 0.0)

    def residual(k: np.ndarray) -> np.ndarray:
        # a and c only as their sum, d not at all, e hardly; b beyond its lower bound
        return y - x[:, 0] * (k[0] + k[2] - 1.0) - x[:, 1] * (k[1] - 0.1) + 1e-4 * k[4] * x[:, 0]

    names = [Unknown(n, 1.0, 0.2, 4.0) for n in ("a", "b", "c", "d", "e")]
    found = fit(residual, names, BLOCKS)
    assert [e.name for e in found.estimated] == ["a"] and found.values["c"] == found.values["d"] == 1.0
    assert found.kept["c"].startswith("cannot be told from a (collinearity")
    assert found.kept["d"] == found.kept["e"] == "these runs hardly depend on it"
    assert found.kept["b"] == "runs into its bound 0.2" and found.values["b"] == 1.0


def test_apc_too_short_a_record_is_refused() -> None:
    with pytest.raises(DataError, match="too little was measured to identify a"):
        fit(lambda k: design()[:, 0] * k[0], unknowns("a"), np.arange(N) // 300)


def test_apc_noise_of_a_correlated_instrument_counts_as_much_white_noise() -> None:
    """AR(1): the spectrum at zero over that of white noise is (1 + p)/(1 - p)."""
    pole = 0.6
    found = white_equivalent("x", [correlated(seed, pole) for seed in range(8)], 24)
    assert found is not None and found.value == pytest.approx(math.sqrt((1 + pole) / (1 - pole)), rel=0.1)
    assert found.low < math.sqrt((1 + pole) / (1 - pole)) < found.high


def test_apc_noise_of_samples_does_not_hold_their_drift() -> None:
    drift = np.linspace(0.0, 5.0, 60)
    found = from_samples("x", [drift + np.random.default_rng(1).normal(size=60)])
    assert found is not None and found.low < 1.0 < found.high
