"""The limits in force: contradictions in words, and a change while the controller runs, checked before it is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from apc.control.limits import MoveLimits
from apc.control.problem import Problem, Vector
from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from apc.supervision.tags import INPUT_TAGS, THROUGHPUT, InputScaling, TagLimits
from line.errors import SolverError

#: Scaled room below which nothing is left between two limits.
NOTHING = 1e-6


class LimitBook:
    """Limits of the controller's file and the recipe (`widest`), and what an operator has narrowed them to (`now`).

    fractions (4,) of the feeders by the recipe; blocks as in the controller's file. A change may narrow a limit and take
    that back, never go beyond the widest.
    """

    def __init__(self, widest: TagLimits, scaling: InputScaling, fractions: Vector, blocks: tuple[int, ...]) -> None:
        self.widest = self.now = widest
        self._scaling, self._fractions = scaling, fractions
        self._knots = Knots(blocks)
        self._moves = MoveLimits(self._knots, np.array(sorted(widest.free)), fractions)

    @property
    def narrowed(self) -> bool:
        """True if an operator's limits are in force."""
        return self.now is not self.widest

    def change(self, tag: str, low: float, high: float, flow: float, asked: Callable[[TagLimits], Problem] | None) -> str:
        """Take new limits of a set-point [plant units] over; return why not, naming the limit, empty if taken.

        flow: planned throughput [kg/h]; asked: the last problem with other limits, None before the first. Refused: an
        unknown tag, nothing between the limits, wider than the widest, a recipe that does not fit in, no way back from
        the set-points in force that keeps every rate.
        """
        new, why = self._with(tag, low, high)
        why = why or "; ".join(contradictions(new, self._fractions, flow))
        if not why and asked is not None:
            why = self._no_way(asked(new), tag)
        if not why:
            unchanged = np.array_equal(new.low, self.widest.low) and np.array_equal(new.high, self.widest.high)
            self.now = self.widest if unchanged and new.throughput == self.widest.throughput else new
        return why

    def _with(self, tag: str, low: float, high: float) -> tuple[TagLimits, str]:
        known = [*(INPUT_TAGS[i] for i in self.widest.free), THROUGHPUT]
        if tag not in known:
            return self.now, f"{tag} is no set-point of this controller; it moves {', '.join(known)}"
        i = INPUT_TAGS.index(tag) if tag != THROUGHPUT else -1
        least, most = self.widest.throughput[:2] if i < 0 else (float(self.widest.low[i]), float(self.widest.high[i]))
        if not (np.isfinite(low) and np.isfinite(high)) or low < least or high > most:
            return self.now, f"{tag} {low:g}..{high:g} is wider than {least:g}..{most:g} of recipe and controller's file"
        if i < 0:
            return replace(self.now, throughput=(low, high, self.now.throughput[2])), ""
        lows, highs = self.now.low.copy(), self.now.high.copy()
        lows[i], highs[i] = low, high
        return replace(self.now, low=lows, high=highs), ""

    def _no_way(self, asked: Problem, tag: str) -> str:
        """Return why no move from the set-points in force keeps bounds, rates and the flow's rate; empty if one does."""
        words = no_room(asked, self._scaling)
        if words:
            return words
        knots = np.tile(asked.u_before, (self._knots.n_knots, 1))
        rows, least, most = self._moves.rows(knots, asked)
        size = rows.shape[1]
        try:
            solve_quadratic(np.eye(size), np.zeros(size), rows, least, most, 1000)
        except SolverError as error:
            return f"{tag}: no way back from the set-points in force keeps every rate ({error.what})"
        return ""


def contradictions(limits: TagLimits, fractions: Vector, flow: float) -> list[str]:
    """Return in words which limits leave nothing: each for itself, feeders against throughput, the recipe at `flow` [kg/h]."""
    found = []
    least, most, _ = limits.throughput
    for tag, low, high in [*zip(INPUT_TAGS, limits.low.tolist(), limits.high.tolist(), strict=True), (THROUGHPUT, least, most)]:
        if not low < high:
            found.append(f"{tag}: nothing is left between {low:g} and {high:g}")
    if not least <= flow <= most:
        found.append(f"{THROUGHPUT} {least:g}..{most:g} holds no {flow:g} kg/h, the planned throughput")
    for tag, low, high, share in zip(INPUT_TAGS, limits.low.tolist(), limits.high.tolist(), fractions.tolist(), strict=False):
        if not low <= share * flow <= high:
            found.append(f"{tag} {low:g}..{high:g} holds no {share * flow:.4g}, the recipe's at {flow:g} kg/h")
    return found


def no_room(problem: Problem, scaling: InputScaling) -> str:
    """Return in words which set-points have nothing between their limits in this problem; empty if none."""
    low, high = scaling.plant(problem.low), scaling.plant(problem.high)
    found = []
    for i in np.flatnonzero(problem.high - problem.low < NOTHING):
        by = " (the NIR's authority against the limit)" if i == 0 else ""
        found.append(f"{INPUT_TAGS[i]}: lower limit {low[i]:.4g} is not below upper {high[i]:.4g}{by}")
    return "; ".join(found)
