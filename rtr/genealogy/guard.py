"""How long the guard of the prediction rule must be: crossings of the limit, moved by what is not known of residence times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from line.recipe import Recipe
from rtr.genealogy.draws import BLENDER, residence_draws
from rtr.genealogy.propagation import Array
from rtr.genealogy.window import pulse_responses

#: Lines drawn, and the share of them whose crossing must lie inside the guard on its side.
N_LINES, SHARE = 100, 0.99
#: The excursion that is moved: the API feeder stops for so long [s].
STOP_S = 30


@dataclass(frozen=True)
class GuardTime:
    """At one throughput [kg/h], for an excursion seen at `place` (feeders, probe): how far its first crossing of the limit
    may come before that of the nominal line, and its last one after it [s], and for how long it is outside [s]."""

    throughput_kg_per_h: float
    place: str
    before_s: float
    after_s: float
    outside_s: float


def guard_times(recipe: Recipe, n: int = N_LINES) -> list[GuardTime]:
    """Return the guard at the slowest and the fastest validated throughput, for what scales and for what spectra see.

    Monte Carlo: a stop of the API feeder for 30 s passes n >= 2 lines whose hold-ups are drawn by the recipe's standard
    error; spectra see it behind the blender, so that the blender's error does not move it. The guard is the quantile
    `SHARE` of a normal of the drawn standard deviation, each side for itself. Errors: none. Wrong for excursions that
    hardly reach the limit: their crossings move without bound, and the doubt of the potency (`uncertainty_k`) is for those.
    Source: release reference, section 6.4.
    """
    throughputs = np.array([recipe.rtd.throughput_min_kg_per_h, recipe.rtd.throughput_max_kg_per_h])
    found = []
    for place in ("feeders", "probe"):
        draws = residence_draws(recipe.rtd, n)
        if place == "probe":
            draws[:, BLENDER] = 1.0
        for throughput, lines in zip(throughputs, pulse_responses(recipe.rtd, throughputs, "feeders", draws), strict=True):
            first, last = _crossings(lines, recipe.diversion.divert_limit_pct / 100.0)
            before, after = (float(ndtri(SHARE) * side[1:].std()) for side in (first, last))
            found.append(GuardTime(float(throughput), place, before, after, float(last[0] - first[0])))
    return found


def _crossings(density: Array, limit: float) -> tuple[Array, Array]:
    """Return when the missing share first rises above the limit and last falls below it [s], for densities (n, seconds)."""
    left = np.cumsum(density, axis=1)
    missing = left - np.pad(left, ((0, 0), (STOP_S, 0)))[:, : left.shape[1]]
    above = missing > limit
    first, last = above.argmax(axis=1), above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    rows = np.arange(len(missing))
    up, down = missing[rows, first] - missing[rows, first - 1], missing[rows, last] - missing[rows, last + 1]
    return first - (missing[rows, first] - limit) / up, last + (missing[rows, last] - limit) / down
