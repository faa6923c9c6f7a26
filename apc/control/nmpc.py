"""Nonlinear MPC by condensed real-time iteration: roll out, linearise, condense on ramp-blocked moves, one QP by DAQP."""

from __future__ import annotations

from collections.abc import Sequence

import casadi as ca
import numpy as np

from apc.control.binding import LimitReader, Solved
from apc.control.input_terms import InputTerms
from apc.control.limits import MoveLimits, soft_rows
from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Plan, Problem, Vector
from apc.control.words import binding_words, trajectories, violation_words
from apc.numerics.evaluation import Evaluator, pages
from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_U, N_X
from line.errors import SolverError

N_C = len(CONTROLLED)


class RealTimeIteration:
    """Each call is one Gauss-Newton step on the problem of docs/control.md, from the shifted last plan.

    | argument | shape | first sample | last sample |
    | x roll-out | (n + 1, N_X) | now | end of horizon |
    | u | (n, N_U) | this decision | last period |
    | y | (n, 6) | after 5 s | end of horizon |

    `stride`: the model is linearised at every stride-th step and the Jacobian held between; 1 is exact, 4 saves three
    quarters of the time where trajectories are smooth. `n_iterations` Gauss-Newton steps a call: 1 on line, more only to
    compare with a converged solver. `free`: which inputs move; the others stay where they are.
    """

    name = "nmpc"

    def __init__(
        self,
        flowsheet: Flowsheet,
        objective: Objective,
        blocks: Sequence[int],
        max_iterations: int,
        free: Sequence[int] = tuple(range(N_U)),
        stride: int = 4,
        n_iterations: int = 1,
    ) -> None:
        self._objective, self._knots, self._max_iterations = objective, Knots(blocks), max_iterations
        self.n_steps, self._free = self._knots.n_steps, np.array(sorted(free))
        self._n_iterations = n_iterations
        n = self.n_steps
        self._points = np.arange(0, n, stride)
        self._point_of = np.arange(n) // stride
        m = len(self._points)
        outputs = _controlled(flowsheet)
        self._roll = Evaluator(flowsheet.step.mapaccum(n))
        self._see = Evaluator(outputs[0].map(n))
        self._slopes = Evaluator(flowsheet.step_jacobian.map(m))
        self._output_slopes = Evaluator(outputs[1].map(m))
        self._linear = InputTerms(objective, self._knots, self._free)
        self._limits = MoveLimits(self._knots, self._free, objective.fractions)
        self._reader = LimitReader(self._knots, self._free, objective)
        self._plan: Vector | None = None

    def reset(self) -> None:
        """Forget the last plan: the next call starts from constant inputs."""
        self._plan = None

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError for inputs that are not finite, and for every failed solve."""
        _check(problem, self.n_steps)
        before = problem.u_before
        if self._plan is None:
            knots = np.tile(before, (self._knots.n_knots, 1))
        else:
            knots = self._knots.shifted(self._plan, before)
            fixed = [i for i in range(N_U) if i not in self._free]
            knots[:, fixed] = before[fixed]
        knots = self._limits.project(knots, problem)
        for _ in range(self._n_iterations):
            plan, knots = self._iterate(problem, knots)
        self._plan = knots
        return plan

    def _iterate(self, problem: Problem, knots: Vector) -> tuple[Plan, Vector]:
        error, scaled = self.linearise(problem, knots)
        weighted = np.sqrt(self._objective.weights)[None, :, None] * scaled
        jacobian = weighted.reshape(-1, weighted.shape[2])
        residual = (np.sqrt(self._objective.weights) * error).ravel()
        hessian_linear, gradient_linear, cost_linear = self._linear.terms(knots, problem)
        hessian = jacobian.T @ jacobian + hessian_linear
        gradient = jacobian.T @ residual + gradient_linear
        rows, low, high = self._limits.rows(knots, problem)
        soft = soft_rows(error, scaled, self._objective.soft)
        program = soft.extend(hessian, gradient, rows, low, high)
        solution = solve_quadratic(*program, self._max_iterations)
        change = solution.x[: len(gradient)]
        moved = knots.copy()
        moved[:, self._free] += change.reshape(self._knots.n_knots, -1)
        cost = (
            0.5 * float(residual @ residual) + cost_linear + 0.5 * float(change @ hessian @ change) + float(gradient @ change)
        )
        if not np.isfinite(cost):
            raise SolverError("cost of the plan is not finite", where="nmpc")
        predicted = error + scaled @ change
        first = self._knots.inputs(moved, problem.u_before)[0]
        solved = Solved(program[0], program[2], solution.multipliers, moved, predicted, scaled, soft)
        return Plan(
            u=first,
            status="SOLVED",
            iterations=solution.iterations,
            cost=cost,
            binding=binding_words(first, problem, self._free),
            text=violation_words(predicted, self._objective),
            predicted=trajectories(predicted, self._objective),
            limits=self._reader.read(solved, problem),
        ), moved

    def linearise(self, problem: Problem, knots: Vector) -> tuple[Vector, Vector]:
        """Return predicted errors (n, 6) and sensitivities (n, 6, n_knots * n_free), % of target, at knots (n_knots, N_U).

        Raises SolverError if the predicted state is not finite.
        """
        u = self._knots.inputs(knots, problem.u_before)
        x = self.roll_out(problem.x, u, problem.d)
        y, sensitivity = self._condense(problem, x, u)
        targets = self._objective.targets
        return 100.0 * (y / targets - 1.0), 100.0 * sensitivity / targets[None, :, None]

    def roll_out(self, x: Vector, u: Vector, d: Vector) -> Vector:
        """Return (n, N_X) the states after each step. Raises SolverError if they are not finite."""
        states = self._roll(x, u.T, np.tile(d[:, None], (1, self.n_steps)))[0].T
        if not np.isfinite(states).all():
            raise SolverError("the predicted state is not finite", where="nmpc")
        return states.copy()

    def _condense(self, problem: Problem, x: Vector, u: Vector) -> tuple[Vector, Vector]:
        """Return outputs (n, 6) and their sensitivities (n, 6, n_knots * n_free) to the knots."""
        n, points, d = self.n_steps, self._points, problem.d[:, None]
        y = self._see(x.T, u.T, np.tile(d, (1, n)))[0].T.copy()
        starts = np.vstack([problem.x[None, :], x[:-1]])
        many = np.tile(d, (1, len(points)))
        _, a, b, _ = self._slopes(starts[points].T, u[points].T, many)
        _, c, e = self._output_slopes(x[points].T, u[points].T, many)
        n_free = len(self._free)
        a = pages(a, N_X, len(points))
        b, c, e = pages(b, N_U, len(points)), pages(c, N_X, len(points)), pages(e, N_U, len(points))
        b, e = b[:, :, self._free], e[:, :, self._free]
        weights = self._knots.weights
        width = weights.shape[1] * n_free
        s = np.zeros((N_X, width))
        sensitivity = np.zeros((n, N_C, width))
        for j in range(n):
            i = self._point_of[j]
            used = np.flatnonzero(weights[j])
            reach = (used[-1] + 1) * n_free
            s[:, :reach] = a[i] @ s[:, :reach]
            for k in used:
                s[:, k * n_free : (k + 1) * n_free] += weights[j, k] * b[i]
            sensitivity[j, :, :reach] = c[i] @ s[:, :reach]
            for k in used:
                sensitivity[j, :, k * n_free : (k + 1) * n_free] += weights[j, k] * e[i]
        return y, sensitivity


def _controlled(flowsheet: Flowsheet) -> tuple[ca.Function, ca.Function]:
    x, u, d = (ca.SX.sym(name, flowsheet.step.size1_in(i)) for i, name in enumerate("xud"))
    y = flowsheet.outputs(x, u, d)[:N_C]
    slopes = [ca.densify(ca.jacobian(y, v)) for v in (x, u)]
    return ca.Function("see", [x, u, d], [y]), ca.Function("see_slopes", [x, u, d], [y, *slopes])


def _check(problem: Problem, n_steps: int) -> None:
    for name in ("x", "d", "u_before", "low", "high", "rate", "flow"):
        if not np.isfinite(getattr(problem, name)).all():
            raise SolverError(f"{name} of the problem is not finite", where="nmpc", what_now="Nothing was solved.")
    if len(problem.flow) != n_steps:
        raise SolverError(f"planned flow has {len(problem.flow)} steps, the horizon {n_steps}", where="nmpc")
