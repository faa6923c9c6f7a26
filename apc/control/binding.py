"""Which limits bind in a plan: where, at what price, and what would keep the soft limits that it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.control.limits import SoftRows
from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Problem, Vector
from apc.numerics.knots import Knots
from flowsheet.layout import INPUTS, OUTPUT_UNITS, STEP_S
from line.records import BindingLimit

#: Multiplier (cost a unit of the row) below which a limit does not count as binding.
TINY = 1e-6
#: A soft limit that is broken by less [% of target] counts as kept.
KEPT_PCT = 0.05
#: A relief is only named if the limit would have to grow to at most this many times itself.
MOST_RELIEF = 10.0
#: Limits that a plan names, the dearest first.
MOST = 8
TOTAL_FLOW = "total_flow"


@dataclass(frozen=True)
class Solved:
    """A solved program as `SoftRows.extend` builds it: Hessian (N, N), rows (M, N), multipliers (N + M,), the moved
    knots (n_knots, N_U), predicted error (n, 6) and sensitivity (n, 6, w) in % of target, and its soft rows."""

    hessian: Vector
    rows: Vector
    multipliers: Vector
    moved: Vector
    predicted: Vector
    sensitivity: Vector
    soft: SoftRows


@dataclass(frozen=True)
class Family:
    """One hard limit with the rows of the program that it binds at; `pace` how far each row's bound moves with it."""

    name: str
    kind: str
    rows: NDArray[np.int64]
    pace: Vector
    limit: float
    value: float
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Broken:
    """A soft limit that the plan breaks: output, step at which it is worst, by how much [% of target], signed."""

    output: int
    worst: int
    amount: float


class LimitReader:
    """Reads the limits of a plan off the multipliers of its quadratic program.

    | argument | shape | first sample | last sample |
    | knots | (n_knots, N_U) | end of the first ramp | end of the horizon |
    | predicted error | (n, 6) % of target | after 5 s | end of the horizon |

    By the envelope theorem the plan's cost falls by the multiplier for each unit that a limit gives way; a rate limit
    counts once for all its ramps. Wrong once another limit takes over: a multiplier is a slope, not a saving.
    """

    def __init__(self, knots: Knots, free: Vector, objective: Objective) -> None:
        self._knots, self._free, self._objective = knots, free, objective
        self._ends = (knots.ends + 1) * STEP_S
        self._starts = self._ends - knots.lengths * STEP_S

    def read(self, solved: Solved, problem: Problem) -> tuple[BindingLimit, ...]:
        """Return at most MOST limits: soft ones first, then hard ones, the dearest first; inputs scaled (unit "1").

        `enough` of a hard limit is what it would have to be for the plan to break no soft limit, all others as they are;
        of a soft limit what the plan reaches. NaN: nothing is broken, or this limit alone cannot mend it.
        """
        families = list(self._families(solved, problem))
        broken = list(self._broken(solved))
        hard = []
        for family, enough in zip(families, reliefs(solved, families, broken), strict=True):
            multiplier = float(np.abs(solved.multipliers[family.rows]) @ family.pace)
            limit = BindingLimit(
                family.name, family.kind, "1", family.value, family.limit, family.from_s, family.to_s, multiplier, enough
            )
            hard.append((multiplier * abs(family.limit), limit))
        found = [limit for group in (self._soft(solved, broken), hard) for _, limit in sorted(group, key=lambda item: -item[0])]
        return tuple(found[:MOST])

    def _families(self, solved: Solved, problem: Problem) -> Iterator[Family]:
        m, b = len(self._free), self._knots.n_knots
        k = len(solved.soft.penalties)
        multipliers, lengths, every = solved.multipliers, self._knots.lengths, np.arange(b)
        pace = np.diff(np.vstack([problem.u_before, solved.moved]), axis=0) / lengths[:, None]
        for column, i in enumerate(self._free):
            bound, ramp = every * m + column, m * b + k + every * m + column
            for sign, side, way in ((1.0, "upper", "rate up"), (-1.0, "lower", "rate down")):
                at = np.flatnonzero(sign * multipliers[bound] > TINY)
                if len(at):
                    limit = float((problem.high if sign > 0 else problem.low)[i])
                    value, span = float(solved.moved[at[-1], i]), (float(self._ends[at[0]]), float(self._ends[at[-1]]))
                    yield Family(INPUTS[i], side, bound[at], np.ones(len(at)), limit, value, *span)
                yield from self._ramps(INPUTS[i], way, sign * multipliers[ramp], ramp, float(problem.rate[i]), pace[:, i])
        flow, total = 2 * m * b + k + every, np.zeros(b)
        for sign, way in ((1.0, "rate up"), (-1.0, "rate down")):
            yield from self._ramps(TOTAL_FLOW, way, sign * multipliers[flow], flow, problem.flow_rate, total)

    def _ramps(
        self, name: str, way: str, price: Vector, rows: NDArray[np.int64], limit: float, pace: Vector
    ) -> Iterator[Family]:
        at = np.flatnonzero(price > TINY)
        if len(at):
            value = float(np.abs(pace[at]).max()) or limit
            span = float(self._starts[at[0]]), float(self._ends[at[-1]])
            yield Family(name, way, rows[at], self._knots.lengths[at], limit, value, *span)

    def _broken(self, solved: Solved) -> Iterator[Broken]:
        for output in solved.soft.outputs:
            error = solved.predicted[:, output]
            beyond = np.abs(error) - self._objective.soft[output][0]
            worst = int(np.argmax(beyond))
            if beyond[worst] > KEPT_PCT:
                yield Broken(output, worst, float(np.copysign(beyond[worst], error[worst])))

    def _soft(self, solved: Solved, broken: Sequence[Broken]) -> Iterator[tuple[float, BindingLimit]]:
        """Yield soft limits with what their width is worth: broken, or just kept because breaking them would cost."""
        prices = np.abs(solved.multipliers[len(solved.multipliers) - len(solved.soft.high) :])
        beyond = {item.output for item in broken}
        for position, output in enumerate(solved.soft.outputs):
            price = float(prices[solved.soft.slack_of == position].sum())
            if price <= TINY and output not in beyond:
                continue
            error, half = solved.predicted[:, output], self._objective.soft[output][0]
            target, worst = float(self._objective.targets[output]), int(np.argmax(np.abs(error)))
            sign = 1.0 if error[worst] > 0 else -1.0
            at = np.flatnonzero(sign * error >= half - KEPT_PCT)
            first, last = (at[0], at[-1]) if len(at) else (worst, worst)
            value = target * (1.0 + float(error[worst]) / 100.0)
            limit = BindingLimit(
                CONTROLLED[output],
                "soft upper" if sign > 0 else "soft lower",
                OUTPUT_UNITS[output],
                value,
                target * (1.0 + sign * half / 100.0),
                float((first + 1) * STEP_S),
                float((last + 1) * STEP_S),
                price * 100.0 / target,
                value if output in beyond else float("nan"),
            )
            yield price * half, limit


