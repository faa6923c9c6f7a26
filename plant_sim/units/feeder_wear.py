"""Slow ageing of the feeders' screws."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector


class ScrewWear:
    """Screws of n lines x 4 feeders lose feed factor while they turn: factor = exp(-rate x turning time).

    The reference is 1 % in 200 h (estimate). Wrong for a sudden break, and for a coat of powder, which comes off again.
    """

    def __init__(self, p: Columns) -> None:
        self._rate = p["screw_wear"]
        self.age_s: Vector = p["screw_age"].copy()

    @property
    def factor(self) -> Vector:
        """(n, 4) feed factor relative to new screws."""
        worn: Vector = np.exp(-self._rate * self.age_s)
        return worn

    def turn(self, seconds: float, speed: Vector) -> None:
        """Add `seconds` to the age of screws that turn; speed (n, 4) [rev/s]."""
        self.age_s = self.age_s + seconds * (speed > 0.0)
