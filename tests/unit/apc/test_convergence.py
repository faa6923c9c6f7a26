"""ON waits for what the estimate doubts, keeps what was granted, loses it when the doubt has doubled."""

from __future__ import annotations

import pytest

from apc.supervision.convergence import Convergence
from engine.desk import Desk
from line.clock import ManualClock
from line.configuration import Scenario
from line.errors import ConfigurationFaults
from line.modes import ControllerMode
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import flowsheet

LIMITS = {"potency_tablet": 0.75, "weight": 0.6}
# potency [%], weight [%], pressing, one after another | what is waited for
TABLE = [
    (0.1, 0.1, False, "the press makes no tablets"),
    (1.6, 0.7, True, "potency_tablet known to 1.6 %, needed 0.75 %; weight known to 0.7 %, needed 0.6 %"),
    (0.7, 0.61, True, "weight known to 0.61 %, needed 0.6 %"),
    (0.7, 0.59, True, ""),
    (1.4, 1.1, True, ""),  # granted, and not yet twice as doubtful
    (1.6, 0.5, True, "potency_tablet known to 1.6 %, needed 0.75 %"),
    (0.8, 0.5, True, "potency_tablet known to 0.8 %, needed 0.75 %"),  # lost: the narrow limit counts again
    (float("nan"), 0.5, True, "potency_tablet known to nan %, needed 0.75 %"),
]


def test_apc_convergence_table() -> None:
    judge = Convergence(LIMITS)
    assert judge.waits == "no estimate yet"
    assert [judge.judge({"potency_tablet": p, "weight": w}, on) for p, w, on, _ in TABLE] == [words for *_, words in TABLE]


@pytest.mark.parametrize("limits", [{"potncy_tablet": 1.0}, {"weight": 0.0}])
def test_apc_convergence_refuses_limits_without_meaning(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationFaults):
        Convergence(limits)


def test_apc_controller_waits_with_words_until_its_material_was_measured() -> None:
    """A line that ran before anybody looked: what is inside is unknown and has to leave first."""
    control = supervisor("lmpc")
    decisions = run(ModelLine(flowsheet()), control, 30)
    moved = [d.status for d in decisions].index("SOLVED")
    assert 4 <= moved <= 25
    assert all("not converged" in d.text for d in decisions[:moved])
    assert "potency_tablet known to" in decisions[moved - 1].text and control.waits == ""


def test_on_is_refused_while_the_estimate_waits_and_granted_afterwards() -> None:
    scenario = Scenario(name="quiet", title="quiet", minutes=10, throughput_kg_per_h=25)
    desk = Desk(scenario, None, ManualClock(), ControllerMode.WARM, {})
    desk.waits = "weight known to 0.9 %, needed 0.6 %"
    refused = desk._set_mode("ON", "anna", "start of shift")
    assert (
        refused.startswith("refused: ON is refused, the estimate has not converged: weight known")
        and desk.mode is ControllerMode.WARM
    )
    desk.waits = ""
    assert desk._set_mode("ON", "anna", "start of shift") == "mode ON" and desk.mode is ControllerMode.ON
    assert [event.reason.value for event in desk.drain()] == ["REQUEST_REFUSED", "MODE_CHANGED"]
