"""`kilter bench`: what was promised of speed and of control, measured; the plant as a bench for other controllers."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.folders import find_configs
from engine.wiring import load_files
from hil.bench_server import HOST, BenchServer
from hil.diversion.bench import run_diversion_bench
from hil.diversion.page import require_place, write_section
from hil.diversion.plan import QUICK, BenchPlan
from hil.figures import Figure
from hil.open_bench import OpenBench
from hil.plant_speed import measure_plant
from hil.release_speed import HOURS, measure_release
from hil.scoreboard.page import Circumstances, board_page, write_page
from hil.scoreboard.plan import load_board, make_plan
from hil.scoreboard.runner import run_board
from hil.scoreboard.score import Board, board_figures
from hil.scoreboard.tuning import tuned_rows
from hil.solve_speed import measure_solve
from historian.runs import new_run_folder
from kilter.demo import AsJson, Runs
from kilter.figures import EXIT_FALLS_SHORT, PACKAGES, show_figures
from kilter.runner import stage_bar
from line.clock import SystemClock
from line.errors import CommunicationError, ConfigurationError

app = typer.Typer(help="Speed of the simulated plant; the plant as a bench for other controllers.", no_args_is_help=True)

#: Longest that the bench of diversion may take [s].
WALL_MAX_S = 900.0


@app.command("plant")
def plant(
    shift_hours: Annotated[
        float, typer.Option(help="Length of the recorded shift [h]; judged only at 12.", min=0.05, max=24)
    ] = 12.0,
    as_json: AsJson = False,
) -> None:
    """Measure the simulated plant: times real time, line-seconds a second, memory, a recorded shift, same bits by seed.

    Exit 1 if a figure falls short. Takes about two minutes on a free machine.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    with tempfile.TemporaryDirectory(prefix="kilter-bench-") as folder, stage_bar(Console(stderr=True)) as progress:
        figures, hashes = measure_plant(files, Path(folder), SystemClock(), shift_hours, progress)
    raise typer.Exit(show_figures("Speed of the simulated plant", figures, as_json, hashes))


@app.command("solve")
def solve(as_json: AsJson = False) -> None:
    """Measure a decision: CPU time of plan, estimator step and whole call; the fast plan against do-mpc's converged one.

    The problems are those of a shift of ten minutes that is run first. Exit 1 if a figure falls short. About a minute and
    a half on a free machine, half of it the building of do-mpc.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    with stage_bar(Console(stderr=True)) as progress:
        figures = measure_solve(files, SystemClock(), progress)
    raise typer.Exit(show_figures("Speed of a decision", figures, as_json))


@app.command("release")
def release(
    hours: Annotated[
        float, typer.Option(help="Length of the lot [h]; verdict and replay are judged only at 8.", min=0.1, max=24)
    ] = HOURS,
    as_json: AsJson = False,
) -> None:
    """Measure release: CPU time of a limit of ASTM E2810, of release in the cycle, of a lot's verdict and of its replay.

    The lot is made first, under vendor loops in this process: five minutes on a free machine for 8 h. Exit 1 if a figure falls
    short.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    with stage_bar(Console(stderr=True)) as progress:
        figures = measure_release(files, SystemClock(), progress, hours)
    raise typer.Exit(show_figures("Speed of release", figures, as_json))


