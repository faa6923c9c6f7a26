"""A controller in WARM advises: nothing is written until a person says yes, and then only as often as the yes was for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from engine.line import Line
from hil.bench import BenchOptions, run_bench
from hil.scenarios import load_scenario, shortened
from historian.queries import RecordReader
from line.clock import ManualClock
from line.modes import ControllerMode
from line.ports import Command
from tests.shift_bench import FILES

ASKED_AT = 640


def test_advice_that_was_taken_is_written_and_recorded(tmp_path: Path) -> None:
    scenario = shortened(load_scenario(FILES.folder, "quiet"), 12)
    options = BenchOptions(scenario, 1, "nmpc", tmp_path / "lot", tmp_path / "none", mode=ControllerMode.WARM, sockets=False)
    yes = Command("1", "advice", "yes 4", "anna", "operator", "looks right", datetime(2100, 1, 1, tzinfo=UTC))

    def listen(done: int, total: int, line: Line) -> None:
        if done == ASKED_AT and line.desk._queue is not None:
            line.desk._queue.submit(replace(yes))

    run_bench(FILES, options, ManualClock(), listen)
    with RecordReader(tmp_path / "lot") as record:
        moved = [step for step, body in record.bodies("move") if "SP/MainForce" in body["new"] and step > 60]
        (answer,) = [body for _, body in record.events() if body["reason"] == "ADVICE_TAKEN"]
        assert all(not body["valid"] for body in record.decisions())
    assert 1 <= len(moved) <= 4 and moved[0] > ASKED_AT and moved[-1] <= ASKED_AT + 25
    assert "SP/MainForce" in answer["text"] and answer["actor"] == "anna"
