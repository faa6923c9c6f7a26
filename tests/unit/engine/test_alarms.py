"""Alarms: raised once, returned once, each with cause, consequence and action."""

from __future__ import annotations

import pytest

from engine.alarms import ROWS, AlarmBoard, open_exceptions
from line.modes import LineState, PlcMode, Regime
from line.records import AlarmState, Reason
from tests.frames import frame


def changes(board: AlarmBoard, *args: object) -> list[tuple[str, str]]:
    return [(a.id, a.state.value) for a in board.update(board.conditions(*args), Regime.STEADY)]  # type: ignore[arg-type]


def test_an_alarm_is_recorded_at_its_edges_only() -> None:
    board = AlarmBoard(20)
    for second in (1, 2, 3):
        found = changes(board, frame(second), Reason.POTENCY_OUTSIDE, False)
        assert found == ([("POTENCY_DIVERT", "UNACKNOWLEDGED")] if second == 1 else [])
    assert changes(board, frame(4), Reason.CONFORMS, False) == [("POTENCY_DIVERT", "RETURNED")]
    assert board.standing == ()


def test_local_is_an_alarm_only_after_remote_was_there() -> None:
    board, local = AlarmBoard(20), {"Sys/CtrlMode": float(PlcMode.LOCAL)}
    assert changes(board, frame(1, local), Reason.START_UP, False) == []
    assert changes(board, frame(2), Reason.CONFORMS, False) == []
    assert changes(board, frame(3, local), Reason.CONFORMS, False) == [("PLC_LOCAL", "UNACKNOWLEDGED")]


def test_blindness_is_counted_from_the_last_valid_spectrum() -> None:
    board = AlarmBoard(20)
    assert changes(board, frame(500), Reason.CONFORMS, False) == []
    board.note_spectrum(500, True)
    board.note_spectrum(525, False)
    assert changes(board, frame(530), Reason.CONFORMS, False) == []
    assert changes(board, frame(531), Reason.CONFORMS, False) == [("NIR_LOST", "UNACKNOWLEDGED")]


def test_a_held_line_shows_no_spectra_and_that_is_no_alarm() -> None:
    board, held = AlarmBoard(20), {"Sys/LineState": float(LineState.HELD)}
    board.note_spectrum(500, True)
    assert changes(board, frame(501, held), Reason.CONFORMS, False) == [("LINE_HELD", "UNACKNOWLEDGED")]
    assert changes(board, frame(700, held), Reason.CONFORMS, False) == []
    assert changes(board, frame(725), Reason.CONFORMS, False) == [("LINE_HELD", "RETURNED")]
    assert changes(board, frame(731), Reason.CONFORMS, False) == [("NIR_LOST", "UNACKNOWLEDGED")]


def test_shedding_and_refusal_stand_while_the_line_runs() -> None:
    board = AlarmBoard(20)
    assert changes(board, frame(1, {"Sys/RefusedWrites": 2.0}), Reason.CONFORMS, True) == [
        ("CONTROL_SHED", "UNACKNOWLEDGED"),
        ("SETPOINT_REFUSED", "UNACKNOWLEDGED"),
    ]
    stopped = {"Sys/RefusedWrites": 2.0, "Sys/LineState": float(LineState.COMPLETE)}
    assert {a for a, _ in changes(board, frame(2, stopped), Reason.CONFORMS, True)} == {"CONTROL_SHED", "SETPOINT_REFUSED"}


def test_only_priorities_one_and_two_are_open_exceptions() -> None:
    board = AlarmBoard(20)
    changes(board, frame(1, {"Sys/LineState": float(LineState.HELD)}), Reason.POTENCY_OUTSIDE, False)
    assert [line.split(":")[0] for line in open_exceptions(board.raised)] == ["LINE_HELD"]
    assert {a.id for a in board.raised} == {"LINE_HELD", "POTENCY_DIVERT"}


@pytest.mark.parametrize("alarm_id", sorted(ROWS))
def test_every_alarm_tells_cause_consequence_and_action(alarm_id: str) -> None:
    row = ROWS[alarm_id]
    assert row.id == alarm_id
    assert 1 <= row.priority <= 4
    assert all(len(words.split()) >= 3 for words in (row.cause, row.consequence, row.action))
    assert AlarmState.UNACKNOWLEDGED in AlarmState


def test_a_feeder_alarm_stands_from_the_plcs_word_to_its_word() -> None:
    board = AlarmBoard(20)
    board.note_event({"code": "FLOW_DEVIATION", "feeder": 1, "active": True})
    board.note_event({"code": "FLOW_DEVIATION", "feeder": 2, "active": True})
    assert changes(board, frame(1), Reason.CONFORMS, False) == [("FEEDER_DEVIATION", "UNACKNOWLEDGED")]
    board.note_event({"code": "FLOW_DEVIATION", "feeder": 1, "active": False})
    assert changes(board, frame(2), Reason.CONFORMS, False) == []
    board.note_event({"code": "FLOW_DEVIATION", "feeder": 2, "active": False})
    assert changes(board, frame(3), Reason.CONFORMS, False) == [("FEEDER_DEVIATION", "RETURNED")]


def test_a_late_refill_stands_until_a_refill_of_that_feeder_is_complete() -> None:
    board = AlarmBoard(20)
    board.note_event({"code": "REFILL_TIMEOUT", "feeder": 3})
    assert changes(board, frame(1), Reason.CONFORMS, False) == [("FEEDER_SUPPLY", "UNACKNOWLEDGED")]
    board.note_event({"code": "REFILL_COMPLETE", "feeder": 1})
    assert changes(board, frame(2), Reason.CONFORMS, False) == []
    board.note_event({"code": "REFILL_COMPLETE", "feeder": 3})
    assert changes(board, frame(3), Reason.CONFORMS, False) == [("FEEDER_SUPPLY", "RETURNED")]


def test_a_lower_rung_is_an_alarm_while_it_moves_the_running_line() -> None:
    board, held = AlarmBoard(20), {"Sys/LineState": float(LineState.HELD)}
    assert changes(board, frame(1), Reason.CONFORMS, False, True) == [("CONTROL_FALLBACK", "UNACKNOWLEDGED")]
    assert ("CONTROL_FALLBACK", "RETURNED") in changes(board, frame(2, held), Reason.CONFORMS, False, True)
