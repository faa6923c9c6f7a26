"""Runs what the plan says, one JSON file a run, and never runs again what is done."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from apc.supervision.assembly import ControllerName
from engine.line import Line
from engine.wiring import LineFiles, Shape, load_files
from hil.bench import BenchOptions, run_bench
from hil.calibration import simulated_model
from hil.kpis import compute_kpis
from hil.oracle.causal import CausalControl
from hil.oracle.clairvoyant import Hindsight, put
from hil.scoreboard.metrics import METRICS, Prices, run_metrics
from hil.scoreboard.plan import ORACLES, BoardName, BoardPlan, Job
from hil.scoreboard.tracking import recorded_moves, tracking_cost
from hil.truth import read_truth
from hil.unjudged import run_unjudged
from hil.virtual_plant import PlantChoice
from historian.store import write_error
from line.canonical import quantise
from line.clock import SystemClock
from line.configuration import Scenario
from line.errors import DataError, KilterError, RecordError
from line.tuning import Tuning
from plant_sim.plant import Plant
from sensing.model import load_model

PLAN_FILE, RESULTS = "plan.json", "results"
#: Threads a numerical library may start in a run: one, so that two runs are two cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
T = TypeVar("T")
Progress = Callable[[str, int, int], None]
Lend = Callable[[LineFiles, Plant, Line], None]


@dataclass(frozen=True)
class Task:
    """What a process needs to make one run; `tuning` in the place of the configuration's."""

    job: Job
    scenario: Scenario
    configs: Path
    folder: Path
    plan_hash: str
    measured_from_s: int
    prices: Prices
    tuning: Tuning | None = None


@dataclass(frozen=True)
class Result:
    """What one run gave: its metrics, or why it failed; what it took; which plan it was of."""

    job: Job
    plan_hash: str
    metrics: dict[str, float | None]
    failure: str | None
    content_hash: str | None
    wall_s: float
    cpu_s: float
    load: float

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "job": self.job.body(),
            "plan_hash": self.plan_hash,
            "metrics": {name: None if value is None else quantise(value) for name, value in self.metrics.items()},
            "failure": self.failure,
            "content_hash": self.content_hash,
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "load": round(self.load, 2),
        }


