"""A finished shift: late laboratory results in a record beside the lot's, and raw-material lots traced against the truth."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.tracing import trace
from hil.truth import read_truth
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


def traced(lot: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert kilter(["lot", "trace", lot.name, "--runs", str(lot.parent), "--json", *options]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_new_lot_is_where_the_plant_says_it_is(finished: Path) -> None:
    """Premix lot MCC-B017 is refilled at 17 min. The simulated hoppers mix well, so the mixed hypotheses have to fit."""
    found = trace(finished)
    truth = read_truth(finished / "truth")
    assert truth is not None
    new, old = (found.shares[:, :16, found.lot(name)].mean(axis=1) for name in ("MCC-B017", "PREMIX-0001"))
    with RecordReader(finished) as record:
        step = np.array([p["step"] for p in record.parcels() if p["made"] > 0])
    later = step > 1100  # before, the truth speaks of the lot that was the newest then
    share = np.interp(step[later], truth.series["second"], truth.series["lot_newest_premix_w_w"])
    assert share.max() > 0.25
    assert np.abs((new / (new + old))[later] - share).max() < 0.03
    assert np.abs(found.shares.sum(axis=2) - 1.0).max() < 1e-5


def test_both_questions_by_command(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, last = sample(finished)[1:]
    made = traced(finished, capsys, "--tablets", f"{first}:{last}")["shares"]
    assert sum(s["share"] for s in made) == pytest.approx(1.0, abs=1e-9)
    api = next(s for s in made if s["lot"] == "API-0001")
    assert api["mg_per_tablet"] == pytest.approx(18.0, rel=0.05)
    went = traced(finished, capsys, "--material-lot", "MCC-B017", "--above", "0.5")
    assert went["stretches"] and went["stretches"][0]["counter_from"] > last
    assert 0.0 < went["kg"]["accepted"]["kg"] < 2.1  # less than was refilled
    assert went["kg"]["accepted"]["standard_uncertainty_kg"] > 0.0
    every = traced(finished, capsys, "--material-lot", "API-0001", "--above", "0.5")
    assert every["kg"]["accepted"]["kg"] == pytest.approx(0.08 * 25.0 * 15.5 / 60.0, rel=0.25)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--material-lot", "NONE-1"], "There are API-0001"),
        (["--tablets", "9"], "Write FROM:TO"),
        (["--tablets", "20:10"], "Write FROM:TO"),
        (["--tablets", "999999:1000000"], "no tablets of this lot have these counters"),
        (["--tablets", "1:2", "--material-lot", "API-0001"], "two questions at once"),
    ],
)
def test_a_question_that_has_no_answer_is_one_line(
    finished: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert kilter(["lot", "trace", finished.name, "--runs", str(finished.parent), *options]) == 2
    assert words in capsys.readouterr().err
