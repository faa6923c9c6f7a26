"""Identity: each product is its own, a stranger is nobody's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from line.errors import DataError
from sensing.calibration import calibrate
from sensing.diagnostics import spectral_match
from sensing.identity import identify
from sensing.model import SoftSensorModel
from sensing.spectra import CalibrationSet
from tests.sensing_bench import as_csv, pure, synthetic_set
from tests.unit.kilter.test_sensor import call

BAND = 0.12 * pure(0.62, 0.03)


def other_product(seed: int, n_batches: int = 14) -> CalibrationSet:
    """The same API in another excipient: one band more."""
    data = synthetic_set(seed, n_batches=n_batches)
    return CalibrationSet(data.axis, data.spectra + BAND, data.api_w_w, data.batches)


@pytest.fixture(scope="module")
def library() -> list[SoftSensorModel]:
    sets = {"mine": synthetic_set(1), "other": other_product(2)}
    return [calibrate(data, model_id=name, max_components=4) for name, data in sets.items()]


def test_match_is_the_correlation() -> None:
    spectra, reference = synthetic_set(3, n_batches=2).spectra, synthetic_set(4, n_batches=2).spectra[0]
    expected = [np.corrcoef(row, reference)[0, 1] for row in spectra]
    np.testing.assert_allclose(spectral_match(spectra, reference), expected, atol=1e-12)
    np.testing.assert_allclose(spectral_match(2.0 * spectra + 0.7, reference), expected, atol=1e-12)
    assert spectral_match(np.ones((1, 60)), reference)[0] == 0.0


def test_each_product_is_its_own_and_a_stranger_is_nobodys(library: list[SoftSensorModel]) -> None:
    for name, data in (("mine", synthetic_set(11, n_batches=50)), ("other", other_product(12, 50))):
        found = identify(data.spectra, library)
        assert {one.model_id for one in found} == {name}
        assert np.mean([one.identified for one in found]) > 0.98
    strangers = synthetic_set(13, n_batches=50).spectra + 0.2 * pure(0.15, 0.03)
    assert not any(one.identified for one in identify(strangers, library))


def test_the_library_must_fit(library: list[SoftSensorModel]) -> None:
    with pytest.raises(DataError, match="do not fit the library"):
        identify(np.zeros((2, 59)), library)
    with pytest.raises(DataError, match="no model"):
        identify(np.zeros((2, 60)), [])


def test_the_command(library: list[SoftSensorModel], tmp_path: Path) -> None:
    files = [tmp_path / f"{model.id}.json" for model in library]
    for file, model in zip(files, library, strict=True):
        file.write_text(replace(model).to_text(), encoding="utf-8")
    table = tmp_path / "set.csv"
    table.write_text(as_csv(synthetic_set(1)), encoding="utf-8")
    code, text = call("identify", str(table), *map(str, files), "--json")
    body = json.loads(text)
    assert {one["model_id"] for one in body["spectra"]} == {"mine"}
    assert (code == 0) is body["identified"]
    assert call("identify", str(table), str(files[1]))[0] == 1
