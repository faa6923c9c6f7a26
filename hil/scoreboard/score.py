"""Judges what was run: means, paired differences with 90 % intervals by common random numbers, aims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hil.figures import Figure
from hil.scoreboard.metrics import METRICS
from hil.scoreboard.plan import Aim, BoardPlan
from hil.scoreboard.runner import Result

CONFIDENCE = 0.90
CANDIDATE = "nmpc"
#: Regret is measured between these two.
BEST, WORST = "causal", "plc"
SMALLEST_GAIN = 0.05
Verdict = Literal["held", "open", "missed", "not run"]


@dataclass(frozen=True)
class Interval:
    """A mean difference, its two-sided interval (NaN: too few pairs to know), and the pairs it is from."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """Of a difference that should not be above 0: missed only if the whole interval is above, held if none of it is."""
        if self.n == 0:
            return "not run"
        if self.low > 0:
            return "missed"
        return "held" if self.high <= 0 else "open"


def interval(groups: Sequence[Sequence[float]], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of the groups' means with its interval; a group is a scenario, its values are paired by plant.

    Scenarios are chosen, not drawn: only plants count as chance. Variance = sum_h s_h^2 / n_h / H^2, Student's t with the
    degrees of freedom of Welch and Satterthwaite (Biometrics Bulletin 2, 1946); one group gives the paired t interval.
    A group of one pair has no variance: the interval is NaN then, unless H = 0, and is wrong where differences have
    heavy tails (a shift that stops on one plant only).
    """
    filled = [np.array(group, dtype=np.float64) for group in groups if len(group)]
    n = sum(len(group) for group in filled)
    if not filled:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(np.mean([group.mean() for group in filled]))
    if any(len(group) < 2 for group in filled):
        return Interval(mean, math.nan, math.nan, n)
    parts = np.array([group.var(ddof=1) / len(group) for group in filled])
    total = float(parts.sum())
    if total == 0.0:
        return Interval(mean, mean, mean, n)
    freedom = total**2 / float(sum(part**2 / (len(g) - 1) for part, g in zip(parts, filled, strict=True)))
    half = student_quantile(freedom, 0.5 + confidence / 2) * math.sqrt(total) / len(filled)
    return Interval(mean, mean - half, mean + half, n)


