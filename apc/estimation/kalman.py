"""Extended Kalman filter with disturbance states on the shared step function; late results enter at their own time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from apc.estimation.channels import Channels
from apc.estimation.instruments import (
    BIAS_API,
    BIAS_NIR,
    HARDNESS,
    LATE,
    LATE_OUTPUTS,
    POTENCY_BLEND,
    POTENCY_TABLET,
    ROOM,
    ROOM_NIR,
    WEIGHT,
    WIDEN_SIGMA,
    bound,
    direct_readings,
    first_mean,
    tester_errors,
    turret_offset,
    unsettled,
)
from apc.estimation.memory import PastOutputs
from apc.estimation.noise import BIASES, N_BIAS, prior_covariance, process_covariance
from apc.estimation.readings import Readings
from apc.numerics.evaluation import Evaluator
from apc.numerics.gaussian import DelayedBelief, Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_X, OUTPUT, STEP_S

#: How many periods the clones of each late output are kept: blend potency, tablet potency, tablet weight, hardness.
CLONE_LENGTHS = (5, 40, 20, 20)


class KalmanFilter:
    """Estimates states and slow biases of the line every 5 s.

    State: N_X scaled states and 9 biases (four feeder flows that their scales cannot see, yield pressure, fill
    density, strength, blender hold-up, NIR). The offset of the turret speed from the level loop's law is measured.

    Missing values (NaN) are left out. Each channel clips a single wild innovation and believes a repeated one.
    Wrong if two biases that no instrument separates change at once (NIR and API feeder, before an assay).
    """

    def __init__(self, flowsheet: Flowsheet, noise: Mapping[str, float]) -> None:
        self._flowsheet, self._noise = flowsheet, dict(noise)
        self._step = Evaluator(flowsheet.step_jacobian)
        self._outputs = Evaluator(flowsheet.output_jacobian)
        self._process = process_covariance(noise)
        self._process_unsettled = unsettled(self._process)
        self._belief = DelayedBelief(
            np.concatenate([flowsheet.x_nominal, np.zeros(N_BIAS)]), prior_covariance(noise), CLONE_LENGTHS
        )
        self._transition = np.eye(N_X + N_BIAS)
        self._turret = 0.0
        self.channels = Channels(noise["gate_sigma"])
        self._past = PastOutputs(flowsheet.parameters, noise)
        self._last_gap: dict[int, float] = {}

    def start(self, readings: Readings) -> None:
        """Set masses and level from the first readings: compositions are the recipe's, scaled extents follow the mass."""
        self._belief.mean[: N_X + N_BIAS] = first_mean(self._flowsheet, readings)

    @property
    def x(self) -> Vector:
        """(N_X,) scaled states."""
        return self._belief.mean[:N_X].copy()

    @property
    def biases(self) -> Vector:
        """(9,) relative biases in the order of apc.estimation.noise.BIASES."""
        return self._belief.mean[N_X : N_X + N_BIAS].copy()

    @property
    def d(self) -> Vector:
        """(N_D,) relative disturbances: eight biases and the measured turret offset."""
        return np.concatenate([self.biases[: N_D - 1], [self._turret]])

    def standard_deviation(self, bias: str) -> float:
        """Return the doubt about a bias by name [-]."""
        i = N_X + BIASES.index(bias)
        return math.sqrt(max(self._belief.covariance[i, i], 0.0))

    def predict(self, u: Vector, turret_rpm: float, settled: bool = True) -> None:
        """Advance 5 s with the scaled inputs (N_U,) that were in force and the turret speed that was measured [rpm].

        settled: False while the line fills, empties, changes its throughput or a scale is blind.
        """
        self._measure_turret(u, turret_rpm)
        x_next, a, _, d = self._step(self.x, u, self.d)
        self._transition[:N_X, :N_X] = a
        self._transition[:N_X, N_X : N_X + N_D - 1] = d[:, : N_D - 1]
        mean = np.concatenate([x_next[:, 0], self.biases])
        self._belief.predict(mean, self._transition, self._process if settled else self._process_unsettled)
        self._bound()

    def _measure_turret(self, u: Vector, turret_rpm: float) -> None:
        if not math.isfinite(turret_rpm):
            return
        y = self._outputs(self.x, u, np.concatenate([self.biases[: N_D - 1], [0.0]]))[0]
        self._turret = turret_offset(turret_rpm, float(y[OUTPUT["speed_turret"], 0]), self._flowsheet.parameters)

    def _bound(self) -> None:
        bound(self._belief.mean[: N_X + N_BIAS])

    def _linearise(self, u: Vector) -> tuple[Vector, Vector, Vector]:
        """Return outputs (N_Y,), their rows (N_Y, n) over the state, and the point (n,) they hold at."""
        y, c, _, f = self._outputs(self.x, u, self.d)
        rows = np.hstack([c, f[:, : N_D - 1], np.zeros((len(y), 1))])
        return y[:, 0].copy(), rows, self._belief.mean[: N_X + N_BIAS].copy()

    def correct(self, u: Vector, readings: Readings, running: bool) -> None:
        """Take the readings of this period in, and remember this moment for results that come later."""
        self.channels.begin()
        y, rows, at = self._linearise(u)
        self._past.remember(y[list(LATE_OUTPUTS)], self.biases)
        self._belief.clone([y[i] for i in LATE_OUTPUTS], [rows[i] for i in LATE_OUTPUTS])
        force, p = float(y[OUTPUT["force_main"]]), self._flowsheet.parameters
        for reading in direct_readings(readings, force, self._noise, p, running):
            self._scalar(reading.name, reading.value, y, rows, at, reading.error, reading.patience)
        self._bound()

    def _scalar(self, name: str, value: float, y: Vector, rows: Vector, at: Vector, error: float, patience: int) -> None:
        i = OUTPUT[name]
        row = np.zeros(len(self._belief.mean))
        row[: N_X + N_BIAS] = rows[i]
        now = self._belief.mean[: N_X + N_BIAS]
        innovation = value - float(y[i] + rows[i] @ (now - at))
        self._update(name, row, innovation, error, patience)

    def _update(self, name: str, row: Vector, innovation: float, error: float, patience: int = 3) -> float:
        """Update with the gated innovation; return the innovation in standard deviations."""
        sigma = math.sqrt(self._belief.innovation_variance(row, error**2))
        taken, _ = self.channels.judge(name, innovation / sigma, patience)
        self._belief.update(row, taken * sigma, error**2)
        return innovation / sigma

    def _place(self, group: int, age_s: float, value: float, error: float) -> tuple[Vector, float, float] | None:
        """Return row, prediction and error of a late result; None if its moment is not remembered, or no value.

        Older than the clones: it enters at the oldest one by its distance from what is believed about its own time,
        with the walk of the bias between the two times added to its error.
        """
        if not math.isfinite(value) or not math.isfinite(age_s):
            return None
        row = self._belief.clone_row(group, age_s / STEP_S)
        if row is not None:
            return row, float(row @ self._belief.mean), error
        oldest = self._belief.filled[group] - 1
        row, recalled = self._belief.clone_row(group, oldest), self._past.recall(group, age_s / STEP_S, self.biases)
        if row is None or recalled is None:
            return None
        return row, recalled, math.hypot(error, self._past.drift(group, recalled, age_s / STEP_S - oldest))

    def take_nir(self, age_s: float, potency_pct_lc: float, error_pct_lc: float) -> None:
        """Take a spectrum's potency [% LC] in that passed the probe age_s ago; its bias is a state."""
        place = self._place(POTENCY_BLEND, age_s, potency_pct_lc, error_pct_lc)
        if place is None:
            return
        row, predicted, error = place
        row[BIAS_NIR] = predicted
        predicted *= 1.0 + float(self._belief.mean[BIAS_NIR])
        name = f"{LATE[POTENCY_BLEND]}_nir"
        self._update(name, row, potency_pct_lc - predicted, error)
        if self.channels.persistent(name, 3.0):
            self._belief.widen(BIAS_API, ROOM_NIR**2)
        self._bound()

    def take_tester(self, age_s: float, weight_mg: float, hardness_n: float) -> None:
        """Take a tester sample's mean weight [mg] and hardness [N] in, pulled age_s ago."""
        weight_error, hardness_error = tester_errors(self._noise, self._flowsheet.parameters, hardness_n)
        self._late(WEIGHT, age_s, weight_mg, weight_error)
        self._late(HARDNESS, age_s, hardness_n, hardness_error)
        self._bound()

    def take_assay(self, age_s: float, potency_pct_lc: float) -> bool:
        """Take an assay's potency [% LC] in, pulled age_s ago; True if its moment was still remembered."""
        taken = self._late(POTENCY_TABLET, age_s, potency_pct_lc, self._noise["measured_assay_pct"])
        self._bound()
        return taken

    def _late(self, group: int, age_s: float, value: float, error: float) -> bool:
        """Take a late result in. One WIDEN_SIGMA off, alone or with the one before, gives the bias behind it room first.

        The clone keeps its correlation with the bias, so the room is added to both through that correlation.
        """
        place = self._place(group, age_s, value, error)
        if place is None:
            return False
        row, predicted, error = place
        gap = (value - predicted) / math.sqrt(self._belief.innovation_variance(row, error**2))
        both = (gap + self._last_gap.get(group, 0.0)) / math.sqrt(2.0)
        self._last_gap[group] = gap
        if max(abs(gap), abs(both)) >= WIDEN_SIGMA:
            bias, spread = ROOM[group]
            self._belief.inflate(bias, spread**2)
            self._last_gap[group] = 0.0
        self._update(LATE[group], row, value - predicted, error)
        return True

    def conclude(self) -> None:
        """All of this period's readings are in; a filter has used each as it came."""

    def outputs(self, u: Vector) -> Vector:
        """Return the outputs (N_Y,) that are believed now, plant units."""
        return self._outputs(self.x, u, self.d)[0][:, 0].copy()

    def healthy(self) -> bool:
        """True while mean and variances are finite and no variance is negative."""
        variances = np.diagonal(self._belief.covariance)
        return bool(np.isfinite(self._belief.mean).all() and np.isfinite(variances).all() and (variances > -1e-9).all())
