"""The guided test: inside limits and rates, refused beyond its budget, diverted, back to the recipe when quality leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apc.identification.guided import plan_test
from apc.observation import Observation
from apc.supervision.assembly import build_parts
from apc.supervision.guided_test import GuidedTestRun, Terms
from apc.supervision.rehearsal import rehearse
from engine.wiring import Guided, load_files
from flowsheet.layout import INPUTS, N_FEEDERS
from hil.bench import BenchOptions, run_bench
from hil.guided import reach_of, terms_of
from historian.queries import RecordReader
from kilter.main import run
from line.clock import ManualClock
from line.configuration import Scenario
from line.modes import ControllerMode, LineState
from tests.control_parts import CONFIGS, configuration, flowsheet, line, parts, recipe, register
from tests.frames import frame
from tests.recorded_lines import guided_test

SETPOINTS = ("SP/Feeder1MassFlow", "SP/Feeder2MassFlow", "SP/Feeder3MassFlow", "SP/Feeder4MassFlow",
             "SP/MainForce", "SP/MainHeight", "SP/HopperLevel", "SP/ImpellerSpeed")  # fmt: skip


def test_apc_guided_test_moves_every_input_inside_limits_and_rates_and_ends_at_the_recipe() -> None:
    reach, inputs = reach_of(parts("plc")), guided_test().inputs
    steps = np.diff(np.vstack([np.ones(len(INPUTS)), inputs]), axis=0)
    total = np.asarray(flowsheet().parameters.fractions) @ steps[:, :N_FEEDERS].T
    assert (inputs >= reach.low - 1e-12).all() and (inputs <= reach.high + 1e-12).all()
    assert (np.abs(steps) <= reach.rate + 1e-12).all() and np.abs(total).max() <= reach.flow_rate + 1e-12
    assert (np.ptp(inputs, axis=0) > 0.01).all() and np.allclose(inputs[-1], 1.0, atol=2e-3)
    moved = np.corrcoef(inputs[:, [0, 4, 6, 7]].T) - np.eye(4)
    assert np.abs(moved).max() < 0.7, "each input in its own rhythm"
    assert np.array_equal(inputs, plan_test(flowsheet(), reach, 65.0, 1.0, 4).inputs)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs to know what becomes of its tablets"),
        (["--divert", "--budget", "2"], "needs to know what becomes of its tablets"),
        (["--budget", "1"], "refused: the test would take potency_tablet out of its budget"),
    ],
)
def test_apc_guided_test_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["steptest", "--minutes", "30", "--runs", str(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_apc_guided_test_of_the_size_that_was_named_is_inside_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["steptest", "--minutes", "30", "--budget", "1"]) == 2
    size = capsys.readouterr().err.split("--size ")[1].split(",")[0]
    assert run(["steptest", "--minutes", "30", "--budget", "1", "--size", size, "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 0.5 <= max(abs(plan["deviation"][n]["off_pct"]) for n in ("potency_tablet", "weight")) <= 1.0


def play(budget: float | None, weights: dict[int, float], n: int = 40) -> tuple[GuidedTestRun, list[dict[str, float]]]:
    """Run the test on set-points that obey at once; tester results arrive at the decisions named in `weights`."""
    terms = replace(terms_of(load_files(CONFIGS), parts("plc"), budget), warm_s=10)
    control = GuidedTestRun(parts("plc"), 400, guided_test(), terms)
    force = dict(zip(SETPOINTS, (2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0), strict=True))
    history = []
    for k in range(n):
        late = {"Tester/WeightMean": weights[k], "Tester/HardnessMean": 70.0} if k in weights else {}
        seen = frame(5 * (k + 1), {**force, **late, "Sys/LineState": float(LineState.EXECUTE)})
        for _ in range(5):
            control.observe(seen)
        decision = control.decide(Observation(5 * (k + 1), seen, None, k in weights, False, ((0, 25.0),), ControllerMode.ON))
        force |= {tag: value for tag, value in decision.moves.items() if tag in force}
        history.append(dict(force))
    return control, history


def test_apc_guided_test_goes_back_to_the_recipe_once_a_quality_leaves_its_budget() -> None:
    control, history = play(2.0, {8: 230.0, 12: 233.0}, n=120)
    assert control.ended == "guided test ended: weight measured +3.6 % off, budget 2 %; back to the recipe" and not control.done
    assert history[10]["SP/MainForce"] != pytest.approx(6.2, abs=0.05)
    assert [history[-1][tag] for tag in SETPOINTS] == pytest.approx([2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0], abs=1e-4)


def test_apc_guided_test_does_not_mind_quality_where_everything_is_diverted() -> None:
    control, _ = play(None, {12: 250.0})
    assert control.ended == ""


def test_a_guided_test_diverts_every_tablet_and_the_record_says_what_it_did(tmp_path: Path) -> None:
    files = load_files(CONFIGS)
    scenario = Scenario(name="steptest", title="guided test", minutes=13, throughput_kg_per_h=25)
    guided = Guided(guided_test(), Terms(30, {}, {}))
    options = BenchOptions(scenario, 5, "plc", tmp_path / "lot", tmp_path / "none", sockets=False, guided=guided)
    result = run_bench(files, options, ManualClock(), lambda *_: None)
    with RecordReader(tmp_path / "lot") as record:
        frames, decisions = record.frames(), record.decisions()
        assert record.meta["controller"] == "steptest" and record.meta["guided_test"]["budget"] == {}
    assert frames.column("SP/AcceptRequest").max() == 0 and frames.column("Diverter/TabletsAccepted").max() == 0
    assert frames.column("Diverter/TabletsDiverted").max() > 5000
    moved = [d for d in decisions if d["text"].startswith("guided test, move")]
    force = frames.column("SP/MainForce")[-1]
    assert len(moved) > 60 and force == pytest.approx(moved[-1]["moves"]["SP/MainForce"], abs=0.09) and force != 6.2
    assert result.end.verdict.disposition.value != "RELEASE_RECOMMENDED"


def test_apc_rehearsal_passes_on_the_line_that_is_believed_and_fails_with_a_gain_of_the_wrong_sign() -> None:
    assert rehearse(parts("lmpc"), flowsheet(), "as believed").passed
    wrong = configuration().model_copy(update={"step_gains": {"weight": {"force_main": -1.0, "height_main": -1.0}}})
    played = rehearse(build_parts(recipe(), line(), wrong, register(), "lmpc"), flowsheet(), "as believed")
    assert not played.passed and played.errors["weight"] > 2.0


def test_apc_linear_control_takes_measured_gains_of_the_set() -> None:
    measured = configuration().model_copy(update={"step_gains": {"potency_blend": {"mass_flow_api": 1.2}}})
    plain, scaled = (build_parts(recipe(), line(), c, register(), "lmpc").controller.model for c in (configuration(), measured))
    ratio = scaled.gains()[:, 0] / plain.gains()[:, 0]
    assert ratio[:2] == pytest.approx([1.2, 1.2], rel=1e-4) and ratio[2:] == pytest.approx(1.0, rel=1e-4)
    assert scaled.digest != plain.digest and "guided test" in scaled.source
