"""Minutes of the PLC: starts, holds, aborts and their way back, without any plant behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from line.modes import LineCommand, LineState
from plant_sim.columns import group_columns
from plant_sim.plc.interlocks import EMERGENCY_STOP, GUARD_OPEN, POWER_DIP, PRESS_STOP, GateWatch, Signals, bit_words
from plant_sim.plc.packml import PackState
from plant_sim.plc.sequence import Sequence
from tests.plant_bench import nominal

START, HOLD, RESUME = LineCommand.START, LineCommand.HOLD, LineCommand.RESUME
RUN_OUT, STOP = LineCommand.RUN_OUT, LineCommand.STOP
FULL, HALF, EMPTY, STARVED = 0.6, 0.4, 0.04, 0.02


class Panel:
    """One PLC with buttons and contacts; `walk` are the states it went through."""

    def __init__(self) -> None:
        self.plc = Sequence(group_columns([nominal()], "plc"), 1)
        self.level, self.contacts = EMPTY, 0
        self.events: list[dict[str, Any]] = []
        self.walk = [self.state]

    @property
    def state(self) -> str:
        return PackState(int(self.plc.packml[0])).name

    @property
    def line(self) -> str:
        return LineState(int(self.plc.state[0])).name

    def run(self, seconds: int, command: LineCommand = LineCommand.NONE) -> Panel:
        """The command is a pulse of one second, as the engine gives it."""
        for i in range(seconds):
            quiet, one = np.zeros(1), np.array([float(command if i == 0 else 0)])
            contacts = np.array([self.contacts]) if self.contacts else None
            seen = Signals(np.array([self.level]), np.array([FULL]), quiet, quiet, np.zeros(1, np.bool_), contacts)
            self.events += [event for _, event in self.plc.step(one, seen)]
            if self.walk[-1] != self.state:
                self.walk.append(self.state)
        return self

    def codes(self, code: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["code"] == code]


def running() -> Panel:
    panel = Panel().run(5, START)
    panel.level = FULL
    panel.run(5)
    assert panel.state == "EXECUTE"
    panel.walk, panel.events = ["EXECUTE"], []
    return panel


def test_a_hold_and_its_restart_are_recorded_with_their_duration() -> None:
    panel = running().run(10, HOLD).run(6, RESUME)
    assert panel.walk == ["EXECUTE", "HOLDING", "HELD", "UNHOLDING", "EXECUTE"]
    assert panel.codes("LINE_HOLD") == [{"code": "LINE_HOLD", "cause": "command"}]
    # held from the second of the command to the second in which it runs again: 10 s, and 2 s of warning
    assert panel.codes("LINE_RESUMED") == [{"code": "LINE_RESUMED", "state": "EXECUTE", "held_s": 12}]


def test_resume_waits_for_the_cause_and_a_later_hold_takes_it_back() -> None:
    panel = running()
    panel.contacts = PRESS_STOP
    panel.run(10).run(10, RESUME)
    assert panel.state == "HELD"
    panel.contacts = 0
    panel.run(5)
    assert panel.state == "EXECUTE"
    panel.contacts = PRESS_STOP
    panel.run(5).run(3, RESUME).run(3, HOLD)
    panel.contacts = 0
    panel.run(20)
    assert panel.state == "HELD"


@pytest.mark.parametrize("cause", [GUARD_OPEN, EMERGENCY_STOP, POWER_DIP])
@pytest.mark.parametrize("back", [START, RESUME])
def test_an_abort_stops_everything_in_its_second_and_only_a_command_after_its_end_leads_back(
    cause: int, back: LineCommand
) -> None:
    panel = running()
    panel.contacts = cause
    panel.run(1)
    assert panel.state == "ABORTING"
    assert not (panel.plc.feeding | panel.plc.blending | panel.plc.pressing).any()
    assert panel.line == "HELD"
    assert int(panel.plc.interlock[0]) == cause
    panel.run(20)
    assert panel.codes("LINE_HOLD") == [{"code": "LINE_HOLD", "cause": bit_words(cause)}]
    panel.run(10, back)  # too early: it is refused, and not kept for later
    assert panel.codes("COMMAND_REFUSED") == [{"code": "COMMAND_REFUSED", "command": back.name, "cause": bit_words(cause)}]
    panel.contacts = 0
    panel.run(60)
    assert panel.state == "ABORTED"
    assert int(panel.plc.interlock[0]) == cause  # latched: who restarts when no interlock stands does not restart this
    assert int(panel.plc.faults[0]) == 0
    panel.run(20, back)
    assert int(panel.plc.interlock[0]) == 0
    steps = ["ABORTING", "ABORTED", "CLEARING", "STOPPED", "RESETTING", "IDLE", "STARTING", "EXECUTE"]
    assert panel.walk == ["EXECUTE", *steps]
    changes = [(e["old"], e["new"]) for e in panel.codes("STATE_CHANGED")]
    assert changes == [("EXECUTE", "HELD"), ("HELD", "STARTING"), ("STARTING", "EXECUTE")]


def test_an_abort_on_the_way_back_ends_the_walk() -> None:
    panel = running()
    panel.contacts = EMERGENCY_STOP
    panel.run(3)
    panel.contacts = 0
    panel.run(3, START)
    panel.contacts = GUARD_OPEN
    panel.run(2)
    panel.contacts = 0
    panel.run(30)
    assert panel.state == "ABORTED"
    assert panel.line == "HELD"


def test_a_stop_after_an_abort_gives_production_up() -> None:
    panel = running()
    panel.contacts = EMERGENCY_STOP
    panel.run(3)
    panel.contacts = 0
    panel.run(3, STOP)
    assert (panel.state, panel.line) == ("ABORTED", "STOPPED")
    panel.run(20, RESUME)
    assert panel.state == "ABORTED"  # nothing to resume; a START is another decision
    panel.run(20, START)
    assert panel.state == "EXECUTE"


def test_a_guard_opened_on_a_finished_line_does_not_let_resume_start_it() -> None:
    panel = running().run(1, RUN_OUT)
    panel.level = EMPTY
    panel.run(5)
    assert panel.line == "COMPLETE"
    panel.contacts = GUARD_OPEN
    panel.run(5)
    panel.contacts = 0
    panel.run(20, RESUME)
    assert (panel.state, panel.line) == ("ABORTED", "STOPPED")


def test_a_run_out_survives_hold_and_abort() -> None:
    panel = running().run(5, RUN_OUT).run(10, HOLD).run(10, RESUME)
    assert panel.walk == ["EXECUTE", "COMPLETING", "HOLDING", "HELD", "UNHOLDING", "COMPLETING"]
    panel.contacts = POWER_DIP
    panel.run(2)
    panel.contacts = 0
    panel.run(20, RESUME)
    assert panel.walk[-2:] == ["IDLE", "COMPLETING"]
    panel.level = EMPTY
    panel.run(3)
    assert panel.line == "COMPLETE"
    panel.run(5, STOP).run(20, START)
    assert panel.line == "STARTING"  # the next start is a start, not the old run-out


def test_a_run_out_ordered_in_a_hold_is_what_the_line_resumes_to() -> None:
    panel = running().run(5, HOLD).run(5, RUN_OUT).run(10, RESUME)
    assert panel.walk == ["EXECUTE", "HOLDING", "HELD", "UNHOLDING", "COMPLETING"]


def test_a_line_held_while_filling_goes_on_filling() -> None:
    panel = Panel().run(5, START)
    panel.level = HALF
    panel.run(5, HOLD).run(10, RESUME)
    assert (panel.state, panel.line) == ("SUSPENDED", "STARTING")
    assert panel.plc.feeding[0] and not panel.plc.pressing[0]
    panel.level = FULL
    panel.run(5)
    assert panel.state == "EXECUTE"


def test_a_starved_line_says_so_fills_up_and_goes_on() -> None:
    panel = running()
    panel.level = STARVED
    panel.run(1)
    assert panel.codes("INTERLOCK")[0]["cause"] == "hopper level"
    panel.run(10)
    panel.level = FULL
    panel.run(5)
    assert panel.walk == ["EXECUTE", "SUSPENDING", "SUSPENDED", "UNSUSPENDING", "EXECUTE"]
    assert [(e["old"], e["new"]) for e in panel.codes("STATE_CHANGED")] == [("EXECUTE", "STARTING"), ("STARTING", "EXECUTE")]


def test_quiet_seconds_and_busy_ones_give_the_same() -> None:
    """A line may skip its work while nothing happens; with a neighbour that keeps the PLC busy it must end up the same."""
    chance = np.random.default_rng(4)
    n, seconds = 7, 900
    commands = np.where(chance.random((seconds, n)) < 0.06, chance.integers(1, 6, (seconds, n)), 0).astype(float)
    contacts = np.where(chance.random((seconds, n)) < 0.01, chance.choice([8, 32, 64, 128, 256], (seconds, n)), 0)
    level = np.abs(np.sin(np.arange(seconds)[:, None] / 40.0 + np.arange(n))) * 1.15

    def states(lines: slice) -> np.ndarray:
        m = len(range(*lines.indices(n)))
        plc, seen = Sequence(group_columns([nominal()] * m, "plc"), m), []
        for k in range(seconds):
            bits = contacts[k, lines]
            quiet = np.zeros(m)
            signal = Signals(
                level[k, lines], np.full(m, FULL), quiet, quiet, np.zeros(m, np.bool_), bits if bits.any() else None
            )
            plc.step(commands[k, lines], signal)
            seen.append((plc.packml, plc.interlock, plc.state, plc.feeding, plc.blending, plc.pressing))
        return np.array(seen)

    together = states(slice(None))
    for i in range(n):
        assert np.array_equal(states(slice(i, i + 1))[..., 0], together[..., i])
    assert len(np.unique(together[:, 0])) == len(PackState)


def test_a_gate_that_does_not_follow_is_odd_after_its_switching_time_and_a_second() -> None:
    watch = GateWatch(np.array([0.5, 2.5]))
    yes, no = np.ones(2, np.bool_), np.zeros(2, np.bool_)
    found = []
    for feedback in (yes, no, no, no, no, yes):
        watch.look(yes, feedback)
        found.append(watch.odd.tolist())
    assert found == [[False, False], [False, False], [True, False], [True, False], [True, True], [False, False]]
    assert watch.calm
