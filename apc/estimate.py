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
    the authority of the NIR around the last assay-confirmed value); confirmed_bias_api [-]; waits: what the
    estimate still lacks before it may move the line, in words; feed_forward: largest recent relative deviation that
    a scale has seen [-]; named values in plant units.
    """

    x: Vector
    d: Vector
    d_control: Vector
    confirmed_bias_api: float
    waits: str
    feed_forward: float
    named: Mapping[str, float]

    @property
    def ready(self) -> bool:
        """True if the estimate may move the line."""
        return not self.waits
