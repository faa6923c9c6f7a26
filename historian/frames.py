"""Frames and arrays as bytes: what was read in one second, without loss.

Frame, little-endian: u8 layout (1), u8 zero, u16 n scalars, u16 n_s scalars whose status is not 0, i64 step;
f64 values (n,) plant units; u8 quality (n,); i64 source steps (n,) [s]; n_s times u16 index, u32 OPC UA status.
Array: u8 layout (2), u8 type (4 or 8 bytes a value), u8 quality, u8 zero, u32 status, i64 source step, u32 length of
the heading, u32 n; heading in RFC 8785 JSON (tag and what identifies the measurement); values (n,). Values are kept
as f32 only where that loses nothing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from historian.chain import body_bytes
from line.errors import RecordError
from line.quality import Quality
from line.samples import ArraySample, Snapshot, StepResult, Vector
from line.tags import TagRegister

_FRAME = struct.Struct("<BxHHq")
_STATUS = np.dtype([("index", "<u2"), ("status", "<u4")])
_ARRAY = struct.Struct("<BBBxIqII")


@dataclass(frozen=True)
class Frames:
    """Frames as arrays: steps (n,), values (n, n_scalars) plant units, quality (n, n_scalars), source_steps (n, n_scalars)."""

    register: TagRegister
    steps: NDArray[np.int64]
    values: Vector
    quality: NDArray[np.uint8]
    source_steps: NDArray[np.int64]

    def column(self, tag_id: str) -> Vector:
        """Return the (n,) values of a tag in plant units, NaN where not usable (BAD or STALE)."""
        i = self.register.scalar_index[tag_id]
        return np.where(self.quality[:, i] <= Quality.UNCERTAIN, self.values[:, i], np.nan)


def pack_frame(snapshot: Snapshot) -> bytes:
    """Return a snapshot's scalars as bytes."""
    values = np.ascontiguousarray(snapshot.values, dtype="<f8")
    quality = np.ascontiguousarray(snapshot.quality, dtype="u1")
    sources = np.ascontiguousarray(snapshot.source_steps, dtype="<i8")
    marked = np.flatnonzero(snapshot.statuses)
    statuses = np.empty(marked.size, dtype=_STATUS)
    statuses["index"], statuses["status"] = marked, snapshot.statuses[marked]
    head = _FRAME.pack(1, values.size, marked.size, snapshot.step)
    return head + values.tobytes() + quality.tobytes() + sources.tobytes() + statuses.tobytes()


def _frame_parts(body: bytes, n_expected: int) -> tuple[int, Vector, NDArray[np.uint8], NDArray[np.int64], NDArray[Any]]:
    layout, n, n_marked, step = _FRAME.unpack_from(body) if len(body) >= _FRAME.size else (0, 0, 0, 0)
    size = _FRAME.size + 17 * n + _STATUS.itemsize * n_marked
    if layout != 1 or n != n_expected or len(body) != size:
        raise RecordError("a frame does not fit its register", how_much=f"{len(body)} bytes, {n} of {n_expected} values")
    at = _FRAME.size
    values = np.frombuffer(body, "<f8", n, at)
    quality = np.frombuffer(body, "u1", n, at + 8 * n)
    sources = np.frombuffer(body, "<i8", n, at + 9 * n)
    return step, values, quality, sources, np.frombuffer(body, _STATUS, n_marked, at + 17 * n)


def unpack_frame(body: bytes, register: TagRegister, arrays: Mapping[str, tuple[Vector, int, int]] | None = None) -> StepResult:
    """Return what the plant answered, bit for bit; `Snapshot(register, result)` judges it again. Raises RecordError."""
    step, values, _, sources, marked = _frame_parts(body, len(register.scalar_ids))
    statuses = np.zeros(values.size, dtype=np.uint32)
    statuses[marked["index"]] = marked["status"]
    return StepResult(step, values.copy(), statuses, sources.astype(np.int64), dict(arrays or {}))


def stack_frames(bodies: Sequence[bytes], register: TagRegister) -> Frames:
    """Return frames in the order given as arrays. Raises RecordError if one does not fit the register."""
    n = len(register.scalar_ids)
    steps = np.empty(len(bodies), dtype=np.int64)
    values, quality = np.empty((len(bodies), n)), np.empty((len(bodies), n), dtype=np.uint8)
    sources = np.empty((len(bodies), n), dtype=np.int64)
    for row, body in enumerate(bodies):
        steps[row], values[row], quality[row], sources[row], _ = _frame_parts(body, n)
    return Frames(register, steps, values, quality, sources)


def pack_array(tag_id: str, sample: ArraySample, identity: Mapping[str, Any] | None = None) -> bytes:
    """Return one array as bytes. identity: what recalibration needs (spectrum and reference id, integration
    time [ms], instrument serial, probe)."""
    with np.errstate(over="ignore"):
        single = sample.values.astype("<f4")
    lossless = bool(np.all((single == sample.values) | np.isnan(sample.values)))
    values = single if lossless else np.ascontiguousarray(sample.values, dtype="<f8")
    heading = body_bytes({**(identity or {}), "tag": tag_id})
    head = _ARRAY.pack(2, values.itemsize, sample.quality, sample.status, sample.source_step, len(heading), values.size)
    return head + heading + values.tobytes()


def unpack_array(body: bytes) -> tuple[str, ArraySample, dict[str, Any]]:
    """Return (tag id, sample, identity). Raises RecordError."""
    fields = _ARRAY.unpack_from(body) if len(body) >= _ARRAY.size else (0,) * 7
    layout, width, quality, status, source, n_heading, n = fields
    at = _ARRAY.size + n_heading
    if layout != 2 or width not in (4, 8) or len(body) != at + width * n:
        raise RecordError("an array entry is damaged", how_much=f"{len(body)} bytes")
    identity = json.loads(body[_ARRAY.size : at])
    values = np.frombuffer(body, f"<f{width}", n, at).astype(np.float64)
    return identity.pop("tag"), ArraySample(values, Quality(quality), status, source), identity
