"""A plant that is killed, or whose state is damaged: it goes on bit for bit, or says in one line why it does not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from line.errors import CommunicationError, ConfigurationError, RecordError
from plant_sim.checkpoint import files
from plant_sim.checkpoint.durable_plant import DurablePlant
from plant_sim.checkpoint.state import Freezer, Thawer
from plant_sim.plant import Plant
from tests.checkpoint_bench import build, inputs, run, start_values

END, EVERY_S = 300, 40


def tags(results: list[Any]) -> list[tuple[bytes, bytes, bytes, str]]:
    return [
        (r.values.tobytes(), r.statuses.tobytes(), b"".join(a[0].tobytes() for a in r.arrays.values()), repr(r.events))
        for r in results
    ]


def truth(plant: Plant) -> dict[str, bytes]:
    every = {**plant.truth.series, **plant.truth.tablets}
    return {name: column.tobytes() for name, column in every.items()}


@dataclass
class Undisturbed:
    results: list[Any]
    plant: Plant


@pytest.fixture(scope="module")
def undisturbed() -> Undisturbed:
    plant = build()
    return Undisturbed(run(plant, END), plant)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a plant has left at second 130: states at 80 and 120."""
    folder = tmp_path_factory.mktemp("left") / "state"
    durable = DurablePlant(build, folder, EVERY_S)
    run(durable, 130)
    durable.close()
    return folder


@pytest.fixture
def folder(left: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(left, tmp_path / "state"))


