"""A second of the line: which values may be used, and for what."""

from __future__ import annotations

import math

import numpy as np
import pytest

from line.quality import (
    STATUS_BAD_NO_COMMUNICATION,
    STATUS_BAD_OUT_OF_SERVICE,
    STATUS_BAD_SENSOR_FAILURE,
    STATUS_BAD_WAITING_FOR_INITIAL_DATA,
    STATUS_GOOD,
    STATUS_UNCERTAIN_LAST_USABLE,
    STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE,
    STATUS_UNCERTAIN_UNITS_EXCEEDED,
    Quality,
    quality_of_status,
)
from line.samples import Snapshot, StepResult
from line.tags import Tag, TagRegister

STEP = 100


def tag(tag_id: str, kind: str, size: int, unit: str, low: float, high: float, max_age_s: float, access: str = "r") -> Tag:
    return Tag.model_validate(
        {
            "id": tag_id, "type": kind, "size": size, "unit": unit, "low": low, "high": high, "sample_s": 1,
            "max_age_s": max_age_s, "access": access, "owner": "APC" if access == "rw" else "PLC", "role": "measured",
            "description": "under test",
        }
    )  # fmt: skip


REGISTER = TagRegister(
    [
        tag("Press/MainForceMean", "Double", 1, "kN", 0, 20, 2),
        tag("NIR/Axis0", "Double", 1, "1/cm", 3000, 13000, 0),
        tag("NIR/Spectrum", "FloatArray", 3, "AU", -5, 10, 15),
        tag("SP/MainForce", "Double", 1, "kN", 1, 12, 2, "rw"),
    ]
)


def snapshot(value: float, status: int = STATUS_GOOD, age_s: int = 0, axis_age_s: int = 0) -> Snapshot:
    return Snapshot(
        REGISTER,
        StepResult(
            step=STEP,
            values=np.array([value, 5000.0, 6.0]),
            statuses=np.array([status, STATUS_GOOD, STATUS_GOOD], dtype=np.uint32),
            source_steps=np.array([STEP - age_s, STEP - axis_age_s, STEP], dtype=np.int64),
        ),
    )


# value, status, age_s (maximum 2) | verdict
TABLE = [
    (6.2, STATUS_GOOD, 0, Quality.GOOD),
    (6.2, STATUS_GOOD, 2, Quality.GOOD),  # at the maximum age
    (0.0, STATUS_GOOD, 0, Quality.GOOD),  # at the lower limit
    (20.0, STATUS_GOOD, 0, Quality.GOOD),  # at the upper limit
    (6.2, STATUS_GOOD, 3, Quality.STALE),
    (6.2, STATUS_UNCERTAIN_LAST_USABLE, 0, Quality.UNCERTAIN),
    (6.2, STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE, 0, Quality.UNCERTAIN),
    (6.2, STATUS_UNCERTAIN_UNITS_EXCEEDED, 0, Quality.UNCERTAIN),
    (6.2, STATUS_UNCERTAIN_LAST_USABLE, 3, Quality.STALE),
    (6.2, STATUS_BAD_SENSOR_FAILURE, 0, Quality.BAD),
    (6.2, STATUS_BAD_NO_COMMUNICATION, 0, Quality.BAD),
    (6.2, STATUS_BAD_OUT_OF_SERVICE, 0, Quality.BAD),
    (6.2, STATUS_BAD_WAITING_FOR_INITIAL_DATA, 0, Quality.BAD),
    (6.2, STATUS_BAD_SENSOR_FAILURE, 3, Quality.BAD),  # bad stays bad however old
    (6.2, 0xC0000000, 0, Quality.BAD),  # the reserved severity
    (math.nan, STATUS_GOOD, 0, Quality.BAD),
    (math.inf, STATUS_GOOD, 0, Quality.BAD),
    (-math.inf, STATUS_GOOD, 0, Quality.BAD),
    (math.nan, STATUS_UNCERTAIN_LAST_USABLE, 3, Quality.BAD),
    (20.0001, STATUS_GOOD, 0, Quality.BAD),
    (-0.0001, STATUS_GOOD, 0, Quality.BAD),
    (6.2, STATUS_GOOD, -1, Quality.BAD),  # measured in the future: a clock is wrong
]


@pytest.mark.parametrize(("value", "status", "age_s", "verdict"), TABLE)
def test_quality_of_a_scalar(value: float, status: int, age_s: int, verdict: Quality) -> None:
    seen = snapshot(value, status, age_s)
    assert seen.quality_of("Press/MainForceMean") is verdict
    assert seen.good("Press/MainForceMean") == (verdict is Quality.GOOD)
    assert seen.usable("Press/MainForceMean") == (verdict in (Quality.GOOD, Quality.UNCERTAIN))
    if seen.usable("Press/MainForceMean"):
        assert seen.value("Press/MainForceMean") == value
        assert seen.si("Press/MainForceMean") == pytest.approx(1000 * value)
    else:
        assert math.isnan(seen.value("Press/MainForceMean")) and math.isnan(seen.si("Press/MainForceMean"))
    assert seen.raw("Press/MainForceMean") == value or math.isnan(value)
    assert seen.source_step("Press/MainForceMean") == STEP - age_s


def test_a_constant_never_grows_stale() -> None:
    assert snapshot(6.2, axis_age_s=99).quality_of("NIR/Axis0") is Quality.GOOD


# values, status | verdict
ARRAYS = [
    ([0.1, 0.2, 0.3], STATUS_GOOD, Quality.GOOD),
    ([0.1, 0.2, 0.3], STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE, Quality.UNCERTAIN),
    ([0.1, 0.2, 0.3], STATUS_BAD_SENSOR_FAILURE, Quality.BAD),
    ([0.1, math.nan, 0.3], STATUS_GOOD, Quality.BAD),
    ([0.1, math.inf, 0.3], STATUS_GOOD, Quality.BAD),
    ([0.1, 0.2], STATUS_GOOD, Quality.BAD),
    ([0.1, 0.2, 0.3, 0.4], STATUS_GOOD, Quality.BAD),
    ([], STATUS_GOOD, Quality.BAD),
    ([0.1, 0.2, 10.1], STATUS_GOOD, Quality.BAD),
    ([-5.1, 0.2, 0.3], STATUS_GOOD, Quality.BAD),
]


@pytest.mark.parametrize(("values", "status", "verdict"), ARRAYS)
def test_quality_of_an_array(values: list[float], status: int, verdict: Quality) -> None:
    result = StepResult(
        STEP, np.array([6.2, 5000.0, 6.0]), np.zeros(3, np.uint32), np.full(3, STEP, np.int64),
        arrays={"NIR/Spectrum": (np.array(values), status, STEP - 4)},
    )  # fmt: skip
    sample = Snapshot(REGISTER, result).arrays["NIR/Spectrum"]
    assert sample.quality is verdict
    assert sample.source_step == STEP - 4


def test_status_severity_is_all_that_counts() -> None:
    """OPC UA Part 4, 7.39: the two top bits are the severity; sub-code and info bits do not change the class."""
    assert quality_of_status(0x00000480) is Quality.GOOD
    assert quality_of_status(0x7FFFFFFF) is Quality.UNCERTAIN
    assert quality_of_status(0x80000000) is Quality.BAD


def test_an_unknown_tag_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="Press/Nothing"):
        snapshot(6.2).value("Press/Nothing")
