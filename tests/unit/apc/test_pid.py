"""The cascade's parts against closed forms, and the whole against the press equations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from apc.control.loops import ProportionalIntegral, SampledIntegral
from apc.control.pid import PidControl, PressTrims
from apc.control.press_gains import press_gains
from apc.control.problem import Problem, Reading
from apc.control.smith import Mismatch, SmithPredictor, stir
from flowsheet import press
from flowsheet.layout import N_FEEDERS, N_U, STEP_S
from line.tuning import PidTuning
from tests.control_line import ModelLine, run, supervisor, truth
from tests.control_parts import flowsheet, parameters, parts
from tests.control_parts import problem as reference

REFERENCE = reference(4)
UNIT = 25.0 * np.array([0.08, 0.56, 0.35, 0.01])


def problem(**changes: Any) -> Problem:
    """The problem at the reference point with some of its fields replaced."""
    return replace(REFERENCE, **changes)


def tuning() -> PidTuning:
    """Settings of these tests, whatever the file's controller is tuned to."""
    return PidTuning(
        flow_filter_s=10.0, dead_band_pct=2.0, potency_gain=1.0, potency_reset_s=100.0, potency_tracking_s=50.0,
        potency_filter_s=90.0, weight_time_s=300.0, hardness_time_s=900.0, sample_gap_s=300.0,
    )  # fmt: skip


def loops(**changes: Any) -> PidControl:
    p = parameters()
    return PidControl(p, parts().objective, UNIT, press_gains(p), tuning().model_copy(update=changes), 4)


# -- the PI law --------------------------------------------------------------------------------------------------------


def test_apc_pi_without_limits_is_the_textbook_sum() -> None:
    """v_k = K (e_k + h/T_i sum_(i<k) e_i), from 0."""
    pi, errors = ProportionalIntegral(1.7, 60.0, 1e9), np.random.default_rng(2).normal(size=40)
    answers, applied = [], 1.7 * errors[0]
    for e in errors:
        applied = pi.answer(float(e), applied)
        answers.append(applied)
    expected = 1.7 * (errors + STEP_S / 60.0 * np.concatenate([[0.0], np.cumsum(errors)[:-1]]))
    assert answers == pytest.approx(expected.tolist())


def test_apc_pi_starts_where_the_line_is_and_again_after_reset() -> None:
    pi = ProportionalIntegral(2.0, 100.0, 50.0)
    assert pi.answer(0.3, 0.07) == pytest.approx(0.07)
    pi.answer(0.3, 0.07)
    pi.reset()
    assert pi.answer(-0.4, -0.02) == pytest.approx(-0.02)


def test_apc_pi_held_at_a_limit_stays_as_far_beyond_it_as_back_calculation_says_and_no_farther() -> None:
    """Steady: h/T_i K e = h/T_t (v - u), so v = u + K e T_t/T_i however long it lasts; without tracking it runs away."""
    held, wound = ProportionalIntegral(1.5, 80.0, 40.0), ProportionalIntegral(1.5, 80.0, 1e9)
    for _ in range(400):
        v, far = held.answer(0.1, 0.02), wound.answer(0.1, 0.02)
    assert v == pytest.approx(0.02 + 1.5 * 0.1 * 40.0 / 80.0, rel=1e-6)
    assert far > 3.0


def test_apc_pi_comes_off_the_limit_at_once_when_the_error_turns() -> None:
    held = ProportionalIntegral(1.0, 80.0, 20.0)
    for _ in range(200):
        held.answer(0.2, 0.02)
    assert held.answer(-0.05, 0.02) < 0.02


@pytest.mark.parametrize("every", [1, 12, 60])
def test_apc_a_lasting_error_falls_with_one_time_constant_however_often_results_come(every: int) -> None:
    law, error = SampledIntegral(300.0, 300.0), 1.0
    law.share(True)
    for k in range(1, 121):
        error *= 1.0 - law.share(k % every == 0)
    assert error == pytest.approx(np.exp(-600.0 / 300.0), rel=1e-9)


# -- dead time ---------------------------------------------------------------------------------------------------------


def test_apc_tanks_in_series_are_solved_exactly() -> None:
    theta, n = 0.37, 3
    chain = theta * (np.eye(n, k=-1) - np.eye(n))
    start, inflow = np.array([0.2, 0.9, 1.4]), 0.7
    assert stir(start, inflow, theta) == pytest.approx(inflow + expm(chain) @ (start - inflow), rel=1e-12)


