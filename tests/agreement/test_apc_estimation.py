"""Two roads to one estimate: moving horizon against Kalman filter and against do-mpc; robust loss against squares."""

from __future__ import annotations

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from apc.estimation.estimator import Estimator
from apc.estimation.kalman import KalmanFilter
from apc.estimation.mhe import MovingHorizonEstimator
from apc.estimation.readings import Readings
from apc.estimation.robust import LossName
from apc.numerics.smoother import Stage, solve_window
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_U, N_X, OUTPUT
from tests.control_parts import configuration, flowsheet, steady
from tests.estimator_readings import readings_from

U = np.ones(N_U)


def linear() -> Flowsheet:
    """The control model replaced by its linearisation at the reference point."""
    model = flowsheet()
    at, zero = steady(model), np.zeros(N_D)
    x, u, d = ca.SX.sym("x", N_X), ca.SX.sym("u", N_U), ca.SX.sym("d", N_D)
    functions = []
    for jacobian in (model.step_jacobian, model.output_jacobian):
        value, *slopes = jacobian(at, U, zero)
        functions.append(value + slopes[0] @ (x - at) + slopes[1] @ (u - U) + slopes[2] @ d)
    parts = {}
    for name, expression in zip(("step", "outputs"), functions, strict=True):
        slopes = [ca.densify(ca.jacobian(expression, v)) for v in (x, u, d)]
        parts[name] = ca.Function(name, [x, u, d], [expression])
        parts[f"{name.removesuffix('s')}_jacobian"] = ca.Function(f"{name}_j", [x, u, d], [expression, *slopes])
    return replace(model, **parts)


def noisy(y: np.ndarray, rng: np.random.Generator, outliers: float, size: float) -> Readings:
    """Readings with half the configured errors (so that nothing is gated), and gross ones of `size` errors."""
    clean, noise = readings_from(y), configuration().noise
    error = {
        "Hopper/Level": noise["measured_level_kg"],
        "Blender/HoldUpMass": noise["measured_hold_up_kg"],
        "Press/FillDepth": noise["measured_fill_depth_mm"],
        "Press/MainForceMean": noise["measured_force_pct"] / 100.0 * 6.2,
    }

    def gross() -> float:
        hit, side = rng.random() < outliers, rng.choice([-size, size])
        return float(side) if hit else 0.0

    mean = clean.mean | {t: clean.mean[t] + e * (0.5 * rng.normal() + gross()) for t, e in error.items()}
    names = ("api", "premix", "lactose", "lubricant")
    share = np.array([noise[f"measured_flow_{n}_pct"] / 100.0 for n in names])
    flows = clean.flows * (1.0 + share * np.array([0.5 * rng.normal() + gross() for _ in names]))
    return Readings(mean, flows, clean.stopped)


def follow(
    model: Flowsheet, estimators: list[Estimator], n: int, seed: int, outliers: float = 0.0, size: float = 12.0
) -> list[np.ndarray]:
    """Run estimators on one synthetic line with biases; return their states after each period and, last, the truth's."""
    rng, x, d = np.random.default_rng(seed), steady(flowsheet()), np.zeros(N_D)
    d[[0, 4, 5, 7]] = 0.003, 0.015, -0.01, 0.02
    history: list[np.ndarray] = []
    states: list[list[np.ndarray]] = [[] for _ in range(len(estimators) + 1)]
    for k in range(n):
        x = np.array(model.step(x, U, d)).ravel()
        y = np.array(model.outputs(x, U, d)).ravel()
        history.append(y)
        readings = noisy(y, rng, outliers, size)
        late = {key: history[-1 - age] * (1.0 + 0.002 * rng.normal()) for key, age in (("t", 12), ("a", 15)) if k > age}
        for estimator, seen in zip(estimators, states[:-1], strict=True):
            estimator.predict(U, float(y[OUTPUT["speed_turret"]]))
            estimator.correct(U, readings, True)
            if "t" in late and k % 20 == 0:
                tested = late["t"]
                estimator.take_tester(60.0, float(tested[OUTPUT["weight"]]), float(tested[OUTPUT["hardness"]]))
            if "a" in late and k % 27 == 0:
                estimator.take_assay(75.0, float(late["a"][OUTPUT["potency_tablet"]]))
            estimator.conclude()
            seen.append(estimator.state.copy())
        states[-1].append(np.concatenate([x, d[:8], [0.0]]))
    return [np.array(seen) for seen in states]


def without_gate() -> dict[str, float]:
    return {**configuration().noise, "gate_sigma": 1e6}


def test_apc_mhe_is_the_kalman_filter_on_a_linear_line_with_late_results() -> None:
    """Squares, a window of 20 of 90 periods, tester 60 s and assay 75 s late: same states and covariance to 1e-8."""
    model, noise = linear(), without_gate()
    kalman, horizon = KalmanFilter(model, noise), MovingHorizonEstimator(model, noise, 20, "squares")
    ours, theirs, truth = follow(model, [horizon, kalman], 90, seed=8)
    assert np.abs(ours - theirs).max() < 1e-8
    assert np.abs(horizon.covariance - kalman.covariance).max() < 1e-8
    assert np.abs(ours[-1] - ours[0]).max() > 0.005 and np.abs(truth[-1, N_X:]).max() > 0


