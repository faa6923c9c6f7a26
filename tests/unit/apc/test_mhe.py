"""Moving-horizon estimation on the line: selected by name, follows real changes, ignores single gross errors."""

from __future__ import annotations

import numpy as np
import pytest

from apc.estimation.mhe import MovingHorizonEstimator
from apc.estimation.robust import LossName
from apc.supervision.supervisor import Supervisor
from flowsheet.layout import LEVEL, N_U
from tests.control_line import ModelLine, run, truth
from tests.control_parts import configuration, flowsheet, line, perturbed, recipe, register
from tests.estimator_readings import readings_of


def supervised(name: str = "pid+kalman") -> Supervisor:
    horizon = configuration().model_copy(update={"estimator": "mhe"})
    return Supervisor(recipe(), line(), horizon, register(), name)  # type: ignore[arg-type]


def estimated(n: int, loss: LossName = "welsch", length: int = 20) -> MovingHorizonEstimator:
    estimator = MovingHorizonEstimator(flowsheet(), configuration().noise, length, loss)
    for _ in range(n):
        period(estimator)
    return estimator


def period(estimator: MovingHorizonEstimator, level: float = 1.0) -> None:
    readings = readings_of()
    readings.mean["Hopper/Level"] *= level
    estimator.predict(np.ones(N_U), float("nan"))
    estimator.correct(np.ones(N_U), readings, True)
    estimator.conclude()


def test_apc_mhe_is_selected_and_finds_the_biases_of_another_line() -> None:
    plant = ModelLine(perturbed(yield_pressure=1.05, blender_hold_up=0.96), seed=4, noise=0.003)
    decisions = run(plant, supervised(), 120, tester_every=20)
    estimate = decisions[-1].estimate
    assert all(d.valid for d in decisions)
    assert estimate["py_bias_pct"] == pytest.approx(5.0, abs=1.0)
    assert estimate["hold_up_bias_pct"] == pytest.approx(-4.0, abs=0.5)
    assert estimate["weight_mg"] == pytest.approx(truth(plant, "weight"), rel=0.002)


@pytest.mark.parametrize("loss", ["huber", "welsch"])
def test_apc_mhe_names_a_wild_reading_and_hardly_moves(loss: LossName) -> None:
    estimator = estimated(30, loss)
    before = estimator.state[LEVEL]
    period(estimator, level=1.5)
    assert [e.channel for e in estimator.channels.errors] == ["level_hopper"]
    assert estimator.channels.errors[0].sigmas > 10
    assert abs(estimator.state[LEVEL] - before) < 0.005


@pytest.mark.parametrize("loss", ["huber", "welsch"])
def test_apc_mhe_believes_a_change_that_stays(loss: LossName) -> None:
    estimator = estimated(30, loss)
    for _ in range(8):
        period(estimator, level=1.5)
    assert estimator.state[LEVEL] == pytest.approx(1.5, abs=0.1)
    assert estimator.channels.errors == []


def test_apc_mhe_takes_results_of_all_ages_and_refuses_the_rest() -> None:
    for age_s, taken in ((60.0, True), (600.0, True), (-5.0, False), (1200.0, False), (float("nan"), False)):
        estimator = estimated(150)
        assert estimator.take_assay(age_s, 102.0) is taken
        estimator.conclude()
        assert bool(estimator.biases[0] > 1e-3) is taken
        assert estimator.healthy()


def test_apc_mhe_without_any_reading_keeps_what_it_knows_and_doubts_more() -> None:
    estimator = estimated(30)
    doubt, readings = estimator.standard_deviation("bias_yield_pressure"), readings_of()
    readings.mean.update(dict.fromkeys(readings.mean, float("nan")))
    readings.flows[:] = np.nan
    for _ in range(25):
        estimator.predict(np.ones(N_U), float("nan"))
        estimator.correct(np.ones(N_U), readings, True)
        estimator.conclude()
    assert estimator.healthy() and estimator.standard_deviation("bias_yield_pressure") > doubt
    assert estimator.state[LEVEL] == pytest.approx(1.0, abs=0.02)
