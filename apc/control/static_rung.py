"""The plan when no program could be solved: feeders in their ratio, the force corrected by its static gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from apc.control.objective import CONTROLLED, Objective
from apc.control.plc import hold_ratio
from apc.control.press_gains import PressGains
from apc.control.problem import Plan, Problem, Reading
from apc.control.reach import reachable
from flowsheet.layout import INPUT

#: Relative weight error that is left alone, and beyond which the weight is not believed.
DEAD_BAND, INCREDIBLE = 0.003, 0.25
#: Share of the weight error that one decision corrects.
SHARE = 0.3
#: Age [s] of a tester result beyond which it says nothing of now.
OLD_S = 600.0
FORCE, WEIGHT = INPUT["force_main"], CONTROLLED.index("weight")


class StaticRung:
    """Feeders scaled to the planned flow; force F (1 - share e / g): e relative weight error, g elasticity of weight to force.

    | argument | shape | first sample | last sample |
    | weight | scalar a decision | the estimate's, now; else the tester's, at most 600 s old | the same |

    No solver, no prediction. The height stays, so that no height move lacks its force. Wrong where the force is far from
    the recipe's: the gain changes by about a quarter over its normal range, which the share forgives.
    """

    name = "static"

    def __init__(self, objective: Objective, gains: PressGains, believed: Callable[[Problem], Mapping[str, Reading]]) -> None:
        self._objective, self._gains, self._believed = objective, gains, believed

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError if the set-points in force or the planned flow are not finite."""
        wanted = hold_ratio(problem, self._objective.fractions).u.copy()
        error = self._weight_error(problem)
        text = "force stays: no weight that can be believed"
        if error is not None:
            correction = -SHARE * error / self._gains.weight_force if abs(error) > DEAD_BAND else 0.0
            wanted[FORCE] *= 1.0 + correction
            text = f"weight {100.0 * error:+.2f} % off: force {100.0 * correction:+.2f} %"
        return replace(Plan(reachable(wanted, problem, self._objective.fractions), "STATIC", cost=0.0), text=text)

    def _weight_error(self, problem: Problem) -> float | None:
        """Return the relative error of the first weight that can be believed, None if there is none."""
        tester = problem.measured.get("weight")
        candidates = [self._believed(problem)["weight"]]
        candidates += [tester] if tester is not None and tester.age_s <= OLD_S else []
        for reading in candidates:
            error = reading.value / float(self._objective.targets[WEIGHT]) - 1.0
            if math.isfinite(error) and abs(error) <= INCREDIBLE:
                return error
        return None
