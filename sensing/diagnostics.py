"""Is this spectrum like those the model knows? Hotelling's T2, the residual Q, and their limits.

Scores t = (x - mean) R; T2 = sum_a t_a^2 / s_a^2; residual e = x - mean - t P'; Q = e'e.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from line.errors import DataError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
#: Jackson and Mudholkar's exponent is not let below this.
H0_FLOOR = 0.001


def t2_and_q(centred: Matrix, rotations: Matrix, loadings: Matrix, score_variances: Vector) -> tuple[Vector, Vector]:
    """Return (T2 (n,), Q (n,)) of centred, preprocessed spectra (n, p); rotations, loadings (p, A), variances (A,)."""
    scores = centred @ rotations
    residual = centred - scores @ loadings.T
    return (scores * scores / score_variances).sum(axis=1), (residual * residual).sum(axis=1)


def spectral_match(treated: Matrix, reference: Vector) -> Vector:
    """Return the correlation (n,) of preprocessed spectra (n, p) with a reference spectrum (p,), 1 for the same shape.

    A spectrum without spread matches nothing: 0. Source: hit quality index of spectral libraries; USP <1119>.
    """
    moved = treated - treated.mean(axis=1, keepdims=True)
    known = reference - reference.mean()
    size = np.linalg.norm(moved, axis=1) * np.linalg.norm(known)
    return np.asarray(moved @ known / np.where(size > 0.0, size, np.inf))


def t2_limit_calibration(alpha: float, n: int, n_components: int) -> float:
    """Return the limit for the calibration spectra themselves: A (n-1)/(n-A) F_{1-alpha}(A, n-A).

    alpha 0..1 exclusive; n > A spectra. Errors: DataError. Wrong for scores that are not normal. Source: as printed by
    PLS_Toolbox and mdatools.
    """
    _check(alpha, n, n_components)
    tail = float(special.betaincinv((n - n_components) / 2, n_components / 2, alpha))
    quantile = (n - n_components) * (1.0 - tail) / (n_components * tail)
    return n_components * (n - 1) / (n - n_components) * quantile


def t2_limit_new(alpha: float, n: int, n_components: int) -> float:
    """Return the limit for new spectra: A (n-1)(n+1)/(n (n-A)) F_{1-alpha}(A, n-A). As above, and slightly wider.

    Source: Tracy, Young, Mason, J. Qual. Technol. 24 (1992) 88.
    """
    return t2_limit_calibration(alpha, n, n_components) * (n + 1) / n


def q_limit_jackson_mudholkar(alpha: float, eigenvalues: Vector) -> float:
    """Return the limit of Q from the eigenvalues (k,) of the residual covariance (those beyond the model's components).

    theta_i = sum lambda^i; h0 = 1 - 2 theta1 theta3 / (3 theta2^2), at least 0.001;
    Q = theta1 [c sqrt(2 theta2 h0^2)/theta1 + 1 + theta2 h0 (h0 - 1)/theta1^2]^(1/h0), c the normal quantile of 1 - alpha.
    Wrong where residuals are not normal or where n is small. Source: Jackson, Mudholkar, Technometrics 21 (1979) 341.
    """
    values = np.asarray(eigenvalues, dtype=np.float64)
    if not 0.0 < alpha < 1.0 or values.size == 0 or np.any(values < 0.0) or not values.sum() > 0.0:
        raise _not_possible(f"alpha {alpha}, {values.size} eigenvalues")
    theta1, theta2, theta3 = (float((values**i).sum()) for i in (1, 2, 3))
    h0 = max(1.0 - 2.0 * theta1 * theta3 / (3.0 * theta2 * theta2), H0_FLOOR)
    c = -float(special.ndtri(alpha))
    inner = c * math.sqrt(2.0 * theta2 * h0 * h0) / theta1 + 1.0 + theta2 * h0 * (h0 - 1.0) / theta1**2
    return float(theta1 * inner ** (1.0 / h0))


def chi2_limit_box(alpha: float, values: Vector, whole_degrees: bool = False) -> float:
    """Return g chi2_{1-alpha}(h), g = v / 2m, h = 2 m^2 / v, from the mean m and variance v of observed values (n,).

    `whole_degrees` takes floor(h), at least 1, as PLS_Toolbox does; ours do not, because the floor makes the limit about
    7 % tighter for no reason. Wrong for values that are not a weighted sum of squares. Errors: DataError.
    Source: Box, Ann. Math. Stat. 25 (1954) 290; Nomikos, MacGregor, Technometrics 37 (1995) 41.
    """
    observed = np.asarray(values, dtype=np.float64)
    mean, variance = float(observed.mean()), float(observed.var(ddof=1)) if observed.size > 1 else 0.0
    if not 0.0 < alpha < 1.0 or not (mean > 0.0 and variance > 0.0):
        raise _not_possible(f"alpha {alpha}, mean {mean:.3g}, variance {variance:.3g} of {observed.size} values")
    degrees = 2.0 * mean * mean / variance
    if whole_degrees:
        degrees = max(math.floor(degrees), 1)
    return variance / (2.0 * mean) * float(special.chdtri(degrees, alpha))


def _check(alpha: float, n: int, n_components: int) -> None:
    if not 0.0 < alpha < 1.0 or not 1 <= n_components < n:
        raise _not_possible(f"alpha {alpha}, n {n}, {n_components} components")


def _not_possible(how_much: str) -> DataError:
    return DataError(
        "a diagnostic limit cannot be computed",
        where="sensing.diagnostics",
        how_much=how_much,
        what_now="Give alpha between 0 and 1 and more in-control spectra than components.",
    )