def student_quantile(freedom: float, share: float) -> float:
    """Return the quantile of Student's t with `freedom` > 0 degrees of freedom (need not be whole)."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


class Board:
    """Results by scenario, plant and controller."""

    def __init__(self, plan: BoardPlan, results: Sequence[Result]) -> None:
        self.plan, self.results = plan, tuple(results)
        self._values: dict[tuple[str, str, int, str], Mapping[str, float | None]] = {
            (r.job.scenario, r.job.variant, r.job.seed, r.job.controller): r.metrics for r in results if r.failure is None
        }
        ran = dict.fromkeys(str(r.job.controller) for r in results)
        few = set(plan.stage.n_seeds_few)
        #: Controllers of the whole stage, and those that run in few scenarios.
        self.controllers, self.few = [name for name in ran if name not in few], [name for name in ran if name in few]
        self.scenarios = list(dict.fromkeys(r.job.scenario for r in results))

    @property
    def failures(self) -> list[Result]:
        """Runs without figures, with their reasons."""
        return [result for result in self.results if result.failure is not None]

    def values(self, scenario: str, controller: str, metric: str) -> dict[tuple[str, int], float]:
        """Return a metric by plant (structure, seed), of runs that have it."""
        found = {}
        for (name, variant, seed, who), metrics in self._values.items():
            value = metrics.get(metric)
            if name == scenario and who == controller and value is not None:
                found[variant, seed] = value
        return found

    def mean(self, scenarios: Sequence[str], controller: str, metric: str) -> float:
        """Return the mean of the scenarios' means over the plants that every controller of the stage ran; NaN if none."""
        means = []
        for scenario in scenarios:
            each = [self.values(scenario, name, metric) for name in self.controllers]
            common = set.intersection(*(set(one) for one in each)) if each else set()
            mine = self.values(scenario, controller, metric)
            means += [float(np.mean([mine[plant] for plant in sorted(common)]))] if common else []
        return float(np.mean(means)) if means else math.nan

    def difference(self, scenarios: Sequence[str], metric: str, one: str, other: str, factor: float = 1.0) -> Interval:
        """Return `one` - factor x `other` over the plants that both ran, scenario by scenario."""
        groups = []
        for scenario in scenarios:
            a, b = self.values(scenario, one, metric), self.values(scenario, other, metric)
            groups.append([a[plant] - factor * b[plant] for plant in sorted(a.keys() & b.keys())])
        return interval(groups)

    def oracle_mean(self, scenario: str, controller: str, metric: str) -> float:
        """Return the mean over the plants of a scenario that `causal` ran too; NaN if there are none."""
        plants = self.values(scenario, BEST, "cost_eur").keys()
        found = [value for plant, value in self.values(scenario, controller, metric).items() if plant in plants]
        return float(np.mean(found)) if found else math.nan

    def regret(self, scenarios: Sequence[str], controller: str, metric: str) -> float:
        """Return (J - J_causal) / (J_plc - J_causal), J the mean over the scenarios' plants that all three ran.

        0 is as good as knowing the plant, 1 as good as the vendor's loops. NaN if one of them did not run there, or if
        knowing the plant saves less than SMALLEST_GAIN of J_plc: then the share says nothing.
        """
        found: dict[str, list[float]] = {name: [] for name in (controller, BEST, WORST)}
        for scenario in scenarios:
            each = {name: self.values(scenario, name, metric) for name in found}
            common = sorted(set.intersection(*(set(values) for values in each.values())))
            for name, values in each.items():
                found[name] += [float(np.mean([values[plant] for plant in common]))] if common else []
        mean = {name: float(np.mean(values)) if values else math.nan for name, values in found.items()}
        gain = mean[WORST] - mean[BEST]
        return (mean[controller] - mean[BEST]) / gain if gain > SMALLEST_GAIN * abs(mean[WORST]) else math.nan

    def aim_scenarios(self, aim: Aim) -> list[str]:
        """Return the scenarios of this stage that an aim speaks of."""
        return [name for name in self.scenarios if not aim.scenarios or name in aim.scenarios]

    def judge(self, aim: Aim, metric: str) -> Interval:
        """Return the candidate's difference to the aim in one metric."""
        return self.difference(self.aim_scenarios(aim), metric, CANDIDATE, aim.against, aim.factor)


def board_figures(board: Board) -> list[Figure]:
    """Return the aims, each judged by the lower end of its interval, and every controller's mean of every metric."""
    figures = []
    for aim in board.plan.file.aims:
        for metric in aim.metrics:
            found = board.judge(aim, metric)
            if found.n == 0:
                continue
            words = (
                f"lower end of the 90 % interval of {CANDIDATE} - factor x the other, {board.plan.name} stage; mean beside it"
            )
            low = found.low if math.isfinite(found.low) else min(found.mean, 0.0)
            unit = METRICS[metric].unit or "1"
            reason = f"{CANDIDATE} - {aim.factor:g} x {aim.against}: mean {found.mean:.4g}, {found.verdict}"
            name = f"{aim.name}.{metric}"
            figures.append(Figure(name, low, unit, words, found.low, found.high, at_most=0.0, reason=reason))
    source = "mean over scenarios and the plants that every controller ran"
    for controller in board.controllers:
        for metric, shown in METRICS.items():
            value = board.mean(board.scenarios, controller, metric)
            figures.append(Figure(f"{controller}.{metric}", value, shown.unit or "1", source))
    return figures + _regrets(board)


def _regrets(board: Board) -> list[Figure]:
    words = "(J - J_causal) / (J_plc - J_causal), J the tracking cost over the scenarios and plants that all three ran"
    values = [(name, board.regret(board.scenarios, name, "tracking_cost")) for name in (*board.controllers, *board.few)]
    return [Figure(f"{name}.regret", value, "1", words) for name, value in values if math.isfinite(value)]


def simpler_wins(board: Board, metrics: Sequence[str]) -> list[tuple[str, str, str, Interval]]:
    """Return (scenario, metric, controller, candidate - controller) wherever another controller's mean is lower."""
    found = []
    for scenario in board.scenarios:
        for metric in metrics:
            for other in board.controllers:
                gap = board.difference([scenario], metric, CANDIDATE, other) if other != CANDIDATE else None
                if gap is not None and gap.n and gap.mean > 0:
                    found.append((scenario, metric, other, gap))
    return found
