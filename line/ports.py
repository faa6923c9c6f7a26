"""How rooms meet without knowing each other: the plant, the record, the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from line.samples import Snapshot, StepResult


class SteppedPlant(Protocol):
    """A plant that advances one simulated second a call. Idempotent: the same (k, request_id) returns the same result."""

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance from second k to k + 1 with the full move vector (m,), plant units, register's set-point order."""


class PlantPort(Protocol):
    """The one port between the engine and a plant, whatever the wire."""

    def open(self) -> Snapshot:
        """Connect and return the first snapshot. Raises CommunicationError or CertificateError."""

    def write_moves(self, moves: Mapping[str, float]) -> None:
        """Queue writes, plant units by tag id. Raises KilterError before anything is written if a tag is not
        writable, or a value is not finite or outside the tag's range."""

    def read_snapshot(self) -> Snapshot:
        """Let one second pass and return what is then known. Raises CommunicationError if the link is lost."""

    def unconfirmed_writes(self) -> Mapping[str, object]:
        """Return the writes of the last exchange that the plant did not take over, by tag id, each telling both values."""

    def close(self) -> None:
        """End the session; never raises, never hangs."""


Stream = Literal["content", "wall"]


class Recorder(Protocol):
    """The lot's record. `content` holds what seed, config and code fix; `wall` holds times, hosts and folders."""

    def append(self, stream: Stream, kind: str, step: int, body: Mapping[str, Any]) -> None:
        """Add one entry (JSON values only; NaN is written as None)."""

    def append_bytes(self, stream: Stream, kind: str, step: int, body: bytes) -> None:
        """Add one entry of raw bytes (frames, spectra)."""

    def commit(self) -> None:
        """Make all entries durable; returns only when they are on disk. Raises RecordError (disk full, I/O error)."""


#: What a person may ask; `limit` takes `TAG LOW HIGH`, `mode` a mode, `advice` `yes N` or `no`, the others nothing.
Verb = Literal["mode", "limit", "advice", "hold", "resume", "stop"]


@dataclass(frozen=True)
class Command:
    """One request of a person to the engine; carried out at most once, never after `expires`."""

    id: str
    verb: Verb
    argument: str
    user: str
    role: str
    reason: str
    expires: datetime


class CommandQueue(Protocol):
    """Durable queue of commands between the front door (or console) and the engine."""

    def submit(self, command: Command) -> None:
        """Store a command durably. A second submit of the same id changes nothing."""

    def take(self, now: datetime) -> Sequence[Command]:
        """Return commands not yet taken and mark them taken; expired ones are marked expired and not returned."""

    def answer(self, command_id: str, result: str) -> None:
        """Store what became of a command."""

    def result_of(self, command_id: str) -> str | None:
        """Return the result, or None while there is none."""


class LiveFrames(Protocol):
    """The newest frame for screens: the newest wins, nothing is kept."""

    def publish(self, step: int, frame: Mapping[str, Any]) -> None:
        """Replace the live frame."""

    def newest(self) -> Mapping[str, Any] | None:
        """Return the live frame, or None before the first."""
