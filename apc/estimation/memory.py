"""What was believed about late-measured outputs when they were made: for results older than an estimator's own reach."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flowsheet.parameters import FlowsheetParameters

Vector = NDArray[np.float64]

#: Periods that are remembered: 33 minutes.
LENGTH = 400
#: The bias that each late output follows: blend and tablet potency, weight, hardness.
_FOLLOWED = (0, 0, 5, 6)
_DRIFT = ("bias_api", "bias_api", "bias_density", "bias_strength")


class PastOutputs:
    """Remembers outputs and biases a period; recalls them as they would be believed with today's bias.

    y(then | now) = y(then | then) (1 + s (bias now - bias then)), s = 1 - fraction of API for potency, 1 for the rest,
    so that what later results have taught is not counted twice. Wrong by what other biases have changed since.
    """

    def __init__(self, parameters: FlowsheetParameters, noise: Mapping[str, float]) -> None:
        share = 1.0 - parameters.fraction_api
        self._share = (share, share, 1.0, 1.0)
        self._drift = tuple(noise[f"process_{name}_pct"] / 100.0 for name in _DRIFT)
        self._past: deque[tuple[Vector, Vector]] = deque(maxlen=LENGTH)

    def remember(self, late: Vector, biases: Vector) -> None:
        """Take this period's late outputs (4,) plant units and biases (9,)."""
        self._past.appendleft((np.array(late), np.array(biases)))

    def recall(self, group: int, age_steps: float, biases: Vector) -> float | None:
        """Return an output `age_steps` ago with today's biases (9,), None if it is not remembered."""
        i = round(age_steps)
        if not 0 <= i < len(self._past):
            return None
        late, then = self._past[i]
        change = float(biases[_FOLLOWED[group]] - then[_FOLLOWED[group]])
        return float(late[group]) * (1.0 + self._share[group] * change)

    def drift(self, group: int, value: float, n_steps: float) -> float:
        """Return how far an output may have walked with its bias in n_steps (1 sigma), plant units."""
        return abs(value) * self._drift[group] * float(np.sqrt(max(n_steps, 0.0)))
