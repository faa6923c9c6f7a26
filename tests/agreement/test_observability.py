"""What a window tells, at once and reading by reading: the information form against the filter's own recursion."""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numpy as np
import pytest

from apc.estimation.estimator import N_STATE
from apc.estimation.noise import BIASES, prior_covariance
from apc.estimation.observability import ObservabilityModel
from apc.numerics.gaussian import DelayedBelief
from flowsheet.layout import N_X, OUTPUT, STEP_S
from kilter.main import run
from tests.control_parts import configuration, flowsheet

WINDOW_S = 400.0


@lru_cache
def model() -> ObservabilityModel:
    return ObservabilityModel(flowsheet(), configuration().noise, tester_s=300.0, assay_s=900.0)


def test_apc_the_doubt_after_a_window_is_that_of_a_filter_without_process_noise() -> None:
    m = model()
    belief = DelayedBelief(np.zeros(N_STATE), prior_covariance(configuration().noise), [])
    for k in range(1, round(WINDOW_S / STEP_S) + 1):
        belief.predict(belief.mean, m._transition, np.zeros((N_STATE, N_STATE)))
        for name, schedule in m.schedules.items():
            late = math.ceil(schedule.delay_s / STEP_S)
            if (k * STEP_S) % schedule.interval_s == 0 and k + late <= WINDOW_S / STEP_S:
                for row, error in zip(*m._channel(name), strict=True):
                    belief.update(row, 0.0, float(error) ** 2)
    report = m.report(WINDOW_S)
    spread = 100.0 * np.sqrt(np.diag(belief.covariance)[N_X:])
    assert [told.after_pct for told in report.disturbances] == pytest.approx(spread.tolist(), rel=1e-4)
    for name, doubt in report.outputs.items():
        row = m._rows[OUTPUT[name]]
        assert doubt == pytest.approx(math.sqrt(row @ belief.covariance @ row), rel=1e-4), name


def test_apc_an_instrument_that_is_out_tells_nothing_and_is_named_where_it_is_needed() -> None:
    whole, blind = model().report(WINDOW_S), model().report(WINDOW_S, ["tester", "nir"])
    told, untold = ({t.name: t for t in report.disturbances} for report in (whole, blind))
    assert told["bias_strength"].told and "tester" in told["bias_strength"].needs
    assert untold["bias_strength"].after_pct == pytest.approx(untold["bias_strength"].prior_pct, rel=1e-6)
    assert told["bias_nir"].told and not untold["bias_nir"].told
    assert set(told) == set(BIASES) and not told["bias_lactose"].told


def test_apc_a_longer_window_never_tells_less() -> None:
    doubts = [[t.after_pct for t in model().report(w).disturbances] for w in (60.0, 300.0, 1200.0)]
    assert (np.diff(np.array(doubts), axis=0) <= 1e-9).all()


def test_the_command_reports_as_json_and_refuses_an_instrument_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["observability", "--minutes", "5", "--without", "assay", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert "assay" not in body["instruments"] and body["window_s"] == 300 and len(body["disturbances"]) == len(BIASES)
    assert run(["observability", "--without", "nri"]) == 2
    assert "did you mean nir?" in capsys.readouterr().err
