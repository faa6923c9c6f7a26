"""Reading a record: entries by kind, frames as arrays, what became of the lot."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from historian.chain import record_hash
from historian.frames import Frames, stack_frames, unpack_array
from historian.lock import is_locked
from historian.store import RECORD_FILE, open_readonly, read_error
from line.errors import RecordError
from line.samples import ArraySample
from line.tags import Tag, TagRegister

KILLED = "the writing process ended without closing the record"


@dataclass(frozen=True)
class Entry:
    """One entry as stored."""

    seq: int
    stream: str
    kind: str
    step: int
    body: bytes
    hash: bytes

    def json(self) -> dict[str, Any]:
        """Return the body of a JSON entry. Raises RecordError for an entry of bytes."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise RecordError(
                "a record entry is not JSON", where=f"entry {self.seq} {self.kind}", how_much=str(error)
            ) from error
        if not isinstance(value, dict):
            raise RecordError("a record entry is not a table", where=f"entry {self.seq} {self.kind}")
        return value


class RecordReader:
    """A record for reading: open, closed, or left by a killed process. Raises RecordError if it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / RECORD_FILE
        self._connection = open_readonly(self.path)

    def _rows(self, query: str, arguments: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(query, arguments)
        except sqlite3.Error as error:
            raise read_error(self.path, error) from error

    def _state(self) -> tuple[Any, ...]:
        row = next(self._rows("SELECT status, reason, n_entries, content_head, wall_head FROM state"), None)
        if row is None:
            raise RecordError(
                "the record has no state: it was never opened", where=str(self.path), what_now="Remove the folder."
            )
        return row

    @property
    def status(self) -> str:
        """`running` while its writer lives, then `complete` or `incomplete`."""
        stored = str(self._state()[0])
        if stored != "open":
            return stored
        return "running" if is_locked(self.folder) else "incomplete"

    @property
    def reason(self) -> str:
        """Why the record is as it is; empty for a complete or running one."""
        stored, reason = self._state()[:2]
        return KILLED if stored == "open" and self.status == "incomplete" else str(reason)

    @property
    def n_entries(self) -> int:
        """Committed entries."""
        return int(self._state()[2])

    @property
    def content_hash(self) -> str:
        """Head of the content chain as stored, hexadecimal; `historian.verify` proves it."""
        return bytes(self._state()[3]).hex()

    @property
    def record_hash(self) -> str:
        """Hash over both chain heads as stored, hexadecimal."""
        state = self._state()
        return record_hash(bytes(state[3]), bytes(state[4]))

    @property
    def last_step(self) -> int:
        """The last simulated second that the record speaks of."""
        return int(next(self._rows("SELECT coalesce(max(step), 0) FROM entries"))[0])

    def entries(self, kind: str | None = None, first_step: int | None = None, last_step: int | None = None) -> Iterator[Entry]:
        """Yield entries in the order written, of one kind or all, between two steps (both included)."""
        clauses: list[str] = []
        arguments: list[Any] = []
        for clause, value in (("kind = ?", kind), ("step >= ?", first_step), ("step <= ?", last_step)):
            if value is not None:
                clauses.append(clause)
                arguments.append(value)
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        query = f"SELECT seq, stream, kind, step, body, hash FROM entries{where} ORDER BY seq"  # noqa: S608 - fixed words only
        for row in self._rows(query, tuple(arguments)):
            yield Entry(*row)

    def kinds(self) -> dict[str, int]:
        """Return how many entries of each kind there are."""
        return {str(kind): int(n) for kind, n in self._rows("SELECT kind, count(*) FROM entries GROUP BY kind ORDER BY kind")}

    def bodies(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """Return (step, body) of every JSON entry of a kind."""
        return [(entry.step, entry.json()) for entry in self.entries(kind)]

    def last(self, kind: str) -> dict[str, Any] | None:
        """Return the newest body of a kind, or None."""
        query = "SELECT seq, stream, kind, step, body, hash FROM entries WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        row = next(self._rows(query, (kind,)), None)
        return Entry(*row).json() if row else None

    @cached_property
    def meta(self) -> dict[str, Any]:
        """What fixes the content: seed, recipe, configurations, models."""
        return self.last("meta") or {}

    @property
    def opened(self) -> dict[str, Any]:
        """Lot name, host and the time of day at which the record was opened."""
        return self.last("opened") or {}

    @cached_property
    def register(self) -> TagRegister:
        """The tag register as it was when the lot was made."""
        return TagRegister([Tag.model_validate(tag) for tag in (self.last("register") or {}).get("tags", [])])

    def frames(self) -> Frames:
        """Return every frame as arrays."""
        return stack_frames([entry.body for entry in self.entries("frame")], self.register)

    def arrays(self, kind: str = "spectrum") -> list[tuple[int, str, ArraySample, dict[str, Any]]]:
        """Return (step, tag id, sample, identity) of every array entry of a kind."""
        return [(entry.step, *unpack_array(entry.body)) for entry in self.entries(kind)]

    def parcels(self) -> list[dict[str, Any]]:
        """Return every parcel's body (`line.records.Parcel`) in the order made."""
        return [body for _, body in self.bodies("parcel")]

    def decisions(self) -> list[dict[str, Any]]:
        """Return every decision's body (`line.records.Decision`)."""
        return [body for _, body in self.bodies("decision")]

    def events(self) -> list[tuple[int, dict[str, Any]]]:
        """Return (step, body) of every event (`line.records.Event`)."""
        return self.bodies("event")

    def alarms(self) -> list[tuple[int, dict[str, Any]]]:
        """Return (step, body) of every change of an alarm (`line.records.Alarm`)."""
        return self.bodies("alarm")

    def verdict(self) -> dict[str, Any] | None:
        """Return the newest lot verdict, or None while there is none."""
        return self.last("lot_verdict")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
