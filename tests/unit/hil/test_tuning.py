"""Automatic tuning: a search with known answers, a cost by hand, a log that goes on, and seeds that the score never sees."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from apc.supervision.tuned import tuned
from engine.wiring import LineFiles, load_files
from hil.scenarios import load_scenario, shortened
from hil.scoreboard import tuning as module
from hil.scoreboard.plan import BoardFile, Job, load_board
from hil.scoreboard.runner import Task, run_task, tracking_of
from hil.scoreboard.search import Search, Tried
from hil.scoreboard.tracking import tracking_cost
from hil.scoreboard.tuning import FAILED, Tuner, log_path, read_log, table_text
from hil.truth import ACCEPTED, Truth
from line.configuration import validate
from line.errors import ConfigurationFaults, DataError
from line.tuning import Tuning

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
RANGES = {"gain": (0.1, 10.0), "time": (1.0, 1000.0)}


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


def content() -> dict[str, object]:
    return tomllib.loads((CONFIGS / "benchmark/control.toml").read_text(encoding="utf-8"))


# -- search ------------------------------------------------------------------------------------------------------------


def bowl(values: dict[str, float]) -> float:
    """Lowest (0) at gain 2, time 50; one octave off costs 1."""
    return math.log2(values["gain"] / 2.0) ** 2 + math.log2(values["time"] / 50.0) ** 2


def searched(n: int, n_wide: int) -> list[Tried]:
    search = Search(RANGES, n_wide, n)
    tried = [Tried({"gain": 9.0, "time": 900.0}, bowl({"gain": 9.0, "time": 900.0}))]
    while len(tried) < n:
        values = search.propose(tried)
        assert all(low <= values[name] <= high for name, (low, high) in RANGES.items())
        tried.append(Tried(values, bowl(values)))
    return tried


def test_the_search_nears_the_lowest_point_and_repeats_itself() -> None:
    tried = searched(32, 12)
    wide, whole = (min(item.cost for item in part) for part in (tried[:12], tried))
    assert whole < 0.5 < tried[0].cost and whole < wide
    assert searched(32, 12) == tried


def test_the_wide_part_covers_the_ranges_evenly() -> None:
    """Of 16 Sobol' points each half of each range holds 8 (a (0, 4, 1)-net in each coordinate)."""
    logs = np.log([[item.values["gain"], item.values["time"]] for item in searched(17, 17)[1:]])
    centres = np.log([math.sqrt(low * high) for low, high in RANGES.values()])
    assert (logs < centres).sum(axis=0).tolist() == [8, 8]


# -- cost --------------------------------------------------------------------------------------------------------------


def test_the_cost_is_the_objective_on_the_truth(files: LineFiles) -> None:
    """Sixty seconds at 102 % potency, 99 % mass, 110 % strength, and one move of 1 % of the API set-point, by hand."""
    product, shared = files.recipe.product, files.controller
    second = np.repeat(np.arange(120), 2)
    late = second >= 60
    mass = product.tablet_mass_mg * np.where(late, 0.99, 1.5)
    content_pct = product.target_pct_lc * mass / product.tablet_mass_mg * np.where(late, 1.02, 1.0)
    strength = product.tensile_strength_target_mpa * np.where(late, 1.1, 3.0)
    truth = Truth({}, np.arange(240), second, mass, content_pct, strength, np.full(240, ACCEPTED))
    api = files.recipe.feeder_setpoints(files.recipe.setpoints["SP/Throughput"])["SP/Feeder1MassFlow"]
    moves = [(at, {"old": {"SP/Feeder1MassFlow": api}, "new": {"SP/Feeder1MassFlow": 1.01 * api}}) for at in (30, 90)]
    w, s = shared.weights, shared.move_suppression["mass_flow_api"]
    expected = 12 * (w["potency_tablet"] * 4.0 + w["weight"] * 1.0 + w["hardness"] * 100.0) + s * 1.0
    assert tracking_cost(truth, moves, files.recipe, shared, 60) == pytest.approx(expected)


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_seeds_that_are_scored_are_refused() -> None:
    changed = content()
    changed["tuning"]["seeds"] = [101, 102, 303]  # type: ignore[index]
    with pytest.raises(ConfigurationFaults) as found:
        validate(changed, BoardFile, "control.toml")
    assert "tuning and score share seeds 303" in found.value.tree()


