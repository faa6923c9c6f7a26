"""The seal of a closed record: a small file beside it with the hashes of its chains and of its bytes."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from historian.store import sync_folder, write_error
from line.canonical import canonical_json
from line.errors import RecordError

SEAL_FILE = "seal.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Seal:
    """What a record was when it was closed."""

    status: str
    reason: str
    n_entries: int
    content_hash: str
    record_hash: str
    file_sha256: str


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def write_seal(folder: Path, seal: Seal) -> None:
    """Write the seal: temporary name, sync, rename. Raises RecordError."""
    path, draft = folder / SEAL_FILE, folder / (SEAL_FILE + ".new")
    try:
        with draft.open("wb") as handle:
            handle.write(canonical_json(asdict(seal)) + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise write_error(path, error) from error


def read_seal(folder: Path) -> Seal | None:
    """Return the seal, or None if there is none. Raises RecordError if it is damaged."""
    path = folder / SEAL_FILE
    if not path.exists():
        return None
    try:
        return Seal(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise RecordError(
            "the seal is damaged", where=str(path), how_much=str(error), what_now="Restore it from its copy."
        ) from error
