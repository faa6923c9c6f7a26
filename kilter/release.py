"""`kilter release`: the release functions outside a lot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from kilter.curves import curves
from kilter.judge import judge_file, sign
from kilter.runner import configured
from line.errors import DataError
from rtr.vectors.run import FORMS, run_cases

app = typer.Typer(
    help="Release functions outside a lot: judge measured contents, run vectors with known answers.", no_args_is_help=True
)
app.command("judge")(judge_file)
app.command("sign-table")(sign)
app.command("curves")(curves)
MAX_BYTES = 16 << 20


@app.command()
def vectors(
    file: Annotated[Path | None, typer.Argument(help="JSON file of cases: title, conventions, cases.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="List the forms that are known and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: passed, failed, mismatches.")] = False,
) -> None:
    """Run a file of release cases through the functions that judge lots; exit 1 if a value does not fit.

    A case is chosen by its group and its input keys, never by its name; an unknown form counts as failed.
    """
    if schema:
        _show_forms(as_json)
        return
    if file is None:
        raise DataError("no file given", where="kilter release vectors", what_now="Name a JSON file of cases, or use --schema.")
    outcome = run_cases(_read(file), configured().recipe)
    if as_json:
        body = {"passed": outcome.passed, "failed": outcome.failed, "mismatches": [m.body() for m in outcome.mismatches]}
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
    else:
        sys.stdout.write(f"{outcome.passed} passed, {outcome.failed} failed\n")
        for m in outcome.mismatches:
            sys.stdout.write(f"  {m.case} {m.key}: expected {m.expected}, found {m.found}\n")
    if outcome.failed:
        raise typer.Exit(1)


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError("file too large", where=str(file), what_now="At most 16 MiB.")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError("cases cannot be read", where=str(file), how_much=str(error), what_now="Give a JSON file.") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    if (
        not isinstance(cases, list)
        or not cases
        or not all(isinstance(c, dict) and isinstance(c.get("input"), dict) for c in cases)
    ):
        raise DataError(
            "no cases", where=str(file), what_now="Give title, conventions, cases; each with group, input, expected."
        )
    return cases


def _show_forms(as_json: bool) -> None:
    rows = [{"group": f.group, "input": sorted(f.needs), "optional": sorted(f.may)} for f in FORMS]
    if as_json:
        sys.stdout.write(json.dumps({"forms": rows}, indent=2) + "\n")
        return
    table = Table(title="Forms of release cases")
    for column in ("group", "input keys", "optional"):
        table.add_column(column)
    for row in rows:
        table.add_row(str(row["group"]), ", ".join(row["input"]), ", ".join(row["optional"]))
    Console().print(table)
