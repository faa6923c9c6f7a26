"""The lot's record while it is written: append, commit, close. Nothing is ever changed or removed."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from historian.chain import MAX_KIND_BYTES, STREAMS, body_bytes, entry_hash, genesis, record_hash
from historian.lock import WriterLock
from historian.queries import RecordReader
from historian.seal import Seal, file_sha256, write_seal
from historian.store import FORMAT, RECORD_FILE, create, write_error
from line.clock import WallClock
from line.errors import RecordError
from line.ports import Stream
from line.tags import TagRegister

MAX_BODY_BYTES = 1 << 24
MAX_PENDING = 200_000
_INSERT = "INSERT INTO entries (seq, stream, kind, step, body, hash) VALUES (?, ?, ?, ?, ?, ?)"
_STATE = "REPLACE INTO state (id, status, reason, n_entries, content_head, wall_head) VALUES (1, ?, ?, ?, ?, ?)"


class Record:
    """A record being written (`line.ports.Recorder`). Use one thread at a time.

    Entries are hashed when appended and made durable by `commit`: one transaction, one sync. After a failed commit
    the record is broken for good (a sync that failed once must not be tried again: the system may have dropped the
    pages); what was committed before stays and reads as incomplete.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: WriterLock, clock: WallClock) -> None:
        self.folder, self.path = folder, folder / RECORD_FILE
        self._connection, self._lock, self._clock = connection, lock, clock
        self._heads: dict[Stream, bytes] = {stream: genesis(stream) for stream in STREAMS}
        self._pending: list[tuple[int, str, str, int, bytes, bytes]] = []
        self._n_entries = 0
        self._last_step = 0
        self._broken: RecordError | None = None
        self._closed = False

    @classmethod
    def create(
        cls,
        folder: Path,
        meta: Mapping[str, Any],
        clock: WallClock,
        *,
        register: TagRegister,
        wall: Mapping[str, Any] | None = None,
    ) -> Record:
        """Return a new record in `folder` (made if absent), its first entries already durable.

        meta: what fixes the content (seed, recipe with hash, configurations, model hashes, code version; never a lot
        or folder name, a host or a time); wall: what else is worth knowing of where it ran (lot, host and versions are
        written by themselves). The tag register is stored whole, so that frames can be read without any other file.
        Raises RecordError (exists, locked, disk).
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(folder, error) from error
        lock = WriterLock(folder)
        try:
            record = cls(folder, create(folder / RECORD_FILE), lock, clock)
        except RecordError:
            lock.release()
            raise
        tags = [tag.model_dump(mode="json") for tag in register.tags.values()]
        record.append("content", "meta", 0, {**meta, "record_format": FORMAT})
        record.append("content", "register", 0, {"tags": tags})
        record.append("wall", "opened", 0, {**_place(folder, clock), **(wall or {})})
        record.commit()
        return record

    @staticmethod
    def open(folder: Path) -> RecordReader:
        """Return a record for reading, whatever became of its writer. Raises RecordError."""
        return RecordReader(folder)

    def append(self, stream: Stream, kind: str, step: int, body: Mapping[str, Any]) -> None:
        """Add one entry (JSON values only; NaN is written as null). Raises RecordError."""
        self.append_bytes(stream, kind, step, body_bytes(body))

    def append_bytes(self, stream: Stream, kind: str, step: int, body: bytes) -> None:
        """Add one entry of raw bytes. Raises RecordError (closed, broken, a limit)."""
        self._check(stream, kind, body)
        seq = self._n_entries + 1
        digest = entry_hash(self._heads[stream], stream, seq, kind, step, body)
        self._pending.append((seq, stream, kind, int(step), body, digest))
        self._heads[stream], self._n_entries = digest, seq
        self._last_step = max(self._last_step, int(step))

    def _check(self, stream: Stream, kind: str, body: bytes) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise RecordError("the record is closed", where=str(self.path), what_now="Open a new lot.")
        if stream not in STREAMS or not 0 < len(kind.encode()) <= MAX_KIND_BYTES:
            raise RecordError(
                "unknown stream or kind", where=f"{stream} {kind}"[:80], what_now="Use content or wall and a short kind."
            )
        if len(body) > MAX_BODY_BYTES:
            raise RecordError(
                "a record entry is too large",
                where=kind,
                how_much=f"{len(body)} bytes, limit {MAX_BODY_BYTES}",
                what_now="Split it.",
            )
        if len(self._pending) >= MAX_PENDING:
            raise RecordError("too many entries wait for a commit", how_much=f"{MAX_PENDING}", what_now="Commit more often.")

    def commit(self) -> None:
        """Make all entries durable; returns only when they are on disk. Raises RecordError and is broken from then on."""
        if self._broken is not None:
            raise self._broken
        if self._pending:
            self._write("open", "")

    def _write(self, status: str, reason: str) -> None:
        """Write what is pending and the state in one transaction."""
        heads = (self._heads["content"], self._heads["wall"])
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, self._pending)
            self._connection.execute(_STATE, (status, reason, self._n_entries, *heads))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._broken = write_error(self.path, error)
            self._release()
            raise self._broken from error
        self._pending.clear()

    def close(self, complete: bool, reason: str = "") -> None:
        """End the record as complete or incomplete (then say why), seal it, leave one self-contained file.

        A second call does nothing; nor does closing a broken record (its error was raised when it broke).
        Raises RecordError if the last entries or the seal cannot be written.
        """
        if self._closed or self._broken is not None:
            self._closed = True
            return
        status = "complete" if complete else "incomplete"
        body = {"status": status, "reason": reason}
        self.append("content", "close", self._last_step, body)
        closing = {"content_hash": self.content_hash, "entries": self._n_entries + 1, "utc": self._clock.utc().isoformat()}
        self.append("wall", "closed", self._last_step, closing)
        self._write(status, reason)
        self._closed = True
        try:
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
            write_seal(self.folder, self._seal(status, reason))
        except (sqlite3.Error, OSError) as error:
            raise write_error(self.path, error) from error
        finally:
            self._release()

    def abandon(self) -> None:
        """Close as incomplete unless closed already: for the way out of a program that failed. Never raises RecordError."""
        with suppress(RecordError):
            self.close(False, "the program ended early")

    def _seal(self, status: str, reason: str) -> Seal:
        return Seal(status, reason, self._n_entries, self.content_hash, self.record_hash, file_sha256(self.path))

    def _release(self) -> None:
        self._connection.close()
        self._lock.release()

    @property
    def content_hash(self) -> str:
        """Head of the content chain, hexadecimal: equal for equal seed, configuration and code."""
        return self._heads["content"].hex()

    @property
    def record_hash(self) -> str:
        """Hash over both chain heads, hexadecimal."""
        return record_hash(self._heads["content"], self._heads["wall"])

    @property
    def n_entries(self) -> int:
        """Entries appended so far, committed or not."""
        return self._n_entries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close(False, "left open by the program")
        else:
            self.abandon()


def _place(folder: Path, clock: WallClock) -> dict[str, Any]:
    """Return where and when a record was opened: for the wall stream only."""
    try:
        kilter = version("kilter")
    except PackageNotFoundError:
        kilter = "not installed"
    return {
        "lot": folder.name,
        "utc": clock.utc().isoformat(),
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "kilter": kilter,
    }
