"""Residence-time parameters from a tracer test: pulse or step, tanks in series or axial dispersion, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from flowsheet.rtd import axial_dispersion_closed
from line.errors import DataError

Vector = NDArray[np.float64]
Kind = Literal["pulse", "step"]
Model = Literal["tanks", "dispersion"]
Baseline = Literal["none", "constant", "linear"]
BASELINE_TERMS = {"none": 0, "constant": 1, "linear": 2}
#: Bounds of the shape: number of tanks, Peclet number.
SHAPE_BOUNDS = {"tanks": (1.0, 60.0), "dispersion": (0.2, 58.0)}
GRID = 1200
#: Parameters whose columns are nearly parallel cannot be told apart.
CONDITION_MAX = 1e7


@dataclass(frozen=True)
class TracerCurve:
    """A cleaned tracer curve: times (n,) [s] strictly rising from 0 or later, signal (n,) in any unit."""

    times_s: Vector
    signal: Vector
    kind: Kind
    n_repeated: int


def clean(times_s: Sequence[float], signal: Sequence[float], kind: Kind) -> TracerCurve:
    """Return a curve ready to be fitted; repeated times are averaged, sampling may be uneven.

    Errors: DataError naming the row: not finite, negative time, time that goes back, fewer than 5 times, flat signal.
    """
    times, values = [float(t) for t in times_s], [float(v) for v in signal]
    if len(times) != len(values):
        raise _bad("as many times as values are needed", f"{len(times)} times, {len(values)} values")
    for i, (t, v) in enumerate(zip(times, values, strict=True)):
        if not (math.isfinite(t) and math.isfinite(v)):
            raise _bad("value is not a number", f"row {i + 1}: {t}, {v}")
        if t < 0 or (i and t < times[i - 1]):
            raise _bad("time goes back or is negative", f"row {i + 1}: {t:g} s")
    groups: dict[float, list[float]] = {}
    for t, v in zip(times, values, strict=True):
        groups.setdefault(t, []).append(v)
    x, y = np.array(list(groups)), np.array([math.fsum(v) / len(v) for v in groups.values()])
    if x.size < 5:
        raise _bad("too few times", f"{x.size}, at least 5")
    if not np.ptp(y) > 0:
        raise _bad("the signal does not change", f"{x.size} times")
    return TracerCurve(x, y, kind, len(times) - x.size)


@dataclass(frozen=True)
class Parameter:
    """One fitted parameter with its 95 % interval; NaN limits: not identifiable."""

    name: str
    value: float
    unit: str
    low: float
    high: float


@dataclass(frozen=True)
class TracerFit:
    """A fitted curve: parameters (dead time, mean of the mixed part, shape), numbers that follow, and how good it is.

    `mean_s`, `sd_s`, `quantiles_s` belong to the fitted distribution; `moment_mean_s`, `moment_sd_s` come from the data
    alone (trapezoids, baseline taken off); `rmse` and `aic` in the signal's unit; `fitted` (n,) at the data's times.
    """

    model: Model
    parameters: tuple[Parameter, ...]
    mean_s: float
    sd_s: float
    quantiles_s: dict[str, float]
    moment_mean_s: float
    moment_sd_s: float
    rmse: float
    r_squared: float
    aic: float
    identifiable: bool
    fitted: Vector


def fit(curve: TracerCurve, model: Model = "tanks", baseline: Baseline = "none", dead_time: bool = True) -> TracerFit:
    """Return the least-squares fit of a model to a curve.

    Signal = A g(t) + baseline, g the density E (pulse) or its integral F (step) behind a dead time; A and baseline are
    solved linearly inside (variable projection), dead time, mean and shape by bounded least squares from several
    starts. Intervals: 95 %, t on n - p degrees, from the curvature at the optimum: wrong (too narrow) for correlated
    errors and at a bound, where they are NaN. Errors: DataError for fewer values than parameters + 1.
    Source: variable projection, Golub & Pereyra 1973; models Levenspiel ch. 13-14.
    """
    free = 3 if dead_time else 2
    n_parameters = free + 1 + BASELINE_TERMS[baseline]
    if curve.times_s.size <= n_parameters:
        raise _bad("too few times for the model", f"{curve.times_s.size} times, {n_parameters} parameters")
    problem = _Problem(curve, model, baseline, dead_time)
    best = min((problem.solve(start) for start in problem.starts()), key=lambda found: float(found.cost))
    return problem.report(best.x, n_parameters)


class _Problem:
    """One fit: x = ([dead time,] mean of the mixed part, shape), seconds; amplitude and baseline are solved inside."""

    def __init__(self, curve: TracerCurve, model: Model, baseline: Baseline, dead_time: bool) -> None:
        self.curve, self.model, self.dead_time = curve, model, dead_time
        terms = [np.ones_like(curve.times_s), curve.times_s / curve.times_s[-1]]
        self.base = terms[: BASELINE_TERMS[baseline]]
        self.low, self.high = SHAPE_BOUNDS[model]

    def starts(self) -> list[Vector]:
        """Return starting points from the curve's moments, with three guesses of the dead time."""
        mean, deviation = _moments(self.curve, self.base)
        starts = []
        for share in (0.0, 0.3, 0.6) if self.dead_time else (0.0,):
            delay = share * min(mean, self._first_sign())
            tau = max(mean - delay, 0.05 * self.curve.times_s[-1])
            ratio = (tau / max(deviation, 0.05 * tau)) ** 2
            shape = ratio if self.model == "tanks" else 2.0 * ratio
            inside = min(max(shape, 1.2 * self.low), 0.8 * self.high)
            starts.append(np.array(([delay] if self.dead_time else []) + [tau, inside]))
        return starts

    def _first_sign(self) -> float:
        y = np.abs(self.curve.signal - self.curve.signal[0])
        return float(self.curve.times_s[int(np.argmax(y > 0.02 * y.max()))])

    def bounds(self) -> tuple[list[float], list[float]]:
        end = float(self.curve.times_s[-1])
        low, high = [1e-3 * end, self.low], [5.0 * end, self.high]
        return ([0.0, *low], [end, *high]) if self.dead_time else (low, high)

    def solve(self, start: Vector) -> Any:
        """Return the bounded least-squares solution from one starting point (scipy's result)."""
        from scipy import optimize

        low, high = self.bounds()
        start = np.clip(start, np.array(low) + 1e-9, np.array(high) * (1 - 1e-9))
        return optimize.least_squares(
            self.residual,
            start,
            bounds=(low, high),
            x_scale=np.maximum(np.abs(start), 1e-3),
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )

    def residual(self, x: Vector) -> Vector:
        columns = self.columns(x)
        solution, *_ = np.linalg.lstsq(columns, self.curve.signal, rcond=None)
        return np.asarray(columns @ solution - self.curve.signal, dtype=np.float64)

    def columns(self, x: Vector) -> Vector:
        delay, tau, shape = self.split(x)
        g = _kernel(self.model, self.curve.kind)(self.curve.times_s, delay, tau, shape)
        return np.stack([g, *self.base], axis=1)

    def split(self, x: Vector) -> tuple[float, float, float]:
        return (float(x[0]), float(x[1]), float(x[2])) if self.dead_time else (0.0, float(x[0]), float(x[1]))

    def report(self, x: Vector, n_parameters: int) -> TracerFit:
        """Return the fit at the solution x with intervals and what follows from it."""
        curve, (delay, tau, shape) = self.curve, self.split(x)
        columns = self.columns(x)
        linear: Vector = np.linalg.lstsq(columns, curve.signal, rcond=None)[0].astype(np.float64)
        fitted = np.asarray(columns @ linear, dtype=np.float64)
        residual = curve.signal - fitted
        n, sse = curve.times_s.size, float((residual**2).sum())
        half, identifiable = self._half_widths(x, linear, sse, n - n_parameters)
        names = (["dead_time"] if self.dead_time else []) + ["mixed_mean", "n_tanks" if self.model == "tanks" else "peclet"]
        units = (["s"] if self.dead_time else []) + ["s", "1"]
        low, high = self.bounds()
        rows = zip(names, x, units, half, low, high, strict=True)
        parameters = tuple(Parameter(m, float(v), u, float(max(v - h, b)), float(min(v + h, t))) for m, v, u, h, b, t in rows)
        if self.model == "tanks":
            sd = tau / math.sqrt(shape)
        else:
            sd = tau * math.sqrt(2.0 / shape - 2.0 / shape**2 * -math.expm1(-shape))
        moment_mean, moment_sd = _moments(curve, self.base)
        total = float(((curve.signal - curve.signal.mean()) ** 2).sum())
        return TracerFit(
            self.model, parameters, delay + tau, sd, _quantiles(self.model, delay, tau, shape), moment_mean, moment_sd,
            math.sqrt(sse / n), 1.0 - sse / total, n * math.log(max(sse, 1e-300) / n) + 2 * n_parameters, identifiable, fitted,
        )  # fmt: skip

    def _half_widths(self, x: Vector, linear: Vector, sse: float, degrees: int) -> tuple[Vector, bool]:
        """95 % half widths of the non-linear parameters from the Jacobian; a parameter on its bound counts as known: NaN."""
        low, high = (np.array(b) for b in self.bounds())
        free = (x > low + 1e-6 * (high - low)) & (x < high - 1e-6 * (high - low))
        half = np.full(x.size, np.nan)
        slopes = [self._slope(x, int(i), float(linear[0])) for i in np.flatnonzero(free)]
        jacobian = np.column_stack([*slopes, self.columns(x)])
        scale = np.linalg.norm(jacobian, axis=0)
        scale[scale == 0.0] = 1.0
        scaled = jacobian / scale
        if float(np.linalg.cond(scaled)) >= CONDITION_MAX:
            return half, False
        covariance = np.linalg.inv(scaled.T @ scaled) / np.outer(scale, scale) * sse / (degrees + x.size - free.sum())
        spread = np.sqrt(np.maximum(np.diag(covariance)[: len(slopes)], 0.0))
        half[free] = float(special.stdtrit(degrees + x.size - free.sum(), 0.975)) * spread
        return half, True

    def _slope(self, x: Vector, i: int, amplitude: float) -> Vector:
        up, down = x.copy(), x.copy()
        step = max(1e-5 * abs(float(x[i])), 1e-7)
        up[i], down[i] = x[i] + step, x[i] - step
        return np.asarray((self.columns(up)[:, 0] - self.columns(down)[:, 0]) * amplitude / (2 * step), dtype=np.float64)


