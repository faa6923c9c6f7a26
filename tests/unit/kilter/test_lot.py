"""`kilter lot`: list, show, verify, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kilter import main
from tests.record_bench import execute, write_small
from tests.synthetic_lot import write_lot


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_lot(folder / "demo-7", seconds=600)
    write_small(folder / "cut").close(True)
    return folder


def out_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main.run(list(arguments)) == code
    streams = capsys.readouterr()
    assert streams.err == ""
    return streams.out


def body_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    body = json.loads(out_of(capsys, *arguments, "--json"))
    assert isinstance(body, dict)
    return body


def test_list(capsys: pytest.CaptureFixture[str], runs: Path, tmp_path: Path) -> None:
    body = body_of(capsys, "lot", "list", "--runs", str(runs))
    assert {lot["name"]: (lot["status"], lot["disposition"]) for lot in body["lots"]} == {
        "demo-7": ("complete", "HOLD"),
        "cut": ("complete", ""),
    }
    table = out_of(capsys, "lot", "list", "--runs", str(runs))
    assert "demo-7" in table and "HOLD" in table
    assert "Make one: kilter demo" in out_of(capsys, "lot", "list", "--runs", str(tmp_path))


def test_show(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    body = body_of(capsys, "lot", "show", "demo-7", "--runs", str(runs))
    assert body["figures"]["decisions"] == 120 and body["verdict"]["disposition"] == "HOLD"
    assert body["entries"]["frame"] == 600 and len(body["content_hash"]) == 64
    text = out_of(capsys, "lot", "show", "demo-7", "--runs", str(runs))
    assert "R6_OPEN_EXCEPTION" in text and body["content_hash"] in text and "kilter lot report demo-7" in text


def test_verify(capsys: pytest.CaptureFixture[str], runs: Path, tmp_path: Path) -> None:
    assert "demo-7: verified" in out_of(capsys, "lot", "verify", "demo-7", "--runs", str(runs))
    write_small(tmp_path / "bad")
    execute(tmp_path / "bad", "UPDATE entries SET step = 9 WHERE seq = 5")
    text = out_of(capsys, "lot", "verify", "bad", "--runs", str(tmp_path), code=1)
    assert "NOT as it was written" in text and "entry 5" in text
    body = json.loads(out_of(capsys, "lot", "verify", "bad", "--runs", str(tmp_path), "--json", code=1))
    assert (body["holds"], body["first_bad"]) == (False, 5)


def test_an_incomplete_lot_verifies_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_small(tmp_path / "short", close=False).close(False, "interrupted from the keyboard")
    text = out_of(capsys, "lot", "verify", "short", "--runs", str(tmp_path))
    assert "verified" in text and "incomplete: interrupted from the keyboard" in text


def test_report_is_made_again(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    path = Path(out_of(capsys, "lot", "report", "demo-7", "--runs", str(runs)).strip())
    assert path == runs / "demo-7" / "report.html" and path.stat().st_size > 100_000
    path.unlink()


def test_a_lot_without_recipe_is_shown_without_its_figures(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    body = body_of(capsys, "lot", "show", "cut", "--runs", str(runs))
    assert body["figures"]["mass_in_kg"] is None and body["verdict"] == {}
