"""Calibration spectra, and the probe that plays measured ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from line.errors import DataError
from line.quality import STATUS_GOOD, STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE
from plant_sim.instruments.calibration import MeasuredSpectra, make_calibration_set
from plant_sim.instruments.spectrometer import wavenumbers
from tests.plant_bench import Driver, nominal, plant, series


def snv(spectra: np.ndarray) -> np.ndarray:
    return (spectra - spectra.mean(axis=1, keepdims=True)) / spectra.std(axis=1, keepdims=True)


def test_shapes_labels_and_range() -> None:
    axis, spectra, api, labels = make_calibration_set(nominal(), 11, 12, 4, 60.0, 140.0)
    assert axis.shape == (404,)
    assert spectra.shape == (48, 404)
    assert len(set(labels)) == 12
    assert api.min() == pytest.approx(0.6 * 0.08)
    assert api.max() == pytest.approx(1.4 * 0.08)
    assert np.isfinite(spectra).all()
    for label in set(labels):
        assert np.ptp(api[labels == label]) == 0.0


def test_seed_decides() -> None:
    one, same, other = (make_calibration_set(nominal(), s)[1] for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("bad", [(1, 5, 60.0, 140.0), (10, 0, 60.0, 140.0), (10, 5, 140.0, 60.0), (10, 5, 0.0, 140.0)])
def test_an_impossible_campaign_is_refused(bad: tuple[int, int, float, float]) -> None:
    with pytest.raises(DataError):
        make_calibration_set(nominal(), 1, *bad)


def test_a_good_model_predicts_the_running_line_within_a_few_per_cent() -> None:
    # Colon et al. 2014: relative standard error 2.8 % of target at a blender exit; this probe aims at 1.5-2.5 %
    _, spectra, api, _ = make_calibration_set(nominal(), 7920, 30, 5, 60.0, 140.0)
    model = PLSRegression(4, scale=False).fit(snv(spectra), api)
    driver = Driver(plant(seed=3, draw=3)).start().run(350)
    taken, seen = [], []
    while driver.plant.k < 1100:
        arrays = driver.step().arrays
        if "NIR/Spectrum" in arrays:
            seen.append(arrays["NIR/Spectrum"][0])
            taken.append(arrays["NIR/Spectrum"][2])
    predicted = model.predict(snv(np.array(seen))).ravel() / 0.08 * 100
    error = predicted - series(driver, "potency_blender_exit_pct_lc")[np.array(taken) - 1]
    assert 1.0 < np.sqrt(np.mean(error**2)) < 3.0


def test_measured_spectra_are_played_by_nearest_concentration_and_edges_are_flagged() -> None:
    contents = np.array([0.05, 0.07, 0.08, 0.08, 0.09])
    played = MeasuredSpectra(np.repeat(contents[:, None], 404, axis=1), contents)
    assert played.play(0.0701)[0][0] == 0.07
    assert not played.play(0.0701)[1]
    assert played.play(0.12)[0][0] == 0.09
    assert played.play(0.12)[1]
    assert played.play(0.01)[1]


def test_spectra_of_equal_content_take_turns() -> None:
    marked = np.zeros((3, 404))
    marked[:, 0] = (1, 2, 3)
    played = MeasuredSpectra(marked, [0.08, 0.08, 0.09], seed=4)
    assert {played.play(0.079)[0][0] for _ in range(4)} == {1.0, 2.0}


@pytest.mark.parametrize(
    ("spectra", "contents"),
    [
        (np.zeros((3, 403)), [1, 2, 3]),
        (np.zeros((3, 404)), [1, 2]),
        (np.zeros((1, 404)), [1]),
        (np.full((2, 404), np.nan), [1, 2]),
    ],
)
def test_measured_spectra_that_do_not_fit_are_refused(spectra: np.ndarray, contents: list[float]) -> None:
    with pytest.raises(DataError):
        MeasuredSpectra(spectra, contents)


@pytest.mark.parametrize(
    ("low", "high", "status"), [(0.05, 0.10, STATUS_GOOD), (0.02, 0.05, STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE)]
)
def test_the_probe_plays_what_it_is_given(low: float, high: float, status: int) -> None:
    contents = np.linspace(low, high, 51)
    driver = Driver(plant(measured=MeasuredSpectra(np.repeat(contents[:, None], 404, axis=1), contents))).start().run(400)
    while "NIR/Spectrum" not in driver.step().arrays:
        pass
    spectrum, found, _ = driver.last.arrays["NIR/Spectrum"]
    assert found == status
    assert spectrum[0] == pytest.approx(min(0.08, high), abs=0.001)


def test_axis_is_uniform() -> None:
    assert np.ptp(np.diff(wavenumbers())) < 1e-9
