"""`kilter performance LOT`: how steady, at which limits and how right the controller was; also of a lot that is running."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.performance import AHEAD_S, Performance, performance
from historian.runs import run_folder

SHOWN = {"potency_tablet": "% LC", "potency_blend": "% LC", "weight": "mg", "hardness": "N"}


def performance_command(
    lot: Annotated[str, typer.Argument(help="Lot name, a folder below --runs; it may be running.")],
    minutes: Annotated[
        float | None, typer.Option(help="Only so many minutes before the newest second; all of it if left out.", min=1)
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say how the controller does: who decided, how steady the tablets are, which limits bind, how far predictions were off."""
    found = performance(run_folder(runs, lot), minutes)
    if as_json:
        sys.stdout.write(json.dumps({"lot": lot, **found.body()}, indent=2, allow_nan=False) + "\n")
        return
    console = Console()
    rungs = ", ".join(f"{count} {name}" for name, count in found.rungs.items())
    console.print(
        f"{lot}, second {found.first_s} to {found.last_s}: {found.decisions} decisions ({rungs}), {found.refused} refused"
    )
    console.print(_outputs(found))
    for name, share in found.limits.items():
        console.print(f"  {name} binds in {100.0 * share:.0f} % of the plans")
    if found.clipped:
        console.print(f"  readings were clipped as gross errors in {found.clipped} decisions")


def _outputs(found: Performance) -> Table:
    table = Table(title=f"believed, and what was predicted {AHEAD_S} s before")
    for column in ("output", "mean", "standard deviation", "off by (mean)", "off by (rms)"):
        table.add_column(column)
    for name, item in found.outputs.items():
        off = ("-", "-") if item.model_rms is None else (f"{item.model_bias:+.3f}", f"{item.model_rms:.3f}")
        table.add_row(f"{name} [{SHOWN[name]}]".replace("[", "\\["), f"{item.mean:.2f}", f"{item.deviation:.3f}", *off)
    return table
