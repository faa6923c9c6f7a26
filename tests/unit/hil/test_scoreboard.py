"""The score board: intervals with known answers, pairing, the plan's hash, resuming, and one tiny board that really runs."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.wiring import LineFiles, load_files
from hil.scoreboard import runner
from hil.scoreboard.metrics import METRICS, Prices, economic_cost, made_errors
from hil.scoreboard.page import Circumstances, board_page
from hil.scoreboard.plan import BoardFile, BoardPlan, Job, load_board, make_plan
from hil.scoreboard.runner import Result, Task, run_board, run_task
from hil.scoreboard.score import Board, Interval, board_figures, interval, simpler_wins
from hil.truth import ACCEPTED, Truth
from line.configuration import validate
from line.errors import ConfigurationFaults, DataError

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
TOLD = Circumstances("kilter bench control --quick", "2 cores", "Python 3")


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


def board_file(**changes: object) -> BoardFile:
    """The committed file with a tiny quick stage."""
    content = tomllib.loads((CONFIGS / "benchmark/control.toml").read_text(encoding="utf-8"))
    content["quick"] = {
        "minutes": 3,
        "scenarios": ["quiet"],
        "seeds": [1, 2],
        "plants": ["a", "b"],
        "n_seeds": {"plc": 1, "ratio": 1},
        **changes,
    }
    return BoardFile.model_validate(content)


def tiny(files: LineFiles, **changes: object) -> BoardPlan:
    return make_plan(files, board_file(**changes), "quick")


# -- intervals ---------------------------------------------------------------------------------------------------------


def test_one_scenario_gives_the_paired_t_interval_of_the_sleep_data() -> None:
    """Student's sleep data (Biometrika 6, 1908): R's t.test(paired = TRUE) prints -1.58, 95 % -2.4598858 to -0.7001142."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = interval([[a - b for a, b in zip(first, second, strict=True)]], confidence=0.95)
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((-1.58, -2.4598858, -0.7001142, 10), abs=1e-6)


def test_two_equal_scenarios_have_the_degrees_of_freedom_of_both() -> None:
    """Each half: values +-1 around its mean, n = 2, s^2 = 2; variance (1 + 1) / 4, 2 degrees of freedom, t = 2.919986."""
    found = interval([[1.0, 3.0], [11.0, 13.0]])
    assert found.mean == pytest.approx(7.0)
    assert found.high - found.mean == pytest.approx(2.919986 * math.sqrt(0.5), rel=1e-6)


def test_scenarios_that_differ_widen_nothing_only_plants_do() -> None:
    narrow = interval([[1.0, 1.1, 0.9], [101.0, 101.1, 100.9]])
    assert narrow.high - narrow.low < 0.3 and narrow.mean == pytest.approx(51.0)


def test_intervals_cover_what_they_promise() -> None:
    rng = np.random.default_rng(5)
    draws = [interval([rng.normal(2.0, 1.0, 4), rng.normal(-2.0, 3.0, 5)]) for _ in range(2000)]
    covered = np.mean([found.low <= 0.0 <= found.high for found in draws])
    assert 0.88 < covered < 0.93


def test_one_plant_has_no_interval_and_none_is_not_run() -> None:
    assert interval([[1.0], [2.0]]).mean == 1.5 and math.isnan(interval([[1.0], [2.0]]).low)
    assert interval([[], []]).n == 0 and interval([[], []]).verdict == "not run"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-2.0, -1.0, "held"), (-1.0, 1.0, "open"), (0.5, 1.0, "missed"), (0.0, 1.0, "open"), (-1.0, 0.0, "held")],
)
def test_an_aim_is_missed_only_by_the_whole_interval(low: float, high: float, verdict: str) -> None:
    assert Interval((low + high) / 2, low, high, 4).verdict == verdict


# -- pairing -----------------------------------------------------------------------------------------------------------


def result(scenario: str, seed: int, controller: str, value: float, failure: str | None = None) -> Result:
    metrics: dict[str, float | None] = dict.fromkeys(METRICS, value)
    return Result(Job(scenario, "a", seed, controller), "h", metrics, failure, None, 1.0, 1.0, 0.5)  # type: ignore[arg-type]


