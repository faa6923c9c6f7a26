"""A served plant that is killed between two answers: the same command goes on, and the wire sees no difference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.wiring import load_files
from hil.scenarios import load_scenario, shortened, split_beat_fault
from hil.virtual_plant import PlantProcess, build_plant, start_plant
from line import wire
from plant_sim.wire.space import frame_outputs
from tests.wire_bench import ROOT, Connected, engine_caller, talk

pytestmark = pytest.mark.hil
CUT, END = 12, 20
COMMAND = ("--scenario", "quiet", "--seed", "3", "--minutes", "60", "--port", "0", "--with-parent")


def vectors() -> list[list[float]]:
    files = load_files(ROOT / "configs")
    plant = build_plant(files, shortened(split_beat_fault(load_scenario(files.folder, "quiet"))[0], 60), 3)
    first = plant.initial()
    columns = [files.register.scalar_index[tag] for tag in files.register.setpoint_ids]
    at = files.register.setpoint_index
    found = []
    for k in range(END):
        row = first.values[columns].copy()
        row[at["SP/HeartbeatCtrl"]], row[at["SP/RemoteRequest"]] = k + 1, 1.0
        row[at["SP/LineCommand"]] = 1.0 if k == 2 else 0.0
        found.append(row.tolist())
    return found


def undisturbed(rows: list[list[float]]) -> list[list[Any]]:
    files = load_files(ROOT / "configs")
    plant = build_plant(files, shortened(split_beat_fault(load_scenario(files.folder, "quiet"))[0], 60), 3)
    results = [wire.on_wire(files.register, plant.step(k, 100 + k, np.array(row))) for k, row in enumerate(rows)]
    return [[variant.Value for variant in frame_outputs(result)] for result in results]


def started(folder: Path, secrets: Path, name: str) -> PlantProcess:
    arguments = [*COMMAND, "--secrets", str(secrets), "--state", str(folder / "state"), "--configs", str(ROOT / "configs")]
    return start_plant(arguments, folder / f"{name}.log")


def answers(endpoint: str, secrets: Path, rows: list[list[float]], seconds: range) -> list[tuple[str, str]]:
    async def work(line: Connected) -> list[tuple[str, str]]:
        return [(status, repr(out)) for status, out in [await line.step(k, 100 + k, rows[k]) for k in seconds]]

    found: list[tuple[str, str]] = talk(endpoint, secrets, engine_caller(secrets), work)
    return found


def test_a_served_plant_that_is_killed_goes_on_where_its_last_answer_was(tmp_path: Path, secrets: Path) -> None:
    rows = vectors()
    plant = started(tmp_path, secrets, "first")
    try:
        heard = answers(plant.endpoint(), secrets, rows, range(CUT))
    finally:
        plant.process.kill()
        plant.stop()
    again = started(tmp_path, secrets, "second")
    try:
        # the last request once more, as a client does that lost the answer, and then on
        rest = answers(again.endpoint(), secrets, rows, range(CUT - 1, END))
    finally:
        again.stop()
    assert rest[0] == heard[-1]
    wanted = [("Good", repr(outputs)) for outputs in undisturbed(rows)]
    assert heard + rest[1:] == wanted
    assert f'"resumed_at": {CUT}' in (tmp_path / "second.log").read_text(encoding="utf-8")
