"""Results that come late: at their own time, and those older than what the estimator keeps."""

from __future__ import annotations

import numpy as np
import pytest

from apc.estimation.channels import Channels
from apc.estimation.instruments import POTENCY_TABLET, WEIGHT
from apc.estimation.kalman import KalmanFilter
from apc.estimation.memory import LENGTH, PastOutputs
from flowsheet.layout import N_U
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import configuration, flowsheet, parameters
from tests.estimator_readings import readings_of


def filtered(n: int) -> KalmanFilter:
    """A filter that has seen the reference point n times."""
    estimator, readings = KalmanFilter(flowsheet(), configuration().noise), readings_of()
    for _ in range(n):
        estimator.predict(np.ones(N_U), float("nan"))
        estimator.correct(np.ones(N_U), readings, True)
        estimator.conclude()
    return estimator


def test_apc_an_assay_of_twenty_minutes_ago_still_corrects_the_api_feeder() -> None:
    fresh, old = filtered(260), filtered(260)
    assert fresh.take_assay(120.0, 102.0) and old.take_assay(1200.0, 102.0)
    assert 0.0 < old.biases[0] < fresh.biases[0]
    assert old.biases[0] > 0.3 * fresh.biases[0]
    assert old.standard_deviation("bias_api") > fresh.standard_deviation("bias_api")


def test_apc_the_same_old_assay_twice_teaches_less_the_second_time() -> None:
    """What the first one taught is part of what is believed about that moment."""
    estimator = filtered(260)
    estimator.take_assay(1200.0, 102.0)
    first = estimator.biases[0]
    estimator.take_assay(1200.0, 100.0 * (1.0 + 0.92 * first))
    assert estimator.biases[0] == pytest.approx(first, abs=1e-4)


@pytest.mark.parametrize("age_s", [-5.0, 5.0 * LENGTH + 100.0, float("nan")])
def test_apc_a_result_of_no_remembered_time_is_refused(age_s: float) -> None:
    estimator = filtered(30)
    before = estimator.biases
    assert not estimator.take_assay(age_s, 104.0)
    assert np.array_equal(estimator.biases, before)


def test_apc_what_was_believed_is_recalled_with_todays_bias() -> None:
    past = PastOutputs(parameters(), configuration().noise)
    past.remember(np.array([100.0, 99.0, 225.0, 70.0]), np.zeros(9))
    past.remember(np.array([101.0, 98.0, 226.0, 71.0]), np.zeros(9))
    now = np.array([0.02, 0, 0, 0, 0, 0.01, 0, 0, 0])
    share = 1.0 - parameters().fraction_api
    assert past.recall(POTENCY_TABLET, 1.2, now) == pytest.approx(99.0 * (1.0 + share * 0.02))
    assert past.recall(WEIGHT, 0.0, now) == pytest.approx(226.0 * 1.01)
    assert past.recall(WEIGHT, 2.0, now) is None
    assert past.drift(POTENCY_TABLET, 100.0, 100.0) == pytest.approx(100.0 * 0.0002 * 10.0)


def test_apc_a_gross_error_is_named_with_its_size() -> None:
    channels = Channels(3.5)
    assert channels.judge("level_hopper", 12.34) == (3.5, True)
    assert channels.judge("force_main", -4.0, patience=2) == (-3.5, True)
    assert [e.words() for e in channels.errors] == ["level_hopper 12.3 sigma too high", "force_main 4.0 sigma too low"]
    channels.begin()
    assert channels.judge("force_main", -4.0, patience=2) == (-4.0, False) and channels.errors == []


def test_apc_the_decision_says_which_reading_was_not_believed() -> None:
    plant, control = ModelLine(flowsheet()), supervisor("pid+kalman")
    run(plant, control, 30)
    values = plant._read
    plant._read = lambda y: {**values(y), "Hopper/Level": 1.2}  # type: ignore[method-assign]
    text = run(plant, control, 1)[-1].text
    assert "clipped: level_hopper" in text and text.endswith("sigma too high")


def test_apc_no_moves_are_planned_before_the_estimate_has_seen_the_press_run() -> None:
    plant, control = ModelLine(flowsheet()), supervisor("pid+kalman")
    rungs = [d.rung for d in run(plant, control, 30)]
    first = rungs.index("pid+kalman")
    assert 3 <= first <= 25 and rungs == ["ratio"] * first + ["pid+kalman"] * (30 - first)