@app.command("control")
def control(
    quick: Annotated[bool, typer.Option("--quick", help="Four scenarios on two plants, four controllers.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every scenario, twenty plants; hours.")] = False,
    resume: Annotated[Path | None, typer.Option(help="Folder of an earlier call of the same stage: go on there.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write the page there too, for example docs/benchmark.md.")] = None,
    processes: Annotated[int, typer.Option(help="Runs at a time.", min=1, max=64)] = 2,
    at_most: Annotated[
        int | None, typer.Option(help="Make at most so many runs now, then write the page of what is there.", min=0)
    ] = None,
    runs: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Score the controllers against each other on the same plants with the same chance; write the page of the results.

    The plan (configs/benchmark/control.toml) is hashed before the first run; every run is a file of its own, and what is done
    is not done again with --resume. Exit 1 if an aim is missed by its whole interval, or a run failed.
    """
    if quick == full:
        raise ConfigurationError("one stage is needed", where="kilter bench control", what_now="Say --quick or --full.")
    files = load_files(find_configs(os.environ, Path.cwd()))
    file = load_board(files.folder)
    plan = make_plan(files, file, "quick" if quick else "full")
    folder = resume or new_run_folder(runs, f"bench-control-{plan.name}")
    sys.stderr.write(f"kilter: results go to {folder}; stopped, go on with --resume {folder}\n")
    with stage_bar(Console(stderr=True)) as progress:
        board = Board(plan, run_board(files, plan, folder, processes, progress, at_most))
    text = board_page(board, _circumstances(f"kilter bench control --{plan.name}"), tuned_rows(files, file))
    for path in (folder / "benchmark.md", *([page] if page else [])):
        write_page(path, text)
    extra = {"plan_hash": plan.hash, "folder": str(folder), "failures": [result.body() for result in board.failures]}
    code = show_figures("Score board of the controllers", board_figures(board), as_json, extra)
    raise typer.Exit(EXIT_FALLS_SHORT if board.failures else code)


def _circumstances(command: str) -> Circumstances:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return Circumstances(
        command, f"{os.cpu_count()} cores, {platform.system()}", f"Python {platform.python_version()}, {versions}"
    )


@app.command("diversion")
def diversion(
    quick: Annotated[bool, typer.Option("--quick", help="12 shifts of an hour and 72 events.")] = False,
    seed: Annotated[int, typer.Option(help="Other plants, other events.", min=0, max=1000)] = 1,
    page: Annotated[Path | None, typer.Option(help="Write section and picture there, for example docs/release.md.")] = None,
    processes: Annotated[int, typer.Option(help="Batches of lines at a time.", min=1, max=64)] = 2,
    as_json: AsJson = False,
) -> None:
    """Judge the three diversion rules on the same shifts: what escapes, what is diverted, what is accepted out of limit.

    200 shifts of 2 h under the vendor's loops and 1,000 targeted events, simulated once. Exit 1 if a figure falls short.
    About ten minutes on two free cores.
    """
    if page is not None:
        require_place(page)
    files, clock = load_files(find_configs(os.environ, Path.cwd())), SystemClock()
    plan, began_s = replace(QUICK if quick else BenchPlan(), seed=seed), clock.monotonic_s()
    with stage_bar(Console(stderr=True)) as progress:
        bench = run_diversion_bench(files, plan, processes, progress)
    wall_s = clock.monotonic_s() - began_s
    took = Figure(
        "wall_s", wall_s, "s", "from the start to the figures, on this machine", at_most=None if quick else WALL_MAX_S
    )
    if page is not None:
        words = " ".join(["kilter bench diversion", *(["--quick"] if quick else []), f"--seed {seed} --processes {processes}"])
        load = os.getloadavg()[2]
        write_section(bench, page, f"`{words}`: {wall_s / 60:.0f} min on {os.cpu_count()} cores with a load of {load:.0f}.")
    parts = {"shifts": bench.shifts, "events": bench.events}
    extra: dict[str, object] = {name: [figure.body() for figure in figures] for name, figures in parts.items()}
    extra["curves"] = [outcome.body() for outcome in bench.outcomes]
    raise typer.Exit(show_figures("Diversion", [*bench.figures, took], as_json, extra))


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 8600,
    configs: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
) -> None:
    """Serve the open bench over HTTP on this machine until Ctrl-C: scenarios, reset, step, figures. Prints its address.

    See docs/benchmark-plant.md.
    """
    try:
        server = BenchServer(OpenBench(configs), port)
    except OSError as error:
        raise CommunicationError(
            "the port cannot be opened", where=f"port {port}", how_much=str(error.strerror), what_now="Take another: --port 0."
        ) from error
    sys.stdout.write(json.dumps({"url": f"http://{HOST}:{server.server_address[1]}"}) + "\n")
    sys.stdout.flush()
    with server:
        server.serve_forever()
