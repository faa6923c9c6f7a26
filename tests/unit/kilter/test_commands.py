"""`kilter mode|hold|resume|stop`: to the newest running lot, with a reason, answered or expired."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from historian.ports import EXPIRED, SqliteCommandQueue
from kilter import main
from kilter.commands import submit_and_wait
from line.clock import ManualClock, SystemClock
from line.errors import CommunicationError
from line.ports import Command
from tests.record_bench import write_small


@contextmanager
def engine(folder: Path, result: str) -> Iterator[list[Command]]:
    """A running record and a desk that answers every command."""
    record = write_small(folder, close=False)
    seen: list[Command] = []
    done = threading.Event()

    def serve() -> None:
        with SqliteCommandQueue(folder) as queue:
            while not done.wait(0.01):
                for command in queue.take(SystemClock().utc()):
                    seen.append(command)
                    queue.answer(command.id, result)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
        record.close(True)


def test_a_command_reaches_the_newest_running_lot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_small(tmp_path / "old")
    with engine(tmp_path / "new", "mode WARM") as seen:
        code = main.run(["mode", "warm", "--reason", "calibrating", "--user", "mira", "--runs", str(tmp_path)])
    assert (code, capsys.readouterr().out) == (0, "new: mode WARM\n")
    (command,) = seen
    assert (command.verb, command.argument, command.user, command.reason) == ("mode", "WARM", "mira", "calibrating")


@pytest.mark.parametrize("verb", ["hold", "resume", "stop"])
def test_every_verb_is_asked_and_a_refusal_is_exit_1(capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str) -> None:
    with engine(tmp_path / "lot", "refused: the line is not running") as seen:
        code = main.run([verb, "--reason", "dust", "--lot", "lot", "--runs", str(tmp_path)])
    assert code == 1 and "refused" in capsys.readouterr().out
    assert [c.verb for c in seen] == [verb] and seen[0].user


def test_a_command_needs_a_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with engine(tmp_path / "lot", "x") as seen:
        assert main.run(["hold", "--runs", str(tmp_path)]) == 2
        assert main.run(["hold", "--reason", " ", "--runs", str(tmp_path)]) == 2
    assert seen == [] and "reason" in capsys.readouterr().err


def test_without_a_running_lot_nothing_is_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_small(tmp_path / "old")
    assert main.run(["hold", "--reason", "x", "--runs", str(tmp_path)]) == 2
    assert main.run(["hold", "--reason", "x", "--lot", "old", "--runs", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "no lot is running" in err and "this lot is not running" in err and not (tmp_path / "old" / "ports.db").exists()


def test_what_is_not_answered_in_time_is_never_carried_out(tmp_path: Path) -> None:
    clock = ManualClock()
    with pytest.raises(CommunicationError, match="no answer to hold"):
        submit_and_wait(tmp_path, clock, "hold", "", "mira", "dust", 5.0)
    assert clock.monotonic_s() == pytest.approx(5.0, abs=0.11)
    with SqliteCommandQueue(tmp_path) as queue:
        assert queue.take(clock.utc()) == ()
        assert [row["result"] for row in queue.all()] == [EXPIRED]
