"""The probability that a tablet is out of limit, and that a parcel's mean is: fixed quadrature, no chance drawn on line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from line.recipe import Diversion, Recipe
from rtr.genealogy.propagation import Array
from rtr.genealogy.roads import Roads

#: Gauss-Legendre nodes and weights for a bias that lies anywhere between its bounds with equal probability.
NODES, WEIGHTS = np.array([-np.sqrt(0.6), 0.0, np.sqrt(0.6)]), np.array([5.0, 8.0, 5.0]) / 18.0


@dataclass(frozen=True)
class Masses:
    """What force says of the tablets' masses, (n_lines,): deviation of their mean from the target and its doubt, and their
    standard deviation, all in % of the target; NaN if unknown."""

    deviation_pct: Array
    doubt_pct: Array
    spread_pct: Array


@dataclass(frozen=True)
class Risk:
    """Probabilities, (..., n_lines): that a tablet's content is out of limit, and that the mean of its parcel is."""

    tablet: Array
    parcel: Array


def risk_of(roads: Roads, masses: Masses, recipe: Recipe) -> Risk:
    """Return the risk of accepting the tablets of `roads`.

    Content of a tablet = p (1 + m) + b + e + t [% LC]: p potency in one of the draws of the residence times (equal weights),
    m deviation of the mean mass, b shared bias, rectangular within the recipe's bound plus the doubt of the mass map
    (three Gauss-Legendre nodes), e normal with the noise of the posterior, t normal with the recipe's residual variance
    and the spread of masses. The parcel's mean is the same without t. NaN without a value for any draw; an unknown mass
    counts as on target, because missing evidence diverts by itself. Errors: none.
    Wrong where unit contents have heavier tails than a normal, or where the true line lies outside all draws.
    """
    diversion, uniformity = recipe.diversion, recipe.uniformity
    deviation, doubt, spread = (np.nan_to_num(x) for x in (masses.deviation_pct, masses.doubt_pct, masses.spread_pct))
    bias = (uniformity.shared_bias_pct + doubt)[..., None, None] * NODES
    content = (roads.posterior * (1.0 + deviation / 100.0)[..., None])[..., None] + bias
    noise = roads.noise**2
    unit = np.sqrt(noise + uniformity.residual_variance_pct2 + spread**2)
    return Risk(
        tablet=_outside(content, diversion.tablet_limit_pct, unit),
        parcel=_outside(content, diversion.divert_limit_pct, np.sqrt(np.maximum(noise, 1e-12))),
    )


def _outside(content: Array, limit_pct: float, sigma: Array) -> Array:
    """Return the mean over draws and nodes of the probability to be outside 100 +- limit."""
    scale = sigma[..., None, None]
    tails = ndtr((100.0 - limit_pct - content) / scale) + ndtr((content - 100.0 - limit_pct) / scale)
    return np.asarray((tails @ WEIGHTS).mean(axis=-1))


def risk_outside(risk: Risk, filed: Array, diversion: Diversion) -> NDArray[np.bool_]:
    """The risk rule: either probability above what the recipe states, or the filed potency outside the divert limit.

    The filed window on parcel means is always diverted, so that the rule can only divert more. Where there is no filed
    potency (NaN) nothing is proven: that is missing evidence, not an excursion, and diverts as such.
    """
    beyond = np.abs(filed - 100.0) > diversion.divert_limit_pct
    likely = ~(risk.tablet <= diversion.risk_tablet_max) | ~(risk.parcel <= diversion.risk_parcel_max)
    return (likely | beyond) & (filed == filed)
