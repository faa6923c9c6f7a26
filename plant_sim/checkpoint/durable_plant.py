"""A plant that outlives its process: each answer is on disk before it is given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from line.canonical import content_hash, sha256_hex
from line.errors import CommunicationError, RecordError
from line.samples import StepResult
from plant_sim.checkpoint.files import FolderLock, damaged
from plant_sim.checkpoint.generation import PATTERN, Generation, keep_setup, read_generation, write_generation
from plant_sim.checkpoint.input_log import Input, InputLog, digest_of
from plant_sim.checkpoint.truth_log import TruthLog
from plant_sim.plant import Plant, PlantSetup

#: Seconds between whole states: what is played again after a kill, at most twice this.
STATE_EVERY_S = 60
GENERATIONS = 2


def setup_parts(setup: PlantSetup) -> dict[str, str]:
    """Return what a plant is built from, part by part: plain where short, as SHA-256 where long."""
    spectra = setup.measured_spectra
    plan = (setup.tester_interval_s, setup.tester_n, setup.assay_interval_s, setup.assay_n)
    return {
        "seed": str(setup.seed),
        "plant_seed": str(setup.plant_seed),
        "weight_loop": setup.weight_loop.name,
        "scenario": setup.scenario.name,
        "scenario_content": content_hash(setup.scenario.model_dump(mode="json")),
        "parameters": content_hash(setup.parameters.model_dump(mode="json")),
        "geometry": content_hash(setup.geometry.model_dump(mode="json")),
        "tags": content_hash([tag.model_dump(mode="json") for tag in setup.register.tags.values()]),
        "sampling": " ".join(str(n) for n in plan),
        "spectra": "simulated" if spectra is None else sha256_hex(spectra.spectra.tobytes()),
    }


class DurablePlant:
    """A served plant whose seconds are kept in a folder; built from the same set-up and folder it goes on from there.

    `plant` is the plant itself; `resumed_at` the second it went on from (0: a new one). Each second costs one append
    and sync; every STATE_EVERY_S the whole state is written, two generations are kept. Idempotent as the plant is: the
    last (k, request id) is answered with the same result, also by the next process.
    """

    def __init__(self, build: Callable[[], Plant], folder: Path, state_every_s: int = STATE_EVERY_S) -> None:
        """Open the folder and go on. `build` returns a new plant, the same each time.

        Raises ConfigurationError if another plant uses the folder or it belongs to another set-up, RecordError if it is
        damaged beyond its two generations, was written by another version, or the disk fails.
        """
        self._folder, self._every_s = folder, state_every_s
        self._lock = FolderLock(folder)
        self._broken = False
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._lock.release)
            self.plant = build()
            self._setup = setup_parts(self.plant.setup)
            self._identity = content_hash(self._setup)
            keep_setup(folder, self._setup)
            self._truth, self._log = self._resume(build)
            on_error.pop_all()
        self.resumed_at = self.plant.k

    @property
    def k(self) -> int:
        """The simulated second the plant has reached."""
        return self.plant.k

    def initial(self) -> StepResult:
        """Return what is known at second 0."""
        return self.plant.initial()

    def answered(self) -> tuple[int, int, StepResult] | None:
        """Return (k, request id, result) of the newest step, also of one before a kill."""
        return self.plant.answered()

    def newest(self) -> StepResult:
        """Return the newest second with the newest value of every vector tag."""
        return self.plant.newest()

    def write_truth(self, folder: Path) -> Path:
        """Write the truth from second 0 on and return its path. Raises RecordError."""
        return self.plant.write_truth(folder)

    def step(self, k: int, request_id: int, setpoints: NDArray[np.float64]) -> StepResult:
        """Advance one second and return its result once it is on disk; see line.ports.SteppedPlant.

        Raises CommunicationError as the plant does, RecordError if the disk fails: then nothing was answered, no
        further step is taken, and the next process goes on from the last answer.
        """
        if self._broken:
            raise CommunicationError("the plant has stopped: its state cannot be kept", where=str(self._folder))
        before = self.plant.k
        result = self.plant.step(k, request_id, setpoints)
        if self.plant.k == before:
            return result
        try:
            self._log.append(Input(k, request_id, np.asarray(setpoints, np.float64), digest_of(result)))
            if self.plant.k % self._every_s == 0:
                self._log = self._new_generation()
        except RecordError:
            self._broken = True
            raise
        return result

    def close(self) -> None:
        """Close the files and give the folder back."""
        self._log.close()
        self._truth.close()
        self._lock.release()

    def _new_generation(self) -> InputLog:
        """Write truth, then state, then begin a new log; remove what no generation needs."""
        self._truth.append()
        write_generation(self._folder, self.plant, self._setup, self._truth.length)
        self._log.close()
        log = self._open_log(self.plant.k)
        kept = sorted(self._folder.glob(PATTERN))[-GENERATIONS:]
        oldest = min(_second_of(path) for path in kept) if len(kept) == GENERATIONS else 0
        for path in (*self._folder.glob(PATTERN), *self._folder.glob("inputs-*.log")):
            if _second_of(path) < oldest:
                path.unlink(missing_ok=True)
        return log

    def _open_log(self, first: int) -> InputLog:
        return InputLog(self._folder, first, self._identity, len(self.plant.setup.register.setpoint_ids))

    def _resume(self, build: Callable[[], Plant]) -> tuple[TruthLog, InputLog]:
        """Take the newest state that is whole, play the inputs after it again, and go on writing there."""
        problems: list[RecordError] = []
        for path in sorted(self._folder.glob(PATTERN), reverse=True):
            try:
                return self._resume_from(read_generation(path, self._setup))
            except RecordError as problem:
                problems.append(problem)
                self.plant = build()
        begins = (self._folder / "inputs-000000000.log").exists()
        if problems and not begins:
            raise problems[0]
        return self._resume_from(None)

    def _resume_from(self, generation: Generation | None) -> tuple[TruthLog, InputLog]:
        length = generation.truth_bytes if generation is not None else 0
        if generation is not None:
            generation.restore(self.plant)
        truth = TruthLog(self._folder, length, self.plant.truth)
        try:
            return truth, self._replay()
        except RecordError:
            truth.close()
            raise

    def _replay(self) -> InputLog:
        log = self._open_log(self.plant.k)
        while True:
            for item in log.inputs:
                self._play(item)
            following = self.plant.k
            if following == log.first or not self._log_path(following).exists():
                return log
            log.close()
            log = self._open_log(following)

    def _log_path(self, first: int) -> Path:
        return self._folder / f"inputs-{first:09d}.log"

    def _play(self, item: Input) -> None:
        result = self.plant.step(item.k, item.request_id, item.setpoints)
        if digest_of(result) != item.digest:
            raise damaged(self._folder, f"second {item.k} gives another answer than it gave: the plant's code has changed")


def _second_of(path: Path) -> int:
    return int(path.stem.split("-")[1])
