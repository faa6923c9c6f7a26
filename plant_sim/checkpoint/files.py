"""Files that survive a kill and a power cut: written aside and renamed, or appended and synced; one line when they fail."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from line.errors import ConfigurationError, RecordError

#: Form of everything in a state folder. Another number is another form: such a folder is refused, never guessed at.
FORMAT = 1
LOCK = "lock"


def unwritable(path: Path, error: OSError) -> RecordError:
    """Return the error for a write that failed."""
    what_now = "Free the disk and start again with the same folder: what was answered is kept."
    return RecordError("the plant's state cannot be written", where=str(path), how_much=str(error), what_now=what_now)


def damaged(path: Path, found: str) -> RecordError:
    """Return the error for a file that is not what was written."""
    return RecordError("the plant's state is damaged", where=str(path), how_much=found, what_now="Start with an empty folder.")


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: temporary name, sync, rename, sync of the folder. Raises RecordError."""
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


class AppendFile:
    """A file that only grows; each `append` is on disk when it returns."""

    def __init__(self, path: Path, length: int | None = None) -> None:
        """Open or make `path`; cut it to `length` bytes if given. Raises RecordError."""
        self.path = path
        try:
            fresh = not path.exists()
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if length is not None and os.fstat(self._handle).st_size != length:
                os.ftruncate(self._handle, length)
                os.fsync(self._handle)
            self.length = os.fstat(self._handle).st_size
            if fresh:
                sync_folder(path.parent)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, content: bytes) -> None:
        """Add bytes and wait until they are on disk. Raises RecordError."""
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._handle, left) :]
            os.fdatasync(self._handle)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.length += len(content)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


class FolderLock:
    """Keeps a second plant out of a state folder. The system gives the lock back when its holder dies."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; make the folder. Raises ConfigurationError if another plant has it, RecordError for the disk."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            what_now = "Stop that one, or name another folder."
            raise ConfigurationError("another plant uses this state folder", where=str(folder), what_now=what_now) from error

    def release(self) -> None:
        """Give the lock back."""
        with contextlib.suppress(OSError):
            os.close(self._handle)