def test_a_plant_killed_in_its_process_goes_on_bit_for_bit(tmp_path: Path, undisturbed: Undisturbed) -> None:
    command = [sys.executable, "-m", "tests.checkpoint_bench", str(tmp_path), str(EVERY_S)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    heard = 0
    for kill_at in (97, 215):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout is not None
        while heard < kill_at:
            heard = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        heard = max([heard, *(int(line) for line in process.stdout.read().split("\n") if line)])
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
    durable = DurablePlant(build, tmp_path, EVERY_S)
    assert durable.resumed_at in (heard, heard + 1)  # what was answered is there; the second under way may be
    last = durable.answered()
    assert last is not None
    assert tags([last[2]]) == tags([undisturbed.results[durable.resumed_at - 1]])
    rest = run(durable, END)
    assert tags(rest) == tags(undisturbed.results[durable.resumed_at :])
    assert truth(durable.plant) == truth(undisturbed.plant)
    durable.close()


def test_the_last_request_is_answered_again_after_a_resume(folder: Path, undisturbed: Undisturbed) -> None:
    durable = DurablePlant(build, folder, EVERY_S)
    again = durable.step(129, 7 * 129, inputs(129, start_values(durable)))
    assert tags([again]) == tags([undisturbed.results[129]])
    assert durable.k == 130
    with pytest.raises(CommunicationError, match="expected k 130, got 129"):
        durable.step(129, 5, inputs(129, start_values(durable)))
    assert "NIR/Spectrum" in durable.newest().arrays
    durable.close()


def test_two_generations_are_kept_and_no_pickle(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "inputs-000000080.log", "inputs-000000120.log", "lock", "setup.json", "state-000000080.npz", "state-000000120.npz",
        "truth.log",
    ]  # fmt: skip
    body = (folder / "state-000000120.npz").read_bytes().partition(b"\n")[2]
    (folder / "body.npz").write_bytes(body)
    with np.load(folder / "body.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype == np.uint8 for name in archive.files)


def cut(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:-n_bytes])


def spoil(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", ["cut", "spoiled", "empty", "half-written"])
def test_a_damaged_newest_state_falls_back_to_the_one_before(folder: Path, undisturbed: Undisturbed, damage: str) -> None:
    newest = folder / "state-000000120.npz"
    if damage == "cut":
        cut(newest, 1000)
    elif damage == "spoiled":
        spoil(newest, newest.stat().st_size // 2)
    elif damage == "empty":
        newest.write_bytes(b"")
    else:
        newest.rename(folder / "state-000000120.npz.new")
    durable = DurablePlant(build, folder, EVERY_S)
    assert durable.resumed_at == 130
    assert tags(run(durable, 170)) == tags(undisturbed.results[130:170])
    assert {k: v for k, v in truth(durable.plant).items() if k == "second"}
    durable.close()


def test_a_record_cut_off_by_the_kill_is_a_second_that_was_not_answered(folder: Path, undisturbed: Undisturbed) -> None:
    cut(folder / "inputs-000000120.log", 5)
    durable = DurablePlant(build, folder, EVERY_S)
    assert durable.resumed_at == 129
    assert tags(run(durable, 140)) == tags(undisturbed.results[129:140])
    durable.close()


def test_a_spoiled_record_in_the_middle_is_refused_not_skipped(folder: Path) -> None:
    spoil(folder / "inputs-000000120.log", 400)
    with pytest.raises(RecordError, match=r"inputs-000000120.log: the plant's state is damaged \(second 12\d has"):
        DurablePlant(build, folder, EVERY_S)


def test_spoiled_truth_falls_back_and_then_is_refused(folder: Path) -> None:
    spoil(folder / "truth.log", 200)
    with pytest.raises(RecordError, match=r"truth.log: .*the piece at byte 0 has a wrong SHA-256"):
        DurablePlant(build, folder, EVERY_S)


def test_another_set_up_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"belongs to another set-up \(seed 1, not 2\)"):
        DurablePlant(lambda: build(2), folder, EVERY_S)


def test_a_second_plant_is_kept_out_of_the_folder(folder: Path) -> None:
    first = DurablePlant(build, folder, EVERY_S)
    with pytest.raises(ConfigurationError, match="another plant uses this state folder"):
        DurablePlant(build, folder, EVERY_S)
    first.close()
    DurablePlant(build, folder, EVERY_S).close()


def test_a_full_disk_answers_nothing_and_loses_nothing(
    folder: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable = DurablePlant(build, folder, EVERY_S)
    start = start_values(durable)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(RecordError, match=r"cannot be written .*No space left on device"):
        durable.step(130, 7 * 130, inputs(130, start))
    monkeypatch.undo()
    with pytest.raises(CommunicationError, match="its state cannot be kept"):
        durable.step(131, 7 * 131, inputs(131, start))
    durable.close()
    again = DurablePlant(build, folder, EVERY_S)
    assert again.resumed_at == 130
    assert tags(run(again, 135)) == tags(undisturbed.results[130:135])
    again.close()


def test_code_that_answers_otherwise_is_found_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Plant.step

    def altered(self: Plant, k: int, request_id: int, setpoints: np.ndarray) -> Any:
        result = step(self, k, request_id, setpoints)
        result.values[0] += 1e-9
        return result

    monkeypatch.setattr(Plant, "step", altered)
    with pytest.raises(RecordError, match="gives another answer than it gave"):
        DurablePlant(build, folder, EVERY_S)


class Stranger:
    """A class that is none of ours."""


def test_what_is_not_known_to_hold_state_raises_with_its_place() -> None:
    plant = build()
    plant.lines.path.stranger = Stranger()  # type: ignore[attr-defined]
    with pytest.raises(RecordError, match=r"plant\['lines'\]\.path\.stranger: .*Stranger is not known to hold state"):
        Freezer().freeze({"lines": plant.lines}, "plant")


def test_fields_of_another_version_are_named() -> None:
    freezer, plant = Freezer(), build()
    tree = freezer.freeze(plant.lines.sequence, "sequence")
    del tree["fields"]["packml"]
    with pytest.raises(RecordError, match=r"sequence: .*another version of the plant \(fields differ: packml\)"):
        Thawer(freezer.memory).thaw(tree, build().lines.sequence, "sequence")


@pytest.mark.parametrize(
    "name", ["os:system", "builtins:eval", "plant_sim.plant:np", "line.errors:RecordError", "posix:system"]
)
def test_no_class_but_ours_can_be_named_in_a_state(name: str) -> None:
    with pytest.raises(RecordError, match="no class"):
        Thawer([]).thaw({"number": 0, "object": name, "fields": {}}, None, "here")


def test_values_links_and_views_survive_the_walk() -> None:
    base = np.arange(12.0).reshape(3, 4)
    shared = [1, float("nan"), -0.0, float("inf")]
    item = {
        "base": base, "column": base[:, 1], "windows": sliding_window_view(base, 2, axis=1),
        "turned": base.T, "fortran": np.asfortranarray(base), "shared": shared,
        "again": shared, ("tuple", 2): deque([np.float64(0.1), True, None], maxlen=5), "empty": np.zeros((0, 3)),
        "wide": np.broadcast_to(np.array([1.5]), (4,)), "generator": np.random.Generator(np.random.PCG64(5)),
        "slice": slice(1, None, 2), "set": {3, 1, 2}, "bits": np.array([True, False]), "huge": 2**80, "bytes": b"\x00\xff",
    }  # fmt: skip
    back = item
    for _ in range(2):  # a plant that was restored is saved again
        freezer = Freezer()
        tree = freezer.freeze(back, "item")
        back = Thawer(freezer.memory).thaw(tree, None, "item")
    assert back["again"] is back["shared"]
    assert repr(back["shared"]) == repr(shared)
    back["base"][1, 1] = -7.0
    assert back["column"][1] == back["turned"][1, 1] == -7.0
    assert back["windows"][1, 0, 1] == back["windows"][1, 1, 0] == -7.0
    assert back["fortran"][1, 1] == 5.0
    assert back["fortran"].strides == item["fortran"].strides
    assert type(back["tuple", 2][0]) is np.float64 and back["tuple", 2].maxlen == 5
    assert back["empty"].shape == (0, 3) and back["wide"].tolist() == [1.5] * 4
    assert back["generator"].standard_normal(3).tobytes() == item["generator"].standard_normal(3).tobytes()
    assert back["slice"] == slice(1, None, 2) and back["set"] == {1, 2, 3} and back["huge"] == 2**80
    assert back["bytes"] == b"\x00\xff"
