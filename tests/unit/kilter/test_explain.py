"""`kilter explain`: from a record of real decisions to words; what is refused, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apc.control.nmpc import RealTimeIteration
from apc.control.objective import Objective
from apc.control.reasons import LIMITS, MoveExplainer
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D
from historian.record import Record
from kilter.main import run as kilter
from line.canonical import content_hash
from line.clock import ManualClock
from line.records import Decision
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import CONFIGS, configuration, flowsheet, line, parts, problem, recipe, register


def write_run(folder: Path, decisions: Sequence[Decision], controller_hash: str | None = None) -> None:
    """Write a record of decisions as the engine would."""
    meta = {
        "recipe": recipe().model_dump(mode="json"),
        "line": line().model_dump(mode="json"),
        "controller_hash": controller_hash or content_hash(configuration().model_dump(mode="json")),
    }
    record = Record.create(folder, meta, ManualClock(), register=register())
    for decision in decisions:
        record.append("content", "decision", decision.step, decision.body())
    record.commit()
    record.close(True)


@pytest.fixture(scope="module")
def decisions() -> list[Decision]:
    """A line whose force stands too low: the rate of the force binds."""
    plant = ModelLine(flowsheet())
    plant.setpoints["SP/MainForce"] = 5.4
    return run(plant, supervisor(), 16)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, decisions: list[Decision]) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_run(root / "lot", decisions)
    write_run(root / "changed", decisions, "0" * 64)
    write_run(root / "vendor", run(ModelLine(flowsheet()), supervisor("plc"), 3))
    return root


@pytest.fixture(autouse=True)
def configs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIGS.parent)


def explained(capsys: pytest.CaptureFixture[str], runs: Path, lot: str, at: str) -> dict[str, object]:
    assert kilter(["explain", lot, "--at", at, "--runs", str(runs), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_explain_asks_the_recorded_question_again(
    runs: Path, decisions: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    body = explained(capsys, runs, "lot", "00:01:12")
    then = next(d for d in decisions if d.step == 70)
    assert body["decision"]["step"] == 70 and body["decision"]["estimate"] == then.body()["estimate"]
    other = body["without_dearest_limit"]
    assert other["limit"]["name"] == "SP/MainForce" and other["limit"]["kind"] == "rate up"
    assert other["cost_without"] < 0.9 * other["cost"]
    assert other["moves"]["SP/MainForce"] == pytest.approx(0.08, abs=1e-4)
    assert other["moves_without"]["SP/MainForce"] > 0.16
    assert other["moves"]["SP/MainForce"] == pytest.approx(body["moves"]["SP/MainForce"], abs=1e-4)
    assert body["if_nothing_moved"]["weight"][0] < body["decision"]["plan"]["weight"][1]


def test_explain_pulls_add_up_to_the_move(runs: Path, decisions: list[Decision], capsys: pytest.CaptureFixture[str]) -> None:
    body = explained(capsys, runs, "lot", "00:01:12")
    pulls = body["pulls"]["SP/MainForce"]
    assert sum(pulls.values()) == pytest.approx(body["moves"]["SP/MainForce"], abs=0.003)
    assert pulls["hardness"] > 0.1 and pulls["weight"] > 0.01 and pulls[LIMITS] < -0.05


def test_explain_says_it_in_words(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kilter(["explain", "lot", "--at", "00:01:10", "--runs", str(runs)]) == 0
    text = capsys.readouterr().out
    assert "SP/MainForce +0.08: tablet hardness +" in text and "SP/MainForce rate up 0.08 kN a decision binds" in text
    assert "would move" in text and "potency_tablet_pct_lc" in text and "tablet weight if nothing moved: " in text


def test_explain_keeps_to_the_record_when_the_configuration_is_another(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = explained(capsys, runs, "changed", "00:01:10")
    assert body["without_dearest_limit"] is None and "configuration is not the run's" in body["not_asked_again"]
    assert body["decision"]["limits"]
    assert "rung ratio" in explained(capsys, runs, "lot", "00:00:10")["not_asked_again"]


@pytest.mark.parametrize(
    ("lot", "at", "words"),
    [
        ("lot", "00:00:01", "no decision at that time"),
        ("lot", "09:00:00", "the record ends at 80"),
        ("lot", "25", "Write HH:MM:SS"),
        ("vendor", "00:00:10", "the controller of this run is 'plc'"),
        ("nobody", "00:00:10", "no such lot"),
    ],
)
def test_explain_refuses_in_one_line_with_exit_code_2(
    runs: Path, capsys: pytest.CaptureFixture[str], lot: str, at: str, words: str
) -> None:
    assert kilter(["explain", lot, "--at", at, "--runs", str(runs)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_wish_alone_moves_what_serves_it() -> None:
    """Only the strength is off: nothing asks the API feeder to move, the hardness asks for force and a lower height."""
    explainer = MoveExplainer(
        flowsheet(), parts().objective, configuration().move_blocks, configuration().max_iterations, parts().limits.free
    )
    d = np.zeros(N_D)
    d[6] = -0.05
    pulls = explainer.reasons(problem(explainer.n_steps, d=d)).pulls
    assert pulls["height_main"]["hardness"] < -1e-4
    assert abs(pulls["mass_flow_api"]["hardness"]) < 1e-5


class Converged(RealTimeIteration):
    """Stands in for do-mpc, which takes half a minute to build (its agreement is tests/agreement/test_apc_controller.py)."""

    def __init__(self, flowsheet: Flowsheet, objective: Objective, n_steps: int, most: int, free: Sequence[int]) -> None:
        super().__init__(flowsheet, objective, configuration().move_blocks, most, free, stride=1, n_iterations=5)


def test_audit_finds_the_move_that_is_not_the_converged_one(
    tmp_path: Path, decisions: list[Decision], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.audit.DoMpcController", Converged)
    last = decisions[-1]
    wrong = replace(last, moves={**last.moves, "SP/MainHeight": last.moves["SP/MainHeight"] + 0.004})
    write_run(tmp_path / "lot", [*decisions[-3:-1], wrong])
    assert kilter(["audit", "lot", "--runs", str(tmp_path), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    good, other = body["decisions"][0], body["decisions"][-1]
    assert body["compared"] == 3 and good["share"] < 0.05
    assert other["tag"] == "SP/MainHeight" and other["share"] == pytest.approx(0.5, abs=0.05)  # 0.008 mm a decision


def test_audit_refuses_what_cannot_be_asked_again(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lot, words in (("vendor", "no decision that could be asked again"), ("changed", "configuration is not the run's")):
        assert kilter(["audit", lot, "--runs", str(runs)]) == 2
        assert words in capsys.readouterr().err
