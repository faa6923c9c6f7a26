"""What to add to the set-points of a whole shift, given the errors it led to: one quadratic program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.control.objective import CONTROLLED
from apc.control.step_response import StepModel
from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from apc.supervision.assembly import ControlParts
from flowsheet.layout import INPUT, N_U

Vector = NDArray[np.float64]

#: What is moved with hindsight; the other inputs stay as they were.
MOVED = tuple(INPUT[name] for name in ("mass_flow_api", "force_main", "height_main"))
#: Outputs that count, in the order of a shift's errors.
JUDGED = tuple(CONTROLLED.index(name) for name in ("potency_tablet", "weight", "hardness"))
#: Decisions between two knots of the changes.
BLOCK = 6
#: Keeps the program strictly convex where no error is left to correct.
RIDGE = 1e-3
MOST_ITERATIONS = 20000


@dataclass(frozen=True)
class Shift:
    """One pass: set-points (n, N_U) scaled of every decision, from second `first` on; errors (n, 3) [% of target] of what
    was made in the 5 s after each (0: nothing, or it does not count); what it cost."""

    first: int
    inputs: Vector
    errors: Vector
    cost: float


def bettered(shift: Shift, steps: StepModel, parts: ControlParts) -> Vector:
    """Return (n, N_U) the change of set-points on ramps of 30 s that lowers the tracking cost most, were the line linear.

    Cost: sum w (e + S change)^2 + moves' suppression of all set-points; bounds at the knots, rates at every decision.
    `steps` the line's step responses. Raises SolverError.
    """
    n, m = len(shift.inputs), len(MOVED)
    knots = Knots([BLOCK] * (n // BLOCK) + ([n % BLOCK] if n % BLOCK else []))
    weights = parts.objective.weights[list(JUDGED)]
    scaled = np.sqrt(weights)[None, :, None] * slopes(steps, knots)
    counts = np.abs(shift.errors).sum(axis=1) > 0.0
    jacobian = scaled[counts].reshape(-1, scaled.shape[2])
    residual = (np.sqrt(weights) * shift.errors[counts]).ravel()
    ramps = np.diff(knots.weights, axis=0, prepend=0.0)
    paths = np.diff(shift.inputs[:, MOVED], axis=0, prepend=shift.inputs[:1, MOVED])
    price = 100.0**2 * parts.objective.moves[list(MOVED)]
    hessian: Vector = jacobian.T @ jacobian + np.kron(ramps.T @ ramps, np.diag(price)) + RIDGE * np.eye(jacobian.shape[1])
    gradient: Vector = jacobian.T @ residual + (ramps.T @ paths * price).ravel()
    low, high, rate = (parts.scaling.scaled(v)[list(MOVED)] for v in (parts.limits.low, parts.limits.high, parts.limits.rate))
    at = shift.inputs[knots.ends][:, MOVED]
    lowest: Vector = np.concatenate([np.minimum(low - at, 0.0).ravel(), np.minimum(-rate - paths, 0.0).ravel()])
    highest: Vector = np.concatenate([np.maximum(high - at, 0.0).ravel(), np.maximum(rate - paths, 0.0).ravel()])
    rows = np.asarray(np.kron(ramps, np.eye(m)), dtype=np.float64)
    solution = solve_quadratic(hessian, gradient, rows, lowest, highest, MOST_ITERATIONS)
    change = np.zeros((n, N_U))
    change[:, MOVED] = knots.weights @ solution.x.reshape(knots.n_knots, m)
    return change


def slopes(steps: StepModel, knots: Knots) -> Vector:
    """Return (n, 3, n_knots * 3): what is judged [% of target] per change of each knot of what is moved."""
    n, m = knots.n_steps, len(MOVED)
    kept = steps.responses
    held = np.concatenate([kept, np.repeat(kept[-1:], max(n - len(kept), 0), axis=0)])[:n]
    paths = np.zeros((n, N_U, knots.n_knots * m))
    for j, i in enumerate(MOVED):
        paths[:, i, j::m] = knots.weights
    return StepModel(held, steps.source).after_ramp(paths, n)[:, JUDGED]
