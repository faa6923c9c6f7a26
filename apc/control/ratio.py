"""Feed-forward ratio control: what a feeder's own scale sees, the other feeders follow. No analyser, recipe for the press."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from apc.control.guard import Guard
from apc.control.objective import Objective
from apc.control.problem import Plan, Problem, Reading, Vector
from apc.control.reach import limit_words, reachable
from flowsheet.layout import INPUTS, N_FEEDERS, STEP_S
from line.tuning import RatioTuning

FLOWS = INPUTS[:N_FEEDERS]
#: Largest change of the other feeders that one feeder's deviation may ask for [-].
LARGEST = 0.2
#: Flows in a row that must agree before a wild one is believed.
PATIENCE = 2


class FlowRatio:
    """Measured flows relative to their set-points, filtered, and the factor by which the others follow.

    | argument | shape | first sample | last sample |
    | deviation e | (4,) | 0 | now: e += (h / (h + T)) (measured/set-point - 1 - e) |

    Potency at the blender's inlet off its recipe by e_api minus the mean of all: with the other feeders times 1 + s it
    is right again for s = e_api - sum_others(f e) / sum_others(f). Exact for small e in steady flow. Wrong while a scale
    is blind (refill): then the deviation fades with the filter. Source: in-line ratio blending, flow-paced.
    """

    def __init__(self, fractions: Vector, flow_unit: Vector, tuning: RatioTuning) -> None:
        """fractions (4,) [kg/kg]; flow_unit (4,) plant flow of 1 scaled [kg/h]."""
        self._fractions, self._unit, self._tuning = fractions, flow_unit, tuning
        self._keep = tuning.flow_filter_s / (tuning.flow_filter_s + STEP_S)
        self.reset()

    def reset(self) -> None:
        """Believe that every feeder does as told."""
        self.deviation: Vector = np.zeros(N_FEEDERS)
        self.actual: Vector = np.full(N_FEEDERS, np.nan)
        self._guards = [Guard(PATIENCE) for _ in FLOWS]

    def update(self, measured: Mapping[str, Reading], setpoints: Vector) -> float:
        """Take the flows in; setpoints (4,) scaled, in force. Return s [-], the change of the others.

        `actual` (4,) then holds the scaled flows as measured, the set-point where the scale is blind.
        """
        told = np.maximum(setpoints, 1e-9)
        flows = np.array([self._flow(i, measured.get(name), float(told[i])) for i, name in enumerate(FLOWS)])
        seen = np.isfinite(flows)
        self.actual = np.where(seen, flows, setpoints)
        gap = np.where(seen, flows / told - 1.0, 0.0)
        self.deviation = np.clip(gap + self._keep * (self.deviation - gap), -1.0, 1.0)
        shares = self._fractions[1:] / self._fractions[1:].sum()
        change = float(self.deviation[0] - shares @ self.deviation[1:])
        band = self._tuning.dead_band_pct / 100.0
        change = math.copysign(max(abs(change) - band, 0.0), change)
        return min(max(change, -LARGEST), LARGEST)

    def _flow(self, i: int, reading: Reading | None, told: float) -> float:
        """Return a feeder's flow [scaled] with a wild value clipped, NaN if none was read."""
        if reading is None or not math.isfinite(reading.value):
            return math.nan
        expected = told * (1.0 + float(self.deviation[i]))
        return expected + self._guards[i].judge(reading.value / self._unit[i] - expected, reading.error / self._unit[i])


class RatioControl:
    """Feeders at the registered ratios of the planned flow, the others paced by what the scales see; recipe elsewhere."""

    name = "ratio"

    def __init__(self, objective: Objective, flow_unit: Vector, tuning: RatioTuning, n_steps: int) -> None:
        self.n_steps, self._objective = n_steps, objective
        self._ratio = FlowRatio(objective.fractions, flow_unit, tuning)

    def reset(self) -> None:
        """Forget the filtered flows."""
        self._ratio.reset()

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError if the problem is not finite."""
        change = self._ratio.update(problem.measured, problem.u_before[:N_FEEDERS])
        wanted = self._objective.recipe.copy()
        wanted[:N_FEEDERS] = problem.flow[0]
        wanted[1:N_FEEDERS] *= 1.0 + change
        u = reachable(wanted, problem, self._objective.fractions)
        text = f"other feeders follow the scales by {100.0 * change:+.2f} %" if change else ""
        return Plan(u, "FEED_RATIO", cost=0.0, binding=limit_words(wanted, u, problem, INPUTS), text=text)
