"""What the estimator hands to the controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """State and disturbances now.

    x (N_X,) scaled; d (N_D,) relative, as believed; d_control (N_D,) as the controller may use it (the API bias inside
    the authority of the NIR around the last assay-confirmed value); confirmed_bias_api [-]; ready: the line has run
    long enough that tablets are made of what the filter has seen; feed_forward: largest recent relative deviation that
    a scale has seen [-]; named values in plant units.
    """

    x: Vector
    d: Vector
    d_control: Vector
    confirmed_bias_api: float
    ready: bool
    feed_forward: float
    named: Mapping[str, float]
