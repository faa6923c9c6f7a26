"""Partial least squares for one response: fitted by scikit-learn, used as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PlsFit:
    """A PLS1 model with A components of p points, nested: its first a components are the model with a components.

    mean_x (p,), mean_y; weights W (p, A) of unit length; loadings P (p, A); loadings_y q (A,);
    scores T (n, A) of the calibration spectra.
    """

    mean_x: Vector
    mean_y: float
    weights: Matrix
    loadings: Matrix
    loadings_y: Vector
    scores: Matrix

    @property
    def rotations(self) -> Matrix:
        """R = W (P'W)^-1, (p, A): scores are T = (X - mean) R."""
        return rotations(self.weights, self.loadings)

    def predict_each(self, treated: Matrix) -> Matrix:
        """Return predictions (n, A): column a - 1 is the model with a components."""
        scores = (treated - self.mean_x) @ self.rotations
        return self.mean_y + np.cumsum(scores * self.loadings_y, axis=1)


def rotations(weights: Matrix, loadings: Matrix) -> Matrix:
    """Return R = W (P'W)^-1 (p, A) from weights (p, A) and loadings (p, A)."""
    return np.asarray(np.linalg.solve((loadings.T @ weights).T, weights.T).T, dtype=np.float64)


def coefficients(weights: Matrix, loadings: Matrix, loadings_y: Vector) -> Vector:
    """Return b = R q (p,): y_hat = mean_y + (x - mean_x) b."""
    return rotations(weights, loadings) @ loadings_y


def fit_pls(treated: Matrix, y: Vector, n_components: int) -> PlsFit:
    """Return the PLS1 model of centred, unscaled data.

    treated (n, p) preprocessed spectra; y (n,); n_components 1..min(n - 1, p). Errors: DataError where the data have no
    such rank. Equation: NIPALS, w = X'y / |X'y|, t = Xw, p = X't / t't, q = y't / t't, X deflated. Wrong where y is not
    linear in x over the range. Source: Wold, Sjostrom, Eriksson, Chemom. Intell. Lab. Syst. 58 (2001) 109.
    """
    from sklearn.cross_decomposition import PLSRegression  # loaded to calibrate only: a model file needs no learner

    n, p = treated.shape
    if not 1 <= n_components <= min(n - 1, p) or float(np.ptp(y)) <= 0.0:
        raise _no_rank(n, p, n_components)
    model = PLSRegression(n_components=n_components, scale=False).fit(treated, y)
    weights, loadings = np.asarray(model.x_weights_), np.asarray(model.x_loadings_)
    if not np.all(np.isfinite(weights)) or np.any(np.abs(weights).sum(axis=0) == 0.0):
        raise _no_rank(n, p, n_components)
    return PlsFit(
        mean_x=treated.mean(axis=0),
        mean_y=float(y.mean()),
        weights=weights,
        loadings=loadings,
        loadings_y=np.asarray(model.y_loadings_).reshape(-1),
        scores=np.asarray(model.x_scores_),
    )


def _no_rank(n: int, p: int, n_components: int) -> DataError:
    return DataError(
        "the calibration data do not carry so many components",
        where="PLS",
        how_much=f"{n_components} components from {n} spectra of {p} points",
        what_now="Allow fewer components, or measure more batches with other contents.",
    )
