"""Hard limits of moves as rows of the quadratic program, and soft limits of outputs with their prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apc.control.problem import Problem, Vector
from apc.numerics.knots import Knots
from apc.numerics.quadratic import UNBOUNDED
from flowsheet.layout import N_FEEDERS

#: Soft rows are written for points at most this far inside a limit [%]; the rest cannot bind in one iteration.
NEAR_PCT = 1.5
#: Every so many steps a soft limit is looked at.
EVERY = 5
#: Curvature of a slack relative to its price: makes the program strictly convex.
CURVATURE = 0.02


class MoveLimits:
    """Bounds, rates and the rate of the total flow, on the knots. Rates between knots scale with the ramp's length."""

    def __init__(self, knots: Knots, free: Vector, fractions: Vector) -> None:
        self._knots, self._free = knots, free
        n, m = knots.n_knots, len(free)
        self._difference = np.eye(n) - np.eye(n, k=-1)
        shares = np.array([fractions[i] if i < N_FEEDERS else 0.0 for i in free])
        self._fractions = fractions
        self._rows = np.vstack([np.kron(self._difference, np.eye(m)), np.kron(self._difference, shares[None, :])])

    def reach(self, problem: Problem) -> tuple[Vector, Vector]:
        """Return bounds (n_knots, N_U) widened to what the rate can reach, if the set-points in force are outside."""
        spans = np.cumsum(self._knots.lengths)[:, None]
        low = np.minimum(problem.low, problem.u_before + spans * problem.rate)
        high = np.maximum(problem.high, problem.u_before - spans * problem.rate)
        return low, high

    def project(self, knots: Vector, problem: Problem) -> Vector:
        """Return the nearest knots, one after the other, that keep bounds and rates; a start need not keep the flow's."""
        low, high = self.reach(problem)
        out, before = knots.copy(), problem.u_before
        for b, length in enumerate(self._knots.lengths):
            step = length * problem.rate
            out[b] = np.clip(np.clip(out[b], low[b], high[b]), before - step, before + step)
            before = out[b]
        return out

    def rows(self, knots: Vector, problem: Problem) -> tuple[Vector, Vector, Vector]:
        """Return (rows, low, high) for the change of the free knots: bounds first, then rates, then the flow's rate."""
        low, high = self.reach(problem)
        free, lengths = self._free, self._knots.lengths[:, None]
        moves = np.diff(np.vstack([problem.u_before, knots]), axis=0)
        flow = moves[:, :N_FEEDERS] @ self._fractions
        rate = lengths * problem.rate
        step = self._knots.lengths * problem.flow_rate
        lows = [(low - knots)[:, free].ravel(), (-rate - moves)[:, free].ravel(), -step - flow]
        highs = [(high - knots)[:, free].ravel(), (rate - moves)[:, free].ravel(), step - flow]
        return self._rows, np.concatenate(lows), np.concatenate(highs)


@dataclass(frozen=True)
class SoftRows:
    """Rows [sensitivity, -1 in the slack's column] of soft limits near or beyond what is predicted; `outputs` of the slacks."""

    rows: Vector
    slack_of: Vector
    high: Vector
    penalties: Vector
    outputs: tuple[int, ...]

    def extend(
        self, hessian: Vector, gradient: Vector, rows: Vector, low: Vector, high: Vector
    ) -> tuple[Vector, Vector, Vector, Vector, Vector]:
        """Return the program with one slack (>= 0) a soft limit added behind the variables."""
        n, k, m = len(gradient), len(self.penalties), len(rows)
        if k == 0:
            return hessian, gradient, rows, low, high
        big = np.zeros((n + k, n + k))
        big[:n, :n] = hessian
        big[range(n, n + k), range(n, n + k)] = CURVATURE * self.penalties
        slack = np.zeros((len(self.rows), k))
        slack[np.arange(len(self.rows)), self.slack_of.astype(int)] = -1.0
        all_rows = np.vstack([np.hstack([rows, np.zeros((m, k))]), np.hstack([self.rows, slack])])
        lows = np.concatenate([low[:n], np.zeros(k), low[n:], np.full(len(self.rows), -UNBOUNDED)])
        highs = np.concatenate([high[:n], np.full(k, UNBOUNDED), high[n:], self.high])
        return big, np.concatenate([gradient, self.penalties]), all_rows, lows, highs


def soft_rows(error: Vector, sensitivity: Vector, soft: Mapping[int, tuple[float, float]]) -> SoftRows:
    """Return the rows of soft limits.

    error (n, 6) and sensitivity (n, 6, w) in % of target; soft: output -> (half width [%], price of 1 %). One slack a
    limit for all its points: the price is for the worst point.
    """
    rows, slack_of, high = [], [], []
    penalties: list[float] = []
    outputs: list[int] = []
    at = np.arange(EVERY - 1, len(error), EVERY)
    for output, (half_width, penalty) in sorted(soft.items()):
        found = []
        for sign in (1.0, -1.0):
            room = half_width - sign * error[at, output]
            near = at[room < NEAR_PCT]
            found += [(sign * sensitivity[j, output], half_width - sign * error[j, output]) for j in near]
        if found:
            rows += [row for row, _ in found]
            high += [room for _, room in found]
            slack_of += [len(penalties)] * len(found)
            penalties.append(penalty)
            outputs.append(output)
    matrix = np.array(rows).reshape(-1, sensitivity.shape[2])
    return SoftRows(matrix, np.array(slack_of), np.array(high), np.array(penalties), tuple(outputs))
