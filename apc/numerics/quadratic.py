"""The one quadratic-program solver: DAQP, dense, dual active set; a result is only returned after our own check."""

from __future__ import annotations

from dataclasses import dataclass

import daqp
import numpy as np
from numpy.typing import NDArray

from line.errors import SolverError

Vector = NDArray[np.float64]
#: Largest violation of a constraint that counts as satisfied, in units of the row.
TOLERANCE = 1e-5
UNBOUNDED = 1e30


@dataclass(frozen=True)
class QuadraticSolution:
    """x (n,), multipliers (n + m,) of bounds and rows, iterations."""

    x: Vector
    multipliers: Vector
    iterations: int


def solve_quadratic(
    hessian: Vector, gradient: Vector, rows: Vector, low: Vector, high: Vector, max_iterations: int
) -> QuadraticSolution:
    """Return the minimiser of 1/2 x'Hx + g'x with low <= [x; rows x] <= high.

    hessian (n, n) positive definite, gradient (n,), rows (m, n), low and high (n + m,). Raises SolverError if an
    argument is not finite, limits contradict each other, DAQP does not end with status 1 within `max_iterations`, or
    the result is not finite or breaks a constraint.
    """
    low, high = np.clip(low, -UNBOUNDED, UNBOUNDED), np.clip(high, -UNBOUNDED, UNBOUNDED)
    for name, array in (("hessian", hessian), ("gradient", gradient), ("rows", rows), ("limits", low + high)):
        if not np.isfinite(array).all():
            raise SolverError(f"{name} of the quadratic program is not finite", where="daqp")
    if (low > high).any():
        worst = int(np.argmax(low - high))
        raise SolverError(
            "limits contradict each other", where="daqp", how_much=f"row {worst}: {low[worst]:g} > {high[worst]:g}"
        )
    x, _, flag, info = daqp.solve(
        np.ascontiguousarray(hessian), np.ascontiguousarray(gradient), np.ascontiguousarray(rows), high, low,
        iter_limit=max_iterations,
    )  # fmt: skip
    iterations = int(info["iterations"])
    if flag != 1:
        raise SolverError(f"DAQP ended with status {flag}", where="daqp", how_much=f"{iterations} iterations")
    solution = np.array(x, dtype=np.float64)
    value = np.concatenate([solution, rows @ solution])
    if not np.isfinite(solution).all() or (np.maximum(low - value, value - high) > TOLERANCE).any():
        raise SolverError("DAQP reported success but a constraint is broken", where="daqp")
    return QuadraticSolution(solution, np.array(info["lam"], dtype=np.float64), iterations)
