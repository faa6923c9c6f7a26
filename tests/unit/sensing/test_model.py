"""A model is its file: whole, unaltered, enough to predict, the same in every process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from line.canonical import canonical_json, content_hash
from line.errors import DataError
from sensing.calibration import calibrate
from sensing.model import SoftSensorModel, load_model, significant
from sensing.pls import fit_pls
from sensing.preprocessing import SavitzkyGolay, StandardNormalVariate, apply_steps, steps_from
from sensing.soft_sensor import SoftSensor
from tests.sensing_bench import synthetic_set

STEPS = (StandardNormalVariate(), SavitzkyGolay(7, 2, 1))


@pytest.fixture(scope="module")
def model() -> SoftSensorModel:
    return calibrate(synthetic_set(), model_id="test", max_components=5, seed=3)


def test_a_file_gives_the_same_model(model: SoftSensorModel) -> None:
    again = load_model(model.to_text())
    assert again.hash == model.hash and again.to_text() == model.to_text()
    spectrum = synthetic_set(7).spectra[0]
    one, two = (SoftSensor(m).judge(spectrum, step=5, spectrum_id=9) for m in (model, again))
    assert one == two and one.model_hash == model.hash


def test_every_altered_byte_is_refused(model: SoftSensorModel) -> None:
    text = model.to_text()
    chance = np.random.default_rng(0)
    for at in [0, len(text) - 1, *chance.integers(0, len(text), 60).tolist()]:
        with pytest.raises(DataError, match="model file"):
            load_model(text[:at] + ("7" if text[at] != "7" else "8") + text[at + 1 :])
    for other in (text.rstrip(), text + " ", text.replace(",", ", ", 1)):
        with pytest.raises(DataError, match="altered"):
            load_model(other)


def test_a_file_with_a_right_hash_and_a_wrong_form_is_refused(model: SoftSensorModel) -> None:
    def sealed(body: dict) -> str:
        return canonical_json({"model": body, "sha256": content_hash(body)}).decode() + "\n"

    body = model.body()
    for spoiled in (
        {**body, "format": "other"},
        {k: v for k, v in body.items() if k != "mean"},
        {**body, "extra": 1},
        {**body, "status": "effective"},
        {**body, "coefficients": body["coefficients"][:-1]},
        {**body, "preprocessing": [{"kind": "magic"}]},
        {**body, "limits": {"alpha": 0.01}},
    ):
        with pytest.raises(DataError):
            load_model(sealed(spoiled))
    for text in ("", "[]", "{}", "null", json.dumps({"model": 1, "sha256": "x"})):
        with pytest.raises(DataError):
            load_model(text)


def test_prediction_from_the_file_equals_the_fit() -> None:
    data = synthetic_set()
    model = load_model(calibrate(data, model_id="t", preprocessing=STEPS, max_components=4).to_text())
    treated = apply_steps(STEPS, data.spectra)
    expected = fit_pls(treated, data.api_w_w, model.n_components).predict_each(treated)[:, -1]
    sensor = SoftSensor(model)
    got = [sensor.judge(x, step=0, spectrum_id=i).api_w_w for i, x in enumerate(data.spectra)]
    np.testing.assert_allclose(got, expected, rtol=1e-8)


def test_steps_come_back_from_their_bodies() -> None:
    assert steps_from([step.body() for step in STEPS]) == STEPS


@pytest.mark.parametrize("numbers", [(4, 2, 1), (5, 5, 1), (5, 2, 3), (1, 0, 0), (103, 2, 1)])
def test_filters_that_cannot_be_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match="Savitzky-Golay"):
        SavitzkyGolay(*numbers)


def test_a_new_process_makes_the_same_model(model: SoftSensorModel, repository: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); from tests.sensing_bench import synthetic_set;"
        "from sensing.calibration import calibrate;"
        "sys.stdout.write(calibrate(synthetic_set(), model_id='test', max_components=5, seed=3).hash)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == model.hash


def test_the_model_says_what_it_rests_on(model: SoftSensorModel) -> None:
    data, performance = synthetic_set(), model.performance
    assert model.calibration_set_hash == data.hash
    assert (model.n_spectra, model.n_batches, model.instrument) == (56, 14, "")
    assert (model.range_low_w_w, model.range_high_w_w) == (pytest.approx(0.05), pytest.approx(0.11))
    assert performance.rmsecv_low_w_w < performance.rmsecv_w_w < performance.rmsecv_high_w_w < 0.01
    assert len(performance.components_by_fold) == 14
    assert performance.interval_level == 0.9
    assert 1.2 * performance.rmsecv_w_w < performance.interval_half_width_w_w < 2.2 * performance.rmsecv_w_w


def test_limits_can_be_set_on_spectra_of_the_line() -> None:
    data, line = synthetic_set(), synthetic_set(21, n_batches=40, noise=0.006)
    own = calibrate(data, model_id="t", max_components=4)
    on_line = calibrate(data, model_id="t", max_components=4, in_control=line.spectra, alpha=0.01)
    assert on_line.limits.q > 2 * own.limits.q and "160 independent in-control spectra" in on_line.limits.set_on
    fresh = synthetic_set(22, n_batches=100, noise=0.006).spectra
    for model, low, high in ((own, 0.5, 1.0), (on_line, 0.0, 0.05)):
        share = np.mean([(v := SoftSensor(model).judge(x, step=0, spectrum_id=0)).q > v.q_limit for x in fresh])
        assert low <= share <= high
    with pytest.raises(DataError, match="limits cannot be set"):
        calibrate(data, model_id="t", max_components=4, in_control=line.spectra[:, :-1])


def test_twelve_significant_digits() -> None:
    assert significant(1.2345678901234567) == 1.23456789012
    np.testing.assert_array_equal(significant(np.array([[0.0, -1e-300]])), [[0.0, -1e-300]])
