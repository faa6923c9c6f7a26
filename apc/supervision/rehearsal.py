"""What a controller on a proposed model would do, simulated before anything goes on line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apc.control.objective import CONTROLLED
from apc.control.problem import Problem, Reading
from apc.supervision.assembly import ControlParts
from flowsheet.assembly import Flowsheet
from flowsheet.layout import DISTURBANCE, N_D, N_FEEDERS, OUTPUTS, STEP_S
from line.errors import SolverError

#: The disturbance that is thrown at the line, relative: an API feeder whose scale lies, a harder powder.
DISTURBANCES: Mapping[str, float] = {"bias_api": -0.02, "bias_yield_pressure": 0.04}
#: Largest error of the last quarter that passes [% of target].
PASSES: Mapping[str, float] = {"potency_tablet": 1.0, "weight": 1.0, "hardness": 10.0}
#: Settling at the recipe before the disturbance, length of the rehearsal [decisions].
SETTLE, LENGTH = 400, 240


@dataclass(frozen=True)
class Rehearsal:
    """controller and line (in words); errors: largest of the last quarter [% of target] by quality; failures: decisions
    without a plan."""

    controller: str
    line: str
    errors: Mapping[str, float]
    failures: int

    @property
    def passed(self) -> bool:
        """True if every quality is back and every decision had a plan."""
        return self.failures == 0 and all(self.errors[name] <= limit for name, limit in PASSES.items())


def rehearse(parts: ControlParts, line: Flowsheet, words: str) -> Rehearsal:
    """Return how the controller of `parts` meets DISTURBANCES on a line of other parameters.

    It knows state and disturbances (no estimator, no noise): what fails here fails of the model. 20 minutes; scaled
    inputs of `parts` and line are the same plant units if both have the same reference point.
    """
    x, u, d = line.x_nominal.copy(), parts.objective.recipe.copy(), np.zeros(N_D)
    for _ in range(SETTLE):
        x = np.array(line.step(x, u, d)).ravel()
    for name, value in DISTURBANCES.items():
        d[DISTURBANCE[name]] = value
    failures, history = 0, []
    for _ in range(LENGTH):
        y = np.array(line.outputs(x, u, d)).ravel()
        try:
            u = parts.controller.plan(_problem(parts, x, u, d, y)).u.copy()
        except SolverError:
            failures += 1
            parts.controller.reset()
        x = np.array(line.step(x, u, d)).ravel()
        history.append(y[: len(CONTROLLED)])
    last = np.array(history)[-LENGTH // 4 :]
    off = 100.0 * np.abs(last / parts.objective.targets - 1.0).max(axis=0)
    errors = {name: float(off[CONTROLLED.index(name)]) for name in PASSES}
    return Rehearsal(parts.controller.name, words, errors, failures)


def _problem(parts: ControlParts, x: np.ndarray, u: np.ndarray, d: np.ndarray, y: np.ndarray) -> Problem:
    limits, scaled = parts.limits, parts.scaling.scaled
    low, high, rate = (v / float(parts.scaling.plant_per_scaled[:N_FEEDERS].sum()) for v in limits.throughput)
    return Problem(
        x=x, d=d, u_before=u, low=scaled(limits.low), high=scaled(limits.high), rate=scaled(limits.rate),
        flow=np.ones(parts.controller.n_steps), flow_rate=rate, flow_low=low, flow_high=high,
        measured={name: Reading(float(value), age_s=STEP_S) for name, value in zip(OUTPUTS, y, strict=True)},
    )  # fmt: skip
