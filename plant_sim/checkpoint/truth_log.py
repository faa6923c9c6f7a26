"""The truth so far, in pieces: each minute adds its seconds and tablets to one file; nothing is written twice."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plant_sim.checkpoint.files import AppendFile, damaged
from plant_sim.truth import Truth

FILE = "truth.log"
#: Length and SHA-256 of the piece that follows.
HEAD = struct.Struct("<Q32s")


class TruthLog:
    """Pieces of truth: the rows and tablets since the last piece, and tablets whose end was not known then."""

    def __init__(self, folder: Path, length: int, truth: Truth) -> None:
        """Read the first `length` bytes into `truth` and cut off what is beyond. Raises RecordError if it is damaged."""
        self._truth = truth
        path = folder / FILE
        content = path.read_bytes()[:length] if path.exists() else b""
        if len(content) < length:
            raise damaged(path, f"{len(content)} of {length} bytes")
        at = 0
        while at < length:
            at = self._take(path, content, at)
        self._file = AppendFile(path, length)
        self._mark()

    @property
    def length(self) -> int:
        """Bytes that hold the truth up to the last piece."""
        return self._file.length

    def append(self) -> None:
        """Write what is new; it is on disk when this returns. Raises RecordError."""
        buffer = io.BytesIO()
        part: dict[str, Any] = self._truth.part(self._row, self._tablet)
        np.savez(buffer, **part)
        body = buffer.getvalue()
        self._file.append(HEAD.pack(len(body), hashlib.sha256(body).digest()) + body)
        self._mark()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _mark(self) -> None:
        self._row, self._tablet = self._truth.n_rows, self._truth.first_on_its_way()

    def _take(self, path: Path, content: bytes, at: int) -> int:
        if len(content) < at + HEAD.size:
            raise damaged(path, f"it ends at byte {len(content)}")
        size, check = HEAD.unpack(content[at : at + HEAD.size])
        body = content[at + HEAD.size : at + HEAD.size + size]
        if hashlib.sha256(body).digest() != check:
            raise damaged(path, f"the piece at byte {at} has a wrong SHA-256")
        self._truth.put(_arrays(body))
        return at + HEAD.size + int(size)


def _arrays(body: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
