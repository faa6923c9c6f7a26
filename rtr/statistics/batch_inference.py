"""ASTM E2709 / E2810: with what confidence would this lot pass USP <905> if it were tested?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from line.errors import DataError
from rtr.statistics.uniformity import ACCEPTABILITY_CONSTANT, L1, L2, M_HIGH, M_LOW, N_STAGE_1, N_STAGE_2

#: Gauss-Legendre nodes a piece; beyond this many standard errors of the mean nothing is left to integrate.
NODES, REACH = 48, 9.0


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    return x, w


def probability_av_passes(mu: float, sigma: float, n: int, target: float = 100.0) -> float:
    """Return P(AV_n <= L1) for normal contents with mean mu and standard deviation sigma [% LC], n = 10 or 30.

    Integral over the sample mean x of phi((x - mu) sqrt(n) / sigma) F_{n-1}((n - 1) s_max(x)^2 / sigma^2), with
    s_max = (L1 - |M(x) - x|) / k and F the chi-square distribution; exact for normal contents, split where M bends.
    Errors: DataError for sigma <= 0 or not finite, n other than 10 and 30, target outside 85..115.
    """
    if n not in ACCEPTABILITY_CONSTANT or not (math.isfinite(mu) and sigma > 0 and math.isfinite(sigma)):
        raise DataError("cannot compute P(AV <= L1)", where="ASTM E2810", how_much=f"mu {mu}, sigma {sigma}, n {n}")
    if not 85.0 <= target <= 115.0:
        raise DataError("target outside 85..115 % LC", where="ASTM E2810", how_much=f"T = {target}")
    top, k = max(M_HIGH, target), ACCEPTABILITY_CONSTANT[n]
    error = sigma / math.sqrt(n)
    low, high = max(M_LOW - L1, mu - REACH * error), min(top + L1, mu + REACH * error)
    edges = [low, *(e for e in (M_LOW, mu, top) if low < e < high), high]
    if not low < high:
        return 0.0
    x, w = _nodes()
    bounds = np.sort(np.array(edges))
    half, middle = 0.5 * np.diff(bounds)[:, None], 0.5 * (bounds[1:] + bounds[:-1])[:, None]
    means = middle + half * x
    slack = np.maximum(L1 - np.abs(np.clip(means, M_LOW, top) - means), 0.0) / k
    density = np.exp(-0.5 * ((means - mu) / error) ** 2) / (error * math.sqrt(2 * math.pi))
    inside = special.chdtr(n - 1, (n - 1) * (slack / sigma) ** 2)
    return float((half * w * density * inside).sum())


@dataclass(frozen=True)
class PassBound:
    """Lower bound on P(pass <905>) at a given (mu, sigma), and its parts."""

    p_stage_1: float
    p_stage_2_av: float
    p_stage_2_range: float
    bound: float


def pass_bound(mu: float, sigma: float, target: float = 100.0) -> PassBound:
    """Return max{P(S1), P(C21) + P(C22) - 1, 0}, the lower bound of E2810 for normal contents.

    P(S1) = P(AV_10 <= 15), P(C21) = P(AV_30 <= 15) exact; P(C22) = P(no unit of 30 outside (1 -+ 0.25) M) bounded below
    by the narrowest range any M gives, 0.75 max(101.5, T) .. 1.25 x 98.5. Conservative: the true probability is higher
    (by about 0.007 at mean 100, sigma 6). Wrong for contents that are not normal (mixtures, outliers).
    Clause: E2810 8. Rounding: none. Errors: DataError. Source: Bergum & Li, Pharm. Technol. 2007.
    """
    stage_1 = probability_av_passes(mu, sigma, N_STAGE_1, target)
    stage_2 = probability_av_passes(mu, sigma, N_STAGE_2, target)
    low, high = (1 - 0.01 * L2) * max(M_HIGH, target), (1 + 0.01 * L2) * M_LOW
    one = float(special.ndtr((high - mu) / sigma) - special.ndtr((low - mu) / sigma))
    every = max(one, 0.0) ** N_STAGE_2
    return PassBound(stage_1, stage_2, every, max(stage_1, stage_2 + every - 1.0, 0.0))


def sigma_upper(s: float, n: int, confidence: float) -> float:
    """Return the upper limit of sigma, s sqrt((n - 1) / chi2_{1-g}(n - 1)), g = sqrt(confidence)."""
    _check(n, confidence, s)
    return s * math.sqrt((n - 1) / float(special.chdtri(n - 1, math.sqrt(confidence))))


def lower_bound_plan_1(mean: float, s: float, n: int, confidence: float = 0.90, target: float = 100.0) -> float:
    """Return the lower bound on P(pass <905>) from n units of n places (sampling plan 1), with the stated confidence.

    Simultaneous region (Lindgren): sigma <= sigma_U one-sided and mu within mean -+ z sigma_U / sqrt(n), each at
    g = sqrt(confidence); the bound is the least `pass_bound` at its two top corners. s = 0 counts as 1e-6.
    Clause: E2810 sampling plan 1. Rounding: none. Errors: DataError for n < 3, NaN, negative s, confidence outside 0..1.

    >>> round(lower_bound_plan_1(99.2, 3.4, 30), 5)
    0.99993
    """
    sigma = max(sigma_upper(s, n, confidence), 1e-6)
    half = float(special.ndtri((1 + math.sqrt(confidence)) / 2)) * sigma / math.sqrt(n)
    return min(pass_bound(mean - half, sigma, target).bound, pass_bound(mean + half, sigma, target).bound)


def acceptance_limit_plan_1(
    mean: float, n: int, confidence: float = 0.90, lower_bound: float = 0.95, target: float = 100.0
) -> float:
    """Return the largest s [% LC] that plan 1 accepts at a sample mean; 0 if no s is accepted.

    Solved to 1e-6 by bisection between a passing and a failing s (the bound falls as s rises). Published anchor: n = 10,
    mean 97, confidence 90 %, bound 95 % -> 2.63 (Lewis & Fan 2016). Rounding: none; a printed limit is rounded down.

    >>> round(acceptance_limit_plan_1(97.0, 10), 2)
    2.63
    """
    _check(n, confidence, 0.0)
    if not 0 < lower_bound < 1:
        raise DataError("lower bound must lie between 0 and 1", where="ASTM E2810", how_much=f"{lower_bound}")

    def excess(s: float) -> float:
        return lower_bound_plan_1(mean, s, n, confidence, target) - lower_bound

    low, high = 1e-3, 12.0
    if excess(low) < 0:
        return 0.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) >= 0 else (low, middle)
    return low


@dataclass(frozen=True)
class PlanTwo:
    """Plan 2 of L places with n units each: overall sigma, its upper limit, half width of the mean, the bound, and what the
    bound would be if mean and sigma were known to be those of the sample (no confidence in it)."""

    sigma_hat: float
    sigma_upper: float
    mean_half_width: float
    bound: float
    estimate: float


def lower_bound_plan_2(
    mean: float,
    sd_place_means: float,
    sd_within: float,
    n_places: int,
    n_units: int,
    confidence: float = 0.90,
    target: float = 100.0,
    *,
    residual_variance: float = 0.0,
    shared_bias: float = 0.0,
) -> PlanTwo:
    """Return the lower bound on P(pass <905>) from L places (time slices) with n units each (sampling plan 2).

    theta = MSB / n + (1 - 1/n) MSE, MSB = n var(place means), MSE = sd_within^2; Graybill-Wang upper limit
    sigma_U^2 = theta + sqrt((H1 MSB / n)^2 + (H2 (1 - 1/n) MSE)^2), H = nu / chi2_{1-g}(nu) - 1 with nu = L - 1 and
    L (n - 1); mean within -+ t_{(1+g)/2}(L - 1) sd_place_means / sqrt(L). The plan for autocorrelated production: slices
    must lie further apart than the line's memory. Not checked against a table of the standard (none was readable).
    For contents that a soft sensor predicted (not in the standard: a design rule): `residual_variance` [(% LC)^2], an upper
    limit of what predictions do not carry of single units, is added to sigma_U^2 and its share of a place mean to the
    mean's interval, which `shared_bias` [% LC] widens to both sides. Zero for measured contents.
    Clause: E2810 sampling plan 2. Rounding: none. Errors: DataError for L < 2, n < 2, negative or NaN values.
    """
    numbers = (mean, sd_place_means, sd_within, residual_variance, shared_bias)
    if n_places < 2 or n_units < 2 or not all(map(math.isfinite, numbers)) or min(numbers[1:]) < 0:
        raise DataError(
            "plan 2 cannot be computed",
            where="ASTM E2810 sampling plan 2",
            how_much=f"{n_places} places x {n_units} units, mean {mean}, deviations {sd_place_means} and {sd_within}",
            what_now="Give at least 2 places with at least 2 units each and finite values, deviations not negative.",
        )
    _check(n_places + 1, confidence, sd_within)
    g = math.sqrt(confidence)
    between, within = sd_place_means**2, (1 - 1 / n_units) * sd_within**2
    h1 = (n_places - 1) / float(special.chdtri(n_places - 1, g)) - 1
    degrees = n_places * (n_units - 1)
    h2 = degrees / float(special.chdtri(degrees, g)) - 1
    theta = between + within
    upper = math.sqrt(theta + math.hypot(h1 * between, h2 * within) + residual_variance)
    error = math.sqrt((between + residual_variance / n_units) / n_places)
    half = float(special.stdtrit(n_places - 1, (1 + g) / 2)) * error + shared_bias
    sigma = max(upper, 1e-6)
    bound = min(pass_bound(mean - half, sigma, target).bound, pass_bound(mean + half, sigma, target).bound)
    sigma_hat = math.sqrt(theta + residual_variance)
    estimate = pass_bound(mean, max(sigma_hat, 1e-6), target).bound
    return PlanTwo(sigma_hat, upper, half, bound, estimate)


def _check(n: int, confidence: float, s: float) -> None:
    if n < 3 or not 0 < confidence < 1 or not (s >= 0 and math.isfinite(s)):
        raise DataError(
            "a bound cannot be computed",
            where="ASTM E2810",
            how_much=f"n = {n}, confidence = {confidence}, s = {s}",
            what_now="Give at least 3 units, a confidence between 0 and 1, s >= 0.",
        )
