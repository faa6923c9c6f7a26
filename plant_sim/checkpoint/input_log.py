"""What moved the plant, second by second: with a state before them, these inputs make the state after them."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from line.samples import StepResult
from plant_sim.checkpoint.files import FORMAT, AppendFile, damaged
from plant_sim.extents import Vector

#: Second, request id, digest of the answer; then the set-points and a check sum.
HEAD = struct.Struct("<qq8s")
SUM = struct.Struct("<I")


@dataclass(frozen=True)
class Input:
    """One second: it led from k to k + 1 by `request_id` and set-points (m,), and was answered with `digest`."""

    k: int
    request_id: int
    setpoints: Vector
    digest: bytes


def digest_of(result: StepResult) -> bytes:
    """Return eight bytes that tell one answer from another: of values, statuses and source steps."""
    parts = (result.values, result.statuses, result.source_steps)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).digest()[:8]


class InputLog:
    """The inputs from second `first` on, in `inputs-<first>.log`: a line of JSON, then records of equal length."""

    def __init__(self, folder: Path, first: int, setup: str, n_setpoints: int) -> None:
        """Open or make the log; a record that was cut off by a kill is removed. Raises RecordError if it is damaged."""
        self.first, self._n = first, n_setpoints
        path = folder / f"inputs-{first:09d}.log"
        head = json.dumps({"format": FORMAT, "first": first, "setup": setup, "setpoints": n_setpoints}, sort_keys=True)
        self._head = head.encode() + b"\n"
        content = path.read_bytes() if path.exists() else b""
        self.inputs, length = self._read(path, content)
        self._file = AppendFile(path, length)
        if not length:
            self._file.append(self._head)

    def append(self, item: Input) -> None:
        """Add one second; it is on disk when this returns. Raises RecordError."""
        body = HEAD.pack(item.k, item.request_id, item.digest) + np.ascontiguousarray(item.setpoints, np.float64).tobytes()
        self._file.append(body + SUM.pack(zlib.crc32(body)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, path: Path, content: bytes) -> tuple[Sequence[Input], int]:
        """Return the inputs and the length of what is whole."""
        if not content or self._head.startswith(content):
            return [], 0
        if not content.startswith(self._head):
            raise damaged(path, "it does not begin as it was begun")
        size = HEAD.size + 8 * self._n + SUM.size
        n_whole = (len(content) - len(self._head)) // size
        inputs: list[Input] = []
        for i in range(n_whole):
            start = len(self._head) + i * size
            record = content[start : start + size]
            found = self._decode(record, self.first + i)
            if found is None and i == n_whole - 1:
                return inputs, start
            if found is None:
                raise damaged(path, f"second {self.first + i} has a wrong check sum")
            inputs.append(found)
        return inputs, len(self._head) + n_whole * size

    def _decode(self, record: bytes, k: int) -> Input | None:
        body, (check,) = record[: -SUM.size], SUM.unpack(record[-SUM.size :])
        found, request_id, digest = HEAD.unpack(body[: HEAD.size])
        if zlib.crc32(body) != check or found != k:
            return None
        return Input(k, request_id, np.frombuffer(body[HEAD.size :], np.float64).copy(), digest)
