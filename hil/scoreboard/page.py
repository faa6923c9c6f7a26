"""The page of the score board: every table from the results, nothing written by hand but what it says it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.scoreboard.metrics import METRICS
from hil.scoreboard.score import BEST, CANDIDATE, WORST, Board, Interval, simpler_wins
from historian.store import write_error

#: Metrics of the table of scenarios, and those in which the page looks for a simpler winner.
QUALITY = ("potency_iae_pct_lc_min", "weight_iae_pct_min", "strength_iae_pct_min", "cost_eur")

HEAD = """# Benchmark of the controllers

`kilter bench control` writes this page from its results; none of its numbers is written by hand. It publishes whatever
comes out, also where a simpler controller wins.

{what}

- Command: `{command}`
- Machine: {machine}; load while it ran {load}; {cpu}
- Versions: {versions}
- Plan: `{hash}` (SHA-256 of scenarios, plants, seeds, metrics, prices, aims, and the configuration of line, recipe and
  controllers, fixed before the first run)
"""

RULES = """
## How it is judged

Every controller runs in the same scenario on the same plant with the same chance (common random numbers), so that the
difference of two controllers on one plant is theirs alone. Plants: parameters drawn by the seed within the published
ranges; structure `b` has other equations for the same line. Errors are those of the plant's truth, each second in which
tablets are made from second {from_s} on, accepted or not: a controller does not look better by having its worst seconds
diverted. Intervals are two-sided 90 %, Student's t over the plants, scenario by scenario (scenarios are chosen, only
plants are chance). An aim is *missed* only if the whole interval is on the wrong side, *held* if none of it is, else
*open*: not enough plants to know. Less is better in every metric.

J = {material:g} EUR/kg (diverted + rejected) + {five:g} EUR/kg accepted in parcels beyond 95-105 % LC + {ten:g} EUR/kg
more beyond 90-110 % LC + ({electricity:g} EUR/kWh + {carbon:g} kg CO2/kWh x {co2:g} EUR/kg) energy. The prices are
estimates and stand in `configs/benchmark/control.toml` with all the rest. The tracking cost is what every controller strives
for, on the truth ([control](control.md)). The bench never tunes: controllers are taken as `configs/controllers/nmpc.toml` has
them.
"""

MISSING = """
## What it does not say

- The plant is simulated. Structure `b` and drawn parameters guard against a controller that fits one plant, not against
  what both structures leave out.
- `causal` is the best of its kind, not of all kinds: the predictive controller's program with the plant's true state and
  parameters. `clairvoyant` is a bound from one side: something better may exist.
- Tuning is short for all of them, and lowers the tracking cost; a controller tuned for another cost would score otherwise.
- Decision times are on the wall, with whatever else the machine did; `kilter bench solve` measures CPU time.
"""


@dataclass(frozen=True)
class Circumstances:
    """How the results came to be: command, machine, versions."""

    command: str
    machine: str
    versions: str


@dataclass(frozen=True)
class TunedRow:
    """What a tuning log says of a controller: evaluations, cost relative to `plc` before and at best, whether the best
    settings are in force, and whether the log was made with the configuration of today."""

    controller: str
    n_evaluations: int
    before: float
    best: float
    in_force: bool
    current: bool


def board_page(board: Board, told: Circumstances, tunings: Sequence[TunedRow] = ()) -> str:
    """Return docs/benchmark.md as Markdown. Equal results give equal pages."""
    loads = [result.load for result in board.results]
    cpu = sum(result.cpu_s for result in board.results)
    head = HEAD.format(
        what=_what(board),
        command=told.command,
        machine=told.machine,
        load=f"{min(loads):.1f} to {max(loads):.1f}",
        cpu=f"{len(board.results)} runs, {cpu / 60:.1f} minutes of CPU",
        versions=told.versions,
        hash=board.plan.hash,
    )
    parts = [
        head,
        *_means(board),
        *_differences(board),
        *_by_scenario(board),
        *_winners(board),
        *_aims(board),
        *_regret(board),
        *_tunings(tunings, board),
        *_failures(board),
    ]
    return "\n".join(parts) + "\n\n" + _rules(board).strip() + "\n\n" + MISSING.strip() + "\n"


def write_page(path: Path, text: str) -> None:
    """Write the page whole or not at all. Raises RecordError."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise write_error(path, error) from error


