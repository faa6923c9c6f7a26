"""One spectrum, one verdict: the order of the checks as a table, verdict last."""

from __future__ import annotations

import math

import numpy as np
import pytest

from line.quality import Quality
from sensing.calibration import calibrate
from sensing.soft_sensor import SoftSensor
from sensing.verdict import Validity
from tests.sensing_bench import N_POINTS, pure, synthetic_set

TABLE = """
# spectrum      status     time_ms  self_test | verdict
  normal        GOOD       50       pass      | VALID
  normal        GOOD       none     pass      | VALID
  normal        UNCERTAIN  50       pass      | EXTRAPOLATION         # may alarm, may not release
  normal        BAD        50       pass      | INVALID_INSTRUMENT
  normal        STALE      50       pass      | INVALID_INSTRUMENT
  normal        GOOD       0        pass      | INVALID_INSTRUMENT
  normal        GOOD       nan      pass      | INVALID_INSTRUMENT    # it should tell and does not
  normal        GOOD       50       fail      | INVALID_INSTRUMENT
  nan           GOOD       50       pass      | INVALID_INSTRUMENT
  infinite      GOOD       50       pass      | INVALID_INSTRUMENT
  short         GOOD       50       pass      | INVALID_INSTRUMENT
  saturated     GOOD       50       pass      | INVALID_INSTRUMENT
  flat          GOOD       50       pass      | INVALID_PRESENTATION  # no powder
  zero          GOOD       50       pass      | INVALID_PRESENTATION
  lifted        GOOD       50       pass      | INVALID_PRESENTATION  # window fouled
  foreign       GOOD       50       pass      | INVALID_MODEL_SPACE   # a band the model never saw
  foreign       UNCERTAIN  50       pass      | INVALID_MODEL_SPACE
  far           GOOD       50       pass      | EXTRAPOLATION         # a quarter above the range: kept, with its number
  farther       GOOD       50       pass      | INVALID_MODEL_SPACE   # twice the target bends the preprocessing: Q speaks first
  above         GOOD       50       pass      | OUT_OF_RANGE
  above         UNCERTAIN  50       pass      | OUT_OF_RANGE          # the stronger word wins
"""
ROWS = [line.split("#")[0].replace("|", " ").split() for line in TABLE.strip().splitlines()[1:]]


def clean(content: float) -> np.ndarray:
    return 0.5 * pure(0.3, 0.15) + (0.5 - content) * pure(0.75, 0.1) + 4.0 * content * pure(0.5, 0.04)


SPECTRA = {
    "normal": clean(0.08),
    "nan": np.where(np.arange(N_POINTS) == 7, np.nan, clean(0.08)),
    "infinite": np.where(np.arange(N_POINTS) == 7, np.inf, clean(0.08)),
    "short": clean(0.08)[:-1],
    "saturated": clean(0.08) + 3.0 * pure(0.3, 0.02),
    "flat": np.full(N_POINTS, 0.2) + 0.001 * np.sin(np.arange(N_POINTS)),
    "zero": np.zeros(N_POINTS),
    "lifted": clean(0.08) + 0.5,
    "foreign": clean(0.08) + 0.15 * pure(0.62, 0.02),
    "far": clean(0.14),
    "farther": clean(0.16),
    "above": clean(0.113),
}


@pytest.fixture(scope="module")
def sensor() -> SoftSensor:
    return SoftSensor(calibrate(synthetic_set(), model_id="table", max_components=5))


@pytest.mark.parametrize(("name", "status", "time_ms", "self_test", "verdict"), ROWS)
def test_verdict(sensor: SoftSensor, name: str, status: str, time_ms: str, self_test: str, verdict: str) -> None:
    got = sensor.judge(
        SPECTRA[name],
        step=12,
        spectrum_id=3,
        quality=Quality[status],
        integration_time_ms=None if time_ms == "none" else float(time_ms),
        instrument_fault="" if self_test == "pass" else "self-test failed",
    )
    assert got.validity is Validity(verdict)
    assert bool(got.reason) is (verdict != "VALID") and got.valid is (verdict == "VALID")
    assert math.isnan(got.api_w_w) is (verdict == "INVALID_INSTRUMENT")
    assert (got.step, got.spectrum_id, got.model_id) == (12, 3, "table")


def test_a_potency_excursion_keeps_its_number(sensor: SoftSensor) -> None:
    """Super-potent material may not vanish: alarmed or outside the model, the verdict carries a value above the range."""
    for name in ("above", "far", "farther"):
        assert sensor.judge(SPECTRA[name], step=0, spectrum_id=0).api_w_w > sensor.model.range_high_w_w


def test_the_standard_error_grows_with_leverage(sensor: SoftSensor) -> None:
    near, far = (sensor.judge(SPECTRA[name], step=0, spectrum_id=0) for name in ("normal", "far"))
    error, n = sensor.model.performance.rmsecv_w_w, sensor.model.n_spectra
    assert error < near.standard_error_w_w < far.standard_error_w_w
    assert far.standard_error_w_w == pytest.approx(error * math.sqrt(1 + 1 / n + far.t2 / (n - 1)))


def test_judging_leaves_the_spectrum_and_the_sensor_alone(sensor: SoftSensor) -> None:
    spectrum = SPECTRA["normal"].copy()
    first = sensor.judge(spectrum, step=0, spectrum_id=0)
    for name in ("far", "foreign", "flat"):
        sensor.judge(SPECTRA[name], step=0, spectrum_id=0)
    assert sensor.judge(spectrum, step=0, spectrum_id=0) == first
    np.testing.assert_array_equal(spectrum, SPECTRA["normal"])


def test_a_flagged_spectrum_says_what_flagged_it(sensor: SoftSensor) -> None:
    """A foreign band at 0.62 of the axis, 7400..10500 1/cm, is where most of Q comes from; T2 names a component."""
    axis_at = 7400.0 + 0.62 * 3100.0
    (component, of_t2), (place, of_q) = sensor.contributions(SPECTRA["foreign"])
    assert abs(place - axis_at) < 150.0 and 0.3 < of_q <= 1.0
    assert component in (1.0, 2.0, 3.0, 4.0, 5.0) and 0.0 < of_t2 <= 1.0
    assert "1/cm" in sensor.judge(SPECTRA["foreign"], step=0, spectrum_id=1).reason
    assert "in component" in sensor.judge(SPECTRA["far"], step=0, spectrum_id=1).reason
