"""Who writes a run folder: a lock that the operating system drops when its process ends, however it ends."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from line.errors import RecordError

LOCK_FILE = "writer.lock"


class WriterLock:
    """Held while a record is written. Raises RecordError if another process holds it."""

    def __init__(self, folder: Path) -> None:
        self._connection: sqlite3.Connection | None = sqlite3.connect(
            folder / LOCK_FILE, timeout=0.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self.release()
            raise RecordError(
                "the record is being written by another process",
                where=str(folder),
                how_much=str(error),
                what_now="Wait for it.",
            ) from error

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def is_locked(folder: Path) -> bool:
    """True while a living process writes the record of this folder."""
    path = folder / LOCK_FILE
    if not path.exists():
        return False
    try:
        connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    except sqlite3.Error:
        return False
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        return False
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    finally:
        connection.close()
