"""The command queue and the live frame."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from historian import ports
from historian.ports import EXPIRED, SqliteCommandQueue, SqliteLiveFrames
from line.errors import RecordError
from line.ports import Command

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def command(ident: str = "a", **changes: Any) -> Command:
    fields: dict[str, Any] = {
        "id": ident,
        "verb": "hold",
        "argument": "",
        "user": "mira",
        "role": "operator",
        "reason": "dust at the vent",
        "expires": NOW + timedelta(seconds=10),
    }
    return Command(**{**fields, **changes})


def test_a_command_goes_from_one_side_to_the_other_and_back(tmp_path: Path) -> None:
    with SqliteCommandQueue(tmp_path) as desk, SqliteCommandQueue(tmp_path) as engine:
        desk.submit(command())
        assert desk.result_of("a") is None
        assert engine.take(NOW) == (command(),)
        assert engine.take(NOW) == ()
        engine.answer("a", "line-hold requested at second 17")
        assert desk.result_of("a") == "line-hold requested at second 17"
        assert [row["state"] for row in desk.all()] == ["answered"]


def test_it_is_durable(tmp_path: Path) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command())
        assert queue._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with SqliteCommandQueue(tmp_path) as queue:
        assert queue.take(NOW) == (command(),)
    with SqliteCommandQueue(tmp_path) as queue:
        assert queue.take(NOW) == ()


def test_a_second_submit_of_the_same_id_changes_nothing(tmp_path: Path) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command(reason="first"))
        queue.submit(command(reason="second"))
        assert [c.reason for c in queue.take(NOW)] == ["first"]
        queue.submit(command(reason="third"))
        assert queue.take(NOW) == ()


@pytest.mark.parametrize(("late_s", "taken"), [(-0.000001, 1), (0.0, 0), (0.000001, 0), (1e6, 0)])
def test_nothing_is_carried_out_after_it_expired(tmp_path: Path, late_s: float, taken: int) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command())
        assert len(queue.take(NOW + timedelta(seconds=10 + late_s))) == taken
        assert queue.result_of("a") == (None if taken else EXPIRED)
        assert queue.take(NOW) == ()


def test_times_of_any_zone_are_compared_as_moments(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=9))
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command(expires=(NOW + timedelta(seconds=10)).astimezone(east)))
        assert len(queue.take(NOW)) == 1
        with pytest.raises(RecordError, match="without a zone"):
            queue.submit(command("b", expires=datetime(2026, 3, 1)))  # noqa: DTZ001


def test_commands_come_in_the_order_of_asking(tmp_path: Path) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        for ident in "zmab":
            queue.submit(command(ident))
        assert [c.id for c in queue.take(NOW)] == list("zmab")


def test_two_takers_never_get_the_same_command(tmp_path: Path) -> None:
    got: list[str] = []
    errors: list[Exception] = []
    with SqliteCommandQueue(tmp_path) as desk:
        barrier = threading.Barrier(3)

        def take() -> None:
            try:
                with SqliteCommandQueue(tmp_path) as queue:
                    barrier.wait()
                    for _ in range(150):
                        got.extend(c.id for c in queue.take(NOW))
            except RecordError as error:
                errors.append(error)

        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        barrier.wait()
        for n in range(60):
            desk.submit(command(f"c{n:02d}"))
        for thread in threads:
            thread.join()
        got.extend(c.id for c in desk.take(NOW))
    assert errors == [] and sorted(got) == [f"c{n:02d}" for n in range(60)]


@pytest.mark.parametrize("ident", ["unknown", "waiting", "done"])
def test_only_a_taken_command_is_answered_and_once(tmp_path: Path, ident: str) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command("done"))
        queue.take(NOW)
        queue.answer("done", "first")
        queue.submit(command("waiting"))
        with pytest.raises(RecordError, match="waits for an answer"):
            queue.answer(ident, "x")
        assert queue.result_of("done") == "first"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": " "}, "reason"),
        ({"user": ""}, "user"),
        ({"role": ""}, "role"),
        ({"id": ""}, "id"),
        ({"verb": "format"}, "unknown command"),
        ({"reason": "x" * 501}, "too long"),
    ],
)
def test_an_incomplete_command_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with SqliteCommandQueue(tmp_path) as queue:
        with pytest.raises(RecordError, match=words):
            queue.submit(command(**changes))
        assert queue.all() == []


def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MAX_WAITING", 2)
    with SqliteCommandQueue(tmp_path) as queue:
        queue.submit(command("a"))
        queue.submit(command("b"))
        with pytest.raises(RecordError, match="full"):
            queue.submit(command("c"))
        assert [c.id for c in queue.take(NOW)] == ["a", "b"]


def test_the_newest_frame_wins(tmp_path: Path) -> None:
    with SqliteLiveFrames(tmp_path) as engine, SqliteLiveFrames(tmp_path) as screen:
        assert screen.newest() is None
        engine.publish(3, {"potency": 99.5, "gap": float("nan")})
        engine.publish(2, {"potency": 1.0})
        assert screen.newest() == {"step": 3, "potency": 99.5, "gap": None}
        engine.publish(4, {"potency": 2.0})
        assert screen.newest() == {"step": 4, "potency": 2}
        assert engine._connection.execute("PRAGMA synchronous").fetchone() == (0,)
        with pytest.raises(RecordError, match="too large"):
            engine.publish(5, {"x": "y" * (1 << 20)})


def test_a_broken_port_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ports.db").write_bytes(b"no database " * 100)
    with pytest.raises(RecordError, match="the port of the run cannot be used"):
        SqliteCommandQueue(tmp_path)
