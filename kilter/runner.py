"""Runs a shift for a command: folders, secrets, progress bar, table, report, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from apc.supervision.assembly import ControllerName
from engine.folders import find_configs
from engine.line import Line
from engine.wiring import LineFiles, load_files
from gateway.certificates import create_authority
from gateway.secrets_check import require_folder
from hil.bench import BenchOptions, BenchResult, run_bench
from hil.kpis import Kpis, compute_kpis
from hil.report import REPORT_FILE, write_report
from hil.scenarios import load_scenario, shortened, with_fault
from hil.virtual_plant import REFERENCE_PLANT, PlantChoice
from historian.runs import new_run_folder
from line.clock import SystemClock
from line.configuration import Scenario
from line.errors import ConfigurationError
from line.modes import ControllerMode
from line.wire import WireMode

CONTROLLERS: tuple[ControllerName, ...] = get_args(ControllerName)


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
    challenger_file: Path | None = None
    wire_mode: WireMode = WireMode.LOCKSTEP
    recipe: str = "reference-18mg"
    plant: PlantChoice = REFERENCE_PLANT


def configured(recipe: str = "reference-18mg") -> LineFiles:
    """Return the configuration files found from here."""
    return load_files(find_configs(os.environ, Path.cwd()), recipe)


def controller_named(word: str) -> ControllerName:
    """Return the controller of that name. Raises ConfigurationError."""
    for name in CONTROLLERS:
        if name == word:
            return name
    raise ConfigurationError(
        f"controller {word!r} is not known", where="--controller", what_now=f"Use {', '.join(CONTROLLERS)}."
    )


def ensure_secrets(folder: Path, clock: SystemClock) -> None:
    """Make certificates and secrets on first use; afterwards refuse a damaged or expired folder (CertificateError)."""
    if not folder.exists():
        create_authority(folder, clock)
    require_folder(folder, clock.utc())


@dataclass(frozen=True)
class Outcome:
    """A finished run: its folder, scenario, result and figures."""

    folder: Path
    scenario: Scenario
    result: BenchResult
    kpis: Kpis

    def body(self) -> dict[str, Any]:
        """Return the JSON form: verdict, hashes, figures, folder."""
        verdict = self.result.end.verdict
        return {
            "disposition": verdict.disposition.value,
            "reasons": [{"code": code.value, "text": words} for code, words in verdict.reasons],
            "content_hash": self.result.content_hash,
            "record_hash": self.result.record_hash,
            **self.kpis.body(),
            "wall_s": round(self.result.wall_s, 2),
            "complete": self.result.end.complete,
            "lot": self.folder.name,
            "report": str(self.folder / REPORT_FILE),
        }


def launch(request: Request) -> int:
    """Run, print, write the report. Returns the exit code: 0, or 130 after Ctrl-C; errors raise KilterError."""
    outcome = run_request(request)
    _show(request, outcome)
    if outcome.result.end.error is not None:
        raise outcome.result.end.error
    return 130 if outcome.result.end.interrupted else 0


def run_request(request: Request) -> Outcome:
    """Run what was asked for, with a progress bar on standard error; write the report."""
    clock = SystemClock()
    files = configured(request.recipe)
    options = _options(files, request, clock)
    with _bar(Console(stderr=True)) as bar:
        task = bar.add_task("connecting", total=int(options.scenario.minutes * 60))

        def progress(done: int, total: int, line: Line) -> None:
            if done % 20 == 0 or done == total:
                bar.update(task, completed=done, total=total, description=_headline(line))

        result = run_bench(files, options, clock, progress)
    kpis = compute_kpis(options.run_folder, result.truth_folder)
    write_report(options.run_folder, result.truth_folder)
    return Outcome(options.run_folder, options.scenario, result, kpis)


def _options(files: LineFiles, request: Request, clock: SystemClock) -> BenchOptions:
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
        controller=controller_named(request.controller),
        run_folder=new_run_folder(request.runs, lot),
        secrets=request.secrets,
        mode=ControllerMode(request.mode),
        sockets=request.sockets,
        endpoint=request.endpoint,
        spectra=request.spectra,
        scenario_arguments=tuple(words),
        model_file=request.model_file,
        challenger_file=request.challenger_file,
        wire_mode=request.wire_mode,
        solver_process=request.wire_mode is WireMode.REALTIME,
        plant=request.plant,
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


@contextmanager
def stage_bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on a terminal; yields what to call with stage, steps done and steps of the stage."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not sys.stderr.isatty(),
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=1)

        def progress(stage: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=stage)

        yield progress


def _headline(line: Line) -> str:
    decision = line.journal.last_decision
    potency = decision.estimate.get("potency_tablet_pct_lc", float("nan")) if decision else float("nan")
    gate = "accept" if line.moves.get("SP/AcceptRequest") else line.journal.gate_words
    return f"{line.supervisor.state.value:8s} potency {potency:6.1f} % LC  {gate}"


def _show(request: Request, outcome: Outcome) -> None:
    body = outcome.body()
    if request.as_json:
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    console = Console()
    table = Table(title=f"Lot {body['lot']}: {body['disposition']}", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, shown in outcome.kpis.rows():
        table.add_row(name, shown)
    table.add_row("wall time", f"{body['wall_s']:.1f} s")
    table.add_row("content hash", body["content_hash"][:16])
    console.print(table)
    for reason in body["reasons"]:
        console.print(f"  {reason['code']}: {reason['text']}")
    if not body["complete"]:
        console.print(f"  incomplete: {outcome.result.end.why}")
    console.print(f"Report: {body['report']}")
