"""The bench of decisions: the constant of do-mpc's cost, what a shift leaves to solve, what is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apc.control.dompc import DoMpcController
from apc.supervision.assembly import build_parts
from engine.wiring import LineFiles, load_files
from flowsheet.layout import N_D, N_U
from hil.solve_speed import cost_now, estimate_times, first_move_cost, recorded_shift, solve_all, time_figures
from line.clock import SystemClock
from line.errors import DataError
from tests.control_parts import parts, problem

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
N = 4


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


@pytest.fixture(scope="module")
def dompc() -> DoMpcController:
    return DoMpcController(parts().flowsheet, parts().objective, N, 400)


def upset() -> np.ndarray:
    d = np.zeros(N_D)
    d[0], d[4] = 0.01, 0.02
    return d


def test_the_constant_is_do_mpcs_own_cost_of_a_moment(dompc: DoMpcController) -> None:
    """Where nothing can move, do-mpc's cost is the sum of the cost of each moment along the roll-out."""
    task = problem(N, d=upset(), rate=np.full(N_U, 1e-12))
    dompc.reset()
    theirs = dompc.plan(task).cost
    ours, x = 0.0, task.x
    for _ in range(N + 1):
        ours += cost_now(parts().flowsheet, parts().objective, replace(task, x=x))
        x = np.array(parts().flowsheet.step(x, task.u_before, task.d)).ravel()
    assert ours > 0.1
    assert theirs == pytest.approx(ours, rel=1e-4)  # IPOPT widens bounds by 1e-8


def test_no_first_move_is_cheaper_than_the_best_and_a_wrong_one_is_dearer(dompc: DoMpcController) -> None:
    task = problem(N, d=upset())
    dompc.reset()
    best = dompc.plan(task)
    cost = first_move_cost(dompc, parts(), task, best)
    wrong = replace(best, u=2.0 * task.u_before - best.u)
    assert np.abs(best.u - task.u_before).max() > 1e-3
    assert first_move_cost(dompc, parts(), task, wrong) > 1.001 * cost


def test_times_are_judged_by_their_99th_percentile() -> None:
    median, judged = time_figures("x", [0.001] * 99 + [0.1], 10.0, "words")
    assert median.value == pytest.approx(1.0) and median.at_most is None
    assert judged.value == pytest.approx(1.0 + 0.01 * 99.0) and judged.high == pytest.approx(100.0) and judged.holds
    assert not time_figures("x", [0.02] * 100, 10.0, "words")[1].holds


def test_a_shift_leaves_problems_that_every_controller_can_be_asked(files: LineFiles) -> None:
    timed = recorded_shift(files, SystemClock(), 5.5)
    problems = timed.listener.problems
    assert len(problems) == len(timed.cpu_s) > 3
    linear = build_parts(files.recipe, files.configuration, files.controller, files.register, "lmpc")
    assert sorted(solve_all(linear.controller, problems, [0, 2])) == [0, 2]
    assert len(estimate_times(files, linear, timed.told)) == 66


def test_a_shift_without_a_plan_is_refused(files: LineFiles) -> None:
    with pytest.raises(DataError, match="no plan was asked for"):
        recorded_shift(files, SystemClock(), 1.0)
