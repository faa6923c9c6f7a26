"""Runs a shift for a command: folders, secrets, progress bar, table, report, JSON."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from engine.folders import find_configs
from engine.line import Line
from engine.wiring import LineFiles, load_files
from gateway.certificates import create_authority
from gateway.secrets_check import require_folder
from hil.bench import BenchOptions, BenchResult, run_bench
from hil.kpis import Kpis, compute_kpis
from hil.report import write_report
from hil.scenarios import load_scenario, shortened, with_fault
from historian.runs import new_run_folder
from line.clock import SystemClock
from line.errors import ConfigurationError
from line.modes import ControllerMode
from line.wire import WireMode

CONTROLLERS = ("plc", "nmpc", "dompc")


@dataclass(frozen=True)
class Request:
    """What a command asked for."""

    scenario: str
    seed: int
    controller: str
    runs: Path
    secrets: Path
    lot: str | None = None
    minutes: float | None = None
    fault: str | None = None
    spectra: Path | None = None
    endpoint: str | None = None
    sockets: bool = True
    as_json: bool = False
    mode: str = "ON"
    model_file: Path | None = None
    wire_mode: WireMode = WireMode.LOCKSTEP
    recipe: str = "reference-18mg"


def configured(recipe: str = "reference-18mg") -> LineFiles:
    """Return the configuration files found from here."""
    return load_files(find_configs(os.environ, Path.cwd()), recipe)


def ensure_secrets(folder: Path, clock: SystemClock) -> None:
    """Make certificates and secrets on first use; afterwards refuse a damaged or expired folder (CertificateError)."""
    if not folder.exists():
        create_authority(folder, clock)
    require_folder(folder, clock.utc())


def launch(request: Request) -> int:
    """Run, print, write the report. Returns the exit code: 0, or 130 after Ctrl-C; errors raise KilterError."""
    clock = SystemClock()
    files = configured(request.recipe)
    options = _options(files, request, clock)
    console = Console(stderr=True)
    with _bar(console) as bar:
        task = bar.add_task("connecting", total=int(options.scenario.minutes * 60))

        def progress(done: int, total: int, line: Line) -> None:
            if done % 20 == 0 or done == total:
                bar.update(task, completed=done, total=total, description=_headline(line))

        result = run_bench(files, options, clock, progress)
    kpis = compute_kpis(options.run_folder, result.truth_folder)
    write_report(options.run_folder, result.truth_folder)
    _show(request, options, result, kpis)
    if result.end.error is not None:
        raise result.end.error
    return 130 if result.end.interrupted else 0


def _options(files: LineFiles, request: Request, clock: SystemClock) -> BenchOptions:
    if request.controller not in CONTROLLERS:
        raise ConfigurationError(
            f"controller {request.controller!r} is not known", where="--controller", what_now=f"Use {', '.join(CONTROLLERS)}."
        )
    scenario = shortened(with_fault(load_scenario(files.folder, request.scenario), request.fault), request.minutes)
    if request.spectra is not None and not request.spectra.is_file():
        raise ConfigurationError("no such file", where=f"--spectra {request.spectra}", what_now="Name a CSV file of spectra.")
    if request.sockets:
        ensure_secrets(request.secrets, clock)
    words = ["--scenario", request.scenario]
    words += ["--fault", request.fault] if request.fault else []
    words += ["--minutes", str(request.minutes)] if request.minutes else []
    lot = request.lot or f"{scenario.name}-{request.seed}"
    return BenchOptions(
        scenario=scenario,
        seed=request.seed,
        controller=request.controller,
        run_folder=new_run_folder(request.runs, lot),
        secrets=request.secrets,
        mode=ControllerMode(request.mode),
        sockets=request.sockets,
        endpoint=request.endpoint,
        spectra=request.spectra,
        scenario_arguments=tuple(words),
        model_file=request.model_file,
        wire_mode=request.wire_mode,
    )


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())


def _headline(line: Line) -> str:
    decision = line.journal.last_decision
    potency = decision.estimate.get("potency_tablet_pct_lc", float("nan")) if decision else float("nan")
    gate = "accept" if line.moves.get("SP/AcceptRequest") else line.journal.gate_words
    return f"{line.supervisor.state.value:8s} potency {potency:6.1f} % LC  {gate}"


def _show(request: Request, options: BenchOptions, result: BenchResult, kpis: Kpis) -> None:
    report = options.run_folder / "report.html"
    body: dict[str, Any] = {
        "disposition": result.end.verdict.disposition.value,
        "reasons": [{"code": code.value, "text": words} for code, words in result.end.verdict.reasons],
        "content_hash": result.content_hash,
        "record_hash": result.record_hash,
        **kpis.body(),
        "wall_s": round(result.wall_s, 2),
        "complete": result.end.complete,
        "lot": options.run_folder.name,
        "report": str(report),
    }
    if request.as_json:
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    console = Console()
    table = Table(title=f"Lot {options.run_folder.name}: {body['disposition']}", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, shown in kpis.rows():
        table.add_row(name, shown)
    table.add_row("wall time", f"{result.wall_s:.1f} s")
    table.add_row("content hash", result.content_hash[:16])
    console.print(table)
    for reason in body["reasons"]:
        console.print(f"  {reason['code']}: {reason['text']}")
    if not result.end.complete:
        console.print(f"  incomplete: {result.end.why}")
    console.print(f"Report: {report}")
