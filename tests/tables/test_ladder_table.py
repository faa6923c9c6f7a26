"""The ladder as a table: what each rung answers, and which rung moved the line; the verdict last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from apc.control.problem import Plan, Problem
from line.errors import SolverError
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import flowsheet

TABLE = """
# nmpc    linear  static  | rung    valid  reason            words
  ok      ok      ok      | nmpc    yes    -                 -
  raises  ok      ok      | linear  yes    SOLVE_FAILED      nmpc:daqp
  nan     ok      ok      | linear  yes    SOLVE_FAILED      not-finite
  far     ok      ok      | linear  yes    MOVE_REFUSED      breaks-rate
  status  ok      ok      | linear  yes    SOLVE_FAILED      whitelisted
  slow    ok      ok      | linear  yes    DEADLINE          deadline-400
  none    ok      ok      | linear  yes    SOLVE_FAILED      NoneType
  divides ok      ok      | linear  yes    SOLVE_FAILED      ZeroDivisionError
  raises  nan     ok      | static  yes    SOLVE_FAILED      linear:
  slow    far     ok      | static  yes    DEADLINE          linear:SP/MainForce
  raises  raises  raises  | hold    no     SOLVE_FAILED      holding-last-move
  nan     status  far     | hold    no     SOLVE_FAILED      static:SP/MainForce
  ok      raises  raises  | nmpc    yes    -                 -
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]


def answer(kind: str) -> Callable[[Problem], object]:
    """Return a plan method that fails in one way."""

    def plan(problem: Problem) -> object:
        u = problem.u_before.copy()
        if kind == "raises":
            raise SolverError("DAQP ended with status -1", where="daqp")
        if kind == "divides":
            raise ZeroDivisionError("division by zero")
        if kind == "none":
            return None
        u[2] = np.nan if kind == "nan" else u[2]
        u[4] *= 1.5 if kind == "far" else 1.0
        return Plan(u, "Infeasible" if kind == "status" else "SOLVED", 5000 if kind == "slow" else 1)

    return plan


def test_apc_ladder_table() -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    run(plant, control, 24)
    rungs = (control.controller, control.linear, control.static)
    good = [rung.plan for rung in rungs]
    for *kinds, bar, rung, valid, reason, words in ROWS:
        assert bar == "|"
        for target, kind, plan in zip(rungs, kinds, good, strict=True):
            target.plan = plan if kind == "ok" else answer(kind)  # type: ignore[method-assign]
        before = dict(plant.setpoints)
        decision = run(plant, control, 1)[0]
        told = decision.text.replace(": ", ":").replace(" ", "-")
        assert (decision.rung, decision.valid) == (rung, valid == "yes"), kinds
        assert (decision.reason.value if decision.reason else "-") == reason, kinds
        assert words == "-" or words in told, (kinds, told)
        assert decision.valid or plant.setpoints == before
        for target, plan in zip(rungs, good, strict=True):
            target.plan = plan  # type: ignore[method-assign]
        assert run(plant, control, 1)[0].rung == "nmpc" and not control.on_lower_rung


@pytest.mark.parametrize(("name", "failing", "rung"), [("pid", 1, "static"), ("lmpc", 1, "static"), ("plc", 1, "hold")])
def test_apc_ladder_of_other_controllers(name: str, failing: int, rung: str) -> None:
    """Controllers without the model fall to the static rung; the vendor's loops, which cannot fail, to hold."""
    plant, control = ModelLine(flowsheet()), supervisor(name)
    run(plant, control, 16)
    control.controller.plan = answer("raises")  # type: ignore[method-assign]
    assert run(plant, control, failing)[0].rung == rung


def test_apc_lower_rungs_keep_the_weight_while_the_solver_is_down() -> None:
    """Ten minutes without the nonlinear plan: linear and static rung each bring 3 % of weight error back within 1 %."""
    for broken in (("controller",), ("controller", "linear")):
        plant, control = ModelLine(flowsheet()), supervisor()
        run(plant, control, 24)
        plant.setpoints["SP/MainForce"] *= 0.93
        for name in broken:
            getattr(control, name).plan = answer("raises")
        decisions = run(plant, control, 60, tester_every=12)
        start = plant.history[0]
        assert control.on_lower_rung
        assert all(d.valid and d.rung == ("linear" if len(broken) == 1 else "static") for d in decisions)
        assert abs(plant.history[-1][2] / 225.0 - 1.0) < 0.01 < abs(start[2] / 225.0 - 1.0)
