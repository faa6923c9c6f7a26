"""`kilter bench`: what was promised of speed, measured; and the plant as a bench for other people's controllers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.folders import find_configs
from engine.wiring import load_files
from hil.bench_server import HOST, BenchServer
from hil.open_bench import OpenBench
from hil.plant_speed import measure_plant
from kilter.demo import AsJson
from kilter.figures import show_figures
from kilter.runner import stage_bar
from line.clock import SystemClock
from line.errors import CommunicationError

app = typer.Typer(help="Speed of the simulated plant; the plant as a bench for other controllers.", no_args_is_help=True)


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
