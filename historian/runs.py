"""Run folders: one a lot, never overwritten, found again by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from historian.queries import RecordReader
from historian.restatements import current_verdict
from historian.store import RECORD_FILE, write_error
from line.errors import RecordError

MAX_NAME = 64
MAX_SUFFIX = 10_000
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Lot:
    """One run folder at a glance. started: UTC, ISO 8601; steps: simulated seconds; disposition: empty while there is none."""

    name: str
    folder: Path
    status: str
    reason: str
    started: str
    steps: int
    disposition: str
    content_hash: str
    record_hash: str


def check_name(name: str) -> str:
    """Return a lot name that is safe as a folder name everywhere. Raises RecordError."""
    if len(name) > MAX_NAME or not _SAFE.fullmatch(name) or _RESERVED.fullmatch(name):
        raise RecordError(
            "not a lot name",
            where=repr(name[:80]),
            what_now=f"Use up to {MAX_NAME} letters, digits, - and _, first a letter or digit.",
        )
    return name


def new_run_folder(root: Path, lot: str) -> Path:
    """Make and return `root/lot`, or `root/lot-2`, `-3`, ... if that name is taken. Two callers never get the same.

    Raises RecordError (name, disk).
    """
    check_name(lot)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, MAX_SUFFIX):
            folder = root / (lot if number == 1 else f"{lot}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise write_error(root / lot, error) from error
    raise RecordError(
        "too many lots of one name", where=str(root / lot), how_much=str(MAX_SUFFIX), what_now="Choose another name."
    )


def run_folder(root: Path, lot: str) -> Path:
    """Return the folder of an existing lot. Raises RecordError naming the lots there are."""
    folder = root / check_name(lot)
    if not (folder / RECORD_FILE).is_file():
        known = ", ".join(path.name for path in _folders(root)[:8]) or "none yet: run `kilter demo`"
        raise RecordError("no such lot", where=str(folder), what_now=f"Lots here: {known}.")
    return folder


def list_lots(root: Path) -> list[Lot]:
    """Return every lot below `root`, newest first; one that cannot be read has the status `unreadable` and says why."""
    lots = [describe(folder) for folder in _folders(root)]
    return sorted(lots, key=lambda lot: (lot.started, lot.name), reverse=True)


def describe(folder: Path) -> Lot:
    """Return a lot at a glance; never raises for a damaged record."""
    try:
        with RecordReader(folder) as reader:
            verdict = current_verdict(folder) or {}
            return Lot(
                folder.name,
                folder,
                reader.status,
                reader.reason,
                str(reader.opened.get("utc", "")),
                reader.last_step,
                str(verdict.get("disposition", "")),
                reader.content_hash,
                reader.record_hash,
            )
    except RecordError as error:
        return Lot(folder.name, folder, "unreadable", error.line(), "", 0, "", "", "")


def newest_running(root: Path) -> Path:
    """Return the folder of the newest lot that a living process writes. Raises RecordError if there is none."""
    for lot in list_lots(root):
        if lot.status == "running":
            return lot.folder
    raise RecordError("no lot is running", where=str(root), what_now="Start one, or name its folder with --runs.")


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path.parent for path in root.glob(f"*/{RECORD_FILE}"))
