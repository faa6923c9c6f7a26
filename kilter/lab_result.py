"""`kilter lot lab-result`: late laboratory results restate a lot."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.restate import Entered, Restatement, restate
from hil.report import REPORT_FILE, write_report
from historian.queries import RecordReader
from historian.runs import run_folder
from kilter.commands import login
from kilter.runner import stage_bar
from line.clock import SystemClock
from line.errors import DataError
from rtr.disposition.laboratory import COLUMNS, read_results

MAX_BYTES = 1 << 20
ROLE = "laboratory"


def lab_result(
    file: Annotated[Path, typer.Argument(help=f"CSV, one value a row, headed {','.join(COLUMNS)}.")],
    reason: Annotated[str, typer.Option(help="Why; it is written into the record.")],
    user: Annotated[str | None, typer.Option(help="Who enters them; your login name if left out.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Enter late laboratory results against the tablets of their samples; the lot is judged again.

    test is assay (one value a sample) or content (single tablets; USP <905> asks for 10 or 30 in all); unit is % LC; the
    counters are those of the record's SAMPLE_PULLED event. The lot's record stays as it is: the results, who entered them,
    why, and the new verdict become a record beside it, which lot verify and lot replay cover. A result that was entered
    before is corrected by a new one; both stay, and the lot is held until a person has looked.
    """
    if not reason.strip():
        raise DataError("no reason given", where="--reason", what_now="Say why these results come late.")
    text, digest = _read(file)
    try:
        lot, results = read_results(text)
    except DataError as error:
        raise DataError(
            error.what, where=f"{file} {error.where}".strip(), how_much=error.how_much, what_now=error.what_now
        ) from error
    folder = run_folder(runs, lot)
    entered = Entered(user or login(), ROLE, reason.strip(), digest)
    with RecordReader(folder) as reader:
        last = reader.last_step
    with stage_bar(Console(stderr=True)) as bar:
        found = restate(folder, results, entered, SystemClock(), lambda step: bar("the lot again from its record", step, last))
    if (folder / REPORT_FILE).exists():
        write_report(folder)
    _show(lot, len(results), found, as_json)


def _read(file: Path) -> tuple[str, str]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError("file too large", where=str(file), what_now="At most 1 MiB.")
        content = file.read_bytes()
        return content.decode("utf-8"), hashlib.sha256(content).hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("results cannot be read", where=str(file), how_much=str(error)) from error


def _show(lot: str, n: int, found: Restatement, as_json: bool) -> None:
    after, reasons = found.verdict.disposition.value, [(code.value, words) for code, words in found.verdict.reasons]
    if as_json:
        body = {"lot": lot, "results": n, "before": found.before, "disposition": after, "record": found.folder.name,
                "record_hash": found.record_hash, "reasons": [{"code": c, "text": t} for c, t in reasons]}  # fmt: skip
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    sys.stdout.write(f"{lot}: {n} results entered in {found.folder.name}: {found.before} -> {after}\n")
    for code, words in reasons:
        sys.stdout.write(f"  {code}: {words}\n")
    sys.stdout.write(f"  record hash   {found.record_hash}\n")
