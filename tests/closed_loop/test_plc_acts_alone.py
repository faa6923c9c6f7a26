"""What the plant's PLC does by itself: beat loss, press stop."""

from __future__ import annotations

import numpy as np

from line.modes import LineState, PlcMode
from tests.shift_bench import shift

LOST_AT = 1500


def test_a_frozen_beat_puts_the_plc_in_local_within_three_seconds_and_the_flap_to_divert() -> None:
    lost = shift(fault="heartbeat_loss")
    with lost.record() as record:
        frames = record.frames()
    mode, flap = frames.column("Sys/CtrlMode"), frames.column("Diverter/Position")
    local = int(frames.steps[np.flatnonzero((mode == PlcMode.LOCAL) & (frames.steps > LOST_AT - 1))[0]])
    assert LOST_AT <= local <= LOST_AT + 4
    assert flap[frames.steps > local + 2].max() == 0
    setpoint = frames.column("Feeder1/Setpoint")
    assert abs(setpoint[local + 5] - setpoint[local - 5]) <= 0.01 * setpoint[local - 5]
    assert lost.disposition == "HOLD"
    assert "R6_OPEN_EXCEPTION" in lost.codes


def test_a_press_stop_holds_the_whole_line_and_nothing_overflows() -> None:
    stopped = shift(fault="press_stop")
    with stopped.record() as record:
        frames = record.frames()
        events = [body["text"] for _, body in record.events()]
    level, state = frames.column("Hopper/Level"), frames.column("Sys/LineState")
    assert np.nanmax(level) <= 1.0
    held = frames.steps[state == LineState.HELD]
    assert 160 <= held.size <= 180
    flow = frames.column("Feeder2/ScrewSpeed")
    assert np.nanmax(flow[(frames.steps > held[0] + 3) & (frames.steps <= held[-1])]) < 1.0
    assert any("material stood" in text for text in events)
    assert any("restart requested" in text for text in events)
    assert stopped.kpis["accepted_out_of_limit_tablets"] == 0
