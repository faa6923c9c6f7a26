"""Operating characteristics of a lot design: how often it accepts lots of known mean and spread, by simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from line.recipe import LotDesign, Slices, Uniformity
from rtr.disposition.design import Slice, judge_slices
from rtr.statistics.batch_inference import pass_bound
from sensing.drift import wilson

#: Share of the predicted variance that lies between slices.
BETWEEN = 0.5


@dataclass(frozen=True)
class Point:
    """One kind of lot: true mean and standard deviation of unit contents [% LC], the probability (E2810's lower bound) that
    a test by USP <905> passes it, and the share of lots that the design accepts with its 95 % Wilson interval."""

    mean: float
    sigma: float
    p_pass_905: float
    accepted: float
    low: float
    high: float

    def good(self, lower_bound: float) -> bool:
        """True for a lot that ought to be accepted: <905> passes it at least that often."""
        return self.p_pass_905 >= lower_bound


def acceptance(
    design: LotDesign, rows: Slices, rules: Uniformity, mean: float, sigma: float, n_lots: int, seed: int, target: float = 100.0
) -> Point:
    """Return how often a design accepts lots whose unit contents are normal with `mean` and `sigma` [% LC].

    Predictions carry all of the variance but the recipe's estimate of the residual, half of it between slices. They are free
    of bias here, while the verdict counts the recipe's bound of one. sigma below the residual's root counts as that root.
    The same seed gives the same answer. Wrong for contents that are not normal.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    carried = math.sqrt(max(sigma**2 - rules.residual_variance_estimate_pct2, 0.0))
    between, within = carried * math.sqrt(BETWEEN), carried * math.sqrt(1.0 - BETWEEN)
    accepted = 0
    for _ in range(n_lots):
        means = mean + between * generator.standard_normal(rows.n_slices)
        units = means[:, None] + within * generator.standard_normal((rows.n_slices, rows.n_units))
        slices = tuple(Slice(i, i, tuple(map(float, row))) for i, row in enumerate(units))
        plan = judge_slices(slices, rows, design, rules, target, rules.shared_bias_pct).plan
        accepted += plan is not None and plan.bound >= design.lower_bound
    low, high = wilson(accepted, n_lots)
    return Point(mean, sigma, pass_bound(mean, sigma, target).bound, accepted / n_lots, low, high)
