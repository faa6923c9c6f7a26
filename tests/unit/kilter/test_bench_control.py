"""`kilter bench control` as a command: what it asks for, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.scoreboard import runner
from hil.scoreboard.metrics import METRICS
from hil.scoreboard.runner import Result, Task
from kilter import main


def pretend(task: Task) -> Result:
    """A run of known figures, for what is around it: nmpc twice as dear as all others."""
    value = 2.0 if task.job.controller == "nmpc" else 1.0
    return Result(task.job, task.plan_hash, dict.fromkeys(METRICS, value), None, "c", 1.0, 1.0, 0.1)


@pytest.mark.parametrize("words", [[], ["--quick", "--full"]])
def test_a_stage_must_be_named(words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.run(["bench", "control", *words, "--runs", str(tmp_path)]) == 2
    assert "Say --quick or --full" in capsys.readouterr().err and not any(tmp_path.iterdir())


def test_missed_aims_end_with_1_and_the_page_says_who_is_better(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run_task", pretend)
    page = tmp_path / "page.md"
    words = ["bench", "control", "--quick", "--processes", "1", "--runs", str(tmp_path), "--page", str(page), "--json"]
    assert main.run(words) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["holds"] is False and body["failures"] == []
    by_name = {figure["name"]: figure for figure in body["figures"]}
    assert by_name["nmpc.cost_eur"]["value"] == 2.0 and by_name["never_far_behind_linear.cost_eur"]["holds"] is False
    text = page.read_text(encoding="utf-8")
    assert body["plan_hash"] in text and "| `quiet` | economic cost [EUR] | plc |" in text
    assert (tmp_path / "bench-control-quick/benchmark.md").read_text(encoding="utf-8") == text
    assert len(list((tmp_path / "bench-control-quick/results").glob("*.json"))) == 32


def test_resuming_another_stage_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run_task", pretend)
    words = ["--processes", "1", "--runs", str(tmp_path), "--json"]
    main.run(["bench", "control", "--quick", *words])
    assert main.run(["bench", "control", "--full", *words, "--resume", str(tmp_path / "bench-control-quick")]) == 2
    assert "runs of another plan" in capsys.readouterr().err
