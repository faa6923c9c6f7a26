"""`kilter performance`: counts, variability and model error of a record whose figures are known beforehand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from historian.record import Record
from kilter.main import run as kilter
from line.clock import ManualClock
from line.records import BindingLimit, Decision
from tests.control_parts import register


def decision(k: int) -> Decision:
    """Weight swings by a sine of 1 mg; each plan promises 225 mg a minute ahead; the force binds in every fourth plan."""
    limit = BindingLimit("SP/MainForce", "rate up", "kN", 0.08, 0.08, 0.0, 5.0, 1.0)
    weight = 225.0 + math.sin(2.0 * math.pi * k / 40.0)
    rung = "linear" if k % 40 == 39 else "nmpc"
    return Decision(
        step=5 * k, controller="nmpc", moves={}, status="SOLVED", valid=k != 7, rung="hold" if k == 7 else rung, reason=None,
        text="clipped: level_hopper 5.0 sigma too high" if k == 9 else "", iterations=1, cost=0.0, binding=(),
        estimate={"weight_mg": weight}, plan={"weight": (weight, 225.0)}, limits=(limit,) if k % 4 == 0 else (), asked={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    with Record.create(root / "lot", {"seed": 1}, ManualClock(), register=register()) as record:
        for k in range(1, 161):
            body = decision(k)
            record.append("content", "decision", body.step, body.body())
        record.commit()
        record.close(True)
    return root


def told(runs: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert kilter(["performance", "lot", "--runs", str(runs), "--json", *options]) == 0
    body: dict[str, object] = json.loads(capsys.readouterr().out)
    return body


def test_performance_counts_and_measures_what_the_record_holds(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = told(runs, capsys)
    assert body["rungs"] == {"nmpc": 155, "linear": 4, "hold": 1}
    assert (body["decisions"], body["refused"], body["clipped"]) == (160, 1, 1)
    assert body["limits"] == {"SP/MainForce rate up": 0.25}
    weight = body["outputs"]["weight"]  # type: ignore[index]
    assert weight["mean"] == pytest.approx(225.0, abs=1e-6)
    assert weight["deviation"] == pytest.approx(math.sqrt(0.5), rel=1e-6)  # a sine over whole periods
    assert weight["n_predicted"] == 160 - 13  # 65 s are 13 decisions
    assert weight["model_rms"] == pytest.approx(math.sqrt(0.5), rel=0.05)
    assert set(body["outputs"]) == {"weight"}  # type: ignore[call-overload]


def test_performance_of_the_newest_minutes_and_of_nothing(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = told(runs, capsys, "--minutes", "5")
    assert (body["first_s"], body["last_s"], body["decisions"]) == (500, 800, 61)
    assert kilter(["performance", "lot", "--runs", str(runs)]) == 0
    assert "SP/MainForce rate up binds in 25 % of the plans" in capsys.readouterr().out
    assert kilter(["performance", "nothing", "--runs", str(runs)]) == 2
