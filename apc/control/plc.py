"""The vendor's loops alone: set-points stay at the recipe's values and follow the planned throughput."""

from __future__ import annotations

import numpy as np

from apc.control.problem import Plan, Problem, Vector
from flowsheet.layout import N_FEEDERS


class VendorLoops:
    """Feeders at the registered ratios of the planned flow; all other set-points as registered."""

    name = "plc"

    def __init__(self, recipe_inputs: Vector, n_steps: int) -> None:
        self._recipe, self.n_steps = recipe_inputs.copy(), n_steps

    def plan(self, problem: Problem) -> Plan:
        """Return the recipe's inputs at the planned flow, moved no faster than the limits allow."""
        wanted = self._recipe.copy()
        wanted[:N_FEEDERS] = problem.flow[0]
        reachable = np.clip(wanted, problem.u_before - problem.rate, problem.u_before + problem.rate)
        return Plan(np.clip(reachable, problem.low, problem.high), "RECIPE", cost=0.0)

    def reset(self) -> None:
        """Nothing is kept."""


def hold_ratio(problem: Problem, fractions: Vector) -> Plan:
    """Return the inputs in force with the feeders scaled to the planned flow: what runs while tablets say nothing yet.

    Neither force nor height moves, so that no height move lacks its force.
    """
    wanted = problem.u_before.copy()
    total = float(fractions @ wanted[:N_FEEDERS])
    wanted[:N_FEEDERS] *= problem.flow[0] / total if total > 0 else 1.0
    reachable = np.clip(wanted, problem.u_before - problem.rate, problem.u_before + problem.rate)
    return Plan(np.clip(reachable, problem.low, problem.high), "RATIO", cost=0.0)
