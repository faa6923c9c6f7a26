"""The record's SQLite file: its tables, how it is opened, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from line.errors import RecordError

RECORD_FILE = "record.db"
APPLICATION_ID = 0x4B494C54
FORMAT = 1

_TABLES = """
CREATE TABLE entries (
    seq    INTEGER PRIMARY KEY,
    stream TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    step   INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    hash   BLOB    NOT NULL
);
CREATE INDEX entries_by_kind ON entries (kind, step);
CREATE TABLE state (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    status       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    n_entries    INTEGER NOT NULL,
    content_head BLOB    NOT NULL,
    wall_head    BLOB    NOT NULL
);
"""


def create(path: Path) -> sqlite3.Connection:
    """Return a connection to a new record file, WAL, every commit synced. Raises RecordError if it exists or cannot be made."""
    if path.exists():
        raise RecordError("a record is never overwritten", where=str(path), what_now="Choose another lot name.")
    try:
        connection = connect(path, "rwc")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        durable(connection)
        connection.executescript(_TABLES)
    except sqlite3.Error as error:
        raise write_error(path, error) from error
    sync_folder(path.parent)
    return connection


def durable(connection: sqlite3.Connection) -> None:
    """Set write-ahead logging with a sync at every commit: an acknowledged entry survives a power cut."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection with explicit transactions; mode is SQLite's `ro`, `rw` or `rwc`."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=5.0, check_same_thread=False
    )


def open_readonly(path: Path) -> sqlite3.Connection:
    """Return a reading connection. Raises RecordError if there is no record or it is not one of ours."""
    if not path.is_file():
        raise RecordError("there is no record", where=str(path), what_now="Name a run folder; see `kilter lot list`.")
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, "ro")
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise read_error(path, error) from error
    if application != APPLICATION_ID or version != FORMAT:
        connection.close()
        raise RecordError(
            "this file is not a record that this version reads",
            where=str(path),
            how_much=f"application {application:#x} format {version}, need {APPLICATION_ID:#x} format {FORMAT}",
            what_now="Restore it from its copy.",
        )
    return connection


def sync_folder(folder: Path) -> None:
    """Make a new file's name durable (where the platform lets a folder be opened)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_error(path: Path, error: Exception) -> RecordError:
    """Return the one line for a write that failed."""
    return RecordError(
        "the record cannot be written",
        where=str(path),
        how_much=str(error),
        what_now="Free space or mend the disk; what was committed is kept and reads as incomplete.",
    )


def read_error(path: Path, error: Exception) -> RecordError:
    """Return the one line for a read that failed."""
    return RecordError("the record cannot be read", where=str(path), how_much=str(error), what_now="Restore it from its copy.")
