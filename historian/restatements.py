"""What was found after a lot's record was closed: small records of their own beside it, each pinned to the one before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from historian.queries import RecordReader
from historian.record import Record
from historian.store import RECORD_FILE
from historian.verify import Verification, verify
from line.clock import WallClock
from line.errors import RecordError

_NAME = re.compile(r"restatement-([1-9]\d{0,3})")


def restatement_folders(folder: Path) -> list[Path]:
    """Return the folders of a lot's finished restatements in the order made. Raises RecordError if one is missing between."""
    numbered = {int(m[1]): path for path in folder.iterdir() if (m := _NAME.fullmatch(path.name)) and _finished(path)}
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise RecordError("a restatement is missing", where=str(folder), how_much=f"there are {sorted(numbered)}")
    return [numbered[n] for n in sorted(numbered)]


def _finished(folder: Path) -> bool:
    if not (folder / RECORD_FILE).is_file():
        return False
    with RecordReader(folder) as reader:
        return reader.status == "complete"


def begin_restatement(folder: Path, clock: WallClock, wall: Mapping[str, Any]) -> Record:
    """Return a new record beside that of the lot, pinned to the newest one by its hash.

    One that was left unfinished stays as it is; its number is in use, so the next is refused until somebody has looked.
    Raises RecordError.
    """
    before = restatement_folders(folder)
    with RecordReader(before[-1] if before else folder) as newest, RecordReader(folder) as lot:
        meta = {"restates": lot.record_hash, "follows": newest.record_hash, "number": len(before) + 1}
        register = lot.register
    return Record.create(folder / f"restatement-{len(before) + 1}", meta, clock, register=register, wall=wall)


def current_verdict(folder: Path) -> dict[str, Any] | None:
    """Return the verdict in force: that of the newest restatement, or the lot's own, or None. Raises RecordError."""
    with RecordReader([folder, *restatement_folders(folder)][-1]) as reader:
        return reader.verdict()


def verify_all(folder: Path) -> Verification:
    """Return the proof of a lot's record and of every restatement: the lot's own, or the first that does not hold."""
    first = verify(folder)
    if not first.holds:
        return first
    newest = first.record_hash
    for number, path in enumerate(restatement_folders(folder), start=1):
        found = verify(path)
        with RecordReader(path) as reader:
            pins = (reader.meta.get("restates"), reader.meta.get("follows"), reader.meta.get("number"))
        fault = found.fault
        if found.holds and pins != (first.record_hash, newest, number):
            fault = "it belongs to another lot, or one before it was changed or removed"
        if fault:
            return Verification(
                False, found.status, found.reason, found.n_entries, found.first_bad, f"{path.name}: {fault}",
                found.content_hash, found.record_hash,
            )  # fmt: skip
        newest = found.record_hash
    return first
