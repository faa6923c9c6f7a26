"""Why a move: what each wish asks for by itself, what the limits take from it, and what would be without a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from apc.control.input_terms import InputTerms
from apc.control.nmpc import RealTimeIteration
from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Plan, Problem, Vector
from apc.control.words import trajectories
from apc.numerics.knots import Knots
from flowsheet.assembly import Flowsheet
from flowsheet.layout import INPUT, INPUTS
from line.records import BindingLimit

#: Gauss-Newton steps of an explanation: enough to converge, so that no warm start is needed.
N_ITERATIONS = 4
PLANNED, LIMITS = "planned flow and recipe", "limits and curvature"
#: A limit that is taken away is this far off, in scaled units and in parts of itself.
FAR, FREE_RATE = 1e3, 100.0


@dataclass(frozen=True)
class Reasons:
    """plan: the converged answer; held: trajectories if nothing moved; pulls: input -> wish -> first move [scaled].

    The pulls of an input add up to its first move: the wishes' without limits, then what the limits changed.
    """

    plan: Plan
    held: Mapping[str, tuple[float, ...]]
    pulls: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Alternative:
    """The converged plan without one limit."""

    limit: BindingLimit
    plan: Plan


class MoveExplainer:
    """Asks the real-time iteration again, to convergence and from constant inputs.

    Around the held inputs the plan without limits is linear in the predicted errors: x = -sum over outputs of
    H^-1 J' W e - H^-1 g_inputs. Each term is what one wish asks for. Exact for the first Gauss-Newton step; what further
    steps change is counted with the limits.
    """

    def __init__(
        self, flowsheet: Flowsheet, objective: Objective, blocks: Sequence[int], max_iterations: int, free: Sequence[int]
    ) -> None:
        self._objective, self._knots, self._free = objective, Knots(blocks), np.array(sorted(free))
        self._controller = RealTimeIteration(flowsheet, objective, blocks, max_iterations, free, n_iterations=N_ITERATIONS)
        self._terms = InputTerms(objective, self._knots, self._free)
        self.n_steps = self._controller.n_steps

    def reasons(self, problem: Problem) -> Reasons:
        """Return why the plan of a problem is what it is. Raises SolverError."""
        plan = self._plan(problem)
        held = np.tile(problem.u_before, (self._knots.n_knots, 1))
        error, sensitivity = self._controller.linearise(problem, held)
        wishes = self._wishes(problem, held, error, sensitivity)
        move = plan.u - problem.u_before
        pulls = {}
        for i in self._free:
            asked = {name: float(wish[i]) for name, wish in wishes.items()}
            pulls[INPUTS[i]] = {**asked, LIMITS: float(move[i]) - sum(asked.values())}
        return Reasons(plan, trajectories(error, self._objective), pulls)

    def without(self, problem: Problem, limit: BindingLimit) -> Alternative:
        """Return the plan without one hard limit (input of the layout or `total_flow`, kind). Raises SolverError."""
        return Alternative(limit, self._plan(relaxed(problem, limit)))

    def _plan(self, problem: Problem) -> Plan:
        self._controller.reset()
        return self._controller.plan(problem)

    def _wishes(self, problem: Problem, held: Vector, error: Vector, sensitivity: Vector) -> dict[str, Vector]:
        """Return the first move (N_U,) [scaled] that each output and the inputs' own terms ask for."""
        weights = self._objective.weights
        hessian, gradient, _ = self._terms.terms(held, problem)
        gradients = [gradient]
        for output, weight in enumerate(weights):
            jacobian = sensitivity[:, output]
            hessian = hessian + weight * jacobian.T @ jacobian
            gradients.append(weight * jacobian.T @ error[:, output])
        changes = -np.linalg.solve(hessian, np.array(gradients).T).T
        wishes = {}
        for name, change in zip((PLANNED, *CONTROLLED), changes, strict=True):
            move = np.zeros(len(problem.u_before))
            move[self._free] = self._knots.weights[0] @ change.reshape(self._knots.n_knots, -1)
            wishes[name] = move
        return wishes


def relaxed(problem: Problem, limit: BindingLimit) -> Problem:
    """Return the problem without a hard limit; a soft limit or an unknown name changes nothing."""
    if limit.name not in INPUT:
        return replace(problem, flow_rate=FAR) if limit.kind.startswith("rate") else problem
    field = "rate" if limit.kind.startswith("rate") else ("high" if limit.kind == "upper" else "low")
    values = getattr(problem, field).copy()
    i = INPUT[limit.name]
    values[i] = {"rate": FREE_RATE * values[i], "high": FAR, "low": -FAR}[field]
    return replace(problem, **{field: values})
