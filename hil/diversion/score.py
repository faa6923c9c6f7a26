"""Figures of the rules from their outcomes: shares with intervals by whole shifts, the bound of what was accepted wrongly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from hil.diversion.judging import Outcome
from hil.figures import Figure
from line.recipe import Diversion
from rtr.genealogy.guard import SHARE, GuardTime

#: Resamples of whole shifts for an interval, their seed, and the two-sided confidence.
RESAMPLES, SEED, CONFIDENCE = 2000, 7, 0.90
#: One-sided confidence of the bound of tablets out of limit.
BOUND = 0.95
ESCAPED_MAX_PCT, TIMES_MAX, OVER_PREDICTION_MAX = 0.1, 1.6, 1.05
ASKED = "asked of the rule at a standard error of residence times of 5 %; interval 90 % by resampling whole lines"
SHOWN = "reported, nothing asked; interval 90 % by resampling whole lines"
Vector = NDArray[np.float64]


def by_rule(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    """Return the outcome of each rule with the recipe's own figures."""
    return {outcome.setting.diversion.rule: outcome for outcome in outcomes if outcome.setting.recipe}


def ratio_interval(above: Vector, below: Vector) -> tuple[float, float, float]:
    """Return (sum above / sum below, low, high) with the percentile interval over resampled lines; NaN without any below."""
    chance = np.random.Generator(np.random.PCG64(SEED))
    chosen = chance.integers(0, len(above), (RESAMPLES, len(above)))
    total = below[chosen].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = above[chosen].sum(axis=1) / total
        point = float(above.sum() / below.sum()) if below.sum() > 0.0 else float("nan")
    usable = ratios[np.isfinite(ratios)]
    if not usable.size:
        return point, float("nan"), float("nan")
    low, high = np.quantile(usable, ((1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0))
    return point, float(low), float(high)


def rate_bound(events: Vector, units: Vector) -> float:
    """Return the one-sided 95 % upper bound of a rate, events (n,) among units (n,) in n clusters.

    Exact Poisson bound on the count over an inflation f >= 1, f = variance of the clusters' residuals over the Poisson
    variance: f chi2_(0.95)(2 (x/f + 1)) / 2 / N. Wrong, too small, if not one cluster showed that its tablets err together:
    with no event at all f is 1. Source: Garwood (1936); quasi-Poisson, McCullagh & Nelder (1989) ch. 6.
    """
    total, n = float(events.sum()), float(units.sum())
    if n <= 0.0:
        return float("nan")
    expected = total / n * units
    inflation = 1.0
    if total > 0.0 and len(events) > 1:
        inflation = max(float(((events - expected) ** 2).sum()) * len(events) / (len(events) - 1) / total, 1.0)
    return inflation * float(chdtri(2.0 * (total / inflation + 1.0), 1.0 - BOUND)) / 2.0 / n


def rule_figures(outcomes: Sequence[Outcome], chosen: str) -> list[Figure]:
    """Return the figures of every rule; what the issue asks is asked of the risk rule and of the recipe's (`chosen`)."""
    found, rules = [], by_rule(outcomes)
    for rule, outcome in rules.items():
        asked = rule in ("risk", chosen)
        source = ASKED if asked else SHOWN
        found += [
            _ratio(f"{rule}_escaped_pct", "% of nonconforming s", 100.0 * outcome.escaped_s, outcome.nonconforming_s, source,
                   ESCAPED_MAX_PCT if asked else None),
            _ratio(f"{rule}_diverted_times", "s per nonconforming s", outcome.diverted_s, outcome.nonconforming_s, source,
                   TIMES_MAX if asked else None),
            _ratio(f"{rule}_accepted_mass_pct", "% of mass", 100.0 * outcome.accepted_kg,
                   outcome.accepted_kg + outcome.diverted_kg, SHOWN, None),
            _tablets(rule, outcome, asked),
        ]  # fmt: skip
    found.append(
        _ratio("risk_over_prediction_diverted", "1", rules["risk"].diverted_s, rules["prediction"].diverted_s, ASKED,
               OVER_PREDICTION_MAX)
    )  # fmt: skip
    return found


def _ratio(name: str, unit: str, above: Vector, below: Vector, source: str, at_most: float | None) -> Figure:
    point, low, high = ratio_interval(above, below)
    return Figure(name, point, unit, source, low, high, at_most=at_most)


def _tablets(rule: str, outcome: Outcome, asked: bool) -> Figure:
    """Accepted tablets out of limit, per million; the value judged is the one-sided bound."""
    diversion = outcome.setting.diversion
    risk, limit = diversion.risk_tablet_max, diversion.tablet_limit_pct
    source = (
        f"upper 95 % bound, clustered by shift, of true contents outside 100 +- {limit:g} % of label claim among accepted "
        f"tablets; the recipe states {risk:g}"
    )
    bound = 1e6 * rate_bound(outcome.out_of_limit, outcome.accepted)
    point = 1e6 * float(outcome.out_of_limit.sum() / max(outcome.accepted.sum(), 1.0))
    return Figure(f"{rule}_out_of_limit_ppm", bound, "ppm", source, point, bound, at_most=1e6 * risk if asked else None)


def guard_figures(guards: Sequence[GuardTime], diversion: Diversion) -> list[Figure]:
    """Return the guard that residence times ask for, at each throughput and place."""
    source = (
        f"Monte Carlo over residence times, 30 s stop of the API feeder, {100 * SHARE:g} % on each side; the recipe's guard"
    )
    return [
        Figure(
            f"guard_{g.place}_at_{g.throughput_kg_per_h:g}_kg_per_h_s", max(g.before_s, g.after_s), "s", source,
            at_most=diversion.guard_s,
        )
        for g in guards
    ]  # fmt: skip


def part(outcomes: Sequence[Outcome], lines: slice) -> list[Outcome]:
    """Return the outcomes of some of the lines."""
    arrays = ({k: v[lines] for k, v in vars(o).items() if isinstance(v, np.ndarray)} for o in outcomes)
    return [Outcome(o.setting, **values) for o, values in zip(outcomes, arrays, strict=True)]
