"""The part of the cost that is in the inputs themselves; every predictive controller charges it alike."""

from __future__ import annotations

import numpy as np

from apc.control.objective import Objective
from apc.control.problem import Problem, Vector
from apc.numerics.knots import Knots
from flowsheet.layout import N_FEEDERS


class InputTerms:
    """The quadratic cost in the inputs themselves: moves, total flow, ratios, level and impeller near the recipe."""

    def __init__(self, objective: Objective, knots: Knots, free: Vector) -> None:
        self._o, self._knots, self._free = objective, knots, free
        shares = np.array([objective.fractions[i] if i < N_FEEDERS else 0.0 for i in free])
        self._feeders = 100.0 * shares
        self._held = 100.0**2 * np.array([self._holding(int(i)) for i in free])
        self._suppress = 100.0**2 * objective.moves[free]
        difference = np.eye(knots.n_knots) - np.eye(knots.n_knots, k=-1)
        self._first = difference.T / knots.lengths[None, :]
        along = np.diag(self._held) + objective.weight_flow * np.outer(self._feeders, self._feeders)
        self._hessian: Vector = np.asarray(np.kron(knots.weights.T @ knots.weights, along), dtype=np.float64)
        self._hessian += np.kron(self._first @ difference, np.diag(self._suppress))
        self._hessian += 1e-6 * np.eye(len(self._hessian))

    def _holding(self, i: int) -> float:
        if i < N_FEEDERS:
            return self._o.weight_ratio if i else 0.0
        return self._o.weight_rest if i >= N_FEEDERS + 2 else 0.0

    def terms(self, knots: Vector, problem: Problem) -> tuple[Vector, Vector, float]:
        """Return Hessian, gradient and value at the present knots (n_knots, N_U)."""
        wanted = np.tile(self._o.recipe, (self._knots.n_steps, 1))
        wanted[:, :N_FEEDERS] = problem.flow[:, None]
        error = self._knots.inputs(knots, problem.u_before) - wanted
        flow_error = 100.0 * error[:, :N_FEEDERS] @ self._o.fractions
        error = error[:, self._free]
        per_step = error * self._held + self._o.weight_flow * np.outer(flow_error, self._feeders)
        moves = np.diff(np.vstack([problem.u_before, knots]), axis=0)[:, self._free]
        gradient = self._knots.weights.T @ per_step + self._first @ moves * self._suppress
        value = float((error**2 @ self._held).sum()) + self._o.weight_flow * float(flow_error @ flow_error)
        value += float(((moves**2 / self._knots.lengths[:, None]) @ self._suppress).sum())
        return self._hessian, np.asarray(gradient.ravel(), dtype=np.float64), 0.5 * value
