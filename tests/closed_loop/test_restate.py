"""Late laboratory results on a finished shift: a record beside the lot's, covered by verify and replay; nothing overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from historian.queries import RecordReader
from kilter.main import run as kilter
from rtr.disposition.laboratory import COLUMNS
from tests.shift_bench import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shift of 22 min with one assay sample, and its report."""
    folder = tmp_path_factory.mktemp("runs") / "lot-1"
    shutil.copytree(run("demo", "none", "plc", minutes=22).folder, folder)
    return folder


@pytest.fixture
def lot(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "lot-1"))


def sample(lot: Path) -> tuple[int, int, int]:
    """Number and counters of the first assay sample, as the record's event names them."""
    with RecordReader(lot) as record:
        pulled = [e["extra"] for _, e in record.events() if e["subject"] == "SAMPLE_PULLED" and e["extra"]["kind"] == "assay"]
    return int(pulled[0]["sample_id"]), int(pulled[0]["counter_from"]), int(pulled[0]["counter_to"])


def enter(lot: Path, value: str, name: str = "", shift: int = 0, reason: str = "HPLC") -> int:
    number, first, last = sample(lot)
    file = lot.parent / "results.csv"
    row = f"{name or lot.name},{number},{first + shift},{last + shift},assay,% LC,{value}"
    file.write_text(",".join(COLUMNS) + "\n" + row + "\n", encoding="utf-8")
    return kilter(["lot", "lab-result", str(file), "--reason", reason, "--user", "anna", "--runs", str(lot.parent), "--json"])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def asked(lot: Path, command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = kilter(["lot", command, lot.name, "--runs", str(lot.parent), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_results_restate_and_both_records_hold(lot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(lot / "record.db")
    assert enter(lot, "90.1") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["disposition"] == "REJECT_RECOMMENDED"
    assert any(r["code"] == "R1_ATTRIBUTE_FAILED" and "assay by laboratory 90.10" in r["text"] for r in told["reasons"])
    assert digest(lot / "record.db") == before
    with RecordReader(lot / "restatement-1") as record:
        ((_, event),) = record.events()
        assert (event["actor"], event["role"], event["old"], event["new"]) == (
            "anna", "laboratory", told["before"], "REJECT_RECOMMENDED",
        )  # fmt: skip
        assert event["extra"]["file_sha256"] == digest(lot.parent / "results.csv")
    code, replayed = asked(lot, "replay", capsys)
    assert (code, replayed["same"], replayed["restatements"], replayed["disposition"]) == (0, True, 1, "REJECT_RECOMMENDED")
    assert asked(lot, "verify", capsys)[0] == 0
    code, shown = asked(lot, "show", capsys)
    assert (shown["disposition"], shown["restatements"]) == ("REJECT_RECOMMENDED", 1)
    assert enter(lot, "99.9", reason="misread") == 0  # a correction counts, and holds the lot: the failed value stays
    told = json.loads(capsys.readouterr().out)
    assert (told["before"], told["disposition"], told["record"]) == ("REJECT_RECOMMENDED", "HOLD", "restatement-2")
    assert any("was corrected from 90.1 to 99.9" in r["text"] for r in told["reasons"])
    assert asked(lot, "replay", capsys)[1]["restatements"] == 2
    shutil.rmtree(lot / "restatement-1")
    assert kilter(["lot", "verify", lot.name, "--runs", str(lot.parent)]) == 2


@pytest.mark.parametrize(
    ("value", "shift", "name", "words"),
    [
        ("9O.1", 0, "", "Is O a letter in the place of a digit?"),
        ("99.1", 300, "", "no sample was pulled among these tablets"),
        ("99.1", 900000, "", "no sample was pulled among these tablets"),
        ("99.1", 0, "lot-9", "no such lot"),
    ],
)
def test_what_does_not_fit_writes_nothing(
    lot: Path, value: str, shift: int, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enter(lot, value, name, shift) == 2
    assert words in capsys.readouterr().err
    assert not list(lot.glob("restatement-*"))


def test_a_changed_record_is_not_restated(lot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(lot / "record.db") as connection:
        connection.execute("UPDATE entries SET body = replace(body, 'HOLD', 'HELD') WHERE kind = 'lot_verdict'")
    connection.close()
    assert enter(lot, "99.9") == 2
    assert "not as it was written" in capsys.readouterr().err


def test_a_restatement_of_another_lot_is_found(lot: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert enter(lot, "99.9") == 0
    with sqlite3.connect(lot / "restatement-1" / "record.db") as connection:
        connection.execute("UPDATE entries SET body = replace(body, '99.9', '99.8') WHERE kind = 'lab_result'")
    connection.close()
    code, found = asked(lot, "verify", capsys)
    assert code == 1 and str(found["fault"]).startswith("restatement-1: entry")
