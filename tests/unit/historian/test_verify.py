"""Whatever is changed in a record is found, and the first bad entry is named."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from historian.chain import STREAMS, entry_hash, genesis
from historian.queries import RecordReader
from historian.record import Record
from historian.seal import SEAL_FILE
from historian.store import RECORD_FILE
from historian.verify import verify
from line.clock import ManualClock
from line.errors import RecordError
from line.tags import TagRegister
from tests.record_bench import SMALL, execute, write_small

ENTRIES = 4 + 3 * 3 + 1  # meta, register, opened; three entries in each of three seconds; close, closed


@pytest.fixture
def lot(tmp_path: Path) -> Path:
    write_small(tmp_path / "lot", steps=3)
    return tmp_path / "lot"


def reopen(lot: Path) -> None:
    """Make a sealed record look like a killed one, so that only the chains and the stored state protect it."""
    (lot / SEAL_FILE).unlink()
    execute(lot, "DELETE FROM entries WHERE kind IN ('close', 'closed')")
    connection = sqlite3.connect(lot / RECORD_FILE)
    heads = {
        stream: connection.execute("SELECT hash FROM entries WHERE stream = ? ORDER BY seq DESC", (stream,)).fetchone()[0]
        for stream in STREAMS
    }
    n = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    with connection:
        values = ("open", "", n, heads["content"], heads["wall"])
        connection.execute("UPDATE state SET status = ?, reason = ?, n_entries = ?, content_head = ?, wall_head = ?", values)
    connection.close()


def test_an_untouched_record_holds(lot: Path) -> None:
    result = verify(lot)
    assert (result.holds, result.first_bad, result.fault, result.n_entries) == (True, None, "", ENTRIES)
    with RecordReader(lot) as reader:
        assert (result.content_hash, result.record_hash) == (reader.content_hash, reader.record_hash)


@pytest.mark.parametrize("column", ["body", "hash"])
def test_every_single_flipped_bit_of_every_entry_is_found_and_named(tmp_path: Path, column: str) -> None:
    """Exhaustive: each bit of each body (or hash), one at a time, with state and seal left alone."""
    record = Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=TagRegister([SMALL["Sys/StepIndex"]]))
    record.append_bytes("content", "frame", 1, b"\x00\x7f")
    record.append("wall", "timing", 1, {"ms": 1})
    record.close(True)
    connection = sqlite3.connect(tmp_path / "lot" / RECORD_FILE, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    rows = connection.execute(f"SELECT seq, {column} FROM entries ORDER BY seq").fetchall()  # noqa: S608
    change = f"UPDATE entries SET {column} = ? WHERE seq = ?"  # noqa: S608
    flips = 0
    for seq, stored in rows:
        for bit in range(len(stored) * 8):
            changed = bytearray(stored)
            changed[bit // 8] ^= 1 << bit % 8
            connection.execute(change, (bytes(changed), seq))
            result = verify(tmp_path / "lot")
            assert (result.holds, result.first_bad) == (False, seq), f"bit {bit} of {column} {seq}: {result}"
            flips += 1
        connection.execute(change, (stored, seq))
    connection.close()
    assert flips == 8 * sum(len(stored) for _, stored in rows) > 1500
    assert verify(tmp_path / "lot").fault.startswith("every entry is whole, but other bytes"), "the file's pages have moved"


@pytest.mark.parametrize(
    ("statement", "first_bad", "words"),
    [
        ("UPDATE entries SET step = 2 WHERE seq = 4", 4, "does not match"),
        ("UPDATE entries SET kind = 'alarm' WHERE seq = 4", 4, "does not match"),
        ("UPDATE entries SET kind = CAST(X'ff' AS TEXT) WHERE seq = 4", 4, "does not match"),
        ("UPDATE entries SET stream = 'wall' WHERE seq = 4", 4, "does not match"),
        ("UPDATE entries SET stream = 'other' WHERE seq = 4", 4, "malformed"),
        ("UPDATE entries SET body = 'text' WHERE seq = 4", 4, "malformed"),
        ("UPDATE entries SET hash = X'00' WHERE seq = 4", 4, "malformed"),
        ("UPDATE entries SET step = 'soon' WHERE seq = 4", 4, "malformed"),
        ("DELETE FROM entries WHERE seq = 5", 6, "entry 5 is missing"),
        ("DELETE FROM entries WHERE seq = 1", 2, "entry 1 is missing"),
    ],
)
def test_a_change_is_found_and_named(lot: Path, statement: str, first_bad: int, words: str) -> None:
    execute(lot, statement)
    result = verify(lot)
    assert not result.holds and result.first_bad == first_bad and words in result.fault


RENUMBER = "UPDATE entries SET seq = -seq WHERE seq > {0}", "UPDATE entries SET seq = -seq {1:+d} WHERE seq < 0"


def shift(after: int, by: int) -> list[str]:
    return [RENUMBER[0].format(after), RENUMBER[1].format(after, by)]


def swap(a: int, b: int) -> list[str]:
    return [f"UPDATE entries SET seq = {y} WHERE seq = {x}" for x, y in ((a, -1), (b, a), (-1, b))]  # noqa: S608


COPY = "INSERT INTO entries SELECT {1}, stream, kind, step, body, hash FROM entries WHERE seq = {0}"


@pytest.mark.parametrize(
    ("what", "statements", "first_bad"),
    [
        ("deleted and closed up", ["DELETE FROM entries WHERE seq = 5", *shift(5, -1)], 5),
        ("wall entry deleted and closed up", ["DELETE FROM entries WHERE seq = 6", *shift(6, -1)], 8),
        ("two content entries swapped", swap(4, 5), 4),
        ("content and wall entry swapped", swap(5, 6), 5),
        ("two wall entries swapped", swap(6, 9), 6),
        ("repeated", [*shift(5, 1), COPY.format(5, 6)], 6),
        ("wall entry repeated", [*shift(6, 1), COPY.format(6, 7)], 7),
    ],
)
def test_order_and_number_of_entries_are_proven(lot: Path, what: str, statements: list[str], first_bad: int) -> None:
    execute(lot, *statements)
    result = verify(lot)
    assert not result.holds and result.first_bad == first_bad, f"{what}: {result.fault}"


def test_the_order_of_the_two_streams_is_proven_even_without_seal(lot: Path) -> None:
    """Moving a wall entry across content breaks no content hash: the sequence number in the wall hash finds it."""
    reopen(lot)
    assert verify(lot).holds
    execute(lot, *swap(5, 6))
    assert verify(lot).first_bad == 5


@pytest.mark.parametrize("n_cut", range(1, ENTRIES + 1))
def test_every_shortened_end_is_found(lot: Path, n_cut: int) -> None:
    execute(lot, f"DELETE FROM entries WHERE seq > {ENTRIES - n_cut}")  # noqa: S608
    result = verify(lot)
    assert not result.holds and "cut off" in result.fault


def test_a_shortened_end_of_a_killed_record_is_found(lot: Path) -> None:
    reopen(lot)
    assert verify(lot).holds and verify(lot).status == "incomplete"
    execute(lot, "DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)")
    assert "cut off" in verify(lot).fault


def test_an_earlier_state_of_the_same_record_does_not_fit_its_seal(lot: Path) -> None:
    """A rollback to an older, consistent copy: only the seal beside it knows better."""
    seal = (lot / SEAL_FILE).read_bytes()
    reopen(lot)
    (lot / SEAL_FILE).write_bytes(seal)
    result = verify(lot)
    assert not result.holds and "seal" in result.fault


def test_an_entry_of_another_lot_is_found(lot: Path, tmp_path: Path) -> None:
    write_small(tmp_path / "other", steps=3, seed=2)
    with RecordReader(tmp_path / "other") as other:
        foreign = next(entry for entry in other.entries() if entry.seq == 4)
    connection = sqlite3.connect(lot / RECORD_FILE)
    with connection:
        connection.execute("UPDATE entries SET body = ?, hash = ? WHERE seq = 4", (foreign.body, foreign.hash))
    connection.close()
    assert verify(lot).first_bad == 4


def test_an_entry_added_after_the_end_is_found(lot: Path) -> None:
    with RecordReader(lot) as reader:
        head = bytes.fromhex(reader.content_hash)
    digest = entry_hash(head, "content", ENTRIES + 1, "event", 9, b"{}")
    connection = sqlite3.connect(lot / RECORD_FILE)
    with connection:
        connection.execute("INSERT INTO entries VALUES (?, 'content', 'event', 9, ?, ?)", (ENTRIES + 1, b"{}", digest))
        connection.execute("UPDATE state SET n_entries = n_entries + 1, content_head = ?", (digest,))
    connection.close()
    assert verify(lot).first_bad == ENTRIES + 1


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE state SET status = 'incomplete'", "closing entry says complete"),
        ("UPDATE state SET reason = 'x'", "closing entry says"),
        ("UPDATE state SET content_head = zeroblob(32)", "stored state"),
        ("UPDATE state SET n_entries = 99", "99 were committed"),
        ("DELETE FROM state", "no state"),
        ("UPDATE state SET status = 'open'", ""),
    ],
)
def test_a_changed_state_is_found(lot: Path, statement: str, words: str) -> None:
    execute(lot, statement)
    try:
        result = verify(lot)
    except RecordError as error:
        assert words in error.line() and words
        return
    assert not result.holds and words in result.fault


def test_a_missing_or_damaged_seal_is_found(lot: Path) -> None:
    seal = (lot / SEAL_FILE).read_text()
    (lot / SEAL_FILE).write_text(seal.replace('"complete"', '"incomplete"'))
    assert "the seal says incomplete" in verify(lot).fault
    (lot / SEAL_FILE).write_text("{")
    with pytest.raises(RecordError, match="the seal is damaged"):
        verify(lot)
    (lot / SEAL_FILE).unlink()
    assert "seal is missing" in verify(lot).fault


def test_flipped_bytes_of_the_sealed_file_are_found(lot: Path, tmp_path: Path) -> None:
    """500 places drawn by seed over the whole file, unused space and SQLite's own headers included."""
    content = (lot / RECORD_FILE).read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(lot / SEAL_FILE, copy)
    draw = random.Random(7)
    for place in sorted(draw.sample(range(len(content)), 500)):
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        (copy / RECORD_FILE).write_bytes(changed)
        try:
            assert not verify(copy).holds, f"byte {place}"
        except RecordError as error:
            assert "\n" not in error.line()


@pytest.mark.parametrize("content", [b"", b"not a database at all, but longer than a header" * 30])
def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECORD_FILE).write_bytes(content)
    with pytest.raises(RecordError, match="record"):
        verify(tmp_path)
    with pytest.raises(RecordError, match="no record"):
        verify(tmp_path / "nowhere")


def test_both_streams_start_apart() -> None:
    assert genesis("content") != genesis("wall")
