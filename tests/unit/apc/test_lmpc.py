"""Linear predictive control: its model against the flowsheet, its program against another solver, its bias against drift."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import casadi as ca
import numpy as np
import pytest

from apc.control.lmpc import POTENCY, LinearPrediction, LinearPredictiveControl
from apc.control.objective import CONTROLLED
from apc.control.problem import Problem, Reading
from apc.control.step_response import N_C, N_STEPS, StepModel, step_test
from flowsheet.layout import INPUT, N_D, N_FEEDERS, N_U
from line.errors import SolverError
from line.tuning import LinearTuning
from tests.control_line import ModelLine, run, supervisor, truth
from tests.control_parts import flowsheet, outputs, parts, perturbed, steady
from tests.control_parts import problem as reference

REFERENCE = reference(12)
UNIT = 25.0 * np.array([0.08, 0.56, 0.35, 0.01])
FADE_S = 25.0
BLOCKS = (1, 1, 2, 3, 5)


@lru_cache
def model() -> StepModel:
    return step_test(flowsheet(), parts().objective.targets)


def tuning() -> LinearTuning:
    """Settings of these tests, whatever the file's controller is tuned to."""
    return LinearTuning(potency_filter_s=90.0, level_filter_s=15.0, tester_share=0.7, flow_filter_s=10.0)


def problem(**changes: Any) -> Problem:
    return replace(REFERENCE, **changes)


def control() -> LinearPredictiveControl:
    return LinearPredictiveControl(model(), parts().objective, UNIT, FADE_S, BLOCKS, 400, tuning())


def errors(values: dict[str, float]) -> dict[str, Reading]:
    """Readings that are so many percent off their targets."""
    targets = dict(zip(CONTROLLED, parts().objective.targets.tolist(), strict=True))
    return {name: Reading(targets[name] * (1.0 + v / 100.0)) for name, v in values.items()}


# -- the model ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(INPUT))
def test_apc_step_model_ends_at_the_gains_of_the_steady_state(name: str) -> None:
    """Gains computed here from two steady states of the flowsheet, an hour of constant inputs each."""
    size, targets = 0.005, parts().objective.targets
    ends = []
    for sign in (1.0, -1.0):
        u = np.ones(N_U)
        u[INPUT[name]] += sign * size
        y = outputs(flowsheet(), steady(flowsheet(), u, n_steps=720), u)
        ends.append(np.array([y[c] for c in CONTROLLED]))
    gains = 100.0 * (ends[0] - ends[1]) / targets / (2.0 * size)
    largest = np.abs(model().responses[:, :, INPUT[name]]).max(axis=0)
    assert (np.abs(model().gains()[:, INPUT[name]] - gains) <= 0.005 * largest + 1e-3).all()


def test_apc_step_model_knows_the_dead_time_between_feeder_and_tablet() -> None:
    api = model().responses[:, :, INPUT["mass_flow_api"]]
    blend, tablet = api[:, CONTROLLED.index("potency_blend")], api[:, CONTROLLED.index("potency_tablet")]
    reached = [int(np.argmax(y > 0.5 * y[-1])) * 5 for y in (blend, tablet)]
    assert blend[0] == 0.0 and np.abs(tablet[:12]).max() < 0.5
    assert reached[1] - reached[0] == pytest.approx(137.0, abs=25.0), "hopper and feed frame hold 0.95 kg at 25 kg/h"


def test_apc_step_model_is_named_by_its_digest() -> None:
    again = step_test(flowsheet(), parts().objective.targets)
    other = step_test(perturbed(yield_pressure=1.02), parts().objective.targets)
    assert again.digest == model().digest != other.digest and len(model().digest) == 16


