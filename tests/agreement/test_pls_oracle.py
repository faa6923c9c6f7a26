"""PLS by scikit-learn against SIMPLS, written here from de Jong, Chemom. Intell. Lab. Syst. 18 (1993) 251."""

from __future__ import annotations

import numpy as np
import pytest

from sensing.pls import coefficients, fit_pls
from sensing.preprocessing import SavitzkyGolay, StandardNormalVariate
from tests.sensing_bench import synthetic_set


def simpls(x: np.ndarray, y: np.ndarray, n_components: int) -> np.ndarray:
    """Return regression coefficients (p,) of centred x (n, p) and y (n,)."""
    cross, basis, weights, loads = x.T @ y, [], [], []
    for _ in range(n_components):
        t = x @ cross
        length = np.linalg.norm(t)
        r, t = cross / length, t / length
        v = x.T @ t
        for b in basis:
            v = v - b * (b @ v)
        v = v / np.linalg.norm(v)
        basis.append(v)
        weights.append(r)
        loads.append(float(y @ t))
        cross = cross - v * (v @ cross)
    return np.array(weights).T @ np.array(loads)


@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
def test_coefficients_equal_simpls(n_components: int) -> None:
    data = synthetic_set(3)
    treated = StandardNormalVariate().apply(data.spectra)
    fit = fit_pls(treated, data.api_w_w, n_components)
    ours = coefficients(fit.weights, fit.loadings, fit.loadings_y)
    other = simpls(treated - treated.mean(axis=0), data.api_w_w - data.api_w_w.mean(), n_components)
    np.testing.assert_allclose(ours, other, rtol=1e-6, atol=1e-7 * np.abs(other).max())


def test_one_fit_holds_all_smaller_models() -> None:
    data = synthetic_set(4)
    nested = fit_pls(data.spectra, data.api_w_w, 5).predict_each(data.spectra)
    for a in (1, 3):
        alone = fit_pls(data.spectra, data.api_w_w, a).predict_each(data.spectra)
        np.testing.assert_allclose(nested[:, a - 1], alone[:, -1], rtol=1e-9)


def test_full_rank_is_least_squares() -> None:
    chance = np.random.default_rng(5)
    x, beta = chance.standard_normal((40, 4)), np.array([1.0, -2.0, 0.5, 3.0])
    y = x @ beta + 0.1 * chance.standard_normal(40)
    fit = fit_pls(x, y, 4)
    expected = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(), rcond=None)[0]
    np.testing.assert_allclose(coefficients(fit.weights, fit.loadings, fit.loadings_y), expected, rtol=1e-9)


def test_savitzky_golay_published_weights_and_slope() -> None:
    """Five-point quadratic smoothing: (-3, 12, 17, 12, -3)/35 (Savitzky, Golay 1964, table I); slope of a line is its slope."""
    np.testing.assert_allclose(SavitzkyGolay(5, 2, 0).weights() * 35, [-3, 12, 17, 12, -3], atol=1e-9)
    line = np.arange(30.0)[None, :] * 0.25 + 1.0
    np.testing.assert_allclose(SavitzkyGolay(7, 2, 1).apply(line), 0.25)


def test_snv_by_hand() -> None:
    """(1, 2, 3) has mean 2 and standard deviation 1; scatter a + b x leaves it as it is."""
    snv = StandardNormalVariate()
    np.testing.assert_allclose(snv.apply(np.array([[1.0, 2.0, 3.0], [12.0, 14.0, 16.0]])), [[-1, 0, 1], [-1, 0, 1]])
    np.testing.assert_array_equal(snv.apply(np.full((1, 4), 0.3)), np.zeros((1, 4)))