def synthetic(files: LineFiles) -> Board:
    """Plants differ by hundreds, controllers by 1 (quiet) and 3 (demo): only pairs can see it. One nmpc run failed."""
    rows = [
        result(s, seed, who, 100.0 * seed + gap * (who == "nmpc") + 0.1 * (seed == 2) * (who == "nmpc"))
        for s, gap in (("quiet", 1.0), ("demo", -3.0))
        for seed in (1, 2, 3)
        for who in ("pid", "nmpc")
    ]
    rows = [
        r if (r.job.scenario, r.job.seed, r.job.controller) != ("demo", 3, "nmpc") else replace(r, failure="stopped")
        for r in rows
    ]
    return Board(tiny(files), rows)


def test_differences_are_taken_plant_by_plant(files: LineFiles) -> None:
    board = synthetic(files)
    quiet = board.difference(["quiet"], "cost_eur", "nmpc", "pid")
    assert quiet.n == 3 and quiet.mean == pytest.approx(1.0 + 0.1 / 3) and 0.9 < quiet.low < quiet.high < 1.2
    both = board.difference(["quiet", "demo"], "cost_eur", "nmpc", "pid")
    assert both.n == 5 and both.mean == pytest.approx((1.0 + 0.1 / 3 - 3.0 + 0.05) / 2)
    half = board.difference(["quiet"], "cost_eur", "nmpc", "pid", factor=0.5)
    assert half.mean == pytest.approx(100.0 + 1.0 + 0.1 / 3)


def test_means_are_over_the_plants_that_all_ran(files: LineFiles) -> None:
    board = synthetic(files)
    assert board.mean(["demo"], "pid", "cost_eur") == pytest.approx(150.0)
    assert board.mean(["quiet"], "pid", "cost_eur") == pytest.approx(200.0)


def test_a_simpler_winner_is_told(files: LineFiles) -> None:
    found = simpler_wins(synthetic(files), ["cost_eur"])
    assert [(where, other) for where, _, other, _ in found] == [("quiet", "pid")]


def test_the_page_tells_failures_winners_and_what_is_missing(files: LineFiles) -> None:
    page = board_page(synthetic(files), TOLD)
    assert "`demo-a3-nmpc`: stopped" in page
    assert "| `quiet` | economic cost [EUR] | pid |" in page
    assert tiny(files).hash in page and "`causal` was not run." in page and "nan" not in page


def test_regret_is_the_share_of_what_knowing_the_plant_would_save(files: LineFiles) -> None:
    """By hand: plc 10, causal 2, nmpc 4 on one plant, 12, 4, 8 on the other: (6 - 3) / (11 - 3); on a third none of them."""
    costs = {("plc", 1): 10.0, ("causal", 1): 2.0, ("nmpc", 1): 4.0, ("plc", 2): 12.0, ("causal", 2): 4.0, ("nmpc", 2): 8.0}
    few = {"few_scenarios": ["quiet"], "n_seeds": {"plc": 3, "nmpc": 3}, "n_seeds_few": {"causal": 2}, "seeds": [1, 2, 3]}
    results = [result("quiet", seed, who, value) for (who, seed), value in costs.items()] + [result("quiet", 3, "nmpc", 99.0)]
    board = Board(tiny(files, **few), results)
    assert board.controllers == ["plc", "nmpc"] and board.few == ["causal"]
    assert board.regret(["quiet"], "nmpc", "tracking_cost") == pytest.approx(3.0 / 8.0)
    assert board.regret(["quiet"], "causal", "cost_eur") == 0.0 and board.regret(["quiet"], "plc", "cost_eur") == 1.0
    assert math.isnan(board.regret(["demo"], "nmpc", "cost_eur"))
    page = board_page(board, TOLD)
    assert "| `quiet` | tracking cost | 1.00 | 0.38 | 0.00 |" in page and "| `quiet` | tracking cost | 11 | 6 | 3 |" in page


def test_a_difference_that_is_nearly_nothing_has_no_regret(files: LineFiles) -> None:
    few = {"few_scenarios": ["quiet"], "n_seeds": {"plc": 1}, "n_seeds_few": {"causal": 1}}
    board = Board(tiny(files, **few), [result("quiet", 1, "plc", 10.0), result("quiet", 1, "causal", 9.8)])
    assert math.isnan(board.regret(["quiet"], "plc", "cost_eur"))


