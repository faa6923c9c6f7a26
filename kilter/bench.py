"""`kilter bench`: what was promised of speed, measured; and the plant as a bench for other people's controllers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.folders import find_configs
from engine.wiring import load_files
from hil.plant_speed import measure_plant
from kilter.demo import AsJson
from kilter.figures import show_figures
from kilter.runner import stage_bar
from line.clock import SystemClock

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