def test_apc_prediction_follows_the_flowsheet_through_small_moves() -> None:
    """A random walk of all inputs within 1 %: predicted outputs against the nonlinear model, in % of target."""
    rng, targets = np.random.default_rng(4), parts().objective.targets
    prediction = LinearPrediction(model(), 12, FADE_S, tuning())
    x, u = steady(flowsheet()), np.ones(N_U)
    at = np.array(flowsheet().outputs(x, u, np.zeros(N_D))).ravel()[:N_C]
    prediction.update(u, {})
    worst, largest = np.zeros(N_C), np.zeros(N_C)
    for k in range(150):
        if k % 10 == 0:
            u = np.clip(u + rng.normal(0.0, 0.003, N_U), 0.99, 1.01)
            u[5] = 1.0 + 0.2 * (u[5] - 1.0)
        x = np.array(flowsheet().step(x, u, np.zeros(N_D))).ravel()
        y = np.array(flowsheet().outputs(x, u, np.zeros(N_D))).ravel()[:N_C]
        prediction.update(u, {})
        moved = 100.0 * (y - at) / targets
        worst = np.maximum(worst, np.abs(prediction.now - moved))
        largest = np.maximum(largest, np.abs(moved))
    assert (worst <= 0.02 * largest).all(), (worst, largest)


# -- the program -------------------------------------------------------------------------------------------------------


def independent_first_move(task: Problem, off: dict[str, float]) -> np.ndarray:
    """The documented problem written out step by step and solved by IPOPT: no condensing, no move-block algebra."""
    o, s, n = parts().objective, model().responses, sum(BLOCKS)
    knots = ca.SX.sym("knots", len(BLOCKS), N_U)
    u, before = [], ca.DM(task.u_before).T
    for b, length in enumerate(BLOCKS):
        left = knots[b - 1, :] if b else before
        u += [left + (knots[b, :] - left) * (i / length) for i in range(1, length + 1)]
    moves = [u[0] - before, *(u[j] - u[j - 1] for j in range(1, n))]
    cost = 0
    bias = np.array([off.get(name, 0.0) for name in CONTROLLED])
    bias[0] = bias[POTENCY]
    slacks = ca.SX.sym("slack", len(o.soft))
    rows, high = [], []
    for j in range(n):
        e = ca.DM(bias) + sum(ca.DM(s[j - i]) @ moves[i].T for i in range(j + 1))
        cost += 0.5 * ca.dot(ca.DM(o.weights), e**2)
        total = 100.0 * (ca.dot(ca.DM(o.fractions), u[j][:4].T) - task.flow[j])
        cost += 0.5 * o.weight_flow * total**2
        for i in range(1, N_FEEDERS):
            cost += 0.5 * o.weight_ratio * (100.0 * (u[j][i] - task.flow[j])) ** 2
        for i in (6, 7):
            cost += 0.5 * o.weight_rest * (100.0 * (u[j][i] - 1.0)) ** 2
        if (j + 1) % 5 == 0:
            for k, (output, (half, _)) in enumerate(sorted(o.soft.items())):
                rows += [e[output] - slacks[k], -e[output] - slacks[k]]
                high += [half, half]
    for k, (_, (_, price)) in enumerate(sorted(o.soft.items())):
        cost += price * slacks[k] + 0.5 * 0.02 * price * slacks[k] ** 2
    last = before
    for b, length in enumerate(BLOCKS):
        step = knots[b, :] - last
        cost += 0.5 * 100.0**2 * ca.dot(ca.DM(o.moves), step.T**2) / length
        rows += [*ca.vertsplit(step.T), *ca.vertsplit(-step.T), ca.dot(ca.DM(o.fractions), step[:4].T)]
        rows += [-ca.dot(ca.DM(o.fractions), step[:4].T)]
        high += [*(length * task.rate), *(length * task.rate), length * task.flow_rate, length * task.flow_rate]
        last = knots[b, :]
    variables = ca.vertcat(ca.vec(knots), slacks)
    quiet = {"ipopt.print_level": 0, "print_time": False, "ipopt.sb": "yes", "ipopt.tol": 1e-10}
    solver = ca.nlpsol("other", "ipopt", {"x": variables, "f": cost, "g": ca.vertcat(*rows)}, quiet)
    low = np.concatenate([np.repeat(task.low, len(BLOCKS)), np.zeros(len(o.soft))])
    top = np.concatenate([np.repeat(task.high, len(BLOCKS)), np.full(len(o.soft), 1e20)])
    start = np.concatenate([np.repeat(task.u_before, len(BLOCKS)), np.zeros(len(o.soft))])
    found = solver(x0=start, lbx=low, ubx=top, ubg=np.array(high), lbg=-np.inf)
    return np.array(found["x"]).ravel()[: len(BLOCKS) * N_U].reshape(N_U, -1)[:, 0]


