"""Run folders: names, suffixes, the list of lots."""

from __future__ import annotations

from pathlib import Path

import pytest

from historian.runs import check_name, describe, list_lots, new_run_folder, newest_running, run_folder
from line.errors import RecordError
from tests.record_bench import write_small


@pytest.mark.parametrize("name", ["a", "demo-7", "LOT_2026-03", "x" * 64])
def test_a_safe_name_is_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/abs", "-x", "_x", "a b", "a\n", "a\0", "\u0430", "x" * 65, "CON", "lpt1", "a.db"],
)
def test_any_other_name_is_refused(tmp_path: Path, name: str) -> None:
    for use in (check_name, lambda n: new_run_folder(tmp_path, n), lambda n: run_folder(tmp_path, n)):
        with pytest.raises(RecordError, match="not a lot name"):
            use(name)
    assert list(tmp_path.iterdir()) == []


def test_a_name_in_use_gets_the_next_suffix(tmp_path: Path) -> None:
    names = [new_run_folder(tmp_path / "runs", "demo-1").name for _ in range(3)]
    assert names == ["demo-1", "demo-1-2", "demo-1-3"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RecordError, match="cannot be written"):
        new_run_folder(tmp_path / "runs", "demo")


def test_lots_are_listed_with_their_status(tmp_path: Path) -> None:
    write_small(tmp_path / "whole")
    running = write_small(tmp_path / "running", close=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "record.db").write_bytes(b"junk" * 999)
    found = {lot.name: lot.status for lot in list_lots(tmp_path)}
    assert found == {"whole": "complete", "running": "running", "broken": "unreadable"}
    assert newest_running(tmp_path).name == "running"
    running.close(False, "stopped by command")
    lot = describe(tmp_path / "running")
    assert (lot.status, lot.reason, lot.steps, lot.disposition) == ("incomplete", "stopped by command", 6, "")
    assert lot.record_hash == running.record_hash
    with pytest.raises(RecordError, match="no lot is running"):
        newest_running(tmp_path)


def test_an_unknown_lot_names_those_there_are(tmp_path: Path) -> None:
    write_small(tmp_path / "demo-7")
    assert run_folder(tmp_path, "demo-7") == tmp_path / "demo-7"
    with pytest.raises(RecordError, match=r"Lots here: demo-7"):
        run_folder(tmp_path, "demo-8")
    with pytest.raises(RecordError, match="none yet"):
        run_folder(tmp_path / "nowhere", "demo-8")
    assert list_lots(tmp_path / "nowhere") == []