def delayed_loop(gain: float, n: int, dead: int, compensated: bool) -> np.ndarray:
    """PI that cancels the lag of a first-order process with dead time, steps of 5 s; returns its output (n,).

    The process is solved here: y += (1 - a)(u(t - dead) - y), a = exp(-h/60).
    """
    a = np.exp(-STEP_S / 60.0)
    pi = ProportionalIntegral(gain, STEP_S / (1.0 - a), 1e9)
    smith = SmithPredictor(1, dead * STEP_S, 0.0)
    smith.start(0.0, 0.0)
    inputs, y, out, v = [0.0] * (dead + 1), 0.0, [], 0.0
    pi.answer(0.0, 0.0)
    for _ in range(n):
        y += (1.0 - a) * (inputs[-1 - dead] - y)
        seen = smith.predict(inputs[-1], STEP_S / 60.0, Reading(y)) if compensated else y
        out.append(y)
        v = pi.answer(1.0 - seen, v)
        inputs.append(v)
    return np.array(out)


def test_apc_smith_predictor_gives_the_delay_free_loop_delayed() -> None:
    """Closed form: the PI cancels the lag, the loop is K (1 - a)/(z - 1), so y_k = 1 - (1 - K (1 - a))^(k - dead)."""
    gain, dead, n = 5.0, 8, 60
    pole = 1.0 - gain * (1.0 - np.exp(-STEP_S / 60.0))
    k = np.arange(n) - dead
    ideal = np.where(k > 0, 1.0 - pole ** np.maximum(k, 0), 0.0)
    assert delayed_loop(gain, n, dead, compensated=True) == pytest.approx(ideal, abs=1e-9)


def test_apc_the_same_gain_without_the_predictor_does_not_settle() -> None:
    assert np.abs(delayed_loop(5.0, 120, 8, compensated=False)[-20:] - 1.0).max() > 1.0


def test_apc_a_late_value_is_compared_with_the_prediction_of_its_own_time() -> None:
    mismatch = Mismatch(1.0)
    for k in range(20):
        mismatch.note(float(k))
    assert mismatch.take(Reading(19.0 - 1.2 + 0.5, age_s=6.0)) == pytest.approx(0.5)
    assert mismatch.take(Reading(99.0, age_s=500.0)) == pytest.approx(0.5), "older than what is kept"
    assert mismatch.take(Reading(99.0, age_s=0.0, new=False)) == pytest.approx(0.5), "seen before"
    assert mismatch.take(Reading(np.nan)) == pytest.approx(0.5)


def test_apc_one_wild_value_is_clipped_three_are_believed() -> None:
    mismatch = Mismatch(1.0)
    found = []
    for _ in range(3):
        mismatch.note(0.0)
        found.append(mismatch.take(Reading(10.0, error=0.2)))
    assert found == pytest.approx([0.7, 1.4, 10.0])


# -- the press ---------------------------------------------------------------------------------------------------------


def press_truth(force: float, height: float, yield_bias: float, strength_bias: float) -> tuple[float, float]:
    """Weight [mg] and hardness [N] of the press equations with other compaction and strength than the gains know."""
    p = parameters()
    f, h = force * p.main_force, height * p.main_height
    strength = press.tensile_strength(f, yield_bias, 1.0, strength_bias, p)
    return float(press.mass_for_force(f, h, yield_bias, p)) * 1e6, float(press.hardness(strength, f, h, p))


def test_apc_trims_bring_weight_and_hardness_to_their_targets_and_only_by_their_rates() -> None:
    p, task = parameters(), problem()
    trims = PressTrims(press_gains(p), (225.0, 70.0), tuning())
    force = height = 1.0
    past: list[tuple[float, float]] = []
    errors = []
    for k in range(600):
        past.append(press_truth(force, height, 0.08, -0.06))
        measured = {}
        if k >= 60 and k % 60 == 0:
            weight, hardness = past[-1 - 12]
            measured = {"weight": Reading(weight, 60.0, 1.0), "hardness": Reading(hardness, 60.0, 1.0)}
            errors.append((weight / 225.0 - 1.0, hardness / 70.0 - 1.0))
        u = np.ones(N_U)
        u[4], u[5] = force, height
        wanted = trims.wanted(problem(u_before=u), measured)
        force += float(np.clip(wanted[0] - force, -task.rate[4], task.rate[4]))
        height += float(np.clip(wanted[1] - height, -task.rate[5], task.rate[5]))
    assert abs(errors[0][0]) > 0.008 and abs(errors[0][1]) > 0.08, "the disturbance must be seen"
    assert abs(errors[-1][0]) < 0.001 and abs(errors[-1][1]) < 0.02


