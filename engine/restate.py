"""Late results restate a lot: the whole lot is computed again from its record, with what the laboratory found since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.replay import replay
from historian.queries import RecordReader
from historian.restatements import begin_restatement, verify_all
from line.clock import WallClock
from line.errors import RecordError
from line.records import Event, Reason
from rtr.disposition.laboratory import LabResult
from rtr.release import LotVerdict


@dataclass(frozen=True)
class Restatement:
    """What became of a lot: folder of the new record, disposition before and after, the new verdict."""

    folder: Path
    before: str
    verdict: LotVerdict
    record_hash: str


@dataclass(frozen=True)
class Entered:
    """Who entered results, in what role, why, and from which file (its SHA-256)."""

    actor: str
    role: str
    why: str
    file_sha256: str


def restate(
    folder: Path,
    results: Sequence[LabResult],
    entered: Entered,
    clock: WallClock,
    progress: Callable[[int], None] | None = None,
    wall: Mapping[str, Any] | None = None,
) -> Restatement:
    """Return the lot's verdict with these results, written as a new record beside the lot's own.

    Refused, with nothing written: a running or unjudged lot, a record that does not verify, one that this release
    computes differently (its restated verdict would mix two releases), counters of tablets that were not sampled.
    Raises RecordError, DataError.
    """
    asked, last_step = _asked(folder)
    found = replay(folder, progress)
    if not found.same or found.engine is None:
        raise RecordError(
            "this release computes another lot than its record holds",
            where=folder.name,
            how_much=f"{found.n_different} entries differ; made by kilter {found.recorded_by}, here is {found.replayed_by}",
            what_now="Restate it with the release that made it; see `kilter lot replay`.",
        )
    for result in results:
        found.engine.lot.note_laboratory(result)
    verdict = found.engine.dispose(
        open_exceptions=asked["open_exceptions"], complete=asked["complete"], seed=int(asked["seed"])
    )  # fmt: skip
    before = str(found.disposition)
    with begin_restatement(folder, clock, wall or {}) as record:
        for result in results:
            record.append("content", "lab_result", last_step, result.body())
        record.append("content", "event", last_step, _event(before, verdict, results, entered).body())
        record.append("content", "lot_input", last_step, asked)
        record.append("content", "lot_verdict", last_step, verdict.body())
        record.close(True)
        return Restatement(record.folder, before, verdict, record.record_hash)


def _asked(folder: Path) -> tuple[dict[str, Any], int]:
    """Return what the verdict was asked with, and the lot's last second."""
    proof = verify_all(folder)
    if not proof.holds:
        raise RecordError("the record is not as it was written", where=folder.name, how_much=proof.fault)
    with RecordReader(folder) as reader:
        asked = reader.last("lot_input")
        if reader.status == "running" or asked is None or reader.verdict() is None:
            raise RecordError(
                "the lot has no verdict that could be restated", where=folder.name, how_much=f"its record is {reader.status}"
            )
        return asked, reader.last_step


def _event(before: str, verdict: LotVerdict, results: Sequence[LabResult], entered: Entered) -> Event:
    tests = ", ".join(f"{r.test.value} of sample {r.sample}" for r in results)
    return Event(
        Reason.LAB_RESULT,
        "lot verdict",
        f"laboratory: {tests}; {entered.why}",
        actor=entered.actor,
        role=entered.role,
        old=before,
        new=verdict.disposition.value,
        extra={"file_sha256": entered.file_sha256},
    )
