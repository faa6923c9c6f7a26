"""How fast release is: its limits, its share of a live second, and a whole lot judged and replayed from its record."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.line import Line
from engine.replay import Replay, replay
from engine.wiring import LineFiles
from hil.bench import BenchOptions, run_bench
from hil.figures import Figure
from historian.queries import RecordReader
from line.clock import WallClock
from line.configuration import OperatorAction, Scenario
from rtr.release import ReleaseEngine, ReleaseStep
from rtr.statistics.batch_inference import acceptance_limit_plan_1

#: Asked of release on one core, as CPU time; the lot that is judged and replayed has so many hours.
LIMIT_MS, LIVE_MS, JUDGE_S, REPLAY_S, HOURS = 50.0, 5.0, 2.0, 30.0, 8.0
LIMIT_SIZES, LIMIT_MEANS = (10, 30, 100, 500), (92.0, 97.0, 100.0, 104.0)
SEED, RUN_OUT_S = 1, 300
Progress = Callable[[str, int, int], None]


class TimedRelease:
    """Release with the CPU time of every second it answers [s]."""

    def __init__(self, behind: ReleaseEngine) -> None:
        self._behind = behind
        self.cpu_s: list[float] = []

    def observe(self, *arguments: Any, **named: Any) -> ReleaseStep:
        """Answer as the engine behind, and keep the time."""
        began = time.process_time()
        step = self._behind.observe(*arguments, **named)
        self.cpu_s.append(time.process_time() - began)
        return step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


def measure_release(files: LineFiles, clock: WallClock, progress: Progress, hours: float = HOURS) -> list[Figure]:
    """Return the figures of docs/commands.md, `kilter bench release`; judged at 8 h only where they depend on the length.

    Raises RecordError if the record cannot be written or read.
    """
    progress("limits of ASTM E2810", 0, 1)
    figures = limit_figures()
    with tempfile.TemporaryDirectory(prefix="kilter-release-") as name:
        folder = Path(name) / "lot"
        live = make_lot(files, clock, folder, hours, progress)
        figures += live_figures(live)
        seconds = round(hours * 3600.0)
        began = time.process_time()
        found = replay(folder, lambda step: progress("the lot again from its record", step, seconds))
        replay_s = time.process_time() - began
        figures += lot_figures(folder, found, replay_s, judged=hours == HOURS)
    return figures


def limit_figures() -> list[Figure]:
    """Return the CPU time [ms] of one acceptance limit of E2810 plan 1, over numbers of units and means."""
    times = []
    for n in LIMIT_SIZES:
        for mean in LIMIT_MEANS:
            began = time.process_time()
            acceptance_limit_plan_1(mean, n)
            times.append(1e3 * (time.process_time() - began))
    source = f"acceptance_limit_plan_1, {len(times)} pairs of mean and number of units; interval median..longest"
    longest = max(times)
    return [Figure("e2810_limit_ms", longest, "ms", source, float(np.median(times)), longest, at_most=LIMIT_MS)]


def make_lot(files: LineFiles, clock: WallClock, folder: Path, hours: float, progress: Progress) -> Sequence[float]:
    """Make a lot of so many hours under vendor loops into `folder`; return the CPU time [s] of release in each second."""
    seconds = round(hours * 3600.0)
    end = (OperatorAction(at_s=max(seconds - RUN_OUT_S, 1), action="run_out", value="planned"),)
    scenario = Scenario(name="release_speed", title="a lot", minutes=hours * 60.0, throughput_kg_per_h=25.0, operator=end)
    timed: list[TimedRelease] = []

    def listen(done: int, total: int, line: Line) -> None:
        if not timed:
            timed.append(TimedRelease(line.release))
            line.release = timed[0]  # type: ignore[assignment]
        progress("a lot under vendor loops", done, total)

    options = BenchOptions(scenario, SEED, "plc", folder, folder.parent / "secrets", sockets=False)
    run_bench(files, options, clock, listen)
    return timed[0].cpu_s


def live_figures(cpu_s: Sequence[float]) -> list[Figure]:
    """Return median and 99th percentile [ms] of release's share of a cycle; the latter is judged."""
    ms = 1e3 * np.array(cpu_s)
    source = f"release in the cycle, CPU time, {len(ms)} seconds; interval median..longest"
    median, high, longest = (float(np.quantile(ms, share)) for share in (0.5, 0.99, 1.0))
    return [
        Figure("live_p50_ms", median, "ms", source),
        Figure("live_p99_ms", high, "ms", source, median, longest, at_most=LIVE_MS),
    ]


def lot_figures(folder: Path, found: Replay, replay_s: float, judged: bool) -> list[Figure]:
    """Return size of the lot, CPU time of verdict and replay [s], and whether the replay gave the same bytes."""
    with RecordReader(folder) as reader:
        asked = reader.last("lot_input") or {}
    began = time.process_time()
    verdict = found.engine.dispose(
        open_exceptions=asked["open_exceptions"], complete=asked["complete"], seed=asked["seed"]
    ) if found.engine else None  # fmt: skip
    judge_s = time.process_time() - began
    made = float(verdict.tablets["made"]) if verdict else float("nan")
    size = f"{found.seconds / 3600.0:g} h of simulated line under vendor loops, {found.parcels} parcels"
    return [
        Figure("tablets", made, "1", size),
        Figure("parcels", float(found.parcels), "1", size),
        Figure("judge_s", judge_s, "s", f"the verdict on {size}; CPU time, one run", at_most=JUDGE_S if judged else None),
        Figure(
            "replay_s", replay_s, "s", f"replay of {size}, verdict included; CPU time, one run",
            at_most=REPLAY_S if judged else None,
        ),
        Figure("replay_same", float(found.same), "1", "every gate request, parcel and verdict in every byte", at_least=1.0),
    ]  # fmt: skip
