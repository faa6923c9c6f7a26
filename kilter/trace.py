"""`kilter lot trace`: which raw-material lots are in these tablets, and where a raw-material lot went."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from engine.tracing import trace as trace_lot
from historian.queries import RecordReader
from historian.runs import run_folder
from kilter.runner import stage_bar
from line.errors import DataError
from rtr.genealogy.lot_queries import Genealogy, Share, Whereabouts, made_of, went_to

_TABLETS = re.compile(r"(\d{1,12}):(\d{1,12})")
SHOWN = 20


def trace(
    name: Annotated[str, typer.Argument(help="Lot name: a folder below --runs.")],
    material_lot: Annotated[str | None, typer.Option(help="Where did this raw-material lot go?")] = None,
    above: Annotated[float, typer.Option(help="Tablets that hold more than so many mg of it.", min=0, max=1e4)] = 0.0,
    probability: Annotated[float, typer.Option(help="... with at least this probability.", min=0.001, max=1)] = 0.05,
    tablets: Annotated[
        str | None, typer.Option(help="FROM:TO, tablet counters: what are these made of? All if left out.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Trace raw-material lots through a lot, from its record alone.

    Backward (--tablets): the share of every raw-material lot, with standard uncertainty, summing to one. Forward
    (--material-lot): kilograms by destination, and the tablets that hold more than --above mg of it. The doubt is that of the
    residence times and of how a feeder's hopper mixes a new lot with what it holds.
    """
    if material_lot is not None and tablets is not None:
        raise DataError("two questions at once", where="--material-lot, --tablets", what_now="Ask one after the other.")
    between = _counters(tablets)
    folder = run_folder(runs, name)
    with RecordReader(folder) as reader:
        last = reader.last_step
    with stage_bar(Console(stderr=True)) as bar:
        genealogy = trace_lot(folder, lambda step: bar("material lots through the line", step, last))
    if material_lot is not None:
        _show_forward(name, material_lot, went_to(genealogy, material_lot, above, probability), above, probability, as_json)
    else:
        first, last_tablet = between or (int(genealogy.counter_from[0]) + 1, int(genealogy.counter_to[-1]))
        _show_backward(name, genealogy, first, last_tablet, as_json)


def _counters(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = _TABLETS.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise DataError(
            "not tablet counters", where="--tablets", how_much=text[:40], what_now="Write FROM:TO, for example 20277:20286."
        )
    return int(found[1]), int(found[2])


def _show_backward(name: str, genealogy: Genealogy, first: int, last: int, as_json: bool) -> None:
    shares = made_of(genealogy, first, last)
    if as_json:
        _print({"lot": name, "counter_from": first, "counter_to": last, "shares": [asdict(s) for s in shares]})
        return
    table = Table(title=f"{name}: tablets {first} to {last} are made of")
    for column in ("raw-material lot", "feeder", "share of mass", "standard uncertainty", "mg a tablet"):
        table.add_column(column, justify="left" if column == "raw-material lot" else "right")
    for s in shares:
        table.add_row(*_row(s))
    Console().print(table)


def _row(s: Share) -> tuple[str, str, str, str, str]:
    feeder = "" if s.feeder is None else str(s.feeder)
    return s.lot, feeder, f"{100 * s.share:.3f} %", f"{100 * s.uncertainty:.3f} %", f"{s.mg_per_tablet:.3f}"


def _show_forward(name: str, lot: str, found: Whereabouts, above: float, probability: float, as_json: bool) -> None:
    if as_json:
        kg = {way: {"kg": mean, "standard_uncertainty_kg": doubt} for way, (mean, doubt) in found.kg.items()}
        body = {"lot": name, "material_lot": lot, "above_mg": above, "probability_min": probability, "kg": kg,
                "tablets_above": found.tablets_above, "stretches": [asdict(s) for s in found.stretches]}  # fmt: skip
        _print(body)
        return
    console = Console()
    table = Table(title=f"{name}: where raw-material lot {lot} went")
    for column in ("tablets", "kg of it", "standard uncertainty", f"expected tablets above {above:g} mg"):
        table.add_column(column, justify="left" if column == "tablets" else "right")
    for way, (mean, doubt) in found.kg.items():
        table.add_row(way, f"{mean:.4f}", f"{doubt:.4f}", f"{found.tablets_above[way]:.0f}")
    console.print(table)
    sys.stdout.write(f"Tablets above {above:g} mg of {lot} with a probability of at least {probability:g}:\n")
    for s in found.stretches[:SHOWN]:
        ways = ", ".join(f"{n} {way}" for way, n in s.tablets.items() if n)
        sys.stdout.write(
            f"  {s.counter_from} to {s.counter_to}: {ways}; mean {s.mg_mean:.2f} mg, uncertainty up to "
            f"{s.mg_uncertainty_max:.2f} mg, largest probability {s.probability_max:.3f}\n"
        )
    more = len(found.stretches) - SHOWN
    if more > 0:
        sys.stdout.write(f"  and {more} stretches more: --json lists all\n")
    if not found.stretches:
        sys.stdout.write("  none\n")


def _print(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
