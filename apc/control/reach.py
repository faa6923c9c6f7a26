"""From what a controller wants to what the line may be given now: bounds, rates, and the rate of the total flow."""

from __future__ import annotations

import numpy as np

from apc.control.problem import Problem, Vector
from flowsheet.layout import N_FEEDERS
from line.errors import SolverError


def reachable(wanted: Vector, problem: Problem, fractions: Vector) -> Vector:
    """Return the nearest inputs (N_U,) to `wanted` (N_U,) that bounds, rates and the total flow's limits allow.

    Each input first by itself; then the feeders other than the API share what the total flow may not do, in proportion
    to their moves, so that the API keeps its move (it is the smallest and matters most). What is outside its bounds
    comes back at its rate. Raises SolverError if `wanted` or the problem is not finite.
    """
    if not (np.isfinite(wanted).all() and np.isfinite(problem.u_before).all()):
        raise SolverError("the wanted inputs are not finite", where="loops", what_now="Nothing was moved.")
    before, rate = problem.u_before, problem.rate
    u = np.clip(np.clip(wanted, problem.low, problem.high), before - rate, before + rate)
    total, last = float(fractions @ u[:N_FEEDERS]), float(fractions @ before[:N_FEEDERS])
    lowest = max(last - problem.flow_rate, min(problem.flow_low, last))
    highest = min(last + problem.flow_rate, max(problem.flow_high, last))
    excess = total - min(max(total, lowest), highest)
    if excess != 0.0:
        _share(u, before, fractions, excess)
    return u


def _share(u: Vector, before: Vector, fractions: Vector, excess: float) -> None:
    """Take `excess` of the total flow back from the moves that cause it, the API's last; in place."""
    moves = np.where((u - before)[:N_FEEDERS] * excess > 0, (u - before)[:N_FEEDERS], 0.0)
    for group in (slice(1, N_FEEDERS), slice(0, 1)):
        there = float(fractions[group] @ moves[group])
        if there == 0.0 or excess == 0.0:
            continue
        back = min(1.0, excess / there)
        u[group] -= back * moves[group]
        excess -= back * there


def limit_words(wanted: Vector, u: Vector, problem: Problem, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return which limits kept inputs from what was wanted: `mass_flow_api rate up`, `force_main upper`, `total flow`."""
    found = []
    for i in np.flatnonzero(np.abs(wanted - u) > 1e-6):
        up = wanted[i] > u[i]
        limit, step = (problem.high, problem.rate) if up else (problem.low, -problem.rate)
        if abs(u[i] - limit[i]) < 1e-9:
            word = "upper" if up else "lower"
        elif abs(u[i] - problem.u_before[i] - step[i]) < 1e-9:
            word = "rate up" if up else "rate down"
        else:
            word = "total flow"
        found.append(f"{names[i]} {word}")
    return tuple(found)
