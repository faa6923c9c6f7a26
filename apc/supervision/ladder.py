"""The ladder: rung after rung until a plan passes the gate; every refusal on the way is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.control.problem import Plan, Problem
from apc.supervision.checks import Candidate, MoveGate, Refusal
from apc.supervision.tags import InputScaling
from flowsheet.layout import N_U
from line.errors import DeadlineError, SolverError
from line.records import BindingLimit, Reason

Vector = NDArray[np.float64]

#: Digits to which set-points are written, so that plant and record hold the same number.
DIGITS = 6
#: Scaled inputs of this size are no inputs (1 is nominal).
ABSURD = 1e6
#: What a solver or its numbers may throw; anything else is a fault of ours and ends the run loudly.
FAILURES = (SolverError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Rung:
    """A name and what makes a plan; what it returns is not trusted to be one."""

    name: str
    plan: Callable[[Problem], object]


@dataclass(frozen=True)
class Landing:
    """rung: where a plan passed (empty: none, hold); plan and inputs (N_U,) plant units; refusals of the rungs above."""

    rung: str
    plan: Plan | None
    inputs: Vector
    refusals: tuple[tuple[str, Refusal], ...]

    @property
    def words(self) -> str:
        """Return the refusals on the way in one line: `nmpc: DAQP ended with status -1; linear: ...`."""
        return "; ".join(f"{name}: {_without_hold(refusal.text)}" for name, refusal in self.refusals)


class Ladder:
    """Tries rungs from the top; each answer passes the same gate.

    rung      makes                                              status   when it fails
    nmpc      the controller's own plan                          SOLVED   -> linear (nmpc, dompc), static (pid, lmpc)
    linear    one program on the last good linearisation         LINEAR   -> static
    static    ratio feed, force by its static gain               STATIC   -> hold
    hold      nothing: set-points stay, decision not valid       REFUSED  twice in a row -> HOLD, alarm
    LOCAL     the PLC: no valid decision reaches it in time      -        the PLC keeps its last set-points
    """

    def __init__(self, gate: MoveGate, scaling: InputScaling) -> None:
        self.gate, self._scaling = gate, scaling

    def descend(self, rungs: Sequence[Rung], problem: Problem, in_force: Vector, api_range: tuple[float, float]) -> Landing:
        """Return the first plan that passes; in_force (N_U,) plant units, api_range [kg/h]. Never raises for an answer."""
        refusals: list[tuple[str, Refusal]] = []
        for rung in rungs:
            answer = self._answer(rung, problem)
            if isinstance(answer, Plan):
                inputs = np.round(self._scaling.plant(answer.u), DIGITS)
                refusal = self.gate.refusal(Candidate(answer.status, inputs, answer.iterations), in_force, api_range)
                if refusal is None:
                    return Landing(rung.name, answer, inputs, tuple(refusals))
                answer = refusal
            refusals.append((rung.name, answer))
        return Landing("", None, in_force, tuple(refusals))

    def _answer(self, rung: Rung, problem: Problem) -> Plan | Refusal:
        try:
            answer = rung.plan(problem)
        except SolverError as error:
            reason = Reason.DEADLINE if isinstance(error, DeadlineError) else Reason.SOLVE_FAILED
            return Refusal(reason, f"{error.line()}; holding last move")
        except FAILURES as error:
            return Refusal(Reason.SOLVE_FAILED, f"the solver broke: {type(error).__name__}: {error}; holding last move")
        if not isinstance(answer, Plan):
            return Refusal(Reason.SOLVE_FAILED, f"the answer is no plan but {type(answer).__name__}; holding last move")
        fault = _fault(answer)
        return Refusal(Reason.SOLVE_FAILED, f"the plan's {fault}; holding last move") if fault else answer


def _fault(plan: Plan) -> str:
    """Return what of a plan has not the form it must have, empty if nothing."""
    u = plan.u
    if not isinstance(u, np.ndarray) or u.dtype != np.float64 or u.shape != (N_U,):
        return "inputs are not eight numbers"
    if not (np.abs(u) < ABSURD).all():
        return "inputs are not finite or beyond all sizes"
    if not isinstance(plan.status, str) or not isinstance(plan.text, str):
        return "status or text is no text"
    if not isinstance(plan.iterations, int) or isinstance(plan.iterations, bool):
        return "iterations are no count"
    if not isinstance(plan.cost, float) or not all(isinstance(limit, BindingLimit) for limit in plan.limits):
        return "cost or limits have no form"
    if not isinstance(plan.binding, tuple) or not isinstance(plan.predicted, Mapping):
        return "words or predictions have no form"
    return ""


def _without_hold(text: str) -> str:
    return text.removesuffix("; holding last move").removesuffix(", holding last move")
