"""From the wire to a verdict: whose spectrometer it is, and a challenger that nobody listens to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.probe import Probe
from line.errors import ConfigurationError
from line.quality import Quality
from line.samples import ArraySample, Snapshot
from sensing.calibration import calibrate
from sensing.model import SoftSensorModel
from sensing.soft_sensor import SoftSensor
from sensing.verdict import Validity
from tests.frames import frame
from tests.sensing_bench import synthetic_set

DATA = synthetic_set(n_batches=8, replicates=2)


@pytest.fixture(scope="module")
def model() -> SoftSensorModel:
    return calibrate(DATA, model_id="nir", instrument="4711", max_components=3)


def seen(number: int, serial: float = 4711.0, axis: np.ndarray = DATA.axis) -> Snapshot:
    values = {"NIR/SpectrumId": float(number), "NIR/IntegrationTime": 50.0, "NIR/InstrumentSerial": serial}
    snapshot = frame(number, values)
    for tag, array in (("NIR/Spectrum", DATA.spectra[number]), ("NIR/Axis", axis)):
        snapshot.arrays[tag] = ArraySample(array, Quality.GOOD, 0, number)
    return snapshot


@pytest.mark.parametrize(
    ("serial", "validity", "words"),
    [
        (4711.0, Validity.VALID, ""),
        (4712.0, Validity.INVALID_INSTRUMENT, "spectrometer 4712, the model is for 4711"),
        (float("nan"), Validity.INVALID_INSTRUMENT, "spectrometer unknown, the model is for 4711"),
    ],
)
def test_a_model_speaks_for_its_own_spectrometer(model: SoftSensorModel, serial: float, validity: Validity, words: str) -> None:
    verdict = Probe(SoftSensor(model)).judge(seen(1, serial))
    assert verdict is not None
    assert (verdict.validity, verdict.reason) == (validity, words)
    nameless = Probe(SoftSensor(replace(model, instrument=""))).judge(seen(1, serial))
    assert nameless is not None and nameless.valid


def test_a_challenger_changes_nothing_but_its_shadow(model: SoftSensorModel) -> None:
    other = calibrate(synthetic_set(5, n_batches=8, replicates=2), model_id="nir", version="2", max_components=2)
    alone, challenged = Probe(SoftSensor(model)), Probe(SoftSensor(model), SoftSensor(other))
    for number in range(4):
        assert alone.judge(seen(number)) == challenged.judge(seen(number))
        assert alone.shadow is None and challenged.shadow is not None
        assert (challenged.shadow.model_hash, challenged.shadow.step) == (other.hash, number)
    assert challenged.judge(seen(3)) is None
    assert challenged.shadow is None


def test_another_axis_is_refused_for_either_model(model: SoftSensorModel) -> None:
    moved = replace(model, axis=model.axis + 5.0)
    Probe(SoftSensor(model), SoftSensor(model)).check_axis(seen(1))
    for pair in ((moved, model), (model, moved)):
        with pytest.raises(ConfigurationError, match="axis is not the soft sensor's"):
            Probe(*map(SoftSensor, pair)).check_axis(seen(1))


def test_an_instrument_that_hangs_is_no_evidence(model: SoftSensorModel) -> None:
    """New numbers, status Good, and the third time the same bits: INVALID until a spectrum differs again."""
    probe, found = Probe(SoftSensor(model)), []
    for number, shown in enumerate((0, 1, 1, 1, 1, 2, 2)):
        snapshot = seen(number)
        snapshot.arrays["NIR/Spectrum"] = ArraySample(DATA.spectra[shown], Quality.GOOD, 0, number)
        found.append(probe.judge(snapshot))
    invalid = [v is not None and v.validity is Validity.INVALID_INSTRUMENT for v in found]
    assert invalid == [False, False, False, True, True, False, False]
    assert found[4] is not None and found[4].reason == "4 spectra equal in every bit"
