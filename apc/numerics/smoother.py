"""The least-squares problem of a window, solved exactly by block elimination: one pass forward, one back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Stage:
    """One period of a window, linear about the point (n,).

    rows (m, n), gaps (m,) readings minus their value at the point, variances (m,) above 0. To the next period (None
    behind the last): next_point (n,) where the model leads from the point, transition (n, n), noise (n, n) covariance.
    """

    point: Vector
    rows: Vector
    gaps: Vector
    variances: Vector
    next_point: Vector | None = None
    transition: Vector | None = None
    noise: Vector | None = None


@dataclass(frozen=True)
class Window:
    """means (K, n) of each period given all readings; covariance (n, n) of the last one.

    arrivals (K, n), spreads (K, n, n): mean and covariance of each period given the readings before it.
    """

    means: Vector
    covariance: Vector
    arrivals: Vector
    spreads: Vector


def solve_window(mean: Vector, covariance: Vector, stages: Sequence[Stage]) -> Window:
    """Return the minimiser of the arrival cost (mean, covariance), the readings' and the noise's squares.

    min |z_0 - mean|^2_(1/P) + sum |z_k+1 - f_k - A_k (z_k - p_k)|^2_(1/Q) + sum |gap_k - C_k (z_k - p_k)|^2_(1/R)

    Riccati recursion with the modified Bryson-Frazier pass (Bierman 1973): needs no inverse of P or Q, so that both may
    be singular; costs O(K n^3) where a dense solve costs O((K n)^3). Wrong only where the linear model is: there is no
    iteration here.
    """
    n_stages, n = len(stages), len(mean)
    arrivals, spreads = np.empty((n_stages, n)), np.empty((n_stages, n, n))
    pulls: list[tuple[Vector, Vector]] = []
    for k, stage in enumerate(stages):
        arrivals[k], spreads[k] = mean, covariance
        cross = covariance @ stage.rows.T
        inner = stage.rows @ cross
        inner.flat[:: len(inner) + 1] += stage.variances
        inverse = np.linalg.inv(inner)
        gain = cross @ inverse
        gap = stage.gaps - stage.rows @ (mean - stage.point)
        pulls.append((gain, stage.rows.T @ (inverse @ gap)))
        mean = mean + gain @ gap
        covariance = covariance - gain @ cross.T
        if stage.transition is not None and stage.next_point is not None and stage.noise is not None:
            mean = stage.next_point + stage.transition @ (mean - stage.point)
            covariance = stage.transition @ covariance @ stage.transition.T + stage.noise
            covariance = 0.5 * (covariance + covariance.T)
    covariance = 0.5 * (covariance + covariance.T)
    return Window(_back(stages, arrivals, spreads, pulls), covariance, arrivals, spreads)


def _back(stages: Sequence[Stage], arrivals: Vector, spreads: Vector, pulls: Sequence[tuple[Vector, Vector]]) -> Vector:
    """Return (K, n) the means given all readings: what comes later pulls at each arrival through its covariance."""
    means = np.empty_like(arrivals)
    later = np.zeros(arrivals.shape[1])
    for k in range(len(stages) - 1, -1, -1):
        stage, (gain, pull) = stages[k], pulls[k]
        if stage.transition is not None:
            later = stage.transition.T @ later
        later = later - stage.rows.T @ (gain.T @ later) + pull
        means[k] = arrivals[k] + spreads[k] @ later
    return means
