"""The bench of diversion: every batch of lines is simulated once and judged by every setting of every rule."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, MutableMapping
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.wiring import LineFiles, load_files
from hil.calibration import simulated_model
from hil.diversion.judging import Outcome, judge, settings_of
from hil.diversion.plan import BenchPlan, make_lines
from hil.diversion.recording import record
from hil.diversion.score import guard_figures, part, rule_figures
from hil.figures import Figure
from hil.virtual_plant import reference_plant
from rtr.genealogy.guard import guard_times
from sensing.model import SoftSensorModel

Progress = Callable[[str, int, int], None]
#: How often a batch tells how far it is [s of the shift].
TOLD_EVERY_S = 60
#: How often the progress is asked for [s].
TOLD_WALL_S = 1.0


@dataclass(frozen=True)
class Bench:
    """What was found: the plan, the outcomes of every setting (lines in the plan's order), the figures of each part."""

    plan: BenchPlan
    outcomes: tuple[Outcome, ...]
    figures: tuple[Figure, ...]
    shifts: tuple[Figure, ...]
    events: tuple[Figure, ...]


def run_diversion_bench(files: LineFiles, plan: BenchPlan, processes: int, progress: Progress) -> Bench:
    """Simulate and judge every line of the plan. The same plan gives the same figures, whatever `processes` is."""
    progress("soft sensor", 0, 1)
    model, diversion = simulated_model(files, plan.seed), files.recipe.diversion
    guards = guard_figures(guard_times(files.recipe), diversion)
    n_batches = -(-(plan.shifts + plan.event_lines) // plan.abreast)
    found = _batches(files, plan, model, n_batches, processes, progress)
    outcomes = tuple(_joined([batch[i] for batch in found]) for i in range(len(found[0])))
    ordinary, targeted = slice(0, plan.shifts), slice(plan.shifts, None)
    figures = [*rule_figures(outcomes, diversion.rule), *guards]
    shifts, events = (tuple(rule_figures(part(outcomes, lines), diversion.rule)) for lines in (ordinary, targeted))
    return Bench(plan, outcomes, tuple(figures), shifts, events)


def _batches(
    files: LineFiles, plan: BenchPlan, model: SoftSensorModel, n: int, processes: int, progress: Progress
) -> list[list[Outcome]]:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(min(processes, n), context, _one_thread) as pool:
        reached = manager.dict(dict.fromkeys(range(n), 0))
        jobs = [pool.submit(_run_in_process, files.folder, plan, model, i, reached) for i in range(n)]
        while wait(jobs, TOLD_WALL_S).not_done:
            progress("shifts", sum(reached.values()), n * plan.seconds)
        return [job.result() for job in jobs]


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def _run_in_process(
    folder: Path, plan: BenchPlan, model: SoftSensorModel, i: int, reached: MutableMapping[int, int]
) -> list[Outcome]:
    return run_batch(load_files(folder), plan, model, i, lambda second: reached.update({i: second}))


def run_batch(
    files: LineFiles, plan: BenchPlan, model: SoftSensorModel, number: int, progress: Callable[[int], None]
) -> list[Outcome]:
    """Simulate one batch of lines in step and judge it by every setting."""
    lines = make_lines(reference_plant(files), files.recipe.rtd, plan)[number * plan.abreast : (number + 1) * plan.abreast]

    def told(second: int) -> None:
        if second % TOLD_EVERY_S == 0:
            progress(second)

    recording = record(files, model, lines, plan.seconds, told)
    return [judge(recording, setting, files.configuration.geometry) for setting in settings_of(files.recipe.diversion)]


def _joined(parts: list[Outcome]) -> Outcome:
    arrays = [name for name, value in vars(parts[0]).items() if isinstance(value, np.ndarray)]
    return Outcome(parts[0].setting, **{name: np.concatenate([getattr(p, name) for p in parts]) for name in arrays})
