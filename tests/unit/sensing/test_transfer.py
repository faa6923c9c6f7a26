"""A second probe: the same samples make it agree with the first, references alone bend its predictions, Q stays awake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from line.errors import DataError
from sensing.calibration import calibrate
from sensing.model import SoftSensorModel, load_model
from sensing.preprocessing import DirectStandardisation
from sensing.soft_sensor import SoftSensor
from sensing.spectra import CalibrationSet
from sensing.transfer import direct_standardisation, transfer_slope_bias, transfer_spectra
from sensing.verdict import Validity
from tests.sensing_bench import N_POINTS, pure, synthetic_set

FIRST = synthetic_set(31, n_batches=12, replicates=3, noise=0.0005)


@pytest.fixture(scope="module")
def model() -> SoftSensorModel:
    return calibrate(synthetic_set(1, noise=0.0005), model_id="nir", instrument="1", max_components=5)


def second_probe(spectra: np.ndarray, seed: int = 4) -> np.ndarray:
    """The second instrument: an axis that is 0.8 points off, 6 % more gain, a slope over the axis, noise of its own."""
    points = np.arange(N_POINTS)
    moved = np.array([np.interp(points + 0.8, points, row) for row in spectra])
    noise = 0.0005 * np.random.default_rng(seed).standard_normal(spectra.shape)
    return 1.06 * moved + 0.02 + 0.03 * points / N_POINTS + noise


def on_second(data: CalibrationSet) -> CalibrationSet:
    return CalibrationSet(data.axis, second_probe(data.spectra), data.api_w_w, data.batches)


def predictions(model: SoftSensorModel, spectra: np.ndarray) -> np.ndarray:
    sensor = SoftSensor(model)
    return np.array([sensor.judge(x, step=0, spectrum_id=i).api_w_w for i, x in enumerate(spectra)])


def test_two_probes_that_differ_by_a_matrix_are_made_equal_exactly() -> None:
    """d1 = d2 M on the space of the samples: standardisation of full rank gives back the first probe's spectra."""
    chance = np.random.default_rng(2)
    first = chance.standard_normal((9, 4)) @ chance.standard_normal((4, 20))
    second = first @ (np.eye(20) + 0.1 * chance.standard_normal((20, 20))) + chance.standard_normal(20)
    step = direct_standardisation(first, second, 4)
    np.testing.assert_allclose(step.apply(second), first, atol=1e-9)
    outside = np.linalg.svd(second - second.mean(axis=0))[2][7]
    np.testing.assert_allclose(step.apply(second[:1] + 5.0 * outside) - first[:1], [5.0 * outside], atol=1e-9)


def test_standardised_spectra_are_predicted_as_on_the_first_probe(model: SoftSensorModel) -> None:
    found = transfer_spectra(model, FIRST, on_second(FIRST), instrument="2", version="2")
    again = load_model(found.model.to_text())
    assert (again.hash, again.instrument, again.derived_from) == (found.model.hash, "2", model.hash)
    assert isinstance(again.preprocessing[0], DirectStandardisation)
    fresh = synthetic_set(77, n_batches=20, replicates=2, noise=0.0005)
    seen = second_probe(fresh.spectra, 5)
    rmse = {name: float(np.sqrt(np.mean((predictions(m, x) - fresh.api_w_w) ** 2))) for name, m, x in (
        ("first", model, fresh.spectra), ("old", model, seen), ("moved", again, seen),
    )}  # fmt: skip
    assert rmse["old"] > 5 * rmse["first"]
    assert rmse["moved"] < 2 * rmse["first"]
    assert found.after_low < found.after < found.after_high and found.before > 5 * found.after
    assert again.performance.rmsecv_w_w >= model.performance.rmsecv_w_w


def test_a_transferred_model_still_sees_what_is_new(model: SoftSensorModel) -> None:
    """A projection alone would hide a foreign band behind the few directions that the samples showed."""
    moved = transfer_spectra(model, FIRST, on_second(FIRST), instrument="2", version="2").model
    foreign = second_probe(FIRST.spectra[:1] + 0.15 * pure(0.62, 0.02))[0]
    assert SoftSensor(moved).judge(foreign, step=0, spectrum_id=1).validity is Validity.INVALID_MODEL_SPACE


def test_slope_and_bias_undo_a_straight_line(model: SoftSensorModel) -> None:
    """Predictions of the old model are 1.25 y - 0.004: the transferred one gives y, on batches left out as well."""
    predicted = predictions(model, FIRST.spectra)
    samples = CalibrationSet(FIRST.axis, FIRST.spectra, (predicted + 0.004) / 1.25, FIRST.batches)
    found = transfer_slope_bias(model, samples, instrument="2", version="2")
    np.testing.assert_allclose(predictions(found.model, FIRST.spectra), samples.api_w_w, atol=1e-10)
    assert found.after < 1e-10 < found.before
    assert found.model.performance.rmsecv_w_w == model.performance.rmsecv_w_w


def test_samples_that_do_not_fit_are_refused(model: SoftSensorModel) -> None:
    other = on_second(FIRST)
    few = FIRST.subset(FIRST.groups < 4)
    swapped = CalibrationSet(FIRST.axis, FIRST.spectra[::-1], FIRST.api_w_w[::-1], FIRST.batches[::-1])
    moved = CalibrationSet(FIRST.axis + 2.0, FIRST.spectra, FIRST.api_w_w, FIRST.batches)
    for first, second, words in (
        (swapped, other, "same samples in the same order"),
        (few, few, "too few batches"),
        (moved, moved, "another axis"),
    ):
        with pytest.raises(DataError, match=words):
            transfer_spectra(model, first, second, instrument="2", version="2")
    with pytest.raises(DataError, match="another axis"):
        transfer_slope_bias(replace(model, axis=model.axis[:-1]), FIRST, instrument="2", version="2")
