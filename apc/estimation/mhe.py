"""Moving-horizon estimation: the last five minutes anew each period, with a loss that gross errors cannot bend."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from apc.estimation.estimator import Estimator
from apc.estimation.instruments import (
    BIAS_API,
    BIAS_NIR,
    JUMP_AGE,
    LATE,
    LATE_OUTPUTS,
    POTENCY_BLEND,
    ROOM,
    ROOM_NIR,
    bound,
    direct_readings,
    first_mean,
)
from apc.estimation.noise import N_BIAS, prior_covariance
from apc.estimation.readings import Readings
from apc.estimation.robust import LOSSES, LossName
from apc.estimation.window_model import WindowModel, WindowSlopes
from apc.numerics.gaussian import Vector
from apc.numerics.smoother import Stage, Window, solve_window
from flowsheet.assembly import Flowsheet
from flowsheet.layout import OUTPUT, STEP_S

#: A channel of which more than half of at least so many readings lie far off is believed: gross errors are few.
MAJORITY_OF = 6
#: Weight below which a reading counts as far off.
FAR = 0.5


@dataclass
class Entry:
    """One reading in the window: plant units; weight of the loss; fresh until a solution has seen it; believed whole."""

    name: str
    output: int
    value: float
    error: float
    weight: float
    nir: bool = False
    fresh: bool = True
    believed: bool = False


@dataclass
class Period:
    """One period: inputs in force before it (N_U,), turret offset, noise (68, 68) that led to it, readings."""

    u: Vector
    turret: float
    noise: Vector
    entries: list[Entry] = field(default_factory=list)


class MovingHorizonEstimator(Estimator):
    """Estimates the states of the last `length` periods together; one Gauss-Newton step a period, warm started.

    min |z_0 - arrival|^2_(1/P) + sum |z_k+1 - f(z_k)|^2_(1/Q) + sum rho((reading - h(z_k))/error)

    over K <= length periods, linear about the last solution (slopes at every `stride`-th period). rho enters as weights
    of the last solution's residuals (iteratively reweighted least squares). Arrival: mean and covariance that the same
    recursion gives the window's first period from all readings before it, which is the Kalman filter's covariance
    (filtering update: Rao, Rawlings & Lee 2001); so for a linear model and squares the last state is the Kalman
    filter's. A late result enters at its own period; older than the window: at the first one, by its distance from
    what was believed about its time, its error widened by the walk of the bias.

    A run of far readings on one side is believed after the channel's patience, and a channel whose readings are mostly
    far is believed: a loss that gives far readings no pull would otherwise never follow a real change.
    Wrong where one step a period is too few (changes of tens of percent within a period) and where bounds matter
    inside the window: they are kept by clipping, not by the program.
    """

    def __init__(
        self, flowsheet: Flowsheet, noise: Mapping[str, float], length: int = 60, loss: LossName = "welsch", stride: int = 4
    ) -> None:
        super().__init__(flowsheet, noise)
        self._loss, self._length = LOSSES[loss], length
        self._model = WindowModel(flowsheet, length, stride)
        self._mean = np.concatenate([flowsheet.x_nominal, np.zeros(N_BIAS)])
        self._covariance = prior_covariance(noise)
        self._periods: deque[Period] = deque()
        self._points: list[Vector] = []
        self._spreads: list[Vector] = []
        self._solution: Window | None = None

    @property
    def state(self) -> Vector:
        """(68,) states and biases now."""
        return self._points[-1] if self._points else self._mean

    @property
    def covariance(self) -> Vector:
        """(68, 68) their covariance."""
        return self._covariance

    def start(self, readings: Readings) -> None:
        """Set masses and level from the first readings: compositions are the recipe's, scaled extents follow the mass."""
        self._mean = first_mean(self._flowsheet, readings)

    def predict(self, u: Vector, turret_rpm: float, settled: bool = True) -> None:
        """Advance 5 s with the scaled inputs (N_U,) that were in force and the turret speed that was measured [rpm].

        settled: False while the line fills, empties, changes its throughput or a scale is blind.
        """
        self._measure_turret(u, turret_rpm)
        noise = self._process if settled else self._process_unsettled
        mean, transition = self._propagate(u)
        spread = transition @ self._covariance @ transition.T + noise
        self._covariance = 0.5 * (spread + spread.T)
        bound(mean)
        if not self._periods:
            self._arrival = mean, self._covariance
        elif len(self._periods) == self._length and self._solution is not None:
            self._arrival = self._solution.arrivals[1].copy(), self._solution.spreads[1].copy()
            self._periods.popleft()
            del self._points[0], self._spreads[0]
        self._periods.append(Period(np.array(u), self._turret, noise))
        self._points.append(mean)
        self._spreads.append(self._covariance)

    def correct(self, u: Vector, readings: Readings, running: bool) -> None:
        """Put the readings of this period at the window's end, and remember this moment for results that come later."""
        self.channels.begin()
        y, rows = self._linearise(self.state, u, self._turret)
        self._past.remember(y[list(LATE_OUTPUTS)], self.biases)
        force, p = float(y[OUTPUT["force_main"]]), self._flowsheet.parameters
        for reading in direct_readings(readings, force, self._noise, p, running):
            i = OUTPUT[reading.name]
            entry = Entry(reading.name, i, reading.value, reading.error, 1.0)
            variance = float(rows[i] @ self._covariance @ rows[i]) + reading.error**2
            self._put(len(self._periods) - 1, entry, reading.value - float(y[i]), variance, reading.patience)

    def _put(self, index: int, entry: Entry, innovation: float, variance: float, patience: int = 3) -> None:
        """Put a reading into a period with the weight that its innovation deserves; a run of far ones is believed.

        The loss's weight w widens the whole innovation's variance S to S/w, all of it through the reading's error R:
        R/weight = S/w - (S - R). Otherwise doubt about the state would let a gross error in before the next period.
        """
        standardised = innovation / math.sqrt(variance)
        _, gated = self.channels.judge(entry.name, standardised, patience)
        far = abs(standardised) > self._noise["gate_sigma"]
        lost = 1.0 / float(self._loss(np.array([standardised]))[0]) - 1.0
        entry.weight = 1.0 / (1.0 + lost * variance / entry.error**2)
        self._periods[index].entries.append(entry)
        if far and not gated:
            same = [e for period in self._periods for e in period.entries if e.name == entry.name]
            for e in same[-patience:]:
                e.believed, e.weight = True, 1.0

    def _place(self, group: int, age_s: float, value: float, error: float) -> tuple[int, float, float] | None:
        """Return a late result's period, its distance from what is believed of its time, and its error; None if unknown."""
        if not math.isfinite(value) or not math.isfinite(age_s) or age_s < 0.0:
            return None
        index = len(self._periods) - 1 - round(age_s / STEP_S)
        if index >= 0:
            return index, math.nan, error
        recalled = self._past.recall(group, age_s / STEP_S, self.biases)
        if recalled is None:
            return None
        walked = self._past.drift(group, recalled, age_s / STEP_S - len(self._periods) + 1)
        return 0, value - recalled, math.hypot(error, walked)

    def take_nir(self, age_s: float, potency_pct_lc: float, error_pct_lc: float) -> None:
        """Take a spectrum's potency [% LC] in that passed the probe age_s ago; its bias is a state."""
        name = f"{LATE[POTENCY_BLEND]}_nir"
        if not self._late(POTENCY_BLEND, age_s, potency_pct_lc, error_pct_lc, name):
            return
        if self.channels.persistent(name, 3.0):
            period = self._periods[max(len(self._periods) - JUMP_AGE, 0)]
            period.noise = period.noise.copy()
            period.noise[BIAS_API, BIAS_API] += ROOM_NIR**2

    def _late(self, group: int, age_s: float, value: float, error: float, nir_name: str = "") -> bool:
        """Take a late result in; one that is far off gives the bias behind it room first, from the window's start on."""
        place = self._place(group, age_s, value, error)
        if place is None:
            return False
        index, distance, error = place
        period, point, spread = self._periods[index], self._points[index], self._spreads[index]
        y, rows = self._linearise(point, period.u, period.turret)
        i = LATE_OUTPUTS[group]
        predicted, row = float(y[i]), rows[i]
        if nir_name:
            biased, row = with_nir_bias(predicted, row, point)
            predicted = float(biased)
        if math.isfinite(distance):
            value = predicted + distance
        variance = float(row @ spread @ row) + error**2
        if group in ROOM and self._needs_room(group, (value - predicted) / math.sqrt(variance)):
            bias, size = ROOM[group]
            direction = spread[:, bias] / max(float(spread[bias, bias]), 1e-12)
            variance += (size * float(row @ direction)) ** 2
            self._widen_arrival(bias, size**2)
        entry = Entry(nir_name or LATE[group], i, value, error, 1.0, nir=bool(nir_name))
        self._put(index, entry, value - predicted, variance)
        return True

    def _widen_arrival(self, bias: int, variance: float) -> None:
        mean, covariance = self._arrival
        direction = covariance[:, bias] / max(float(covariance[bias, bias]), 1e-12)
        self._arrival = mean, covariance + variance * np.outer(direction, direction)

    def conclude(self) -> None:
        """All of this period's readings are in: one Gauss-Newton step on the window."""
        points = np.array(self._points)
        u = np.array([period.u for period in self._periods])
        turret = np.array([period.turret for period in self._periods])
        if len(points) == 1:
            y, rows = self._linearise(points[0], u[0], float(turret[0]))
            slopes = WindowSlopes(points[:0], np.empty((0, 0, 0)), y[None], rows[None])
        else:
            slopes = self._model.along(points, u, turret)
        stages = self._stages(points, slopes)
        self._solution = solve_window(*self._arrival, stages)
        means = self._solution.means.copy()
        bound(means)
        self._points, self._spreads = list(means), list(self._solution.spreads)
        self._covariance = self._solution.covariance

    def _stages(self, points: Vector, slopes: WindowSlopes) -> list[Stage]:
        """Return the window's linear stages, with each reading's variance divided by its weight."""
        entries = [(k, e) for k, period in enumerate(self._periods) for e in period.entries]
        k, i = np.array([k for k, _ in entries], dtype=np.intp), np.array([e.output for _, e in entries], dtype=np.intp)
        nir = np.array([e.nir for _, e in entries], dtype=np.bool_)
        value, error = np.array([e.value for _, e in entries]), np.array([e.error for _, e in entries])
        rows, predicted = slopes.rows[k, i], slopes.outputs[k, i]
        if nir.any():
            predicted[nir], rows[nir] = with_nir_bias(predicted[nir], rows[nir], points[k[nir]])
        gaps = value - predicted
        weights = self._weigh([e for _, e in entries], gaps / error)
        variances = error**2 / weights
        edges = np.searchsorted(k, np.arange(len(points) + 1))
        stages = []
        for j, (a, b) in enumerate(itertools.pairwise(edges.tolist())):
            here = points[j], rows[a:b], gaps[a:b], variances[a:b]
            if j == len(points) - 1:
                stages.append(Stage(*here))
            else:
                stages.append(Stage(*here, slopes.next_points[j], slopes.transitions[j], self._periods[j + 1].noise))
        return stages

    def _weigh(self, entries: list[Entry], residuals: Vector) -> Vector:
        """Return each reading's weight: the loss's at the last solution, its innovation's if it is new, 1 if believed."""
        weights = self._loss(residuals)
        free: dict[str, list[int]] = {}
        for j, entry in enumerate(entries):
            if entry.fresh:
                weights[j], entry.fresh = entry.weight, False
            elif entry.believed:
                weights[j] = 1.0
            else:
                free.setdefault(entry.name, []).append(j)
        for indices in free.values():
            if len(indices) >= MAJORITY_OF and np.count_nonzero(weights[indices] < FAR) * 2 > len(indices):
                weights[indices] = 1.0
        for entry, weight in zip(entries, weights.tolist(), strict=True):
            entry.weight = weight
        return weights


def with_nir_bias(predicted: Vector | float, rows: Vector, points: Vector) -> tuple[Vector, Vector]:
    """Return what the NIR reads of potencies (m,) and its rows (m, 68): potency (1 + bias)."""
    factor = 1.0 + points[..., BIAS_NIR]
    biased = rows * np.expand_dims(factor, -1)
    biased[..., BIAS_NIR] = predicted
    return np.asarray(predicted * factor), biased
