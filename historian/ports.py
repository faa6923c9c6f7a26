"""The two ports between the engine and people's screens, in SQLite: a durable command queue, and live frames.

They are two files on purpose: a command must survive a power cut (every commit synced), a live frame need not (never
synced). In one file the unsynced writer could spoil the synced one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, get_args

from historian.chain import body_bytes
from historian.store import connect, durable
from line.errors import RecordError
from line.ports import Command, Verb

PORTS_FILE = "ports.db"
LIVE_FILE = "live.db"
MAX_WAITING = 1000
MAX_TEXT = 500
MAX_LIVE_BYTES = 1 << 20
EXPIRED = "expired: not carried out"
_COMMANDS = """
CREATE TABLE IF NOT EXISTS commands (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    verb     TEXT NOT NULL,
    argument TEXT NOT NULL,
    user     TEXT NOT NULL,
    role     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    expires  TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('waiting', 'taken', 'expired', 'answered')),
    result   TEXT
)
"""
_FIELDS = "id, verb, argument, user, role, reason, expires"
P = ParamSpec("P")
R = TypeVar("R")


def _one_line(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Turn SQLite's errors into one line of ours."""

    @wraps(method)
    def guarded(self: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except sqlite3.Error as error:
            raise RecordError(
                "the port of the run cannot be used",
                where=str(self.path),
                how_much=str(error),
                what_now="Check disk and rights.",
            ) from error

    return guarded


class SqliteCommandQueue:
    """Durable queue (`line.ports.CommandQueue`): a command is carried out at most once and never after it expires."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PORTS_FILE
        self._open()

    @_one_line
    def _open(self) -> None:
        self._connection = connect(self.path, "rwc")
        durable(self._connection)
        self._connection.execute(_COMMANDS)

    @_one_line
    def submit(self, command: Command) -> None:
        """Store a command durably. A second submit of the same id changes nothing. Raises RecordError."""
        _check(command)
        with _Transaction(self._connection):
            waiting = self._connection.execute("SELECT count(*) FROM commands WHERE state = 'waiting'").fetchone()[0]
            if waiting >= MAX_WAITING:
                raise RecordError(
                    "the command queue is full",
                    where=str(self.path),
                    how_much=f"{waiting} wait",
                    what_now="Is the engine alive?",
                )
            self._connection.execute(
                f"INSERT OR IGNORE INTO commands ({_FIELDS}, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting')",  # noqa: S608 - fixed words
                (*_texts(command), _utc_text(command.expires)),
            )

    @_one_line
    def take(self, now: datetime) -> Sequence[Command]:
        """Return commands not yet taken and mark them taken; expired ones are marked and not returned.

        The mark is durable before the command is returned, so that a crash loses a command and never repeats it.
        """
        if self._connection.execute("SELECT 1 FROM commands WHERE state = 'waiting' LIMIT 1").fetchone() is None:
            return ()
        text = _utc_text(now)
        with _Transaction(self._connection):
            self._connection.execute(
                "UPDATE commands SET state = 'expired', result = ? WHERE state = 'waiting' AND expires <= ?", (EXPIRED, text)
            )
            query = f"SELECT {_FIELDS} FROM commands WHERE state = 'waiting' ORDER BY number"  # noqa: S608 - fixed words
            rows = self._connection.execute(query).fetchall()
            self._connection.execute("UPDATE commands SET state = 'taken' WHERE state = 'waiting'")
        return tuple(_command(row) for row in rows)

    @_one_line
    def answer(self, command_id: str, result: str) -> None:
        """Store what became of a taken command; the first answer stays. Raises RecordError for an unknown or untaken one."""
        with _Transaction(self._connection):
            changed = self._connection.execute(
                "UPDATE commands SET state = 'answered', result = ? WHERE id = ? AND state = 'taken'",
                (result[:MAX_TEXT], command_id),
            )
            if changed.rowcount != 1:
                raise RecordError(
                    "no such command waits for an answer", where=command_id[:80], what_now="Take it first, answer once."
                )

    @_one_line
    def result_of(self, command_id: str) -> str | None:
        """Return the result, or None while there is none."""
        row = self._connection.execute("SELECT result FROM commands WHERE id = ?", (command_id,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    @_one_line
    def all(self) -> list[dict[str, Any]]:
        """Return every command ever submitted with its state and result, oldest first."""
        rows = self._connection.execute(f"SELECT {_FIELDS}, state, result FROM commands ORDER BY number")  # noqa: S608
        names = [*_FIELDS.split(", "), "state", "result"]
        return [dict(zip(names, row)) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SqliteLiveFrames:
    """The newest frame for screens (`line.ports.LiveFrames`): the newest wins, nothing is kept, nothing is synced."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LIVE_FILE
        self._open()

    @_one_line
    def _open(self) -> None:
        self._connection = connect(self.path, "rwc")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS live (id INTEGER PRIMARY KEY CHECK (id = 1), step INTEGER, frame BLOB)"
        )

    @_one_line
    def publish(self, step: int, frame: Mapping[str, Any]) -> None:
        """Replace the live frame unless a newer one is there; NaN is shown as null."""
        body = body_bytes({**frame, "step": int(step)})
        if len(body) > MAX_LIVE_BYTES:
            raise RecordError(
                "a live frame is too large", how_much=f"{len(body)} bytes, limit {MAX_LIVE_BYTES}", what_now="Show less."
            )
        self._connection.execute(
            "INSERT INTO live VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET step = excluded.step, frame = excluded.frame "
            "WHERE excluded.step >= live.step",
            (int(step), body),
        )

    @_one_line
    def newest(self) -> Mapping[str, Any] | None:
        """Return the live frame with its `step`, or None before the first."""
        row = self._connection.execute("SELECT frame FROM live").fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK if anything is raised: two takers never see the same command."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _utc_text(moment: datetime) -> str:
    """Return a moment as text that sorts by time. Raises RecordError without a zone."""
    if moment.tzinfo is None:
        raise RecordError("a time without a zone", where=str(moment), what_now="Give UTC.")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _texts(command: Command) -> tuple[str, ...]:
    return (command.id, command.verb, command.argument, command.user, command.role, command.reason)


def _check(command: Command) -> None:
    named = {"id": command.id, "user": command.user, "role": command.role, "reason": command.reason}
    for name, text in named.items():
        if not text.strip():
            raise RecordError("a command is not complete", where=name, how_much="empty", what_now="Say who asks and why.")
    if any(len(text) > MAX_TEXT for text in _texts(command)):
        raise RecordError("a command is too long", how_much=f"limit {MAX_TEXT} characters a field", what_now="Say it shorter.")
    if command.verb not in get_args(Verb):
        raise RecordError("an unknown command", where=command.verb[:40], what_now=f"Use one of {', '.join(get_args(Verb))}.")


def _command(row: Sequence[Any]) -> Command:
    ident, verb, argument, user, role, reason, expires = row
    return Command(ident, verb, argument, user, role, reason, datetime.fromisoformat(expires))