def test_unknown_settings_and_impossible_ranges_are_named(files: LineFiles) -> None:
    file = load_board(CONFIGS)
    unknown = {**file.tuning.ranges["ratio"], "flow_filter": (1.0, 2.0)}
    beyond = {"dead_band_pct": (0.1, 60.0)}
    for ranges, words in ((unknown, "flow_filter_s"), (beyond, "less than or equal to 20")):
        plan = file.tuning.model_copy(update={"ranges": {**file.tuning.ranges, "ratio": ranges}})
        with pytest.raises(ConfigurationFaults) as found:
            Tuner(files, file.model_copy(update={"tuning": plan}), "ratio", 4)
        assert words in found.value.tree()
    with pytest.raises(ConfigurationFaults) as found:
        Tuner(files, file, "plc", 4)
    assert "tuning.ranges.plc" in found.value.tree()


# -- going on ----------------------------------------------------------------------------------------------------------


class Runs:
    """Stands for the shifts: costs 2 for `plc`; for others by the dead band, best at 1.5 %; the third one fails."""

    def __init__(self, fails_at: int = -1) -> None:
        self.made: list[Task] = []
        self._fails_at = fails_at

    def __call__(self, task: Task) -> float | None:
        self.made.append(task)
        if len(self.made) == self._fails_at:
            return None
        return 2.0 if task.tuning is None else 1.0 + abs(math.log(task.tuning.ratio.dead_band_pct / 1.5))  # type: ignore[union-attr]


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


def tuner(files: LineFiles, n: int = 6) -> Tuner:
    return Tuner(files, load_board(CONFIGS), "ratio", n)


def test_a_log_goes_on_where_it_ended_with_the_same_answer(
    files: LineFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "tracking_of", Runs())
    path = tmp_path / "ratio.json"
    whole = tuner(files).run(path, tmp_path, 1, silent)
    assert len(whole.evaluations) == 6 and whole.evaluations[0]["cost"] == pytest.approx((1 + math.log(2.0 / 1.5)) / 2.0)
    text = path.read_text(encoding="utf-8")
    body = json.loads(text)
    path.write_text(json.dumps({**body, "evaluations": body["evaluations"][:3]}), encoding="utf-8")
    again = Runs()
    monkeypatch.setattr(module, "tracking_of", again)
    tuner(files).run(path, tmp_path, 1, silent)
    assert path.read_text(encoding="utf-8") == text and len(again.made) == 3 * 3
    with pytest.raises(DataError, match="another search"):
        tuner(files, 7).run(path, tmp_path, 1, silent)


def test_a_shift_that_does_not_end_is_the_dearest(files: LineFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "tracking_of", Runs(fails_at=4))
    log = tuner(files).run(tmp_path / "ratio.json", tmp_path, 1, silent)
    assert log.evaluations[0]["cost"] > FAILED / 3 and log.best["n"] != 0


def test_a_shift_that_nobody_judges_costs_the_same_to_the_last_bit(files: LineFiles, tmp_path: Path) -> None:
    file = load_board(CONFIGS)
    scenario = shortened(load_scenario(CONFIGS, "bench_load_cell_span"), 8)
    task = Task(Job("bench_load_cell_span", "a", 101, "pid"), scenario, CONFIGS, tmp_path, "h", 300, file.prices)
    cost = tracking_of(task)
    assert cost is not None and cost > 0.0
    assert run_task(task).metrics["tracking_cost"] == cost


# -- what is in force --------------------------------------------------------------------------------------------------


def test_factors_touch_one_controller_alone(files: LineFiles) -> None:
    changed = {"feeder_move_factor": 2.0, "press_walk_factor": 3.0, "nir_error_factor": 4.0}
    table = files.controller.tuning.nmpc.model_copy(update=changed)
    shared = files.controller.model_copy(update={"tuning": files.controller.tuning.model_copy(update={"nmpc": table})})
    mine = tuned(shared, "nmpc")
    assert mine.move_suppression["mass_flow_api"] == 2.0 * shared.move_suppression["mass_flow_api"] * 1.0
    assert mine.noise["process_bias_density_pct"] == 3.0 * shared.noise["process_bias_density_pct"]
    assert mine.noise["measured_nir_pct"] == 4.0 * shared.noise["measured_nir_pct"]
    assert mine.weights == shared.weights and tuned(shared, "plc") is shared
    assert tuned(shared, "dompc").move_suppression == mine.move_suppression
    assert Tuning().of("pid") is None


def test_every_controller_was_tuned_with_equal_effort_and_runs_with_its_best(files: LineFiles) -> None:
    """The committed logs: one a controller with ranges, as many evaluations in each, the best one in force."""
    plan = load_board(CONFIGS).tuning
    for name in plan.ranges:
        log = read_log(log_path(CONFIGS, name))
        assert len(log.evaluations) == plan.n_evaluations, name
        assert module.in_force(files.controller.tuning, log), f"{name}:\n{table_text(name, log.best['values'])}"