def reliefs(solved: Solved, families: Sequence[Family], broken: Sequence[Broken]) -> list[float]:
    """Return for each family the limit with which no soft limit would be broken, NaN where this limit alone cannot do it.

    The plan's derivative with respect to a limit solves the KKT system of the rows that bind; the rest is a straight
    line to zero excess. Wrong where another row starts to bind on the way.
    """
    nothing = [float("nan")] * len(families)
    if not broken or not families:
        return nothing
    size, active = len(solved.hessian), np.flatnonzero(np.abs(solved.multipliers) > TINY)
    gradients = np.vstack([np.eye(size), solved.rows])[active]
    system = np.block([[solved.hessian, gradients.T], [gradients, np.zeros((len(active), len(active)))]])
    moving = np.zeros((len(system), len(families)))
    for j, family in enumerate(families):
        moving[size + np.searchsorted(active, family.rows), j] = family.pace * np.sign(solved.multipliers[family.rows])
    try:
        slopes = np.linalg.solve(system, moving)[: solved.sensitivity.shape[2]]
    except np.linalg.LinAlgError:
        return nothing
    return [_enough(family, slopes[:, j], solved, broken) for j, family in enumerate(families)]


def _enough(family: Family, slope: Vector, solved: Solved, broken: Sequence[Broken]) -> float:
    needed = 0.0
    for item in broken:
        gain = -float(np.sign(item.amount) * (solved.sensitivity[item.worst, item.output] @ slope))
        needed = max(needed, abs(item.amount) / gain if gain > 1e-9 else float("inf"))
    enough = family.limit + (-needed if family.kind == "lower" else needed)
    possible = np.isfinite(enough) and 0.0 < enough <= MOST_RELIEF * family.limit
    return float(enough) if possible else float("nan")
