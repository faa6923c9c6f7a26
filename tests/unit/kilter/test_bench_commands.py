"""`kilter plant validate` and `kilter bench`: what they say when they cannot do what is asked."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from hil.figures import Figure
from kilter.figures import show_figures
from kilter.main import run


def test_validation_without_the_data_names_source_and_licence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["plant", "validate", "--data", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and len(shown.err.strip().splitlines()) == 1
    for word in ("zagar_mihelic_2022", "10.1038/s41597-022-01203-x", "CC BY 4.0", str(tmp_path), "--data"):
        assert word in shown.err


def test_validation_with_half_the_data_says_which_half_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "zagar_mihelic_2022").mkdir()
    (tmp_path / "zagar_mihelic_2022/Process.csv").write_text("batch;code\n", encoding="utf-8")
    assert run(["plant", "validate", "--data", str(tmp_path)]) == 2
    assert "compaction_facts" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--lots", "2"], ["--minutes", "5"], ["--stops-per-hour", "-1"], ["--seed", "x"]])
def test_a_validation_that_cannot_be_is_bad_input(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["plant", "validate", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["bench", "serve", "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err


def figures() -> list[Figure]:
    return [
        Figure("good", 1.25, "mm", "a source", 1.0, 1.5, 0.5, 2.0, kind="verified"),
        Figure("bad", 3.0, "1", "a source", at_most=2.0, kind="predicted", reason="too large by half"),
    ]


def test_kind_and_reason_are_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_figures("title", figures(), True) == 1
    body = json.loads(capsys.readouterr().out)
    assert [(f["kind"], f["reason"], f["holds"]) for f in body["figures"]] == [
        ("verified", "", True), ("predicted", "too large by half", False),
    ]  # fmt: skip
    assert "kind" not in Figure("plain", 1.0, "1", "a source").body()


def test_kind_and_reason_are_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_figures("title", figures()[:1], False) == 0
    shown = capsys.readouterr().out
    assert "verified" in shown and "0.5..2" in shown and "1..1.5" in shown
    assert show_figures("title", figures(), False) == 1
    assert "bad: too large by half" in capsys.readouterr().out
