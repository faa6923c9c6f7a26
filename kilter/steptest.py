"""`kilter steptest`: a guided test on the simulated line: planned, run, identified, rehearsed; go or no-go."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from apc.identification.guided import GuidedTest, plan_test
from apc.supervision.assembly import build_parts
from apc.supervision.guided_test import Terms
from engine.folders import find_configs
from engine.line import Line
from engine.wiring import Guided, LineFiles, load_files
from flowsheet.layout import STEP_S
from hil.bench import run_bench
from hil.guided import Verdict, bench_options, reach_of, refuse_beyond_budget, terms_of
from hil.virtual_plant import PlantChoice
from historian.runs import new_run_folder
from kilter.demo import AsJson, Lot, PlantSeed, PlantVariant, Runs, Seed, Variant
from kilter.identify import body, origin, refuse_existing, show, write_set
from kilter.runner import stage_bar
from line.clock import SystemClock
from line.errors import ConfigurationError

EXIT_NO_GO = 1


def steptest(
    divert: Annotated[bool, typer.Option("--divert", help="Every tablet of the test is diverted.")] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Or: potency and weight may go so many % off, hardness stays inside the recipe's limits.", min=0.1, max=10
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(help="Length of the test itself.", min=20, max=600)] = 90,
    size: Annotated[float, typer.Option(help="Size of the moves; 1 is 2-15 % of an input.", min=0.05, max=1.5)] = 1.0,
    seed: Seed = 1,
    plan_only: Annotated[bool, typer.Option("--plan", help="Show the plan and end.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the proposed parameter set there if the verdict is go.")] = None,
    variant: Variant = PlantVariant.A,
    plant_seed: PlantSeed = None,
    runs: Runs = Path("runs"),
    lot: Lot = None,
    as_json: AsJson = False,
) -> None:
    """Plan and run a guided test on the simulated line, identify the model from it, rehearse it; say go or no-go.

    All inputs move at once, each in its own rhythm, inside the controller's limits and rates. Needs --divert or --budget:
    without either the test is refused, and so is one that the model in force expects to leave the budget. Exit 0 go,
    1 no-go. A test of 90 minutes takes about two minutes.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    if divert == (budget is not None):
        what_now = "Say --divert, or --budget PERCENT if tablets of the test may be accepted."
        raise ConfigurationError("a test needs to know what becomes of its tablets", where="kilter steptest", what_now=what_now)
    if out is not None:
        refuse_existing(out)
    parts = build_parts(files.recipe, files.configuration, files.controller, files.register, "plc")
    test = plan_test(parts.flowsheet, reach_of(parts), minutes, size, seed)
    terms = terms_of(files, parts, budget)
    refuse_beyond_budget(test, terms, size)
    if plan_only:
        show_plan(test, terms, as_json)
        return
    plant = PlantChoice(variant.value, plant_seed)
    folder = new_run_folder(runs, lot or f"steptest-{seed}")
    with stage_bar(Console(stderr=True)) as progress:

        def report(done: int, total: int, line: Line) -> None:
            decision = line.journal.last_decision
            if done % 20 == 0:
                progress(decision.text[:40] if decision else "connecting", done, total)

        result = run_bench(files, bench_options(files, Guided(test, terms), seed, folder, plant), SystemClock(), report)
        if result.end.error is not None:
            raise result.end.error
        if result.end.interrupted:
            raise KeyboardInterrupt
        verdict = Verdict.of(files, folder, len(test.inputs), origin(files, out.stem if out else "proposal"), progress)
    _finish(verdict, files, out, as_json)


def show_plan(test: GuidedTest, terms: Terms, as_json: bool) -> None:
    """Print what a test would do."""
    deviation = {name: {"off_pct": off, "at_s": at * STEP_S} for name, (off, at) in test.deviation.items()}
    swing = (100.0 * np.abs(test.inputs - 1.0).max(axis=0)).round(3).tolist()
    if as_json:
        content = {"seconds": test.seconds, "diverted": terms.diverts, "budget_pct": dict(terms.budget),
                   "deviation": deviation, "largest_move_pct": swing}  # fmt: skip
        sys.stdout.write(json.dumps(content, indent=2) + "\n")
        return
    sys.stdout.write(
        f"guided test of {test.seconds / 60:.0f} min, {'all tablets diverted' if terms.diverts else 'inside its budget'}\n"
    )
    for name, (off, at) in test.deviation.items():
        limit = f", budget {terms.budget[name]:.3g} %" if terms.budget else ""
        sys.stdout.write(f"  {name} {off:+.2g} % at {at * STEP_S:.0f} s (a quarter of margin included){limit}\n")


def _finish(verdict: Verdict, files: LineFiles, out: Path | None, as_json: bool) -> None:
    written = out if out is not None and verdict.go else None
    if written is not None:
        write_set(written, verdict.proposed)
    if as_json:
        content = body(verdict.found, verdict.proposed, written)
        checks = [{"name": c.name, "holds": c.holds, "words": c.words} for c in verdict.checks]
        gains = {output: {i: g.model_dump() for i, g in row.items()} for output, row in verdict.proposed.step_gains.items()}
        kept = {output: fit.kept for output, fit in verdict.gains.items()}
        content |= {"lot": verdict.run.name, "go": verdict.go, "checks": checks, "step_gains": gains, "gains_kept": kept}
        sys.stdout.write(json.dumps(content, indent=2, allow_nan=False) + "\n")
    else:
        show(verdict.found, files, [verdict.run])
        _show_gains(verdict)
        for check in verdict.checks:
            sys.stdout.write(f"{'holds' if check.holds else 'FAILS'}  {check.name}: {check.words}\n")
        words = f"set {verdict.proposed.hash[:16]} written to {written}" if written else "nothing written"
        sys.stdout.write(f"{'GO' if verdict.go else 'NO-GO'}: {words}; record {verdict.run.name}\n")
    raise typer.Exit(0 if verdict.go else EXIT_NO_GO)


def _show_gains(verdict: Verdict) -> None:
    table = Table(title="Measured over modelled step responses, 95 % interval")
    for column in ("output", "input", "factor", "interval"):
        table.add_column(column)
    for output, row in verdict.proposed.step_gains.items():
        for name, gain in row.items():
            table.add_row(output, name, f"{gain.factor:.3f}", f"{gain.low:.3f} .. {gain.high:.3f}")
    Console().print(table)