def test_aims_are_figures_and_a_missed_one_does_not_hold(files: LineFiles) -> None:
    file = board_file()
    aim = file.aims[0].model_copy(update={"metrics": ("cost_eur",), "against": "pid", "factor": 1.0})
    board = synthetic(files)
    board = Board(replace(board.plan, file=file.model_copy(update={"aims": (aim,)})), board.results)
    missed = next(f for f in board_figures(board) if f.name == "quiet_running.cost_eur")
    assert not missed.holds and "missed" in missed.reason
    assert next(f for f in board_figures(board) if f.name == "pid.cost_eur").holds


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_errors_count_every_second_made_also_what_was_diverted(files: LineFiles) -> None:
    product = files.recipe.product
    second = np.repeat(np.arange(120), 2)
    mass = np.full(240, product.tablet_mass_mg)
    content = np.where(second < 60, 90.0, 102.0) * product.target_pct_lc / 100.0
    destination = np.where(second < 90, ACCEPTED + 1, ACCEPTED)
    strength = np.full(240, 1.1 * product.tensile_strength_target_mpa)
    truth = Truth({}, np.arange(240), second, mass, content, strength, destination)
    errors = made_errors(truth, files.recipe, 60)
    assert errors["potency_iae_pct_lc_min"] == pytest.approx(abs(102.0 * product.target_pct_lc / 100 - product.target_pct_lc))
    assert errors["weight_iae_pct_min"] == pytest.approx(0.0)
    assert errors["strength_iae_pct_min"] == pytest.approx(10.0)


def test_the_economic_cost_is_the_sum_of_what_is_paid() -> None:
    prices = Prices(
        material_eur_per_kg=10, outside_5_pct_eur_per_kg=100, outside_10_pct_eur_per_kg=1000, electricity_eur_per_kwh=0.5,
        carbon_kg_per_kwh=0.4, carbon_eur_per_kg=0.25,
    )  # fmt: skip
    figures = {
        "mass_diverted_truth_kg": 1.0, "mass_rejected_truth_kg": 0.5, "accepted_outside_5_pct_kg": 0.2,
        "accepted_outside_10_pct_kg": 0.1, "energy_kwh": 10.0,
    }  # fmt: skip
    assert economic_cost(figures, prices) == pytest.approx(15.0 + 20.0 + 100.0 + 6.0)
    assert economic_cost({**figures, "energy_kwh": None}, prices) is None


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_one_digit_of_anything_gives_another_plan(files: LineFiles) -> None:
    plan = tiny(files)
    assert tiny(files).hash == plan.hash
    changed = [tiny(files, seeds=[1, 3]), tiny(files, minutes=4), tiny(files, n_seeds={"plc": 1, "ratio": 2})]
    dearer = plan.file.prices.model_copy(update={"material_eur_per_kg": 61.0})
    changed.append(make_plan(files, plan.file.model_copy(update={"prices": dearer}), "quick"))
    weights = {**files.controller.weights, "weight": 1.01}
    retuned = replace(files, controller=files.controller.model_copy(update={"weights": weights}))
    changed.append(make_plan(retuned, plan.file, "quick"))
    assert len({plan.hash, *(other.hash for other in changed)}) == 6


def test_what_is_done_so_far_is_always_paired(files: LineFiles) -> None:
    jobs = tiny(files, n_seeds={"plc": 2, "ratio": 1}).jobs
    assert [(job.seed, job.variant, job.controller) for job in jobs] == [(1, "a", "plc"), (1, "a", "ratio"), (2, "b", "plc")]


def test_the_committed_board_is_what_was_promised(files: LineFiles) -> None:
    file = load_board(CONFIGS)
    full, quick = make_plan(files, file, "full"), make_plan(files, file, "quick")
    assert len(full.scenarios) >= 12 and len(file.full.seeds) >= 20 and file.full.n_seeds["nmpc"] >= 10
    assert {file.full.n_seeds[name] for name in ("plc", "pid", "pid+kalman", "lmpc")} == {20}
    assert file.full.n_seeds_few == {"dompc": 2, "causal": 2, "clairvoyant": 2} and len(file.full.few_scenarios) == 4
    assert sum(job.controller == "causal" for job in full.jobs) == 8
    first = full.jobs[: 4 * 2 * 7]
    assert {job.scenario for job in first} == set(file.full.few_scenarios) and {job.seed for job in first} == {301, 302}
    assert {job.controller for job in full.jobs[-16:]} == {"dompc", "clairvoyant"}
    assert len(quick.jobs) == 32 and {job.controller for job in quick.jobs} == {"plc", "pid", "lmpc", "nmpc"}
    assert {scenario.minutes for scenario in full.scenarios.values()} == {40.0}
    assert not set(file.quick.seeds) & set(file.full.seeds)


