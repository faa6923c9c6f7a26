"""Replay of release: every parcel, gate request and the verdict again, from the record alone, compared bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from historian.chain import body_bytes
from historian.frames import unpack_array, unpack_frame
from historian.queries import Entry, RecordReader
from historian.restatements import restatement_folders
from line.configuration import LineConfiguration, Model
from line.errors import RecordError
from line.modes import PlcMode
from line.recipe import Recipe
from line.samples import Snapshot
from line.tags import TagRegister
from rtr.disposition.laboratory import LabResult
from rtr.release import ReleaseEngine, ReleaseStep
from sensing.verdict import SpectrumVerdict

#: Kinds of content that a replay reads, in the order in which a second writes them.
KINDS = ("frame", "array", "spectrum", "verdict", "release_input", "gate", "parcel", "lot_input", "lot_verdict")
DIFFERENCES_MAX = 100


@dataclass(frozen=True)
class Difference:
    """One value that came out differently: second, what (gate, parcel, verdict), key, then and now."""

    step: int
    what: str
    key: str
    recorded: Any
    replayed: Any

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dict(self.__dict__)


@dataclass
class Replay:
    """What came out. `same`: every gate request, parcel and verdict (the lot's own, if there is one, and each restated one)
    agree in every byte. `disposition` is the last of them; `engine` is release as it stands at the end."""

    seconds: int = 0
    parcels: int = 0
    gate_requests: int = 0
    has_verdict: bool = False
    disposition: str | None = None
    recorded_by: str = "?"
    replayed_by: str = "?"
    restatements: int = 0
    n_different: int = 0
    differences: list[Difference] = field(default_factory=list)
    engine: ReleaseEngine | None = field(default=None, repr=False, compare=False)

    @property
    def same(self) -> bool:
        """True if nothing differs."""
        return self.n_different == 0

    @property
    def same_code(self) -> bool:
        """True if the release version that made the record is the one that replayed it."""
        return self.recorded_by == self.replayed_by

    def note(self, step: int, what: str, recorded: Entry | None, replayed: dict[str, Any] | None) -> None:
        """Compare an entry of the record with a body, byte for byte; keep every key that differs, up to DIFFERENCES_MAX."""
        now_bytes = body_bytes(replayed) if replayed is not None else None
        if now_bytes == (recorded.body if recorded is not None else None):
            return
        self.n_different += 1
        then = recorded.json() if recorded is not None else {}
        now = json.loads(now_bytes) if now_bytes is not None else {}
        for key in sorted(set(then) | set(now)):
            if then.get(key) != now.get(key) and len(self.differences) < DIFFERENCES_MAX:
                self.differences.append(Difference(step, what, key, then.get(key), now.get(key)))


@dataclass
class _Second:
    """What the record holds of one second."""

    frame: Entry
    arrays: dict[str, Any] = field(default_factory=dict)
    verdict: SpectrumVerdict | None = None
    gate: Entry | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    parcels: list[Entry] = field(default_factory=list)
    lot_input: dict[str, Any] | None = None
    lot_verdict: Entry | None = None


def replay(folder: Path, progress: Callable[[int], None] | None = None) -> Replay:
    """Return the replay of the lot in `folder`. It reads the record and nothing else; it writes nothing.

    A record without verdict (killed, running) is replayed as far as it goes. Errors: RecordError if the record cannot be
    read or was made before replays were possible.
    """
    with RecordReader(folder) as reader:
        engine = _engine(reader)
        out = Replay(recorded_by=str(_made_by(reader)), replayed_by=version("kilter"))
        _run(engine, reader.register, _seconds(reader), out, progress)
    out.engine = engine
    for path in restatement_folders(folder):
        _restatement(out, engine, path)
    return out


def _restatement(out: Replay, engine: ReleaseEngine, folder: Path) -> None:
    """Enter the laboratory's results of one restatement and compare its verdict."""
    with RecordReader(folder) as reader:
        for _, body in reader.bodies("lab_result"):
            engine.lot.note_laboratory(LabResult.from_body(body))
        asked, recorded = reader.last("lot_input") or {}, list(reader.entries("lot_verdict"))[-1:]
        verdict = engine.dispose(
            open_exceptions=asked["open_exceptions"], complete=asked["complete"], seed=int(asked["seed"])
        )  # fmt: skip
        out.restatements, out.disposition = out.restatements + 1, verdict.disposition.value
        out.note(reader.last_step, folder.name, recorded[0] if recorded else None, verdict.body())


def _engine(reader: RecordReader) -> ReleaseEngine:
    meta = reader.meta
    missing = [key for key in ("recipe", "line", "sensor_hash") if key not in meta]
    if missing:
        raise RecordError(
            "the record cannot be replayed", where=str(reader.folder), how_much=f"without {', '.join(missing)}",
            what_now="It was made by a version that did not store them.",
        )  # fmt: skip
    recipe, line = recorded(reader, "recipe", Recipe), recorded(reader, "line", LineConfiguration)
    return ReleaseEngine(recipe, line, reader.register, str(meta["sensor_hash"]))


def recorded(reader: RecordReader, key: str, model: type[Model]) -> Model:
    """Return a configuration as it stands in the record. Raises RecordError if this release gives it another form."""
    try:
        return model.model_validate(reader.meta[key])
    except ValidationError as error:
        places = ", ".join(".".join(map(str, item["loc"])) for item in error.errors()[:3])
        raise RecordError(
            f"the record's {key} has another form than this release reads", where=str(reader.folder),
            how_much=f"{error.error_count()} items, first: {places}",
            what_now=f"Use the release that made it: kilter {_made_by(reader)}.",
        ) from error  # fmt: skip


def _made_by(reader: RecordReader) -> Any:
    return reader.opened.get("kilter", "?")


def _run(
    engine: ReleaseEngine,
    register: TagRegister,
    seconds: Iterator[_Second],
    out: Replay,
    progress: Callable[[int], None] | None,
) -> None:
    next(seconds, None)  # what the plant said at connection: recorded, not observed
    inputs: dict[str, Any] = {"comms_ok": True, "running_out": False}
    before: tuple[bool, Any] | None = None
    for second in seconds:
        inputs = {**inputs, **second.inputs}
        snapshot = Snapshot(register, unpack_frame(second.frame.body, register, second.arrays))
        step = engine.observe(
            snapshot,
            second.verdict,
            plc_remote=snapshot.value("Sys/CtrlMode") == PlcMode.REMOTE,
            comms_ok=inputs["comms_ok"],
            running_out=inputs["running_out"],
        )
        before = _gate(out, second, step, before)
        parcels = [p.body() for p in step.parcels]
        if second.lot_input is not None and second.lot_input["finished"]:
            parcels += [p.body() for p in engine.finish(snapshot)]
        _parcels(out, second, parcels)
        _verdict(out, engine, second)
        out.seconds += 1
        if progress is not None:
            progress(snapshot.step)


def _gate(out: Replay, second: _Second, step: ReleaseStep, before: tuple[bool, Any] | None) -> tuple[bool, Any]:
    """Compare the gate's request where either side recorded a change."""
    now = (step.accept, step.reason)
    replayed = step.body() if now != before else None
    if second.gate is not None or replayed is not None:
        out.gate_requests += 1
        out.note(step.step, "gate", second.gate, replayed)
    return now


def _parcels(out: Replay, second: _Second, replayed: list[dict[str, Any]]) -> None:
    out.parcels += len(replayed)
    for i in range(max(len(replayed), len(second.parcels))):
        then = second.parcels[i] if i < len(second.parcels) else None
        now = replayed[i] if i < len(replayed) else None
        out.note(second.frame.step, "parcel", then, now)


def _verdict(out: Replay, engine: ReleaseEngine, second: _Second) -> None:
    asked = second.lot_input
    if asked is None:
        return
    verdict = engine.dispose(
        open_exceptions=asked["open_exceptions"], complete=asked["complete"], seed=int(asked["seed"])
    )  # fmt: skip
    out.has_verdict, out.disposition = True, verdict.disposition.value
    out.note(second.frame.step, "verdict", second.lot_verdict, verdict.body())


def _seconds(reader: RecordReader) -> Iterator[_Second]:
    second: _Second | None = None
    for entry in reader.entries():
        if entry.stream != "content" or entry.kind not in KINDS:
            continue
        if entry.kind == "frame":
            if second is not None:
                yield second
            second = _Second(entry)
        elif second is not None:
            _take(second, entry)
    if second is not None:
        yield second


def _take(second: _Second, entry: Entry) -> None:
    if entry.kind in ("array", "spectrum"):
        tag, sample, _ = unpack_array(entry.body)
        second.arrays[tag] = (sample.values, sample.status, sample.source_step)
        return
    if entry.kind == "verdict":
        second.verdict = SpectrumVerdict.from_body(entry.json())
    elif entry.kind == "parcel":
        second.parcels.append(entry)
    elif entry.kind == "release_input":
        second.inputs = entry.json()
    elif entry.kind == "gate":
        second.gate = entry
    elif entry.kind == "lot_input":
        second.lot_input = entry.json()
    else:
        second.lot_verdict = entry
