"""A linear model from step tests: what each controlled output does after a step of each input."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from apc.control.objective import CONTROLLED
from apc.control.problem import Vector
from apc.numerics.evaluation import Evaluator
from flowsheet.assembly import Flowsheet
from flowsheet.layout import INPUTS, N_D, N_U
from line.errors import SolverError

N_C = len(CONTROLLED)
#: Steps of a response: 950 s, after which the slowest output (hopper level, 120 s) is within 0.1 % of its end.
N_STEPS = 190
#: Size of each test's step, both ways [scaled].
STEP_SIZES = (0.02, 0.02, 0.02, 0.02, 0.02, 0.005, 0.05, 0.02)
#: Steps at the reference point before a test.
SETTLE = 720
#: Decimals that a response is kept to [% of target per 1 scaled]: the same digest on every machine.
DECIMALS = 6


@dataclass(frozen=True)
class StepModel:
    """responses (n, N_C, N_U): change of each controlled output [% of its target], after 5 s, 10 s, ..., of a step of 1
    (scaled) of each input at time 0. All outputs settle: the last value holds. `source`: where the steps were made."""

    responses: Vector
    source: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rounded responses, 16 digits: names the model in records and logs."""
        rounded = np.ascontiguousarray(np.round(self.responses, DECIMALS) + 0.0, dtype="<f8")
        return hashlib.sha256(rounded.tobytes()).hexdigest()[:16]

    def gains(self) -> Vector:
        """Return the steady-state gains (N_C, N_U) [% of target per 1 scaled]."""
        last: Vector = self.responses[-1]
        return last

    def scaled(self, gains: Mapping[str, Mapping[str, float]]) -> StepModel:
        """Return the model with measured gains: gains[output][input] times a response. The tablets' potency has the
        factors of the blend's, unless it has its own."""
        if not gains:
            return self
        responses = self.responses.copy()
        table = {"potency_tablet": gains.get("potency_blend", {}), **gains}
        for output, row in table.items():
            for name, factor in row.items():
                responses[:, CONTROLLED.index(output), INPUTS.index(name)] *= factor
        return StepModel(np.round(responses, DECIMALS), f"{self.source}, sizes by a guided test")

    def after_ramp(self, inputs: Vector, n: int) -> Vector:
        """Return (n, N_C, w): outputs after input paths (n, N_U, w) that start at 0 before the first step."""
        moves = np.diff(np.concatenate([np.zeros((1, *inputs.shape[1:])), inputs]), axis=0)
        out = np.zeros((n, N_C, inputs.shape[2]))
        for i in range(n):
            out[i:] += self.responses[: n - i] @ moves[i]
        return out


def step_test(flowsheet: Flowsheet, targets: Vector) -> StepModel:
    """Return the model of simulated step tests of the control model at its reference point: up, down, half the difference.

    targets (N_C,) in plant units. 16 tests of 950 s. The responses are rounded, so that the model is the same bits
    wherever it is made. Raises SolverError if a test leaves the model's domain.
    """
    settle = Evaluator(flowsheet.step.mapaccum(SETTLE))
    roll = Evaluator(flowsheet.step.mapaccum(N_STEPS))
    see = Evaluator(flowsheet.outputs.map(N_STEPS))
    d = np.zeros((N_D, 1))
    start = settle(flowsheet.x_nominal, np.ones((N_U, SETTLE)), np.tile(d, (1, SETTLE)))[0][:, -1].copy()
    responses = np.zeros((N_STEPS, N_C, N_U))
    for i, size in enumerate(STEP_SIZES):
        for sign in (1.0, -1.0):
            u = np.ones((N_U, N_STEPS))
            u[i] += sign * size
            x = roll(start, u, np.tile(d, (1, N_STEPS)))[0]
            y = see(x, u, np.tile(d, (1, N_STEPS)))[0][:N_C].T
            responses[:, :, i] += sign * 100.0 * y / targets / (2.0 * size)
    if not np.isfinite(responses).all():
        raise SolverError("a step test of the model gave values that are not finite", where="lmpc")
    return StepModel(np.round(responses, DECIMALS), "step tests of the control model at the reference point")
