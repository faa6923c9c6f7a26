"""A Gaussian belief with clones of past outputs, so that late measurements enter at the time they speak of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class DelayedBelief:
    """Mean and covariance of a state (n,) and of the last values of some of its outputs (stochastic cloning).

    Group g keeps `lengths[g]` clones, the newest first. A measurement of any combination of state and clones is one
    scalar row over the joint vector (n + sum(lengths),). Exact for linear models. Source: Roumeliotis and Burdick
    2002 (stochastic cloning); the update is the textbook one, done row by row for uncorrelated errors.
    """

    def __init__(self, mean: Vector, covariance: Vector, lengths: Sequence[int]) -> None:
        self.n, self.lengths = len(mean), tuple(lengths)
        self.starts = tuple(self.n + int(sum(lengths[:g])) for g in range(len(lengths)))
        size = self.n + int(sum(lengths))
        self.mean = np.zeros(size)
        self.mean[: self.n] = mean
        self.covariance = np.zeros((size, size))
        self.covariance[: self.n, : self.n] = covariance
        self.filled = [0] * len(self.lengths)
        self._marks = np.zeros((size, 2))
        self._age = 0

    def predict(self, mean: Vector, transition: Vector, noise: Vector) -> None:
        """Replace the state by its prediction: mean (n,), transition (n, n), noise covariance (n, n)."""
        n, p = self.n, self.covariance
        self.mean[:n] = mean
        block = transition @ p[:n, :n] @ transition.T + noise
        p[:n, :n] = 0.5 * (block + block.T)
        cross = transition @ p[:n, n:]
        p[:n, n:], p[n:, :n] = cross, cross.T
        self._marks[:n] = transition @ self._marks[:n]

    def clone(self, values: Sequence[float], rows: Sequence[Vector]) -> None:
        """Push a clone of one output into each group: its value now and its row (n,) with respect to the state."""
        order = np.arange(len(self.mean))
        for start, length in zip(self.starts, self.lengths, strict=True):
            order[start + 1 : start + length] = np.arange(start, start + length - 1)
        self.mean, self._marks = self.mean[order], self._marks[order]
        self.covariance = self.covariance[np.ix_(order, order)]
        lift = np.eye(len(self.mean))
        for start, row in zip(self.starts, rows, strict=True):
            lift[start] = 0.0
            lift[start, : self.n] = row
        touched = list(self.starts)
        columns = self.covariance @ lift[touched].T
        self.covariance[:, touched], self.covariance[touched, :] = columns, columns.T
        self.covariance[np.ix_(touched, touched)] = lift[touched, : self.n] @ columns[: self.n]
        self._marks[touched] = lift[touched, : self.n] @ self._marks[: self.n]
        for g, (start, value) in enumerate(zip(self.starts, values, strict=True)):
            self.mean[start] = value
            self.filled[g] = min(self.filled[g] + 1, self.lengths[g])

    def clone_row(self, group: int, age_steps: float) -> Vector | None:
        """Return the joint row of a group's output `age_steps` ago (linear between clones), None if not kept."""
        low = int(np.floor(age_steps))
        if low < 0 or age_steps > self.filled[group] - 1:
            return None
        row = np.zeros(len(self.mean))
        share = age_steps - low
        row[self.starts[group] + low] = 1.0 - share
        if share > 0:
            row[self.starts[group] + low + 1] = share
        return row

    def innovation_variance(self, row: Vector, variance: float) -> float:
        """Return the variance of a measurement's innovation: row (m,) joint, variance of its error."""
        used = np.flatnonzero(row)
        return float(row[used] @ self.covariance[np.ix_(used, used)] @ row[used]) + variance

    def update(self, row: Vector, innovation: float, variance: float) -> None:
        """Take one scalar measurement in: innovation = value - prediction, variance of its error."""
        used = np.flatnonzero(row)
        column = self.covariance[:, used] @ row[used]
        total = float(row[used] @ column[used]) + variance
        self.mean += column * (innovation / total)
        self._marks -= np.outer(column / total, row[used] @ self._marks[used])
        self.covariance -= np.outer(column / total, column)

    def inflate(self, index: int, variance: float) -> None:
        """Add variance to one state and to all that depends on it, through the present regression on that state.

        P + v r r' with r = P[:, i]/P[i, i]: as if the state had been less well known from the start.
        """
        direction = self.covariance[:, index] / max(self.covariance[index, index], 1e-12)
        self.covariance += variance * np.outer(direction, direction)

    def suspect(self, index: int, every: int) -> None:
        """Follow the error that a unit step of one state would leave, period after period; begin anew every `every` periods.

        Two are followed, half an interval apart: `admit` takes the older one.
        """
        if self._age % every in (0, every // 2):
            self._marks = np.roll(self._marks, 1, axis=1)
            self._marks[:, 0] = 0.0
            self._marks[index, 0] = 1.0
        self._age += 1

    def admit(self, variance: float) -> None:
        """Add the variance of a step of the suspected state, every/2 to `every` periods ago, to all that it has falsified.

        The error that it left is what the line made of it less what the readings since have taken in, rightly or wrongly
        (Willsky & Jones, IEEE TAC 21 (1976) 108: signature of a failure).
        """
        error = self._marks[:, 1]
        self.covariance += variance * np.outer(error, error)