def test_apc_mhe_with_squares_stays_by_the_kalman_filter_on_the_nonlinear_line() -> None:
    model, noise = flowsheet(), without_gate()
    estimators = [MovingHorizonEstimator(model, noise, 60, "squares"), KalmanFilter(model, noise)]
    ours, theirs, _ = follow(model, estimators, 90, seed=8)
    doubt = np.sqrt(np.diagonal(estimators[1].covariance))
    assert (np.abs(ours[-1] - theirs[-1]) <= 0.25 * doubt + 1e-9).all()


@pytest.mark.parametrize("kind", [KalmanFilter, MovingHorizonEstimator])
def test_apc_a_step_that_only_the_nir_sees_is_the_feeders_and_no_drift_of_the_nir(kind: type[Estimator]) -> None:
    """The API scale deceives by 3 % from period 60 on: five minutes later most of it stands where it belongs."""
    model, rng = flowsheet(), np.random.default_rng(4)
    estimator, x, d = kind(model, configuration().noise), steady(flowsheet()), np.zeros(N_D)
    blend, before = 100.0, np.zeros(9)
    for k in range(120):
        if k == 60:
            d[0], before = 0.03, estimator.biases
        x = np.array(model.step(x, U, d)).ravel()
        y = np.array(model.outputs(x, U, d)).ravel()
        estimator.predict(U, float(y[OUTPUT["speed_turret"]]))
        estimator.correct(U, noisy(y, rng, 0.0, 0.0), True)
        estimator.take_nir(5.0, blend * (1.0 + 0.015 * rng.normal()), 2.2)
        estimator.conclude()
        blend = float(y[OUTPUT["potency_blend"]])
    found = estimator.biases - before
    assert 0.018 < found[0] < 0.04
    assert abs(found[8]) < 0.007
    assert estimator.outputs(U)[OUTPUT["potency_tablet"]] == pytest.approx(float(y[OUTPUT["potency_tablet"]]), abs=1.0)


def damage(loss: LossName, seed: int) -> float:
    """How far 3 % gross errors of 12 sigma bend the estimated weight away from the same run's without [mg, rms]."""
    model, weights = flowsheet(), []
    for outliers in (0.0, 0.03):
        estimator = MovingHorizonEstimator(model, without_gate(), 20, loss)
        states, _ = follow(model, [estimator], 70, seed, outliers)
        d = np.hstack([states[:, N_X : N_X + 8], np.zeros((len(states), 1))])
        seen = [float(model.outputs(s[:N_X], U, e)[OUTPUT["weight"]]) for s, e in zip(states, d, strict=True)]
        weights.append(np.array(seen[12:]))
    return float(np.sqrt(np.mean((weights[1] - weights[0]) ** 2)))


def test_apc_a_robust_loss_beats_squares_under_three_percent_gross_errors() -> None:
    """Stated ratios of the damage: Huber leaves at most 40 % of what squares suffer, Welsch at most 25 %."""
    squares, huber, welsch = (damage(name, seed=1) for name in ("squares", "huber", "welsch"))
    assert huber < 0.4 * squares
    assert welsch < 0.25 * squares


A = np.array([[0.9, 0.2], [0.0, 1.0]])
C = np.array([[1.0, 0.5]])
Q, R, P = np.diag([0.01, 0.002]), 0.04, np.diag([0.5, 0.3])
N = 8


@pytest.mark.filterwarnings("ignore:[\\s\\S]*casadi:FutureWarning")  # do-mpc's own cost multiplies numpy by CasADi
def test_apc_the_window_is_do_mpcs_least_squares_estimate() -> None:
    import do_mpc

    rng = np.random.default_rng(2)
    y, start = rng.normal(size=N), np.array([0.4, -0.2])
    model = do_mpc.model.Model("discrete")
    x = model.set_variable("_x", "x", (2, 1))
    model.set_variable("_u", "unused")
    model.set_meas("y", x[0] + 0.5 * x[1], meas_noise=True)
    model.set_rhs("x", ca.mtimes(ca.DM(A), x), process_noise=True)
    model.setup()
    oracle = do_mpc.estimator.MHE(model, [])
    oracle.settings.n_horizon, oracle.settings.t_step, oracle.settings.meas_from_data = N, 1.0, True
    oracle.settings.supress_ipopt_output()
    oracle.settings.nlpsol_opts = {**oracle.settings.nlpsol_opts, "ipopt.tol": 1e-12}
    oracle.set_default_objective(P_x=np.linalg.inv(P), P_v=np.array([[1.0 / R]]), P_w=np.linalg.inv(Q))
    template = oracle.get_y_template()

    def measured(_now: float) -> object:
        for k in range(N):
            template["y_meas", k] = y[k]
        return template

    oracle.set_y_fun(measured)
    oracle.setup()
    oracle.x0 = start
    oracle.set_initial_guess()
    theirs = np.array(oracle.make_step(y[-1:, None])).ravel()
    none = np.zeros((0, 2)), np.zeros(0), np.zeros(0)
    stages = [Stage(np.zeros(2), *none, np.zeros(2), A, Q)]
    for k in range(N):
        seen = np.zeros(2), C, y[k : k + 1], np.array([R])
        stages.append(Stage(*seen) if k == N - 1 else Stage(*seen, np.zeros(2), A, Q))
    assert solve_window(start, P, stages).means[-1] == pytest.approx(theirs, abs=1e-6)
