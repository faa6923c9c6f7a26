"""Residence-time kernels in plain NumPy: exit-age densities, their numbers, and the exit concentration they give."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def dead_time(times_s: Vector, delay_s: float, density: Vector) -> Vector:
    """Return a density (n,) [1/s] delayed by delay_s >= 0 on the same even grid times_s (n,) [s], linearly interpolated."""
    return np.interp(times_s - delay_s, times_s, density, left=0.0, right=0.0)


def tanks_in_series(times_s: Vector, mean_residence_time_s: float, n_tanks: float, delay_s: float = 0.0) -> Vector:
    """Return E(t) (n,) [1/s] of n equal tanks of total mean residence time behind a dead time.

    times_s (n,) [s]; mean_residence_time_s > 0 of the tanks alone; n_tanks > 0 (may be broken). Raises ValueError.
    Equation: E = (t-td)^(n-1) / (Gamma(n) (tau/n)^n) exp(-n (t-td)/tau); mean td + tau, variance tau^2/n.
    For n < 1 the density is infinite at the dead time. Source: Levenspiel, Chemical Reaction Engineering, ch. 14.
    """
    if mean_residence_time_s <= 0 or n_tanks <= 0 or delay_s < 0:
        raise ValueError("mean residence time and number of tanks must be positive, dead time not negative")
    scale = mean_residence_time_s / n_tanks
    age = np.asarray(times_s, dtype=np.float64) - delay_s
    inside = age >= 0 if n_tanks >= 1 else age > 0
    safe = np.where(age > 0, age, 1.0)
    exponent = (n_tanks - 1) * np.log(safe) - safe / scale - math.lgamma(n_tanks) - n_tanks * math.log(scale)
    value = np.where(age > 0, np.exp(exponent), 1.0 / scale if n_tanks == 1 else 0.0)
    return np.where(inside, value, 0.0)


def axial_dispersion_closed(times_s: Vector, mean_residence_time_s: float, peclet: float, n_roots: int = 60) -> Vector:
    """Return E(t) (n,) [1/s] of axial dispersion in a closed-closed vessel.

    Equation (eigenfunction series): theta = t/tau, roots d_i of tan d = Pe d/(d^2 - Pe^2/4) taken one in each interval
    ((i-1) pi, i pi); E = exp(Pe/2) sum (-1)^(i+1) 8 d_i^2/(4 d_i^2 + 4 Pe + Pe^2) exp(-theta (Pe^2 + 4 d_i^2)/(4 Pe)) / tau.
    mean tau; variance/mean^2 = 2/Pe - 2/Pe^2 (1 - exp(-Pe)). Valid 0.1 <= Pe <= 60; below theta 0.02 the series has
    not converged and the value is set to zero. Raises ValueError outside. Source: Haji-Sheikh form as in Otake and
    Kunugita 1958; moments Levenspiel ch. 13.
    """
    if mean_residence_time_s <= 0 or not 0.1 <= peclet <= 60:
        raise ValueError("mean residence time must be positive and Peclet number inside 0.1..60")
    roots = _dispersion_roots(peclet, n_roots)
    theta = np.asarray(times_s, dtype=np.float64)[:, None] / mean_residence_time_s
    sign = np.where(np.arange(n_roots) % 2 == 0, 1.0, -1.0)
    weight = sign * 8.0 * roots**2 / (4.0 * roots**2 + 4.0 * peclet + peclet**2)
    decay = peclet / 2.0 - theta * (peclet**2 + 4.0 * roots**2) / (4.0 * peclet)
    value = (weight * np.exp(decay)).sum(axis=1) / mean_residence_time_s
    return np.where(theta[:, 0] < 0.02, 0.0, np.maximum(value, 0.0))


def _dispersion_roots(peclet: float, n_roots: int) -> Vector:
    """Return the first positive roots of d cos d ... = 0 by bisection: each branch of cot d = d/Pe - Pe/(4 d) holds one."""

    def gap(d: Vector) -> Vector:
        return np.cos(d) * peclet * d - np.sin(d) * (d**2 - peclet**2 / 4.0)

    low: Vector = np.arange(float(n_roots)) * np.pi + 1e-9
    high: Vector = low + np.pi - 2e-9
    for _ in range(80):
        middle = (low + high) / 2.0
        left = np.sign(gap(middle)) == np.sign(gap(low))
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return (low + high) / 2.0


def convolve(first: Vector, second: Vector, step_s: float) -> Vector:
    """Return the density (n,) of two units one after the other on an even grid of step_s [s], trapezoidal at the ends."""
    n = len(first)
    full = np.convolve(first, second)[:n]
    return step_s * (full - 0.5 * (first[0] * second + first * second[0]))


def mean_residence_time(times_s: Vector, density: Vector) -> float:
    """Return the mean [s] of a density on an even or uneven grid that holds all of it."""
    return float(np.trapezoid(times_s * density, times_s) / np.trapezoid(density, times_s))


def standard_deviation(times_s: Vector, density: Vector) -> float:
    """Return the standard deviation [s] of a density."""
    mean = mean_residence_time(times_s, density)
    variance = np.trapezoid((times_s - mean) ** 2 * density, times_s) / np.trapezoid(density, times_s)
    return math.sqrt(float(variance))


def quantile(times_s: Vector, density: Vector, share: float) -> float:
    """Return the age [s] below which `share` (0..1) of the material has left, linear between grid points."""
    steps = np.diff(times_s)
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2.0 * steps)])
    return float(np.interp(share, cumulative / cumulative[-1], times_s))


def exit_concentration(inlet: Vector, density: Vector, step_s: float, before: float) -> Vector:
    """Return the exit (n,) for an inlet (n,) that was `before` until time 0, on an even grid of step_s [s].

    Equation: c_out = before + E * (c_in - before), rectangle rule with E normalised to one on its grid.
    """
    weights = density / density.sum()
    return before + np.convolve(inlet - before, weights)[: len(inlet)]
