"""`kilter steptest`: a guided test on the simulated line: planned, run, identified, rehearsed; go or no-go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from apc.identification.fit import Fit
from apc.identification.gains import fit_gains, gain_table
from apc.identification.guided import GuidedTest, Reach, plan_test
from apc.identification.identify import Identification, identify, prediction_errors
from apc.identification.proposal import propose
from apc.identification.recorded import RecordedRun
from apc.supervision.assembly import ControllerName, ControlParts, build_parts
from apc.supervision.guided_test import Terms
from apc.supervision.rehearsal import PASSES, Rehearsal, rehearse
from engine.folders import find_configs
from engine.line import Line
from engine.recorded import recorded_run
from engine.wiring import Guided, LineFiles, load_files
from flowsheet.assembly import build_flowsheet
from flowsheet.layout import N_FEEDERS, STEP_S
from hil.bench import BenchOptions, run_bench
from hil.virtual_plant import PlantChoice
from historian.runs import new_run_folder
from kilter.demo import AsJson, Lot, PlantSeed, PlantVariant, Runs, Seed, Variant
from kilter.identify import body, origin, refuse_existing, show, write_set
from kilter.runner import stage_bar
from line.clock import SystemClock
from line.configuration import Scenario
from line.errors import ConfigurationError
from line.parameter_set import ParameterSet, with_set

#: Seconds of tablets before the first move, and after the last one until the shift ends.
WARM_S, AFTER_S = 900, 600
#: Seconds from the start of a shift until tablets are made, at most.
FILL_S = 400
#: Share of the test that parameters are checked on, which were found without it.
CHECKED_SHARE = 1 / 3
#: A channel may be predicted this much worse than by the parameters in force.
WORSE = 1.1
EXIT_NO_GO = 1


@dataclass(frozen=True)
class Check:
    """One condition of going on line: what, whether it holds, in words."""

    name: str
    holds: bool
    words: str


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
    console = Console(stderr=True)
    with stage_bar(console) as progress:
        options = _options(files, Guided(test, terms), seed, runs, lot, PlantChoice(variant.value, plant_seed))

        def report(done: int, total: int, line: Line) -> None:
            if done % 20 == 0:
                progress(f"test: {line.journal.last_decision.text[:40] if line.journal.last_decision else ''}", done, total)

        result = run_bench(files, options, SystemClock(), report)
        if result.end.error is not None:
            raise result.end.error
        verdict = Verdict.of(files, options.run_folder, out.stem if out else "proposal", progress)
    _finish(verdict, files, test, out, as_json)


@dataclass(frozen=True)
class Verdict:
    """What came of a test: the proposal, its fits, and each condition of going on line."""

    run: RecordedRun
    found: Identification
    gains: Mapping[str, Fit]
    proposed: ParameterSet
    checks: Sequence[Check]

    @property
    def go(self) -> bool:
        """True if every condition holds."""
        return all(check.holds for check in self.checks)

    @classmethod
    def of(cls, files: LineFiles, folder: Path, name: str, progress: Any) -> Verdict:
        """Identify, check on a part that was not used, rehearse. Raises DataError, RecordError."""
        run = recorded_run(folder)
        parts = build_parts(files.recipe, files.configuration, files.controller, files.register, "plc")
        p, table = parts.flowsheet.parameters, files.controller.model
        begin, end = run.seconds[0], run.seconds[-1] + 1.0
        cut = end - CHECKED_SHARE * (end - begin)
        early = identify([run.part(begin, cut)], p, table, progress)
        late = [run.part(cut - WARM_S, end)]
        checks = [_predicts(prediction_errors(late, p), prediction_errors(late, p.model_copy(update=early.values)))]
        found = identify([run], p, table, progress)
        progress("step responses", 0, 1)
        model = build_flowsheet(p.model_copy(update=found.values))
        gains = fit_gains([run], model)
        proposed = propose(origin(files, name), found, [run], gain_table(gains))
        checks += [_sized(gains), *_rehearsed(files, proposed, found, progress)]
        return cls(run, found, gains, proposed, checks)


def reach_of(parts: ControlParts) -> Reach:
    """Return the controller's limits and rates, scaled."""
    limits, scaled = parts.limits, parts.scaling.scaled
    low, high, rate = (v / float(parts.scaling.plant_per_scaled[:N_FEEDERS].sum()) for v in limits.throughput)
    return Reach(scaled(limits.low), scaled(limits.high), scaled(limits.rate), rate, low, high)