def test_apc_while_the_height_walks_the_force_holds_the_weight() -> None:
    p, force, height = parameters(), 1.0, 1.0
    trims = PressTrims(press_gains(p), (225.0, 70.0), tuning().model_copy(update={"hardness_time_s": 30.0}))
    weights = []
    for k in range(40):
        at = press_truth(force, height, 0.0, -0.1)
        weights.append(at[0] / press_truth(1.0, 1.0, 0.0, 0.0)[0] - 1.0)
        measured = {"weight": Reading(225.0), "hardness": Reading(at[1])} if k == 0 else {}
        u = np.ones(N_U)
        u[4], u[5] = force, height
        force, height = trims.wanted(problem(u_before=u), measured)
    assert height < 0.99, "it must have walked"
    assert max(abs(w) for w in weights) < 0.001


def test_apc_press_gains_are_the_slopes_of_the_press_equations() -> None:
    g = press_gains(parameters())
    at = press_truth(1.0, 1.0, 0.0, 0.0)
    for change, slopes in (
        ((1.002, 1.0), (g.weight_force, g.hardness_force)),
        ((1.0, 1.002), (g.weight_height, g.hardness_height)),
    ):
        there = press_truth(*change, 0.0, 0.0)
        measured = [(b / a - 1.0) / 0.002 for a, b in zip(at, there, strict=True)]
        assert measured == pytest.approx(list(slopes), rel=0.02)


# -- the whole cascade -------------------------------------------------------------------------------------------------


def start(**changes: Any) -> Problem:
    before = np.array([1.01, 1.0, 1.0, 1.0, 0.97, 1.004, 1.0, 1.0])
    return problem(u_before=before, **changes)


def test_apc_pid_starts_without_a_bump_and_again_after_reset() -> None:
    control = loops()
    nir = {"potency_blend": Reading(97.0, 6.0, 3.0), "weight": Reading(230.0, 60.0, 1.0, new=False)}
    assert control.plan(start(measured=nir)).u == pytest.approx(start().u_before, abs=1e-9)
    for _ in range(50):
        control.plan(start(measured=nir))
    control.reset()
    assert control.plan(start(measured=nir)).u == pytest.approx(start().u_before, abs=1e-9)


def test_apc_pid_says_which_limit_stops_it() -> None:
    control = loops(potency_filter_s=0.0)
    for _ in range(60):
        plan = control.plan(problem(measured={"potency_blend": Reading(90.0, 6.0, 0.1)}))
    assert plan.binding[0] == "mass_flow_api rate up" and "API trim +" in plan.text


def test_apc_pid_removes_an_api_bias_that_nir_and_assay_can_see() -> None:
    plant, control = ModelLine(flowsheet()), supervisor("pid")
    plant.d[0] = 0.03
    decisions = run(plant, control, 480, assay_every=30)
    assert truth(plant, "potency_tablet") == pytest.approx(100.0, abs=0.2)
    assert all(d.valid for d in decisions)


def test_apc_an_assay_takes_a_biased_nir_out_of_the_pid_loop() -> None:
    plant = ModelLine(flowsheet(), nir_bias=0.015)
    control = supervisor("pid")
    run(plant, control, 220)
    before = truth(plant, "potency_tablet")
    run(plant, control, 400, assay_every=60)
    assert before < 98.9 and truth(plant, "potency_tablet") == pytest.approx(100.0, abs=0.4)


def test_apc_pid_on_the_estimate_acts_on_the_estimate() -> None:
    control = parts("pid+kalman").controller
    task = problem(measured={"potency_blend": Reading(80.0, 6.0, 0.1), "weight": Reading(100.0)})
    for _ in range(10):
        u = control.plan(task).u
    assert u[:N_FEEDERS] == pytest.approx(1.0, abs=1e-3) and u[4] == pytest.approx(1.0, abs=0.01)
