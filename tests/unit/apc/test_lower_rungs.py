"""The lower rungs by themselves: near the nonlinear plan, in words, and refusing what is not finite."""

from __future__ import annotations

import numpy as np
import pytest

from apc.control.linear_rung import OLD, LinearRung
from apc.control.nmpc import RealTimeIteration
from apc.control.press_gains import press_gains
from apc.control.problem import Problem, Reading
from apc.control.static_rung import StaticRung
from apc.supervision.assembly import believed_readings
from flowsheet.layout import FILL_DEPTH, INPUT, N_D, N_X
from line.errors import SolverError
from tests.control_parts import configuration, flowsheet, parameters, parts, problem

BLOCKS = configuration().move_blocks
FORCE = INPUT["force_main"]


def linear() -> LinearRung:
    return LinearRung(flowsheet(), parts().objective, BLOCKS, 400, parts().limits.free)


def static() -> StaticRung:
    return StaticRung(parts().objective, press_gains(parameters()), believed_readings(flowsheet()))


def disturbed(yield_pressure: float, api: float) -> Problem:
    d = np.zeros(N_D)
    d[0], d[4] = api, yield_pressure
    return problem(sum(BLOCKS), d=d)


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize("values", [(0.02, 0.0), (0.03, 0.01), (-0.04, -0.02)])
def test_apc_linear_rung_moves_as_the_nonlinear_plan_does(values: tuple[float, float], remembered: bool) -> None:
    task, rung = disturbed(*values), linear()
    nonlinear = RealTimeIteration(flowsheet(), parts().objective, BLOCKS, 400, parts().limits.free).plan(task)
    if remembered:
        rung.remember(task)
    plan = rung.plan(task)
    assert (np.abs(plan.u - nonlinear.u) / task.rate).max() < 0.05
    assert plan.cost == pytest.approx(nonlinear.cost, rel=0.06)
    assert plan.text == ("linear model of 1 decision ago" if remembered else "linear model at the reference point")


def test_apc_linear_rung_forgets_a_point_that_is_old() -> None:
    task, rung = disturbed(0.02, 0.0), linear()
    rung.remember(task)
    words = [rung.plan(task).text for _ in range(OLD + 1)]
    assert words[-2].endswith(f"{OLD} decisions ago") and words[-1].endswith("reference point")


def test_apc_linear_rung_refuses_what_is_not_finite() -> None:
    with pytest.raises(SolverError, match="not finite"):
        linear().plan(problem(sum(BLOCKS), x=np.full(N_X, np.nan)))
    with pytest.raises(SolverError, match="contradict"):
        linear().plan(problem(sum(BLOCKS), low=problem(5).high + 0.1, u_before=problem(5).high + 0.05))


def test_apc_static_rung_corrects_the_force_by_its_gain_and_follows_the_flow() -> None:
    """A weight that is low asks for share/gain of force (by hand); nothing else moves; the feeders take the planned flow."""
    x = problem(5).x.copy()
    x[FILL_DEPTH] *= 0.985
    task = problem(sum(BLOCKS), x=x, flow=np.full(sum(BLOCKS), 0.998))
    weight = believed_readings(flowsheet())(task)["weight"].value
    u = static().plan(task).u
    gain = press_gains(parameters()).weight_force
    assert u[FORCE] == pytest.approx(1.0 - 0.3 * (weight / 225.0 - 1.0) / gain, rel=1e-6) and u[FORCE] > 1.001
    assert u[:4] == pytest.approx(0.998) and u[5:] == pytest.approx(1.0)


def test_apc_static_rung_takes_a_fresh_tester_result_when_the_estimate_is_not_finite() -> None:
    blind = np.full(N_X, np.nan)
    for age, moves in ((60.0, True), (900.0, False)):
        task = problem(sum(BLOCKS), x=blind, measured={"weight": Reading(223.0, age)})
        plan = static().plan(task)
        assert np.isfinite(plan.u).all() and bool(plan.u[FORCE] > 1.0) is moves
        assert ("no weight that can be believed" in plan.text) is not moves