def test_a_fault_in_the_file_is_named(files: LineFiles) -> None:
    content = tomllib.loads((CONFIGS / "benchmark/control.toml").read_text(encoding="utf-8"))
    content["aims"][0]["metrics"] = ["potency_iae"]
    content["quick"]["n_seeds"]["plc"] = 3
    with pytest.raises(ConfigurationFaults) as found:
        validate(content, BoardFile, "control.toml")
    assert "potency_iae_pct_lc_min" in found.value.tree() and "outside 1..2" in found.value.tree()


# -- running -----------------------------------------------------------------------------------------------------------


def never(task: Task) -> Result:
    raise AssertionError(f"{task.job.name} was run again")


def silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


@pytest.fixture(scope="module")
def ran(files: LineFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """A real board: three minutes of the quiet shift under plc and ratio."""
    folder = tmp_path_factory.mktemp("board")
    return folder, run_board(files, tiny(files), folder, 1, silent)


def test_a_tiny_board_really_runs(ran: tuple[Path, list[Result]]) -> None:
    _, results = ran
    assert [r.job.controller for r in results] == ["plc", "ratio"] and all(r.failure is None for r in results)
    assert results[0].content_hash != results[1].content_hash
    energy = [r.metrics["energy_kwh"] for r in results]
    assert energy[0] is not None and 0.5 < energy[0] < 10.0


def test_what_is_done_is_not_done_again(
    files: LineFiles, ran: tuple[Path, list[Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, results = ran
    monkeypatch.setattr(runner, "run_task", never)
    again = run_board(files, tiny(files), folder, 1, silent)
    assert [r.content_hash for r in again] == [r.content_hash for r in results]
    assert not (folder / "work").exists() or not any((folder / "work").iterdir())


def test_only_what_is_missing_is_run(files: LineFiles, ran: tuple[Path, list[Result]], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, results = ran
    lost = folder / "results" / f"{results[1].job.name}.json"
    kept = lost.read_bytes()
    lost.unlink()
    seen: list[str] = []
    monkeypatch.setattr(runner, "run_task", lambda task: seen.append(task.job.name) or results[1])
    run_board(files, tiny(files), folder, 1, silent)
    assert seen == [results[1].job.name] and lost.read_bytes() == kept


def test_no_more_is_run_than_is_asked_for(files: LineFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "run_task", lambda task: result("quiet", 1, "plc", 1.0))
    assert [r.job.controller for r in run_board(files, tiny(files), tmp_path, 1, silent, at_most=1)] == ["plc"]
    with pytest.raises(DataError, match="nothing has been run"):
        run_board(files, tiny(files), tmp_path / "empty", 1, silent, at_most=0)


def test_a_folder_of_another_plan_is_refused(files: LineFiles, ran: tuple[Path, list[Result]]) -> None:
    with pytest.raises(DataError, match="runs of another plan"):
        run_board(files, tiny(files, minutes=4), ran[0], 1, silent)


def test_a_broken_result_is_named(files: LineFiles, tmp_path: Path) -> None:
    plan = tiny(files)
    runner.begin(tmp_path, plan)
    (tmp_path / "results" / f"{plan.jobs[0].name}.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="not a result"):
        run_board(files, plan, tmp_path, 1, silent)


def test_a_run_that_fails_is_a_result_with_its_words(files: LineFiles, tmp_path: Path) -> None:
    plan = tiny(files)
    task = Task(replace(plan.jobs[0], variant="c"), plan.scenarios["quiet"], CONFIGS, tmp_path, plan.hash, 60, plan.file.prices)
    failed = run_task(task)
    assert failed.failure is not None and "fault" in failed.failure and set(failed.metrics.values()) == {None}


def test_a_board_that_was_stopped_says_so_and_zeros_have_no_sign(files: LineFiles) -> None:
    plan = tiny(files, seeds=[1, 2, 3], n_seeds={"plc": 3, "nmpc": 3})
    page = board_page(Board(plan, [result("quiet", 1, "plc", 0.0001), result("quiet", 1, "nmpc", -0.0001)]), TOLD)
    assert "2 of 6 runs; `--resume FOLDER` goes on" in page and "-0.00" not in page and "\n\n## How it is judged\n" in page
