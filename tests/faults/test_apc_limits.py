"""Limits that contradict each other are told and held, never repaired; a limit is changed only if a plan can keep it."""

from __future__ import annotations

import pytest

from apc.supervision.question import asked, question
from apc.supervision.supervisor import Supervisor
from line.errors import RecordError
from line.records import Reason
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import flowsheet, parts, problem


def running(name: str = "nmpc", n: int = 20) -> tuple[ModelLine, Supervisor]:
    plant, control = ModelLine(flowsheet()), supervisor(name)
    run(plant, control, n)
    return plant, control


def test_apc_contradictory_limits_of_the_api_are_told_and_the_line_holds() -> None:
    """The NIR's authority ends below the operator's lower limit: until now the upper limit was lifted without a word."""
    plant, control = running()
    assert control.change_limit("SP/Feeder1MassFlow", 1.98, 2.2) == ""
    before = dict(plant.setpoints)
    control._observer._confirmed = 0.06  # an assay says that the feeder gives 6 % too much: the band ends at 1.93 kg/h
    held = run(plant, control, 2)
    assert plant.setpoints == before
    assert all(not d.valid and not d.moves for d in held) and held[0].reason is Reason.LIMITS_CONTRADICT
    assert "SP/Feeder1MassFlow: lower limit 1.98 is not below upper 1.927 (the NIR's authority" in held[0].text
    assert held[1].text.startswith("HOLD") and "SP/Feeder1MassFlow" in held[1].text
    assert control.change_limit("SP/Feeder1MassFlow", 1.29, 2.38) == ""
    assert all(d.valid for d in run(plant, control, 2))


@pytest.mark.parametrize(
    ("tag", "low", "high", "why"),
    [
        ("SP/MainForce", 7.0, 6.5, "SP/MainForce: nothing is left between 7 and 6.5"),
        ("SP/MainForce", 3.0, 6.5, "SP/MainForce 3..6.5 is wider than 4..9"),
        ("SP/MainForce", float("nan"), 6.5, "SP/MainForce nan..6.5 is wider"),
        ("SP/Feeder2MassFlow", 14.5, 17.0, "SP/Feeder2MassFlow 14.5..17 holds no 14, the recipe's at 25 kg/h"),
        ("SP/Throughput", 18.0, 24.0, "SP/Throughput 18..24 holds no 25 kg/h, the planned throughput"),
        ("SP/PaddleSpeed", 18.0, 24.0, "SP/PaddleSpeed is no set-point of this controller"),
        ("SP/Feeder1MassFlow", 1.3, 1.9, "SP/Feeder1MassFlow 1.3..1.9 holds no 2"),
    ],
)
def test_apc_a_limit_that_no_plan_can_keep_is_refused_by_name(tag: str, low: float, high: float, why: str) -> None:
    _, control = running(n=14)
    assert why in control.change_limit(tag, low, high)
    assert control._limits is parts().limits or not control._book.narrowed


def test_apc_a_narrowed_limit_is_walked_to_and_recorded_with_the_question() -> None:
    plant, control = running()
    assert control.change_limit("SP/MainForce", 6.6, 7.0) == ""
    decisions = run(plant, control, 8)
    assert all(d.valid for d in decisions)
    assert plant.setpoints["SP/MainForce"] >= 6.6 - 1e-6
    assert {"low", "high", "total"} <= set(decisions[-1].asked)
    again = question(decisions[-1].body()["asked"], parts().scaling, parts().limits, 95)
    assert again.low[4] == pytest.approx(6.6 / 6.2, abs=1e-6)
    assert control.change_limit("SP/MainForce", 4.0, 9.0) == "" and not control._book.narrowed


def test_apc_a_recorded_question_that_contradicts_itself_is_refused() -> None:
    body = asked(problem(95)) | {"api": (1.1, 1.0)}
    with pytest.raises(RecordError, match="contradicts itself"):
        question(body, parts().scaling, parts().limits, 95)


def test_apc_the_linear_controller_tells_its_binding_limits_too() -> None:
    plant, control = ModelLine(flowsheet()), supervisor("lmpc")
    run(plant, control, 15)
    assert control.change_limit("SP/MainForce", 6.6, 7.0) == ""
    told = [limit for d in run(plant, control, 3) for limit in d.limits]
    force = next(limit for limit in told if limit.name == "SP/MainForce")
    assert "binds t+" in force.text and force.multiplier > 0.0
