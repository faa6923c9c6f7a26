"""Limits of a plan: their prices are slopes of the plan's cost, their reliefs really relieve, the record holds them."""

from __future__ import annotations

import numpy as np
import pytest

from apc.control.nmpc import RealTimeIteration
from apc.control.problem import Plan
from apc.supervision.question import asked, question
from flowsheet.layout import INPUT, N_D
from line.errors import RecordError
from line.records import BindingLimit
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import configuration, flowsheet, parts, problem

BLOCKS = configuration().move_blocks


def plan(**changes: np.ndarray) -> Plan:
    controller = RealTimeIteration(flowsheet(), parts().objective, BLOCKS, 400)
    return controller.plan(problem(controller.n_steps, **changes))


def disturbed(yield_pressure: float = 0.08, api: float = 0.0) -> np.ndarray:
    d = np.zeros(N_D)
    d[0], d[4] = api, yield_pressure
    return d


def named(limits: tuple[BindingLimit, ...], name: str, kind: str) -> BindingLimit:
    return next(limit for limit in limits if (limit.name, limit.kind) == (name, kind))


@pytest.mark.parametrize(
    ("name", "kind", "change"),
    [("force_main", "rate up", "rate"), ("mass_flow_api", "rate up", "rate"), ("force_main", "upper", "high")],
)
def test_apc_a_multiplier_is_the_slope_of_the_cost(name: str, kind: str, change: str) -> None:
    """Envelope theorem, checked by two-sided differences of the solved cost; no soft limit is near."""
    d, i = disturbed(api=-0.06), INPUT[name]
    values = np.array(getattr(problem(5), change))
    if change == "high":
        values[i] = 1.01
    found = named(plan(d=d, **{change: values}).limits, name, kind)
    step, costs = 1e-3 * values[i], []
    for sign in (1.0, -1.0):
        moved = values.copy()
        moved[i] += sign * step
        costs.append(plan(d=d, **{change: moved}).cost)
    assert found.multiplier == pytest.approx((costs[1] - costs[0]) / (2.0 * step), rel=0.02)
    assert found.value == pytest.approx(found.limit, rel=1e-4) and 0.0 <= found.from_s <= found.to_s <= 475.0


def test_apc_what_would_be_enough_is_enough() -> None:
    """A rate of the force that is as large as the plan said keeps the hardness that the plan had to give up."""
    d, i = disturbed(0.13), INPUT["force_main"]
    before = plan(d=d)
    broken, force = named(before.limits, "hardness", "soft lower"), named(before.limits, "force_main", "rate up")
    assert before.limits[0] is broken and broken.value < broken.limit - 1.5 and force.enough > 1.5 * force.limit
    rate = np.array(problem(5).rate)
    rate[i] = force.enough
    after = plan(d=d, rate=rate)
    worst = min([limit.value for limit in after.limits if limit.name == "hardness"], default=broken.limit)
    assert broken.limit - worst < 0.15 * (broken.limit - broken.value)


def test_apc_a_quiet_plan_has_no_limits() -> None:
    assert plan().limits == ()


def test_apc_decisions_record_limits_in_plant_units_and_what_was_asked() -> None:
    line, control = ModelLine(flowsheet()), supervisor()
    line.setpoints["SP/MainForce"] = 5.4
    decisions = run(line, control, 16)
    limits = [limit for decision in decisions for limit in decision.limits if limit.name == "SP/MainForce"]
    assert limits and all((limit.unit, limit.limit) == ("kN", pytest.approx(0.08)) for limit in limits)
    assert "SP/MainForce rate" in limits[0].text and "kN a decision binds t+" in limits[0].text
    body = decisions[-1].body()
    assert set(body["asked"]) == {"x", "d", "u_before", "api", "flow"} and len(body["asked"]["flow"]) == 1
    assert decisions[0].asked == {}


def test_apc_a_recorded_question_is_the_same_problem_again() -> None:
    controller = parts().controller
    for flow in (np.ones(controller.n_steps), np.linspace(1.0, 0.96, controller.n_steps)):
        task = problem(controller.n_steps, d=disturbed(api=0.02), flow=flow)
        again = question(asked(task), parts().scaling, parts().limits, controller.n_steps)
        for field in ("x", "d", "u_before", "low", "high", "rate", "flow"):
            assert getattr(again, field) == pytest.approx(getattr(task, field), abs=1e-6)
    with pytest.raises(RecordError, match=r"asked\.x"):
        question({**asked(task), "x": (1.0, 2.0)}, parts().scaling, parts().limits, controller.n_steps)
    with pytest.raises(RecordError, match=r"asked\.d"):
        question({**asked(task), "d": (None,) * N_D}, parts().scaling, parts().limits, controller.n_steps)