def _kernel(model: Model, kind: Kind) -> Callable[[Vector, float, float, float], Vector]:
    if model == "tanks":
        return _tanks_density if kind == "pulse" else _tanks_cumulative
    return _dispersion_density if kind == "pulse" else _dispersion_cumulative


def _tanks_density(times: Vector, delay: float, tau: float, n: float) -> Vector:
    age = np.maximum(times - delay, 0.0) * n / tau
    density = np.exp(special.xlogy(n - 1.0, age) - age - special.gammaln(n)) * n / tau
    return np.where(times >= delay, density, 0.0)


def _tanks_cumulative(times: Vector, delay: float, tau: float, n: float) -> Vector:
    return np.asarray(special.gammainc(n, np.maximum(times - delay, 0.0) * n / tau), dtype=np.float64)


def _dispersion_density(times: Vector, delay: float, tau: float, peclet: float) -> Vector:
    age = np.maximum(times - delay, 0.0)
    return np.where(times >= delay, axial_dispersion_closed(age, tau, peclet), 0.0)


def _dispersion_cumulative(times: Vector, delay: float, tau: float, peclet: float) -> Vector:
    grid = np.linspace(0.0, 12.0 * tau, GRID)
    density = axial_dispersion_closed(grid, tau, peclet)
    area = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    return np.interp(times - delay, grid, area / area[-1], left=0.0, right=1.0)


