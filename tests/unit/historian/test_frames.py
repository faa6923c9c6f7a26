"""Frames and arrays: bytes in, the same values out, or an error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from historian.frames import pack_array, pack_frame, stack_frames, unpack_array, unpack_frame
from line.errors import RecordError
from line.quality import STATUS_BAD_SENSOR_FAILURE, Quality
from line.samples import ArraySample, Snapshot, StepResult
from tests.record_bench import REGISTER, SMALL

N = len(REGISTER.scalar_ids)
VALUES = hnp.arrays(np.float64, N, elements=st.floats(width=64))
STATUSES = hnp.arrays(np.uint32, N, elements=st.sampled_from([0, 0x40900000, 0x808C0000, 0xFFFFFFFF]))
SOURCES = hnp.arrays(np.int64, N, elements=st.integers(-(2**62), 2**62))


def bits(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values).tobytes()


@given(VALUES, STATUSES, SOURCES, st.integers(0, 2**40))
def test_a_frame_comes_back_bit_for_bit(values: np.ndarray, statuses: np.ndarray, sources: np.ndarray, step: int) -> None:
    snapshot = Snapshot(REGISTER, StepResult(step, values, statuses, sources))
    result = unpack_frame(pack_frame(snapshot), REGISTER)
    assert result.step == step
    assert bits(result.values) == bits(values)
    assert bits(result.statuses) == bits(statuses) and bits(result.source_steps) == bits(sources)
    again = Snapshot(REGISTER, result)
    assert bits(again.quality) == bits(snapshot.quality)


def make(step: int, status: int = 0) -> Snapshot:
    values = (REGISTER.low + REGISTER.high) / 2
    statuses = np.zeros(N, np.uint32)
    statuses[REGISTER.scalar_index["Press/MainForceMean"]] = status
    return Snapshot(REGISTER, StepResult(step, values, statuses, np.full(N, step, np.int64)))


def test_frames_become_columns_without_what_is_not_usable() -> None:
    frames = stack_frames([pack_frame(make(1)), pack_frame(make(2, STATUS_BAD_SENSOR_FAILURE))], REGISTER)
    assert frames.steps.tolist() == [1, 2]
    force = frames.column("Press/MainForceMean")
    assert force[0] == 10.0 and np.isnan(force[1])
    assert frames.values[1, REGISTER.scalar_index["Press/MainForceMean"]] == 10.0
    assert frames.quality[1, REGISTER.scalar_index["Press/MainForceMean"]] == Quality.BAD


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_shortened_frame_is_refused(cut: int) -> None:
    with pytest.raises(RecordError, match="does not fit"):
        unpack_frame(pack_frame(make(1))[:cut], REGISTER)


def test_a_frame_of_another_register_is_refused() -> None:
    with pytest.raises(RecordError, match="does not fit"):
        stack_frames([pack_frame(make(1))], SMALL)


@given(hnp.arrays(np.float64, st.integers(0, 50), elements=st.floats(width=64)), st.integers(-5, 2**40))
def test_an_array_comes_back_bit_for_bit_whatever_its_width(values: np.ndarray, source: int) -> None:
    sample = ArraySample(values, Quality.UNCERTAIN, 0x40930000, source)
    tag, again, identity = unpack_array(pack_array("NIR/Spectrum", sample, {"reference_id": 3}))
    assert (tag, identity) == ("NIR/Spectrum", {"reference_id": 3})
    assert np.array_equal(again.values, values, equal_nan=True)
    assert (again.quality, again.status, again.source_step) == (Quality.UNCERTAIN, 0x40930000, source)


def test_single_precision_is_used_only_where_it_loses_nothing() -> None:
    coarse, fine = np.full(404, 0.5), np.full(404, 0.1)
    sizes = [len(pack_array("NIR/Spectrum", ArraySample(v, Quality.GOOD, 0, 1))) for v in (coarse, fine)]
    assert sizes[1] - sizes[0] == 404 * 4


@pytest.mark.parametrize("cut", [0, 10, 40, -1])
def test_a_shortened_array_is_refused(cut: int) -> None:
    body = pack_array("NIR/Spectrum", ArraySample(np.ones(4), Quality.GOOD, 0, 1))
    with pytest.raises(RecordError, match="damaged"):
        unpack_array(body[:cut])
