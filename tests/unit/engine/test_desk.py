"""The operator's desk: what is asked becomes commands and events, once, by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.desk import RESUME_AFTER_S, Desk
from line.clock import ManualClock
from line.configuration import OperatorAction, Scenario
from line.modes import ControllerMode, LineCommand, LineState, PlcMode
from line.ports import Command
from line.records import Reason
from tests.frames import frame

STOPPED = {"Sys/LineState": float(LineState.STOPPED)}
HELD = {"Sys/LineState": float(LineState.HELD)}


class ListQueue:
    """A queue that hands out what a test put in."""

    def __init__(self, *commands: Command) -> None:
        self.waiting, self.answers = list(commands), dict[str, str]()

    def submit(self, command: Command) -> None:
        self.waiting.append(command)

    def take(self, now: datetime) -> Sequence[Command]:
        taken, self.waiting = self.waiting, []
        return taken

    def answer(self, command_id: str, result: str) -> None:
        self.answers[command_id] = result

    def result_of(self, command_id: str) -> str | None:
        return self.answers.get(command_id)


def scenario(*actions: OperatorAction) -> Scenario:
    return Scenario(name="test", title="test", minutes=60, throughput_kg_per_h=25.0, operator=actions)


def desk(*actions: OperatorAction, queue: ListQueue | None = None, frozen: tuple[int, int] | None = None) -> Desk:
    return Desk(scenario(*actions), queue, ManualClock(), ControllerMode.ON, {"SP/MainForce": 6.2}, frozen)


def command(verb: str, argument: str = "") -> Command:
    return Command(f"c-{verb}", verb, argument, "anna", "operator", "because", datetime(2030, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]


def test_the_first_second_sends_start_and_the_registered_setpoints_once() -> None:
    d = desk()
    d.serve(frame(1, STOPPED))
    assert d.pending["SP/LineCommand"] == LineCommand.START
    assert d.pending["SP/MainForce"] == 6.2
    assert [e.reason for e in d.drain()] == [Reason.START]
    d.serve(frame(2, STOPPED))
    assert d.pending["SP/LineCommand"] == LineCommand.NONE
    assert d.drain() == []


def test_a_line_that_runs_already_is_not_started_again() -> None:
    d = desk()
    d.serve(frame(1))
    assert d.pending["SP/LineCommand"] == LineCommand.NONE


def test_a_throughput_change_is_known_before_it_happens_and_recorded_when_it_does() -> None:
    d = desk(OperatorAction(at_s=600, action="throughput", value=22.0))
    assert d.throughput_plan(10) == ((0, 25.0), (600, 22.0))
    assert d.throughput_plan(600) == ((600, 22.0),)
    d.serve(frame(1))
    d.drain()
    d.serve(frame(600))
    (event,) = d.drain()
    assert (event.reason, event.old, event.new, event.actor) == (Reason.THROUGHPUT_CHANGE, 25.0, 22.0, "scenario")


def test_a_held_line_is_restarted_once_its_cause_is_gone_for_five_seconds() -> None:
    d = desk()
    d.serve(frame(1))
    sent = []
    for second in range(2, 30):
        stands = 8.0 if second < 10 else 0.0
        d.serve(frame(second, {**HELD, "Sys/Interlock": stands}))
        if d.pending["SP/LineCommand"] == LineCommand.RESUME:
            sent.append(second)
    assert sent == [10 + RESUME_AFTER_S]


def test_a_hold_that_a_person_asked_for_is_not_lifted_by_the_scenario() -> None:
    queue = ListQueue(command("hold"))
    d = desk(queue=queue)
    d.serve(frame(1))
    assert d.pending["SP/LineCommand"] == LineCommand.HOLD
    for second in range(2, 40):
        d.serve(frame(second, HELD))
        assert d.pending["SP/LineCommand"] == LineCommand.NONE
    queue.submit(command("resume"))
    d.serve(frame(41, HELD))
    assert d.pending["SP/LineCommand"] == LineCommand.RESUME
    assert queue.answers == {"c-hold": "line-hold requested at second 1", "c-resume": "restart requested at second 41"}


def test_a_mode_command_names_who_and_why_and_an_unknown_mode_is_refused_in_words() -> None:
    queue = ListQueue(command("mode", "warm"))
    d = desk(queue=queue)
    d.serve(frame(1))
    assert d.mode is ControllerMode.WARM
    event = next(e for e in d.drain() if e.reason is Reason.MODE_CHANGED)
    assert (event.actor, event.role, event.old, event.new) == ("anna", "operator", "ON", "WARM")
    queue.submit(command("mode", "TURBO"))
    d.serve(frame(2))
    assert d.mode is ControllerMode.WARM
    assert queue.answers["c-mode"].startswith("refused: 'TURBO' is not a mode")


def test_the_beat_is_frozen_only_in_its_window() -> None:
    d = desk(frozen=(100, 200))
    assert [d.beat_frozen(k) for k in (99, 100, 199, 200)] == [False, True, True, False]


def test_advice_is_answered_in_warm_only_counted_and_recorded_with_the_proposal() -> None:
    table = """
    # mode  plc     proposal  answer   | result
      ON    REMOTE  yes       yes 2    | refused: the controller is ON
      WARM  LOCAL   yes       yes 2    | refused: the PLC is in LOCAL
      WARM  REMOTE  no        yes 2    | refused: there is no proposal
      WARM  REMOTE  yes       yes 0    | refused: 'yes 0' is not
      WARM  REMOTE  yes       maybe    | refused: 'maybe' is not
      WARM  REMOTE  yes       no       | advice no: SP/MainForce 6.21
      WARM  REMOTE  yes       yes 2    | advice yes 2: SP/MainForce 6.21
    """
    for row in table.strip().splitlines()[1:]:
        left, result = (part.strip() for part in row.split("|"))
        mode, plc, proposal, answer = left.split(maxsplit=3)
        queue = ListQueue(command("advice", answer))
        d = desk(queue=queue)
        d.mode, d.proposal = ControllerMode(mode), {"SP/MainForce": 6.21} if proposal == "yes" else {}
        d.serve(frame(2, {"Sys/LineState": float(LineState.EXECUTE), "Sys/CtrlMode": float(PlcMode[plc])}))
        assert queue.answers["c-advice"].startswith(result), row
        (event,) = [e for e in d.drain() if e.subject == "advice"]
        assert (event.actor, event.reason is Reason.REQUEST_REFUSED) == ("anna", result.startswith("refused"))
        assert [d.take_advice() for _ in range(3)] == ([True, True, False] if result.startswith("advice yes") else [False] * 3)


def test_advice_ends_with_the_mode_and_a_limit_is_asked_of_the_controller() -> None:
    d = desk(queue=ListQueue(command("advice", "yes 9"), command("mode", "OFF"), command("limit", "SP/MainForce 5 7")))
    d.mode, d.proposal = ControllerMode.WARM, {"SP/MainForce": 6.21}
    asked: list[tuple[str, float, float]] = []
    d.change_limit = lambda tag, low, high: asked.append((tag, low, high)) or "too narrow"  # type: ignore[func-returns-value]
    d.serve(frame(2, {"Sys/LineState": float(LineState.EXECUTE), "Sys/CtrlMode": 1.0}))
    assert not d.take_advice()
    assert asked == [("SP/MainForce", 5.0, 7.0)]
    assert [e.reason for e in d.drain()][-1] is Reason.REQUEST_REFUSED