@pytest.mark.parametrize(
    "off",
    [
        {},
        {"potency_blend": 1.0},
        {"weight": -0.8, "hardness": 5.0},
        {"potency_blend": -6.0, "weight": 2.5},
        {"level_hopper": 8.0},
    ],
    ids=["on target", "potency", "press", "beyond soft limits", "level"],
)
def test_apc_lmpc_moves_as_another_solver_of_the_written_out_problem(off: dict[str, float]) -> None:
    task = problem(flow=np.maximum(1.0 - 0.002 * np.arange(1, 13), 0.99), measured=errors(off))
    linear = control()
    linear._prediction._mismatch = {k: type(m)(1.0) for k, m in linear._prediction._mismatch.items()}
    difference = (linear.plan(task).u - independent_first_move(task, off)) / task.rate
    assert np.abs(difference).max() < 2e-3


# -- bias, feed-forward, start -----------------------------------------------------------------------------------------


def test_apc_lmpc_is_offset_free_under_changed_compaction_and_an_api_bias() -> None:
    plant = ModelLine(perturbed(yield_pressure=1.04, strength=0.94, fill_density=0.98))
    plant.d[0] = 0.02
    decisions = run(plant, supervisor("lmpc"), 480, assay_every=30, tester_every=20)
    assert truth(plant, "potency_tablet") == pytest.approx(100.0, abs=0.3)
    assert truth(plant, "weight") == pytest.approx(225.0, rel=0.003)
    assert truth(plant, "hardness") == pytest.approx(70.0, rel=0.03)
    assert all(d.valid for d in decisions)


def test_apc_lmpc_foresees_what_a_scale_has_seen() -> None:
    """Two decisions without API: the blend's fall is predicted before any spectrum shows it, and fades with the loop."""
    linear = control()
    linear.plan(problem())
    stopped = {"mass_flow_api": Reading(0.0)}
    for _ in range(2):
        linear.plan(problem(measured=stopped))
    blend = linear._prediction.free(np.ones(N_U))[:, POTENCY]
    assert blend[-1] < -8.0 and abs(blend[0]) < 3.0
    assert linear._prediction.bias == pytest.approx(np.zeros(N_C))


def test_apc_lmpc_begins_where_the_line_is_and_believes_that_it_is_right() -> None:
    linear, before = control(), np.array([1.0, 1.0, 1.0, 1.0, 0.97, 1.004, 1.0, 1.0])
    for _ in range(2):
        assert linear.plan(problem(u_before=before)).u == pytest.approx(before, abs=1e-6)
        linear.plan(problem(u_before=before, measured=errors({"weight": 3.0, "level_hopper": 5.0})))
        linear.reset()


def test_apc_lmpc_refuses_what_it_cannot_use() -> None:
    linear = control()
    with pytest.raises(SolverError, match="not usable"):
        linear.plan(problem(u_before=np.full(N_U, np.nan)))
    with pytest.raises(SolverError, match="not usable"):
        linear.plan(problem(flow=np.ones(3)))
    with pytest.raises(SolverError, match="contradict"):
        linear.plan(problem(rate=np.full(N_U, -0.1)))
    hurried = LinearPredictiveControl(model(), parts().objective, UNIT, FADE_S, BLOCKS, 1, tuning())
    with pytest.raises(SolverError, match="DAQP ended"):
        hurried.plan(problem(u_before=np.full(N_U, 1.3)))


def test_apc_lmpc_says_once_which_model_it_starts_on() -> None:
    linear = control()
    assert linear.plan(problem()).text == f"starts on step responses {model().digest}"
    assert linear.plan(problem()).text == ""


def test_apc_step_responses_cover_the_horizon() -> None:
    assert parts("lmpc").controller.n_steps <= N_STEPS
