"""Playback: estimator and controller on a recorded run. Nothing is written to any plant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apc.observation import Observation
from apc.supervision.assembly import ControllerName
from apc.supervision.supervisor import Supervisor
from engine.news import News
from engine.wiring import LineFiles
from historian.frames import unpack_array, unpack_frame
from historian.queries import RecordReader
from line.configuration import Scenario
from line.modes import ControllerMode
from line.records import Decision, PlannedDiversion
from line.samples import Snapshot
from sensing.verdict import SpectrumVerdict


@dataclass(frozen=True)
class Replayed:
    """One second of a recorded run: what was read, judged and decided then, and what is decided now."""

    step: int
    snapshot: Snapshot
    recorded: Mapping[str, Any] | None
    decision: Decision


def play_back(folder: Path, files: LineFiles, controller: ControllerName) -> Iterator[Replayed]:
    """Yield a new decision beside each recorded one. Raises RecordError if the record cannot be read."""
    with RecordReader(folder) as reader:
        scenario = Scenario.model_validate(reader.meta["scenario"])
        plan = [(0, scenario.throughput_kg_per_h)]
        plan += [(a.at_s, float(a.value)) for a in scenario.operator if a.action == "throughput"]
        supervisor = Supervisor(files.recipe, files.configuration, files.controller, reader.register, controller)
        decisions, planned = dict(reader.bodies("decision")), dict(reader.bodies("planned_diversion"))
        diversion: PlannedDiversion | None = None
        news = News()
        for snapshot, verdict in _seconds(reader):
            supervisor.observe(snapshot)
            news.collect(snapshot, verdict)
            if snapshot.step in planned:
                told = planned[snapshot.step]["planned"]
                diversion = PlannedDiversion(**told) if told is not None else None
            if snapshot.step in decisions:
                decision = supervisor.decide(_observation(snapshot, news, plan, diversion))
                news.clear()
                yield Replayed(snapshot.step, snapshot, decisions[snapshot.step], decision)


def _seconds(reader: RecordReader) -> Iterator[tuple[Snapshot, SpectrumVerdict | None]]:
    arrays: dict[int, dict[str, Any]] = {}
    for kind in ("array", "spectrum"):
        for entry in reader.entries(kind):
            tag, sample, _ = unpack_array(entry.body)
            arrays.setdefault(entry.step, {})[tag] = (sample.values, sample.status, sample.source_step)
    verdicts = {step: SpectrumVerdict.from_body(body) for step, body in reader.bodies("verdict")}
    for entry in reader.entries("frame"):
        result = unpack_frame(entry.body, reader.register, arrays.get(entry.step))
        yield Snapshot(reader.register, result), verdicts.get(entry.step)


def _observation(
    snapshot: Snapshot, news: News, plan: list[tuple[int, float]], diversion: PlannedDiversion | None
) -> Observation:
    current = [p for p in plan if p[0] <= snapshot.step][-1]
    future = [p for p in plan if p[0] > snapshot.step]
    return Observation(
        step=snapshot.step,
        snapshot=snapshot,
        nir=news.verdict,
        tester_new=news.tester_new,
        assay_new=news.assay_new,
        throughput_plan=(current, *future),
        mode=ControllerMode.WARM,
        planned_diversion=diversion,
    )
