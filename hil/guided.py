"""A guided test on the bench: its terms, what it is refused for, and the verdict on what it taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apc.identification.fit import Fit
from apc.identification.gains import fit_gains, gain_table
from apc.identification.guided import GuidedTest, Reach
from apc.identification.identify import Identification, Progress, identify, prediction_errors
from apc.identification.proposal import Origin, propose
from apc.identification.recorded import RecordedRun
from apc.supervision.assembly import ControllerName, ControlParts, build_parts
from apc.supervision.guided_test import Terms
from apc.supervision.rehearsal import PASSES, Rehearsal, rehearse
from engine.recorded import recorded_run
from engine.wiring import Guided, LineFiles
from flowsheet.assembly import build_flowsheet
from flowsheet.layout import N_FEEDERS, STEP_S
from hil.bench import BenchOptions
from hil.virtual_plant import PlantChoice
from historian.queries import RecordReader
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


@dataclass(frozen=True)
class Check:
    """One condition of going on line: what, whether it holds, in words."""

    name: str
    holds: bool
    words: str


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
    def of(cls, files: LineFiles, folder: Path, n_moves: int, origin: Origin, progress: Progress) -> Verdict:
        """Identify, check on a part that was not used, rehearse. Raises DataError, RecordError."""
        run, whole = recorded_run(folder), _played_whole(folder, n_moves)
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
        proposed = propose(origin, found, [run], gain_table(gains))
        checks = [whole, *checks, _sized(gains), *_rehearsed(files, proposed, found, progress)]
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


def bench_options(files: LineFiles, guided: Guided, seed: int, folder: Path, plant: PlantChoice) -> BenchOptions:
    """Return a run of the test in `folder` at the recipe's throughput: filling, waiting, the test, and what follows it."""
    minutes = (guided.test.seconds + WARM_S + FILL_S + AFTER_S) / 60.0
    scenario = Scenario(
        name="steptest", title="guided test", minutes=minutes, throughput_kg_per_h=files.recipe.setpoints["SP/Throughput"]
    )
    return BenchOptions(scenario, seed, "plc", folder, folder / "secrets", sockets=False, plant=plant, guided=guided)


def _played_whole(folder: Path, n_moves: int) -> Check:
    """Return whether every planned move was made; what ended the test early stands in the decisions' text."""
    with RecordReader(folder) as reader:
        texts = [str(decision["text"]) for decision in reader.decisions()]
    made = sum(text.startswith("guided test, move") for text in texts)
    ended = next((text for text in texts if text.startswith("guided test ended")), "")
    return Check("the test ran to its end", made == n_moves, ended or f"{made} of {n_moves} moves made")


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


def _rehearsed(files: LineFiles, proposed: ParameterSet, found: Identification, progress: Progress) -> list[Check]:
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
