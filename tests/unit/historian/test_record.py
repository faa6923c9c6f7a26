"""A record while it is written: what is durable when, what its hashes depend on, how it ends."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from historian import record as record_module
from historian.queries import KILLED, RecordReader
from historian.record import Record
from historian.seal import SEAL_FILE, read_seal
from historian.verify import verify
from line.clock import ManualClock
from line.errors import RecordError
from tests.record_bench import SMALL, start_writer, write_small


def test_only_what_was_committed_can_be_read(tmp_path: Path) -> None:
    record = Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL)
    record.append("content", "event", 1, {"n": 1})
    with Record.open(tmp_path / "lot") as reader:
        assert reader.bodies("event") == []
        record.commit()
        assert reader.bodies("event") == [(1, {"n": 1})]
        assert reader.status == "running"
    record.close(True)


def test_every_commit_is_synced(tmp_path: Path) -> None:
    record = write_small(tmp_path / "lot", close=False)
    assert record._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert record._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    record.abandon()


def test_content_depends_on_content_alone(tmp_path: Path) -> None:
    plain = write_small(tmp_path / "a")
    silent = write_small(tmp_path / "b", wall=False)
    assert plain.content_hash == silent.content_hash
    assert plain.record_hash != silent.record_hash
    assert write_small(tmp_path / "c", seed=2).content_hash != plain.content_hash


def test_the_whole_record_depends_on_the_wall_too(tmp_path: Path) -> None:
    late = ManualClock()
    late.sleep_s(5.0)
    hashes = []
    for name, clock in (("a", ManualClock()), ("b", late)):
        record = Record.create(tmp_path / name / "lot", {"seed": 1}, clock, register=SMALL)
        record.close(True)
        hashes.append((record.content_hash, record.record_hash))
    assert hashes[0][0] == hashes[1][0] and hashes[0][1] != hashes[1][1]


def test_a_closed_record_says_how_it_ended(tmp_path: Path) -> None:
    for complete, reason, status in ((True, "", "complete"), (False, "interrupted from the keyboard", "incomplete")):
        record = Record.create(tmp_path / status, {"seed": 1}, ManualClock(), register=SMALL)
        record.close(complete, reason)
        with Record.open(tmp_path / status) as reader:
            assert (reader.status, reader.reason) == (status, reason)
            assert (reader.content_hash, reader.record_hash) == (record.content_hash, record.record_hash)
        assert sorted(p.name for p in (tmp_path / status).iterdir()) == ["record.db", SEAL_FILE, "writer.lock"]
        seal = read_seal(tmp_path / status)
        assert seal is not None and (seal.status, seal.record_hash) == (status, record.record_hash)


def test_leaving_by_an_error_closes_it_as_incomplete(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL):
        raise KeyError("x")
    result = verify(tmp_path / "lot")
    assert (result.holds, result.status) == (True, "incomplete")


def test_a_killed_writer_leaves_a_whole_but_incomplete_record(tmp_path: Path) -> None:
    process = start_writer(tmp_path / "lot")
    with Record.open(tmp_path / "lot") as reader:
        assert reader.status == "running"
    process.kill()
    process.communicate()
    result = verify(tmp_path / "lot")
    assert (result.holds, result.status, result.reason) == (True, "incomplete", KILLED)
    with Record.open(tmp_path / "lot") as reader:
        assert [step for step, _ in reader.bodies("event")] == list(range(1, 61))


def test_two_writers_never_meet(tmp_path: Path) -> None:
    record = write_small(tmp_path / "lot", close=False)
    with pytest.raises(RecordError, match="written by another process"):
        Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL)
    record.close(True)
    with pytest.raises(RecordError, match="never overwritten"):
        Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL)
    assert verify(tmp_path / "lot").holds


def test_nothing_is_added_after_the_end(tmp_path: Path) -> None:
    record = write_small(tmp_path / "lot")
    record.close(False, "a second close does nothing")
    with pytest.raises(RecordError, match="closed"):
        record.append("content", "event", 9, {})
    assert verify(tmp_path / "lot").status == "complete"


@pytest.mark.parametrize(
    ("stream", "kind", "body", "words"),
    [("other", "event", b"", "unknown stream"), ("content", "", b"", "kind"), ("content", "k" * 41, b"", "kind")],
)
def test_a_wrong_stream_or_kind_is_refused(tmp_path: Path, stream: str, kind: str, body: bytes, words: str) -> None:
    record = Record.create(tmp_path / "lot", {}, ManualClock(), register=SMALL)
    with pytest.raises(RecordError, match=words):
        record.append_bytes(stream, kind, 1, body)  # type: ignore[arg-type]
    record.close(True)
    assert verify(tmp_path / "lot").holds


def test_a_body_or_a_queue_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record.create(tmp_path / "lot", {}, ManualClock(), register=SMALL)
    monkeypatch.setattr(record_module, "MAX_BODY_BYTES", 10)
    with pytest.raises(RecordError, match="11 bytes, limit 10"):
        record.append_bytes("content", "event", 1, b"x" * 11)
    monkeypatch.setattr(record_module, "MAX_PENDING", 1)
    record.append_bytes("content", "event", 1, b"x")
    with pytest.raises(RecordError, match="Commit more often"):
        record.append_bytes("content", "event", 1, b"x")
    record.abandon()


def test_what_is_not_a_number_is_written_as_null(tmp_path: Path) -> None:
    with Record.create(tmp_path / "lot", {}, ManualClock(), register=SMALL) as record:
        record.append("content", "decision", 1, {"cost": math.nan, "plan": [math.inf, 1.0]})
        record.commit()
        with RecordReader(tmp_path / "lot") as reader:
            assert reader.decisions() == [{"cost": None, "plan": [None, 1]}]


def test_host_and_folder_stand_in_the_wall_stream_only(tmp_path: Path) -> None:
    write_small(tmp_path / "lot-name-4711")
    with Record.open(tmp_path / "lot-name-4711") as reader:
        assert reader.opened["lot"] == "lot-name-4711" and reader.opened["host"]
        content = b"".join(entry.body for entry in reader.entries() if entry.stream == "content")
        assert b"4711" not in content and json.dumps(reader.opened["host"]).encode() not in content