def read_result(path: Path) -> Result:
    """Return a result file. Raises DataError if it is not one."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return Result(**{**body, "job": Job(**body["job"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        what_now = "Remove it: that run is made again."
        raise DataError("not a result", where=str(path), how_much=str(error)[:120], what_now=what_now) from error


def begin(folder: Path, plan: BoardPlan) -> None:
    """Write the plan before the first run, or check that the folder is of this plan.

    Raises DataError if the folder holds runs of another plan, RecordError if it cannot be written.
    """
    path = folder / PLAN_FILE
    if path.exists():
        try:
            found = str(json.loads(path.read_text(encoding="utf-8")).get("hash", ""))
        except ValueError:
            found = "unreadable"
        if found != plan.hash:
            difference = f"hash {found[:16]} there, {plan.hash[:16]} here"
            raise DataError("runs of another plan", where=str(folder), how_much=difference, what_now="Begin a new folder.")
        return
    try:
        (folder / RESULTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    write_json(path, {"hash": plan.hash, **plan.body()})


def write_json(path: Path, body: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all. Raises RecordError."""
    draft = path.with_suffix(".new")
    try:
        draft.write_text(json.dumps(body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise write_error(path, error) from error


def run_board(
    files: LineFiles, plan: BoardPlan, folder: Path, n_processes: int, progress: Progress, at_most: int | None = None
) -> list[Result]:
    """Make every run that is not there yet, `n_processes` at a time; return what is there in the plan's order.

    `at_most` runs are made now (None: all). Stopped at any moment it goes on where it was. A run that fails is a result
    with a reason, and is not tried again. Raises DataError (another plan, a broken result, nothing there), RecordError.
    """
    begin(folder, plan)
    done = {job: read_result(path) for job, path in _paths(folder, plan) if path.exists()}
    left = [job for job in plan.jobs if job not in done][:at_most]
    progress("runs", len(done), len(plan.jobs))
    for _, result in run_all([_task(files, plan, folder, job) for job in left], n_processes, run_task):
        write_json(folder / RESULTS / f"{result.job.name}.json", result.body())
        done[result.job] = result
        progress(result.job.name, len(done), len(plan.jobs))
    if not done:
        raise DataError("nothing has been run", where=str(folder), what_now="Allow at least one run.")
    return [done[job] for job in plan.jobs if job in done]


def _paths(folder: Path, plan: BoardPlan) -> Iterator[tuple[Job, Path]]:
    yield from ((job, folder / RESULTS / f"{job.name}.json") for job in plan.jobs)


def _task(files: LineFiles, plan: BoardPlan, folder: Path, job: Job) -> Task:
    scenario, file = plan.scenarios[job.scenario], plan.file
    return Task(job, scenario, files.folder, folder, plan.hash, file.measured_from_s, file.prices)


def run_all(tasks: Sequence[Task], n_processes: int, run: Callable[[Task], T]) -> Iterator[tuple[Task, T]]:
    """Yield tasks with what `run` makes of them, as they come; one process means this one."""
    if n_processes == 1:
        yield from ((task, run(task)) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, mp_context=context, initializer=_quietly) as pool:
        waiting = {pool.submit(run, task): task for task in tasks}
        try:
            yield from ((waiting[future], future.result()) for future in as_completed(waiting))
        finally:
            for future in waiting:
                future.cancel()


def _quietly() -> None:
    os.environ.update(ONE_THREAD)


def run_task(task: Task) -> Result:
    """Make one run in this process and return its result; its record is removed once the figures are known.

    A KilterError, or a shift that did not come to its end, is a failure with its words. Raises RecordError (disk).
    """
    clock = SystemClock()
    began, began_cpu, load = clock.monotonic_s(), time.process_time(), os.getloadavg()[0]
    work = task.folder / "work" / task.job.name
    metrics: dict[str, float | None] = dict.fromkeys(METRICS)
    failure, content = None, None
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        content, failure, metrics = _run(task, work, clock)
    except RecordError:
        raise
    except KilterError as error:
        failure = error.line()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    taken, cpu = clock.monotonic_s() - began, time.process_time() - began_cpu
    return Result(task.job, task.plan_hash, metrics, failure, content, taken, cpu, load)


def _run(task: Task, work: Path, clock: SystemClock) -> tuple[str, str | None, dict[str, float | None]]:
    files, job = load_files(task.configs), task.job
    sensor = _sensor(files, job.seed, task.folder / "sensors")
    options = BenchOptions(
        task.scenario,
        job.seed,
        _buyable(job.controller),
        work / "run",
        work / "secrets",
        sockets=False,
        model_file=sensor,
        plant=PlantChoice(job.variant),
    )
    if job.controller in ORACLES:
        options = replace(options, oracle=_oracle(job.controller, files, options, task.measured_from_s, clock))
    outcome = run_bench(files, options, clock, _silent)
    truth = read_truth(outcome.truth_folder)
    if not outcome.end.complete or truth is None:
        return outcome.content_hash, outcome.end.why or "the plant told no truth", dict.fromkeys(METRICS)
    kpis = compute_kpis(work / "run", outcome.truth_folder)
    tracking = tracking_cost(truth, recorded_moves(work / "run"), files.recipe, files.controller, task.measured_from_s)
    values = run_metrics(truth, kpis, files.recipe, task.measured_from_s, task.prices, tracking)
    return outcome.content_hash, None, values


def _oracle(name: str, files: LineFiles, options: BenchOptions, from_s: int, clock: SystemClock) -> Lend:
    """Return what puts a controller that reads the plant's truth into the line; `clairvoyant` runs the shift beforehand."""
    if name == "causal":
        return lambda files, plant, line: put(CausalControl(files, plant), line)
    model = load_model(_text(options.model_file))
    make = Hindsight(files, options, model, from_s, clock).best()
    return lambda files, plant, line: put(make(files, plant), line)


def tracking_of(task: Task) -> float | None:
    """Return the tracking cost of a shift that nobody judges, None if it could not be run (`task.tuning` in force).

    A third to a half of the time of `run_task`, the same cost to the last bit.
    """
    files = load_files(task.configs)
    shared = files.controller
    if task.tuning is not None:
        files = replace(files, controller=shared.model_copy(update={"tuning": task.tuning}))
    model = load_model(_text(_sensor(files, task.job.seed, task.folder / "sensors")))
    shape = Shape(task.scenario, _buyable(task.job.controller))
    try:
        made = run_unjudged(files, shape, task.job.seed, PlantChoice(task.job.variant), model, SystemClock())
    except KilterError:
        return None
    return tracking_cost(made.truth, made.moves, files.recipe, shared, task.measured_from_s)


def _buyable(name: BoardName) -> ControllerName:
    """Return the controller that a line is built with: the vendor's loops where one is lent."""
    return "plc" if name == "causal" or name == "clairvoyant" else name


def _text(path: Path | None) -> str:
    return path.read_text(encoding="utf-8") if path is not None else ""


def _sensor(files: LineFiles, seed: int, folder: Path) -> Path:
    """Return the file of the soft sensor that a run of this seed calibrates, which all runs of the seed share."""
    path = folder / f"{seed}.json"
    if not _is_model(path):
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(simulated_model(files, seed).to_text(), encoding="utf-8")
        draft.replace(path)
    return path


def _is_model(path: Path) -> bool:
    """Return whether a file holds a soft sensor that this version reads."""
    try:
        load_model(path.read_text(encoding="utf-8"))
    except (OSError, DataError):
        return False
    return True


def _silent(done: int, total: int, line: Line) -> None:
    """Tell nobody: many runs are one bar."""
