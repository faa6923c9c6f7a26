"""Extended Kalman filter with disturbance states on the shared step function; late results enter at their own time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from apc.estimation.estimator import N_STATE, Estimator
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
from apc.numerics.gaussian import DelayedBelief, Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import OUTPUT, STEP_S

#: How many periods the clones of each late output are kept: blend potency, tablet potency, tablet weight, hardness.
CLONE_LENGTHS = (5, 40, 20, 20)


class KalmanFilter(Estimator):
    """Estimates states and slow biases of the line every 5 s; each reading is used as it comes.

    Missing values (NaN) are left out. Each channel clips a single wild innovation and believes a repeated one.
    Wrong if two biases that no instrument separates change at once (NIR and API feeder, before an assay).
    """

    def __init__(self, flowsheet: Flowsheet, noise: Mapping[str, float]) -> None:
        super().__init__(flowsheet, noise)
        start = np.concatenate([flowsheet.x_nominal, np.zeros(N_BIAS)])
        self._belief = DelayedBelief(start, prior_covariance(noise), CLONE_LENGTHS)

    @property
    def state(self) -> Vector:
        """(68,) states and biases; a view that the next reading changes."""
        return self._belief.mean[:N_STATE]

    @property
    def covariance(self) -> Vector:
        """(68, 68) their covariance; a view that the next reading changes."""
        return self._belief.covariance[:N_STATE, :N_STATE]

    def start(self, readings: Readings) -> None:
        """Set masses and level from the first readings: compositions are the recipe's, scaled extents follow the mass."""
        self._belief.mean[:N_STATE] = first_mean(self._flowsheet, readings)

    def predict(self, u: Vector, turret_rpm: float, settled: bool = True) -> None:
        """Advance 5 s with the scaled inputs (N_U,) that were in force and the turret speed that was measured [rpm].

        settled: False while the line fills, empties, changes its throughput or a scale is blind.
        """
        self._measure_turret(u, turret_rpm)
        mean, transition = self._propagate(u)
        self._belief.predict(mean, transition, self._process if settled else self._process_unsettled)
        self._belief.suspect(BIAS_API, 2 * JUMP_AGE)
        bound(self.state)

    def correct(self, u: Vector, readings: Readings, running: bool) -> None:
        """Take the readings of this period in, and remember this moment for results that come later."""
        self.channels.begin()
        (y, rows), at = self._linearise(self.state, u, self._turret), self.state.copy()
        self._past.remember(y[list(LATE_OUTPUTS)], self.biases)
        self._belief.clone([y[i] for i in LATE_OUTPUTS], [rows[i] for i in LATE_OUTPUTS])
        force, p = float(y[OUTPUT["force_main"]]), self._flowsheet.parameters
        for reading in direct_readings(readings, force, self._noise, p, running):
            i = OUTPUT[reading.name]
            row = np.zeros(len(self._belief.mean))
            row[:N_STATE] = rows[i]
            innovation = reading.value - float(y[i] + rows[i] @ (self.state - at))
            self._update(reading.name, row, innovation, reading.error, reading.patience)
        bound(self.state)

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
            self._belief.admit(ROOM_NIR**2)
        bound(self.state)

    def _late(self, group: int, age_s: float, value: float, error: float) -> bool:
        """Take a late result in; one that is far off gives the bias behind it room first.

        The clone keeps its correlation with the bias, so the room is added to both through that correlation.
        """
        place = self._place(group, age_s, value, error)
        if place is None:
            return False
        row, predicted, error = place
        gap = (value - predicted) / math.sqrt(self._belief.innovation_variance(row, error**2))
        if self._needs_room(group, gap):
            bias, spread = ROOM[group]
            self._belief.inflate(bias, spread**2)
        self._update(LATE[group], row, value - predicted, error)
        bound(self.state)
        return True

    def conclude(self) -> None:
        """All of this period's readings are in; a filter has used each as it came."""