def _quantiles(model: Model, delay: float, tau: float, shape: float) -> dict[str, float]:
    shares = {"t1": 0.01, "t5": 0.05, "t50": 0.5, "t95": 0.95, "t99": 0.99}
    if model == "tanks":
        return {name: delay + tau / shape * float(special.gammaincinv(shape, p)) for name, p in shares.items()}
    grid = np.linspace(0.0, 12.0 * tau, 4 * GRID)
    cumulative = _dispersion_cumulative(grid, 0.0, tau, shape)
    return {name: delay + float(np.interp(p, cumulative, grid)) for name, p in shares.items()}


def _moments(curve: TracerCurve, base: list[Vector]) -> tuple[float, float]:
    """Mean and standard deviation [s] by trapezoids; with a baseline, the line between first and last value is taken off."""
    t, y = curve.times_s, curve.signal
    if base:
        y = y - (np.interp(t, [t[0], t[-1]], [y[0], y[-1]]) if curve.kind == "pulse" else y[0])
    if curve.kind == "step":
        rise = np.diff(y)
        t, y = (t[1:] + t[:-1]) / 2.0, rise
        total = float(y.sum())
        mean = float((t * y).sum()) / total if total else float(t.mean())
        return mean, math.sqrt(max(float(((t - mean) ** 2 * y).sum()) / total, 0.0)) if total else 0.0
    area = float(np.trapezoid(y, t))
    if not area:
        return float(t.mean()), 0.0
    mean = float(np.trapezoid(t * y, t)) / area
    return mean, math.sqrt(max(float(np.trapezoid((t - mean) ** 2 * y, t)) / area, 0.0))


def _bad(what: str, how_much: str) -> DataError:
    return DataError(what, where="tracer test", how_much=how_much, what_now="Correct the file: two columns, time rising.")
