"""Robust losses: how much a reading counts that lies many standard deviations off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
LossName = Literal["squares", "huber", "welsch"]

#: 95 % efficiency where errors are Gaussian: Huber (Huber 1964), Welsch (Holland & Welsch 1977).
HUBER, WELSCH = 1.345, 2.9846
#: Smallest weight, so that no variance becomes infinite.
SMALLEST = 1e-6


def squares(residual: Vector) -> Vector:
    """Return weight 1 for each residual [standard deviations]: least squares."""
    return np.ones_like(residual)


def huber(residual: Vector) -> Vector:
    """Return min(1, 1.345/|r|): squares near 0, absolute value beyond. Convex: a far reading always keeps some pull.

    Wrong where gross errors are frequent and large: each still pulls with a constant force of 1.345.
    """
    return np.minimum(1.0, HUBER / np.maximum(np.abs(residual), HUBER))


def welsch(residual: Vector) -> Vector:
    """Return exp(-(r/2.9846)^2), at least 1e-6: a far reading loses its pull altogether.

    Wrong if the far readings are right: the loss is not convex and may stay where it is (see mhe.py for the rule).
    """
    return np.maximum(np.exp(-((np.minimum(np.abs(residual), 1e3) / WELSCH) ** 2)), SMALLEST)


#: The weight of iteratively reweighted least squares, loss'(r)/r, by name.
LOSSES: dict[LossName, Callable[[Vector], Vector]] = {"squares": squares, "huber": huber, "welsch": welsch}