def terms_of(files: LineFiles, parts: ControlParts, budget: float | None) -> Terms:
    """Return the terms of a test: diverted (no budget), or how far each quality may go."""
    product, rules = files.recipe.product, files.recipe.rules
    targets = {"potency_tablet": product.target_pct_lc, "weight": product.tablet_mass_mg, "hardness": product.hardness_target_n}
    if budget is None:
        return Terms(WARM_S, {}, targets)
    room = min(rules.hardness_high_n - product.hardness_target_n, product.hardness_target_n - rules.hardness_low_n)
    hardness = 100.0 * room / product.hardness_target_n
    return Terms(WARM_S, {"potency_tablet": budget, "weight": budget, "hardness": hardness}, targets)


def refuse_beyond_budget(test: GuidedTest, terms: Terms, size: float) -> None:
    """Raise ConfigurationError if the model in force expects the test to leave the budget, with the size that would not."""
    shares = {name: abs(test.deviation[name][0]) / limit for name, limit in terms.budget.items()}
    worst = max(shares, key=lambda name: shares[name], default="")
    if not worst or shares[worst] <= 1.0:
        return
    off, at = test.deviation[worst]
    raise ConfigurationError(
        f"refused: the test would take {worst} out of its budget", where="--budget",
        how_much=f"{off:+.2g} % at {at * STEP_S:.0f} s of the test, {terms.budget[worst]:.2g} % allowed, margin included",
        what_now=f"Take --size {0.95 * size / shares[worst]:.2f}, or --divert.",
    )  # fmt: skip


def _options(files: LineFiles, guided: Guided, seed: int, runs: Path, lot: str | None, plant: PlantChoice) -> BenchOptions:
    minutes = (guided.test.seconds + WARM_S + FILL_S + AFTER_S) / 60.0
    scenario = Scenario(
        name="steptest", title="guided test", minutes=minutes, throughput_kg_per_h=files.recipe.setpoints["SP/Throughput"]
    )
    folder = new_run_folder(runs, lot or f"steptest-{seed}")
    return BenchOptions(scenario, seed, "plc", folder, folder / "secrets", sockets=False, plant=plant, guided=guided)


def _predicts(before: Mapping[str, float], after: Mapping[str, float]) -> Check:
    """Return whether a part of the record that was not used is predicted as well as by the parameters in force."""
    ratios = {name: after[name] / before[name] for name in after if before.get(name)}
    worst = max(ratios, key=lambda name: ratios[name])
    words = ", ".join(f"{name} {before[name]:.2f} -> {after[name]:.2f}" for name in ratios)
    return Check("predicts what it was not shown", ratios[worst] <= WORSE, f"unexplained, of the stated error: {words}")


def _sized(gains: Mapping[str, Fit]) -> Check:
    """Return whether every measured gain has the model's sign and about its size."""
    odd = [f"{o} by {e.name} {e.value:.2f}" for o, fit in gains.items() for e in fit.estimated if not 0.6 <= e.value <= 1.5]
    n = sum(len(fit.estimated) for fit in gains.values())
    words = f"{n} responses measured" + (
        f"; not the model's size: {', '.join(odd)}" if odd else ", each 0.6 to 1.5 of the model's"
    )
    return Check("responses as the model has them", n > 0 and not odd, words)


def _rehearsed(files: LineFiles, proposed: ParameterSet, found: Identification, progress: Any) -> list[Check]:
    """Return how controllers on the proposed model meet a line at each end of its intervals."""
    controller = with_set(files.controller, proposed)
    ends: dict[str, dict[str, float]] = {"low": {}, "high": {}}
    for block in ("mixing", "press"):
        for e in found.fits[block].estimated if block in found.fits else ():
            ends["low"][e.name], ends["high"][e.name] = e.low, e.high
    checks, plays = [], (("lmpc", "low"), ("lmpc", "high"), ("nmpc", "high"))
    for number, (name, end) in enumerate(plays):
        progress(f"rehearsal: {name}", number, len(plays))
        parts = build_parts(files.recipe, files.configuration, controller, files.register, _named(name))
        line = build_flowsheet(parts.flowsheet.parameters.model_copy(update=ends[end]))
        checks.append(_played(rehearse(parts, line, f"every interval at its {end} end")))
    return checks


def _named(word: str) -> ControllerName:
    return "nmpc" if word == "nmpc" else "lmpc"


def _played(played: Rehearsal) -> Check:
    errors = ", ".join(f"{name} {played.errors[name]:.2g} % (at most {limit:g})" for name, limit in PASSES.items())
    failures = f"; {played.failures} decisions without a plan" if played.failures else ""
    return Check(f"rehearsal of {played.controller}, {played.line}", played.passed, errors + failures)


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


def _finish(verdict: Verdict, files: LineFiles, test: GuidedTest, out: Path | None, as_json: bool) -> None:
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
