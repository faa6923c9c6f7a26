"""Release again from the record alone: the same in every byte, and a changed byte is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.replay import Replay, replay
from kilter.main import run as kilter
from line.errors import RecordError
from tests.shift_bench import Shift, run


@cache
def short_shift() -> Shift:
    return run("demo", "api_bridging_short", "plc", minutes=27)


@cache
def replayed() -> Replay:
    return replay(short_shift().folder)


def test_every_parcel_gate_request_and_the_verdict_come_out_the_same() -> None:
    found = replayed()
    assert found.differences == []
    assert found.same
    assert found.same_code
    assert found.seconds == 27 * 60
    assert found.parcels == len(list(short_shift().record().parcels()))
    assert found.gate_requests >= 2
    assert (found.has_verdict, found.disposition) == (True, short_shift().disposition)


def altered(tmp_path: Path, kind: str, change: Callable[[dict[str, Any]], None], number: int = 0) -> Path:
    """A copy of the lot whose `number`-th entry of a kind was changed behind the record's back."""
    folder = tmp_path / "lot"
    shutil.copytree(short_shift().folder, folder)
    with sqlite3.connect(folder / "record.db") as connection:
        rows = connection.execute("SELECT seq, body FROM entries WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        seq, body = rows[number]
        value = json.loads(body)
        change(value)
        connection.execute("UPDATE entries SET body = ? WHERE seq = ?", (json.dumps(value).encode(), seq))
    connection.close()
    return folder


def set_key(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        body[key] = value

    return change


def test_a_parcel_changed_by_hand_is_named(tmp_path: Path) -> None:
    found = replay(altered(tmp_path, "parcel", set_key("accepted", 12345), 400))
    assert not found.same
    assert {(d.what, d.key, d.recorded) for d in found.differences} == {("parcel", "accepted", 12345)}


def test_a_verdict_changed_by_hand_is_named(tmp_path: Path) -> None:
    found = replay(altered(tmp_path, "lot_verdict", set_key("disposition", "RELEASED")))
    assert [(d.what, d.key) for d in found.differences] == [("verdict", "disposition")]


def test_another_recipe_gives_other_parcels(tmp_path: Path) -> None:
    def change(meta: dict[str, Any]) -> None:
        meta["recipe"]["diversion"]["guard_s"] += 5.0

    found = replay(altered(tmp_path, "meta", change))
    assert not found.same
    assert found.n_different >= 1


def test_a_record_without_what_a_replay_needs_says_so(tmp_path: Path) -> None:
    def change(meta: dict[str, Any]) -> None:
        del meta["line"]

    folder = altered(tmp_path, "meta", change)
    with pytest.raises(RecordError, match="without line"):
        replay(folder)


def test_the_command_says_it_in_one_line_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = altered(tmp_path, "parcel", set_key("accepted", 12345), 400)
    assert kilter(["lot", "replay", folder.name, "--runs", str(folder.parent)]) == 1
    told = capsys.readouterr().out
    assert "1 entries DIFFER" in told
    assert "parcel accepted: recorded 12345" in told
    assert kilter(["lot", "replay", folder.name, "--runs", str(folder.parent), "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["same"], body["n_different"], len(body["differences"])) == (False, 1, 1)
    assert kilter(["lot", "replay", "absent", "--runs", str(folder.parent)]) == 2
