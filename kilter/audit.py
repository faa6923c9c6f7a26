"""`kilter audit LOT`: recorded moves against the converged solution of the same problems."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from engine.audit import Audited, audit
from historian.runs import run_folder
from kilter.runner import configured

#: Share of a rate limit that the on-line controller promises to stay within.
PROMISED = 0.05


def audit_command(
    lot: Annotated[str, typer.Argument(help="Lot name, a folder below --runs.")],
    decisions: Annotated[int, typer.Option(help="How many decisions, evenly spread over the lot.", min=1, max=10000)] = 20,
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Solve recorded decisions again by do-mpc to convergence; exit 1 if the median move is over 0.05 of its rate limit off."""
    folder, configuration = run_folder(runs, lot), configured().controller
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("do-mpc", total=decisions)
        found = audit(folder, configuration, decisions, lambda done, total: bar.update(task, completed=done, total=total))
    shares = [item.share for item in found if math.isfinite(item.share)]
    median = float(np.median(shares)) if shares else None
    body = {"lot": lot, "compared": len(shares), "median_share": median, "largest_share": max(shares, default=None)}
    if as_json:
        text = json.dumps({**body, "decisions": [item.body() for item in found]}, indent=2, allow_nan=False)
    else:
        text = "\n".join(_words(item) for item in found)
        text += f"\n{len(shares)} compared; median {median:.4f} of the rate limit" if shares else "\nnothing could be compared"
    sys.stdout.write(text + "\n")
    raise typer.Exit(0 if median is not None and median <= PROMISED else 1)


def _words(item: Audited) -> str:
    if not math.isfinite(item.share):
        return f"second {item.step}: {item.said}"
    return f"second {item.step}: {item.tag} differs by {item.share:.4f} of its rate limit ({item.iterations} iterations)"