def _what(board: Board) -> str:
    stage = board.plan.stage
    plants = len({(result.job.variant, result.job.seed) for result in board.results})
    size = f"{len(board.scenarios)} scenarios of {stage.minutes:g} simulated minutes, {plants} plants"
    few = " Few plants tell little: most intervals are wide, and the full stage is what counts." if plants < 5 else ""
    n, wanted = len(board.results), len(board.plan.jobs)
    part = f" Stopped before its end: {n} of {wanted} runs; `--resume FOLDER` goes on." if n < wanted else ""
    who = f"{len(board.controllers)} controllers" + (f", {len(board.few)} more in few scenarios" if board.few else "")
    return f"Stage `{board.plan.name}`: {size}, {who}.{part}{few}"


def _rules(board: Board) -> str:
    p = board.plan.file.prices
    return RULES.format(
        from_s=board.plan.file.measured_from_s,
        material=p.material_eur_per_kg,
        five=p.outside_5_pct_eur_per_kg,
        ten=p.outside_10_pct_eur_per_kg,
        electricity=p.electricity_eur_per_kwh,
        carbon=p.carbon_kg_per_kwh,
        co2=p.carbon_eur_per_kg,
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _shown(value: float, metric: str) -> str:
    """Return the value as the metric is shown, without the sign of a zero; `-` where there is none."""
    if not math.isfinite(value):
        return "-"
    form = METRICS[metric].form
    return form.format(0.0) if float(form.format(value)) == 0.0 else form.format(value)


def _label(metric: str) -> str:
    shown = METRICS[metric]
    return f"{shown.label} [{shown.unit}]" if shown.unit else shown.label


def _between(found: Interval, metric: str) -> str:
    if found.n == 0:
        return "-"
    if not math.isfinite(found.low):
        return f"{_shown(found.mean, metric)} (one plant)"
    low, high = _shown(found.low, metric), _shown(found.high, metric)
    mark = "**" if found.low > 0 or found.high < 0 else ""
    return f"{mark}{_shown(found.mean, metric)}{mark} ({low} to {high})"


def _means(board: Board) -> Iterator[str]:
    yield "## Means over all scenarios and plants\n"
    rows = []
    for metric in METRICS:
        values = [board.mean(board.scenarios, name, metric) for name in board.controllers]
        best = _shown(min((value for value in values if math.isfinite(value)), default=math.nan), metric)
        shown = [_shown(value, metric) for value in values]
        rows.append([_label(metric), *(f"**{text}**" if text == best and len(set(shown)) > 1 else text for text in shown)])
    yield from _table(["metric", *board.controllers], rows)


def _differences(board: Board) -> Iterator[str]:
    if CANDIDATE not in board.controllers:
        return
    others = [name for name in board.controllers if name != CANDIDATE]
    yield f"\n## Paired differences: {CANDIDATE} minus the other\n"
    yield "Negative: the predictive controller is better. Bold: the whole 90 % interval is on one side of zero.\n"
    rows = []
    for metric in METRICS:
        gaps = [_between(board.difference(board.scenarios, metric, CANDIDATE, other), metric) for other in others]
        rows.append([_label(metric), *gaps])
    yield from _table(["metric", *(f"minus {name}" for name in others)], rows)


def _by_scenario(board: Board) -> Iterator[str]:
    yield "\n## Scenario by scenario\n"
    rows = []
    for scenario in board.scenarios:
        for metric in QUALITY:
            values = [board.mean([scenario], name, metric) for name in board.controllers]
            rows.append([f"`{scenario}`", _label(metric), *(_shown(value, metric) for value in values)])
    yield from _table(["scenario", "metric", *board.controllers], rows)


def _winners(board: Board) -> Iterator[str]:
    yield f"\n## Where another controller is better than {CANDIDATE}\n"
    found = simpler_wins(board, QUALITY)
    if not found:
        yield "Nowhere in these runs." if CANDIDATE in board.controllers else f"{CANDIDATE} was not run."
        return
    sure = sum(1 for *_, gap in found if gap.low > 0)
    yield f"{len(found)} cases by their means, {sure} of them with the whole interval.\n"
    rows = [[f"`{where}`", _label(metric), other, _between(gap, metric)] for where, metric, other, gap in found]
    yield from _table(["scenario", "metric", "better", f"{CANDIDATE} minus it"], rows)


def _aims(board: Board) -> Iterator[str]:
    yield "\n## Aims\n"
    rows = []
    for aim in board.plan.file.aims:
        for metric in aim.metrics:
            found = board.judge(aim, metric)
            target = f"{CANDIDATE} <= {aim.factor:g} x {aim.against}"
            rows.append([aim.name.replace("_", " "), _label(metric), target, _between(found, metric), found.verdict])
    yield from _table(["aim", "metric", "asked", f"{CANDIDATE} minus what is asked", "verdict"], rows)


def _regret(board: Board) -> Iterator[str]:
    yield "\n## Regret\n"
    if BEST not in board.few:
        yield "`causal` was not run."
        return
    where = [name for name in board.scenarios if board.values(name, BEST, "tracking_cost")]
    yield (
        f"(J - J of `{BEST}`) / (J of `{WORST}` - J of `{BEST}`): 0 is as good as knowing the plant, 1 as good as the vendor's"
        " loops; on the plants that all three ran. `-`: knowing the plant saves less than 5 % there.\n"
    )
    rows = []
    for metric in ("tracking_cost", "cost_eur"):
        for scenario, part in [*((f"`{name}`", [name]) for name in where), ("all of them", where)]:
            regrets = [board.regret(part, name, metric) for name in (*board.controllers, *board.few)]
            rows.append([scenario, _label(metric), *(f"{r:.2f}" if math.isfinite(r) else "-" for r in regrets)])
    yield from _table(["scenario", "J", *board.controllers, *board.few], rows)
    yield ""
    rows = []
    for scenario in where:
        for metric in (*QUALITY[:3], "tracking_cost", "cost_eur"):
            values = [board.oracle_mean(scenario, name, metric) for name in (WORST, CANDIDATE, *board.few)]
            rows.append([f"`{scenario}`", _label(metric), *(_shown(value, metric) for value in values)])
    yield from _table(["scenario", "metric", WORST, CANDIDATE, *board.few], rows)


def _tunings(tunings: Sequence[TunedRow], board: Board) -> Iterator[str]:
    yield "\n## Tuning\n"
    plan = board.plan.file.tuning
    yield (
        f"`kilter tune`: {plan.n_evaluations} evaluations for each controller on seeds {', '.join(map(str, plan.seeds))}, "
        "which are never scored; cost relative to `plc` in the same runs. Logs: `configs/benchmark/tuning/`.\n"
    )
    rows = [
        [row.controller, str(row.n_evaluations), f"{row.before:.3f}", f"{row.best:.3f}", _yes(row.in_force), _yes(row.current)]
        for row in tunings
    ]
    yield from _table(["controller", "evaluations", "as it was", "best", "best in force", "with today's configuration"], rows)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _failures(board: Board) -> Iterator[str]:
    yield "\n## Failures\n"
    if not board.failures:
        yield f"None in {len(board.results)} runs: every shift came to its end."
        return
    for result in board.failures:
        yield f"- `{result.job.name}`: {result.failure}"
