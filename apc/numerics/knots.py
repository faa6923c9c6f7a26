"""Ramp-blocked inputs: linear between knots, so that a horizon of many steps has few variables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Knots:
    """Inputs over a horizon of `n_steps` as ramps that end at `n_knots` knots; block b is `lengths[b]` steps long.

    `weights` (n_steps, n_knots) and `weights_before` (n_steps,): u_j = weights[j] @ knots + weights_before[j] u_before.
    Each row sums to one. `ends` (n_knots,) the step at which each knot is reached.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.array(lengths, dtype=np.float64)
        self.n_knots, self.n_steps = len(lengths), int(sum(lengths))
        self.ends = np.cumsum(lengths) - 1
        self.weights = np.zeros((self.n_steps, self.n_knots))
        self.weights_before = np.zeros(self.n_steps)
        step = 0
        for b, length in enumerate(lengths):
            for i in range(1, length + 1):
                self.weights[step, b] = i / length
                if b:
                    self.weights[step, b - 1] = 1.0 - i / length
                else:
                    self.weights_before[step] = 1.0 - i / length
                step += 1

    def inputs(self, knots: Vector, before: Vector) -> Vector:
        """Return (n_steps, n_u) inputs from (n_knots, n_u) knots and (n_u,) the inputs in force."""
        return self.weights @ knots + np.outer(self.weights_before, before)

    def shifted(self, knots: Vector, before: Vector) -> Vector:
        """Return the knots of the same plan one step later; the last value is held."""
        inputs = self.inputs(knots, before)
        return inputs[np.minimum(self.ends + 1, self.n_steps - 1)]
