"""The last gate before a move: status, finiteness, limits, rates, authority, time. Independent of every solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.supervision.tags import INPUT_TAGS, THROUGHPUT, TagLimits
from flowsheet.layout import N_FEEDERS
from line.records import Reason

Vector = NDArray[np.float64]

#: The only words of a solver that may move the line.
WHITELIST = frozenset({"SOLVED", "RECIPE", "RATIO", "FEED_RATIO", "LOOPS", "Solve_Succeeded", "LINEAR", "STATIC"})
#: Relative slack of limits and rates for rounding.
SLACK = 1e-6


@dataclass(frozen=True)
class Refusal:
    """Why a plan was not applied: a reason code and one line that an operator can read."""

    reason: Reason
    text: str


@dataclass(frozen=True)
class Candidate:
    """A plan before the gate: status, inputs (N_U,) in plant units, solver iterations."""

    status: str
    inputs: Vector
    iterations: int


@dataclass(frozen=True)
class MoveGate:
    """Checks a candidate against the set-points in force. `max_iterations` is the deadline in lock-step."""

    limits: TagLimits
    max_iterations: int

    def refusal(self, candidate: Candidate, in_force: Vector, api_range: tuple[float, float]) -> Refusal | None:
        """Return why the candidate may not be applied, None if it may.

        in_force (N_U,) set-points that the plant holds, plant units; api_range bounds of the API set-point [kg/h] by
        the authority of the NIR. A set-point outside its limits may only come back towards them, at most at its rate.
        """
        if candidate.status not in WHITELIST:
            return Refusal(Reason.SOLVE_FAILED, f"solver status {candidate.status!r} is not whitelisted; holding last move")
        inputs = np.asarray(candidate.inputs, dtype=np.float64)
        if inputs.shape != self.limits.low.shape or not np.isfinite(inputs).all() or not np.isfinite(in_force).all():
            return Refusal(Reason.SOLVE_FAILED, "the plan or a set-point in force is not finite; holding last move")
        if not 0 <= candidate.iterations <= self.max_iterations:
            text = f"solver took {candidate.iterations} iterations, deadline {self.max_iterations}; holding last move"
            return Refusal(Reason.DEADLINE, text)
        return self._limits(inputs, in_force) or self._throughput(inputs, in_force) or _authority(inputs, in_force, api_range)

    def _limits(self, inputs: Vector, in_force: Vector) -> Refusal | None:
        for i, tag in enumerate(INPUT_TAGS):
            slack = SLACK * abs(self.limits.high[i])
            move = inputs[i] - in_force[i]
            if abs(move) > self.limits.rate[i] + slack:
                return _refused(tag, "rate", self.limits.rate[i], abs(move) - self.limits.rate[i], inputs[i])
            for word, limit, beyond, before in (
                ("upper", self.limits.high[i], inputs[i] - self.limits.high[i], in_force[i] - self.limits.high[i]),
                ("lower", self.limits.low[i], self.limits.low[i] - inputs[i], self.limits.low[i] - in_force[i]),
            ):
                if beyond > slack and beyond > before:
                    return _refused(tag, word, limit, beyond, inputs[i])
        return None

    def _throughput(self, inputs: Vector, in_force: Vector) -> Refusal | None:
        low, high, rate = self.limits.throughput
        total, before = float(inputs[:N_FEEDERS].sum()), float(in_force[:N_FEEDERS].sum())
        if abs(total - before) > rate + SLACK * high:
            return _refused(THROUGHPUT, "rate", rate, abs(total - before) - rate, total)
        if total > high + SLACK * high and total > before:
            return _refused(THROUGHPUT, "upper", high, total - high, total)
        if total < low - SLACK * high and total < before:
            return _refused(THROUGHPUT, "lower", low, low - total, total)
        return None


def _authority(inputs: Vector, in_force: Vector, api_range: tuple[float, float]) -> Refusal | None:
    low, high = api_range
    slack = SLACK * high
    if inputs[0] > high + slack and inputs[0] > in_force[0]:
        return _refused(INPUT_TAGS[0], "NIR authority upper", high, inputs[0] - high, inputs[0])
    if inputs[0] < low - slack and inputs[0] < in_force[0]:
        return _refused(INPUT_TAGS[0], "NIR authority lower", low, low - inputs[0], inputs[0])
    return None


def _refused(tag: str, word: str, limit: float, beyond: float, value: float) -> Refusal:
    return Refusal(
        Reason.MOVE_REFUSED, f"{tag} {value:.6g} breaks {word} {limit:.6g} by {beyond:.2g}; plan rejected, holding last move"
    )
