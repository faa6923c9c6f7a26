"""`kilter lot`: the lots made here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.replay import replay as replay_lot
from hil.kpis import Kpis, compute_kpis
from hil.report import write_report
from historian.queries import RecordReader
from historian.restatements import current_verdict, restatement_folders, verify_all
from historian.runs import Lot, describe, list_lots, run_folder
from kilter.lab_result import lab_result
from kilter.trace import trace
from line.errors import RecordError

app = typer.Typer(help="The lots made here: list, show, verify, replay, trace, report, late results.", no_args_is_help=True)
app.command("lab-result")(lab_result)
app.command("trace")(trace)
Name = Annotated[str, typer.Argument(help="Lot name: a folder below --runs.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")]
#: Differences of a replay that people are shown.
SHOWN = 10
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command("list")
def list_(runs: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """List every lot, newest first: status of its record, what the engine recommends, its content hash.

    Statuses: running, complete, incomplete (stopped early or killed), unreadable.
    """
    lots = list_lots(runs)
    if as_json:
        _print_json({"runs": str(runs), "lots": [_lot_body(lot) for lot in lots]})
        return
    if not lots:
        sys.stdout.write(f"No lots in {runs}. Make one: kilter demo\n")
        return
    table = Table(title=f"Lots in {runs}")
    for column in ("lot", "record", "disposition", "opened (UTC)", "content"):
        table.add_column(column, no_wrap=column == "disposition", overflow="fold")
    for lot in lots:
        opened = lot.started[:16].replace("T", " ")
        table.add_row(lot.name, lot.status, lot.disposition or "none yet", opened, lot.content_hash[:8])
    Console().print(table)


@app.command()
def show(name: Name, runs: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """Show one lot: verdict with reasons, figures of merit, hashes, where its report is."""
    folder = run_folder(runs, name)
    lot, kpis = describe(folder), compute_kpis(folder)
    verdict, restated = current_verdict(folder) or {}, len(restatement_folders(folder))
    with RecordReader(folder) as reader:
        counts = reader.kinds()
    if as_json:
        body = {"verdict": verdict, "restatements": restated, "entries": counts, "figures": kpis.body()}
        _print_json({**_lot_body(lot), **body})
        return
    _show_table(lot, kpis, verdict)


@app.command()
def verify(name: Name, runs: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """Prove that a lot's record is whole and unchanged: every hash is computed again.

    Records of late results beside it are proven with it. Exit 0: it is (also if the lot was cut short, which is said).
    Exit 1: it is not; the first bad entry is named.
    """
    result = verify_all(run_folder(runs, name))
    if as_json:
        _print_json(asdict(result))
    else:
        ending = f"; the lot is {result.status}" + (f": {result.reason}" if result.reason else "")
        word = "verified" if result.holds else "NOT as it was written"
        detail = f"{result.n_entries} entries, record hash {result.record_hash}" if result.holds else result.fault
        sys.stdout.write(f"{name}: {word}: {detail}{ending}\n")
    raise typer.Exit(0 if result.holds else 1)


@app.command()
def replay(name: Name, runs: Runs = Path("runs"), as_json: AsJson = False) -> None:
    """Compute every parcel, gate request and verdict (restated ones too) again from the record alone, and compare every bit.

    Exit 0: the same. Exit 1: something differs; the first differences are shown, and whether another version of kilter
    made the record.
    """
    found = replay_lot(run_folder(runs, name))
    if as_json:
        body = {k: v for k, v in vars(found).items() if k not in ("differences", "engine")}
        body |= {"lot": name, "same": found.same, "same_code": found.same_code}
        _print_json({**body, "differences": [d.body() for d in found.differences]})
    else:
        what = f"{found.seconds} seconds, {found.parcels} parcels, {found.gate_requests} gate requests"
        ending = f", verdict {found.disposition}" if found.has_verdict else "; the record has no verdict"
        word = "the same in every byte" if found.same else f"{found.n_different} entries DIFFER"
        ending += f", restated {found.restatements} times" if found.restatements else ""
        code = "" if found.same_code else f" (made by kilter {found.recorded_by}, replayed by {found.replayed_by})"
        sys.stdout.write(f"{name}: {word}: {what}{ending}{code}\n")
        for d in found.differences[:SHOWN]:
            sys.stdout.write(f"  second {d.step} {d.what} {d.key}: recorded {d.recorded}, replayed {d.replayed}\n")
    raise typer.Exit(0 if found.same else 1)


@app.command()
def report(name: Name, runs: Runs = Path("runs")) -> None:
    """Write the lot's report.html again from its record."""
    sys.stdout.write(f"{write_report(run_folder(runs, name))}\n")


def _lot_body(lot: Lot) -> dict[str, Any]:
    return {**asdict(lot), "folder": str(lot.folder)}


def _show_table(lot: Lot, kpis: Kpis, verdict: dict[str, Any]) -> None:
    console = Console()
    table = Table(title=f"Lot {lot.name}: {lot.disposition or 'no verdict yet'}", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("record", f"{lot.status}{': ' + escape(lot.reason) if lot.reason else ''}")
    for name, value in kpis.rows():
        table.add_row(name, escape(value))
    console.print(table)
    for code, words in verdict.get("reasons", []):
        console.print(f"  {escape(str(code))}: {escape(str(words))}")
    for word, value in (("content hash", lot.content_hash), ("record hash ", lot.record_hash)):
        sys.stdout.write(f"  {word}  {value}\n")
    page = lot.folder / "report.html"
    sys.stdout.write(f"  report        {page if page.exists() else f'none: kilter lot report {lot.name}'}\n")


def _print_json(body: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
    except ValueError as error:
        raise RecordError("a figure is not a number", how_much=str(error)) from error
