"""`kilter tune`: automatic tuning of one controller; proposes settings, changes nothing itself."""

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
from hil.scoreboard.plan import load_board
from hil.scoreboard.tuning import Tuner, in_force, log_path, table_text
from kilter.demo import AsJson
from kilter.runner import controller_named, stage_bar


def tune(
    controller: Annotated[str, typer.Argument(help="ratio, pid, pid+kalman, lmpc or nmpc.")],
    evaluations: Annotated[
        int | None, typer.Option(help="Settings to try; left out, the number that every controller gets.", min=2, max=1000)
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Log; an unfinished one is gone on with.")] = None,
    processes: Annotated[int, typer.Option(help="Runs at a time.", min=1, max=64)] = 2,
    as_json: AsJson = False,
) -> None:
    """Tune a controller on plants that the score board never uses: same scenarios, search and effort for every one.

    Tries what is in force, then a deterministic search inside the ranges of configs/benchmark/control.toml, and lowers the
    tracking cost of docs/control.md relative to the vendor's loops in the same runs. Prints the table to put into the
    controller's file; changes nothing itself. About half a minute an evaluation and core.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    board, name = load_board(files.folder), controller_named(controller)
    tuner = Tuner(files, board, name, evaluations or board.tuning.n_evaluations)
    path = log or log_path(files.folder, name)
    with tempfile.TemporaryDirectory(prefix="kilter-tune-") as work, stage_bar(Console(stderr=True)) as progress:
        found = tuner.run(path, Path(work), processes, progress)
    holds = in_force(files.controller.tuning, found)
    if as_json:
        sys.stdout.write(json.dumps({**found.body(), "log": str(path), "in_force": holds}, indent=2) + "\n")
        return
    first, best = found.evaluations[0], found.best
    sys.stdout.write(
        f"{name}: cost {float(first['cost']):.3f} as it was, {float(best['cost']):.3f} at best (evaluation {best['n']} of "
        f"{len(found.evaluations)}; 1 is plc); log {path}\n"
    )
    words = "is in force" if holds else f"to be put into {files.folder / 'controllers' / 'nmpc.toml'}"
    sys.stdout.write(f"# {words}\n{table_text(name, best['values'])}\n")
