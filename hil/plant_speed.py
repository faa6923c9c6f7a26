"""How fast the simulated plant is, how much memory it takes, and whether one seed gives one set of bits."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.wiring import LineFiles, load_files
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import build_plant, reference_plant
from historian.frames import pack_array, pack_frame
from historian.record import Record
from line.clock import WallClock
from line.configuration import Scenario
from line.errors import DataError
from line.modes import LineCommand
from line.samples import Snapshot
from plant_sim.parameters import draw_parameters

#: Asked of the plant on one core.
TIMES_REAL_TIME, LINE_SECONDS_A_SECOND, MEMORY_MB, SHIFT_S = 1500.0, 20_000.0, 1000.0, 60.0
WARM_S, REPEATS, ONE_LINE_S, ENSEMBLE_S, ENSEMBLE_LINES = 700, 5, 400, 60, 64
MEMORY_LINES, MEMORY_S, HASH_S, COMMIT_EVERY_S = 256, 120, 900, 60
PART_TIMEOUT_S = 600.0
PART = "import sys; from hil.plant_speed import run_part; run_part(sys.argv[1], sys.argv[2])"


@dataclass(frozen=True)
class Timing:
    """Seconds a repeat took: of the processor, and on the wall."""

    cpu_s: tuple[float, ...]
    wall_s: tuple[float, ...]


def measure_plant(
    files: LineFiles, folder: Path, clock: WallClock, shift_hours: float, progress: Callable[[str, int, int], None]
) -> tuple[list[Figure], dict[str, str]]:
    """Return the figures and the SHA-256 of all tags of one seed; `folder` takes the record of the shift.

    Raises DataError if a part that runs in a process of its own fails.
    """
    progress("one line", 0, 5)
    figures = one_line_figures(files, clock)
    progress("64 lines", 1, 5)
    figures += ensemble_figures(files, clock)
    progress("memory of 256 lines", 2, 5)
    figures.append(memory_figure(files))
    progress("one seed in two processes", 3, 5)
    hashes = [_part("hash", files.folder) for _ in range(2)]
    figures.append(same_seed_figure(hashes))
    progress(f"a shift of {shift_hours:g} h with full recording", 4, 5)
    figures.append(shift_figure(files, folder, clock, shift_hours))
    return figures, {"sha256_of_all_tags": hashes[0]}


def _timed(drive: Drive, seconds: int, clock: WallClock) -> Timing:
    drive.run(WARM_S)
    cpu, wall = [], []
    for _ in range(REPEATS):
        began, began_wall = time.process_time(), clock.monotonic_s()
        drive.run(drive.second + seconds)
        cpu.append(time.process_time() - began)
        wall.append(clock.monotonic_s() - began_wall)
    return Timing(tuple(cpu), tuple(wall))


def _rates(name: str, unit: str, timing: Timing, work: float, at_least: float, words: str) -> list[Figure]:
    """Judge by processor time: on a machine with other work the wall tells of that work too."""
    cpu, wall = (np.array(work) / np.array(x) for x in (timing.cpu_s, timing.wall_s))
    judged = f"{words}; median of {REPEATS} by processor time, interval slowest..fastest"
    shown = f"{words}; median of {REPEATS} by the wall, other work of the machine included"
    return [
        Figure(name, float(np.median(cpu)), unit, judged, float(cpu.min()), float(cpu.max()), at_least=at_least),
        Figure(f"{name}_wall", float(np.median(wall)), unit, shown, float(wall.min()), float(wall.max())),
    ]


def one_line_figures(files: LineFiles, clock: WallClock) -> list[Figure]:
    """Return how many times faster than real time one line with every tablet runs in steady running, nothing recorded."""
    timing = _timed(Drive(files, [LinePlan(reference_plant(files))]), ONE_LINE_S, clock)
    words = f"one line, every tablet, in process, {ONE_LINE_S} s of steady running"
    return _rates("one_line_times_real_time", "1", timing, ONE_LINE_S, TIMES_REAL_TIME, words)


def _many(files: LineFiles, n_lines: int) -> Drive:
    nominal = reference_plant(files)
    return Drive(files, [LinePlan(draw_parameters(nominal, seed), seed) for seed in range(1, n_lines + 1)])


def ensemble_figures(files: LineFiles, clock: WallClock) -> list[Figure]:
    """Return the line-seconds a second of 64 different lines in step."""
    timing = _timed(_many(files, ENSEMBLE_LINES), ENSEMBLE_S, clock)
    words = f"{ENSEMBLE_LINES} lines in step, {ENSEMBLE_S} s of steady running"
    work = float(ENSEMBLE_LINES * ENSEMBLE_S)
    return _rates("ensemble_line_seconds_per_s", "1/s", timing, work, LINE_SECONDS_A_SECOND, words)


def memory_figure(files: LineFiles) -> Figure:
    """Return the largest resident memory of a process that runs 256 lines, interpreter and libraries included."""
    source = f"{MEMORY_LINES} lines for {MEMORY_S} s in a process of their own, largest resident set, interpreter included"
    return Figure("memory_256_lines_mb", float(_part("memory", files.folder)), "MB", source, at_most=MEMORY_MB)


def same_seed_figure(hashes: Sequence[str]) -> Figure:
    """Return 1 if every process found the same bits."""
    source = f"SHA-256 of all tags, {HASH_S} s, in {len(hashes)} new processes"
    return Figure("same_seed_same_bits", float(len(set(hashes)) == 1), "1", source, at_least=1.0)


def shift_figure(files: LineFiles, folder: Path, clock: WallClock, hours: float) -> Figure:
    """Return the seconds on the wall of a shift whose truth (every tablet) and record (every frame and array) are written.

    Raises RecordError if the record cannot be written.
    """
    began = clock.monotonic_s()
    record_shift(files, folder, clock, round(hours * 3600.0))
    taken = clock.monotonic_s() - began
    source = (
        f"one shift of {hours:g} h: truth of every tablet, record of every frame, spectrum and force array, commit each "
        f"{COMMIT_EVERY_S} s; on the wall, one run"
    )
    asked = SHIFT_S if hours == 12.0 else None
    return Figure("shift_full_recording_s", taken, "s", source, at_most=asked)


def record_shift(files: LineFiles, folder: Path, clock: WallClock, seconds: int) -> None:
    """Run a plant for so long, started once and left alone, with its truth and a record of what it says."""
    shift = Scenario(name="speed", title="speed", minutes=max(seconds / 60.0, 1.0), throughput_kg_per_h=25.0)
    plant = build_plant(files, shift, 1)
    register, first = files.register, plant.initial()
    column = register.setpoint_index
    moves = first.values[[register.scalar_index[tag] for tag in register.setpoint_ids]].copy()
    moves[column["SP/RemoteRequest"]] = moves[column["SP/AcceptRequest"]] = 1.0
    with Record.create(folder / "record", {"seed": 1}, clock, register=register) as record:
        for second in range(seconds):
            moves[column["SP/HeartbeatCtrl"]] = float(second + 1)
            moves[column["SP/LineCommand"]] = float(LineCommand.START if second == 1 else LineCommand.NONE)
            snapshot = Snapshot(register, plant.step(second, second, moves))
            record.append_bytes("content", "frame", snapshot.step, pack_frame(snapshot))
            for tag, sample in snapshot.arrays.items():
                record.append_bytes("content", "array", snapshot.step, pack_array(tag, sample))
            if second % COMMIT_EVERY_S == 0:
                record.commit()
        record.close(True)
    plant.write_truth(folder / "truth")


def _part(name: str, configs: Path) -> str:
    command = [sys.executable, "-c", PART, name, str(configs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PART_TIMEOUT_S, check=False)  # noqa: S603 - our own interpreter
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError("a part of the measurement ended early", where=f"part {name}", how_much=last)
    return done.stdout.strip()


def run_part(name: str, configs: str) -> None:
    """Run "memory" or "hash" and write its one value to standard output: what a process of its own is for."""
    files = load_files(Path(configs))
    if name == "memory":
        _many(files, MEMORY_LINES).run(MEMORY_S)
        value = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0 / 1e6:.1f}"
    else:
        value = hash_of_tags(files, HASH_S)
    sys.stdout.write(value + "\n")


def hash_of_tags(files: LineFiles, seconds: int, seed: int = 1) -> str:
    """Return the SHA-256 of every value, status and source second of every tag, each second, of one line."""
    drive = Drive(files, [LinePlan(draw_parameters(reference_plant(files), seed), seed)])
    digest = hashlib.sha256()
    while drive.second < seconds:
        drive.step()
        frame = drive.lines.frame
        for part in (frame.values, frame.statuses, frame.source_steps):
            digest.update(np.ascontiguousarray(part).tobytes())
        if drive.lines.arrived is not None:
            digest.update(np.ascontiguousarray(drive.lines.arrived.spectra).tobytes())
        digest.update(np.ascontiguousarray(drive.lines.press.station_force).tobytes())
    return digest.hexdigest()
