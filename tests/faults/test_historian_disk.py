"""Disk full, a disk that fails, a power cut at any byte of the write-ahead log: what was acknowledged is there, whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from historian.record import Record
from historian.store import RECORD_FILE
from historian.verify import verify
from line.clock import ManualClock
from line.errors import RecordError
from tests.record_bench import ROOT, SMALL


def fill(record: Record, step: int, n_bytes: int = 4096) -> None:
    record.append_bytes("content", "frame", step, bytes(n_bytes))
    record.commit()


def test_a_full_disk_is_one_line_and_breaks_the_record_for_good(tmp_path: Path) -> None:
    record = Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL)
    fill(record, 1)
    pages = record._connection.execute("PRAGMA page_count").fetchone()[0]
    record._connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(RecordError, match="full") as caught:
        for step in range(2, 50):
            fill(record, step)
    assert "\n" not in caught.value.line() and "reads as incomplete" in caught.value.line()
    broken_at = record.n_entries
    for again in (record.commit, lambda: record.append("content", "event", 60, {})):
        with pytest.raises(RecordError) as second:
            again()
        assert second.value is caught.value, "the first error stays: nothing is tried again"
    record.close(True)
    result = verify(tmp_path / "lot")
    assert (result.holds, result.status) == (True, "incomplete")
    assert 4 <= result.n_entries < broken_at


FILE_LIMIT = """
import resource, signal, sys
from pathlib import Path
from historian.record import Record
from line.clock import ManualClock
from line.errors import RecordError
from tests.record_bench import SMALL
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
record = Record.create(Path(sys.argv[1]), {"seed": 1}, ManualClock(), register=SMALL)
acknowledged = record.n_entries
try:
    for step in range(1, 500):
        record.append_bytes("content", "frame", step, bytes(4096))
        record.commit()
        acknowledged = record.n_entries
except RecordError as error:
    sys.stdout.write(f"{acknowledged}|{error.line()}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_write_that_fails_in_the_system_is_one_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, str(tmp_path / "lot")], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    acknowledged, words = run.stdout.split("|")
    assert run.stderr == "" and "cannot be written" in words and "\n" not in words
    result = verify(tmp_path / "lot")
    assert (result.holds, result.status, result.n_entries) == (True, "incomplete", int(acknowledged))


def test_a_power_cut_anywhere_in_the_log_leaves_a_commit_boundary(tmp_path: Path) -> None:
    """The log is cut at 120 places; each time the record is what it was after one of the commits, and verifies.

    A cut behind the last sync loses nothing that was acknowledged: a log that is cut at its full length is whole.
    """
    record = Record.create(tmp_path / "lot", {"seed": 1}, ManualClock(), register=SMALL)
    counts = [record.n_entries]
    for step in range(1, 9):
        for _ in range(step % 3 + 1):
            record.append_bytes("content", "frame", step, bytes(700))
        record.append("wall", "timing", step, {"cycle_ms": 2.5})
        record.commit()
        counts.append(record.n_entries)
    log = tmp_path / "lot" / f"{RECORD_FILE}-wal"
    content, base = log.read_bytes(), (tmp_path / "lot" / RECORD_FILE).read_bytes()
    seen = set()
    for n in range(121):
        cut = len(content) * n // 120
        copy = tmp_path / f"cut{n}"
        copy.mkdir()
        (copy / RECORD_FILE).write_bytes(base)
        (copy / log.name).write_bytes(content[:cut])
        try:
            result = verify(copy)
        except RecordError:
            assert cut < len(content) // 4, "before the first commit there is no record yet"
            continue
        assert result.holds and result.n_entries in counts, f"cut at {cut}: {result}"
        seen.add(result.n_entries)
        shutil.rmtree(copy)
    assert counts[-1] in seen and len(seen) >= 5
    assert verify(tmp_path / "lot").n_entries == counts[-1]
    record.abandon()
