"""`kilter playback RUN --controller NAME`: what would this controller have done?"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from apc.supervision.assembly import NAMES
from engine.playback import Replayed, play_back
from historian.runs import run_folder
from kilter.runner import configured, controller_named
from line.errors import ConfigurationError


def playback(
    lot: Annotated[str, typer.Argument(help="Lot name, a folder below --runs.")],
    controller: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")] = "nmpc",
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Run estimator and controller on a recorded run and compare with what was decided then. Writes nothing."""
    replayed = list(play_back(run_folder(runs, lot), configured(), controller_named(controller)))
    if not replayed:
        raise ConfigurationError("the record holds no decision", where=lot, what_now="Play back a longer run.")
    body = {
        "lot": lot,
        "controller": controller,
        "decisions": len(replayed),
        "valid": sum(r.decision.valid for r in replayed),
        "moves_rms_difference": _differences(replayed),
        "estimates_rms_difference": _estimates(replayed),
    }
    if as_json:
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    table = Table(title=f"{lot} played back with {controller}: {body['valid']} of {body['decisions']} decisions valid")
    for column in ("what", "RMS difference to the recorded run"):
        table.add_column(column)
    for name, value in [*_differences(replayed).items(), *_estimates(replayed).items()]:
        table.add_row(name, f"{value:.4g}")
    Console().print(table)


def _differences(replayed: list[Replayed]) -> dict[str, float]:
    """RMS difference between new moves and the set-points in force then, by tag, plant units."""
    squares: dict[str, list[float]] = {}
    for item in replayed:
        for tag, value in item.decision.moves.items():
            squares.setdefault(tag, []).append((value - item.snapshot.raw(tag)) ** 2)
    return _rms(squares)


def _estimates(replayed: list[Replayed]) -> dict[str, float]:
    """RMS difference between new and recorded estimates, by name."""
    squares: dict[str, list[float]] = {}
    for item in replayed:
        then = (item.recorded or {}).get("estimate", {})
        for name, value in item.decision.estimate.items():
            old = then.get(name)
            if old is not None and math.isfinite(value):
                squares.setdefault(name, []).append((value - old) ** 2)
    return _rms(squares)


def _rms(squares: dict[str, list[float]]) -> dict[str, float]:
    finite = {name: [v for v in values if math.isfinite(v)] for name, values in squares.items()}
    return {name: float(np.sqrt(np.mean(values))) for name, values in finite.items() if values}
