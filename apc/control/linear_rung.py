"""The plan when the nonlinear one failed: the same wishes on the flowsheet linearised where it last worked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apc.control.input_terms import InputTerms
from apc.control.limits import MoveLimits
from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Plan, Problem, Vector
from apc.control.words import binding_words, trajectories
from apc.numerics.evaluation import Evaluator
from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_U
from line.errors import SolverError

N_C = len(CONTROLLED)
#: Decisions after which the last good point is too old and the reference point is used.
OLD = 60


class LinearRung:
    """One quadratic program on x+ = f + A (x - x0) + B (u - u0) + D (d - d0), outputs alike; no roll-out, no soft limits.

    | argument | shape | first sample | last sample |
    | point x0, u0, d0 | (N_X,), (N_U,), (N_D,) | the last good decision | the same over the horizon |
    | predicted error | (n, 6) % of target | after 5 s | end of the horizon |

    The point is the last problem whose nonlinear plan passed the gate, for OLD decisions; then, or without one, the
    reference point. Bounds, rates and the flow's rate are hard as ever. Wrong far from the point: gains change by about a
    quarter over the normal range of the force, and the hold-up law bends with the flow.
    """

    name = "linear"

    def __init__(
        self, flowsheet: Flowsheet, objective: Objective, blocks: Sequence[int], max_iterations: int, free: Sequence[int]
    ) -> None:
        self._objective, self._knots, self._free = objective, Knots(blocks), np.array(sorted(free))
        self._max_iterations, self._nominal = max_iterations, flowsheet.x_nominal
        self._step, self._see = Evaluator(flowsheet.step_jacobian), Evaluator(flowsheet.output_jacobian)
        self._terms = InputTerms(objective, self._knots, self._free)
        self._limits = MoveLimits(self._knots, self._free, objective.fractions)
        self._good: Problem | None = None
        self._age = 0

    def remember(self, problem: Problem) -> None:
        """Keep the problem of a plan that passed the gate as the point to linearise at."""
        self._good, self._age = problem, 0

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError if the problem is not finite and for every failed solve."""
        if not all(np.isfinite(part).all() for part in (problem.x, problem.d, problem.u_before, problem.flow)):
            raise SolverError("the problem is not finite", where=self.name, what_now="Nothing was solved.")
        point, words = self._point()
        error, sensitivity = self._predict(problem, *point)
        weights = np.sqrt(self._objective.weights)
        jacobian = (weights[None, :, None] * sensitivity).reshape(-1, sensitivity.shape[2])
        residual = (weights * error).ravel()
        held = np.tile(problem.u_before, (self._knots.n_knots, 1))
        hessian, gradient, cost = self._terms.terms(held, problem)
        hessian, gradient = hessian + jacobian.T @ jacobian, gradient + jacobian.T @ residual
        solution = solve_quadratic(hessian, gradient, *self._limits.rows(held, problem), self._max_iterations)
        held[:, self._free] += solution.x.reshape(self._knots.n_knots, -1)
        u = self._knots.inputs(held, problem.u_before)[0]
        cost += 0.5 * float(residual @ residual) + 0.5 * float(solution.x @ hessian @ solution.x) + float(gradient @ solution.x)
        predicted = trajectories(error + sensitivity @ solution.x, self._objective)
        return Plan(u, "LINEAR", solution.iterations, cost, binding_words(u, problem, self._free), words, predicted)

    def _point(self) -> tuple[tuple[Vector, Vector, Vector], str]:
        self._age += 1
        if self._good is not None and self._age <= OLD:
            good = self._good
            return (good.x, good.u_before, good.d), f"linear model of {self._age} decision{'s' if self._age > 1 else ''} ago"
        return (self._nominal, np.ones(N_U), np.zeros(N_D)), "linear model at the reference point"

    def _predict(self, problem: Problem, x0: Vector, u0: Vector, d0: Vector) -> tuple[Vector, Vector]:
        """Return errors (n, 6) with the inputs held, and sensitivities (n, 6, n_knots * n_free), % of target."""
        f, a, b, drift = (part.copy() for part in self._step(x0, u0, d0))
        y, c, e, shift = (part[:N_C].copy() for part in self._see(x0, u0, d0))
        if not all(np.isfinite(part).all() for part in (f, a, b, drift, y, c, e, shift)):
            raise SolverError("the linear model is not finite", where=self.name)
        n, off, change = self._knots.n_steps, problem.u_before - u0, problem.d - d0
        constant = f.ravel() - x0 + b @ off + drift @ change
        level = y.ravel() + e @ off + shift @ change
        moved, response = problem.x - x0, b
        values, impulse = np.empty((n, N_C)), np.empty((n, N_C, N_U))
        for j in range(n):
            moved = a @ moved + constant
            values[j], impulse[j] = level + c @ moved, c @ response
            response = a @ response
        impulse[0] += e
        targets = self._objective.targets
        return 100.0 * (values / targets - 1.0), 100.0 * self._spread(impulse[:, :, self._free]) / targets[None, :, None]

    def _spread(self, impulse: Vector) -> Vector:
        """Return the response to each knot from that to one period's input; e acts in the same period only."""
        n, _, m = impulse.shape
        out = np.zeros((n, N_C, self._knots.n_knots, m))
        for j in range(n):
            used = np.flatnonzero(self._knots.weights[j])
            out[j:, :, used] += impulse[: n - j, :, None] * self._knots.weights[j, used][None, None, :, None]
        return out.reshape(n, N_C, -1)
