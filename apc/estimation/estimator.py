"""What every estimator is: the line's model, one state vector, and readings taken in a fixed order each period."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from apc.estimation.channels import Channels
from apc.estimation.instruments import (
    HARDNESS,
    POTENCY_TABLET,
    WEIGHT,
    WIDEN_SIGMA,
    tester_errors,
    turret_offset,
    unsettled,
)
from apc.estimation.memory import PastOutputs
from apc.estimation.noise import BIASES, N_BIAS, process_covariance
from apc.estimation.readings import Readings
from apc.numerics.evaluation import Evaluator
from apc.numerics.gaussian import Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_X, OUTPUT

N_STATE = N_X + N_BIAS


class Estimator(ABC):
    """States and slow biases of the line, every 5 s: predict, correct, take what came late, conclude.

    State (68,): N_X scaled states and 9 biases (four feeder flows that their scales cannot see, yield pressure, fill
    density, strength, blender hold-up, NIR). The offset of the turret speed from the level loop's law is measured.
    `channels` names this period's gross errors.
    """

    def __init__(self, flowsheet: Flowsheet, noise: Mapping[str, float]) -> None:
        self._flowsheet, self._noise = flowsheet, dict(noise)
        self._step = Evaluator(flowsheet.step_jacobian)
        self._outputs = Evaluator(flowsheet.output_jacobian)
        self._process = process_covariance(noise)
        self._process_unsettled = unsettled(self._process)
        self._transition = np.eye(N_STATE)
        self._turret = 0.0
        self.channels = Channels(noise["gate_sigma"])
        self._past = PastOutputs(flowsheet.parameters, noise)
        self._last_gap: dict[int, float] = {}

    @property
    @abstractmethod
    def state(self) -> Vector:
        """(68,) states and biases."""

    @property
    @abstractmethod
    def covariance(self) -> Vector:
        """(68, 68) their covariance."""

    @abstractmethod
    def start(self, readings: Readings) -> None:
        """Set masses and level from the first readings: compositions are the recipe's, scaled extents follow the mass."""

    @abstractmethod
    def predict(self, u: Vector, turret_rpm: float, settled: bool = True) -> None:
        """Advance 5 s with the scaled inputs (N_U,) that were in force and the turret speed that was measured [rpm].

        settled: False while the line fills, empties, changes its throughput or a scale is blind.
        """

    @abstractmethod
    def correct(self, u: Vector, readings: Readings, running: bool) -> None:
        """Take the readings of this period in, and remember this moment for results that come later."""

    @abstractmethod
    def take_nir(self, age_s: float, potency_pct_lc: float, error_pct_lc: float) -> None:
        """Take a spectrum's potency [% LC] in that passed the probe age_s ago; its bias is a state."""

    @abstractmethod
    def conclude(self) -> None:
        """All of this period's readings are in."""

    @abstractmethod
    def _late(self, group: int, age_s: float, value: float, error: float) -> bool:
        """Take a late result in (index into instruments.LATE); False if its moment is not remembered or no value."""

    def take_tester(self, age_s: float, weight_mg: float, hardness_n: float) -> None:
        """Take a tester sample's mean weight [mg] and hardness [N] in, pulled age_s ago."""
        weight_error, hardness_error = tester_errors(self._noise, self._flowsheet.parameters, hardness_n)
        self._late(WEIGHT, age_s, weight_mg, weight_error)
        self._late(HARDNESS, age_s, hardness_n, hardness_error)

    def take_assay(self, age_s: float, potency_pct_lc: float) -> bool:
        """Take an assay's potency [% LC] in, pulled age_s ago; True if its moment was still remembered."""
        return self._late(POTENCY_TABLET, age_s, potency_pct_lc, self._noise["measured_assay_pct"])

    @property
    def x(self) -> Vector:
        """(N_X,) scaled states."""
        return self.state[:N_X].copy()

    @property
    def biases(self) -> Vector:
        """(9,) relative biases in the order of apc.estimation.noise.BIASES."""
        return self.state[N_X:].copy()

    @property
    def d(self) -> Vector:
        """(N_D,) relative disturbances: eight biases and the measured turret offset."""
        return disturbances(self.state, self._turret)

    def standard_deviation(self, bias: str) -> float:
        """Return the doubt about a bias by name [-]."""
        i = N_X + BIASES.index(bias)
        return math.sqrt(max(float(self.covariance[i, i]), 0.0))

    def outputs(self, u: Vector) -> Vector:
        """Return the outputs (N_Y,) that are believed now, plant units."""
        return self._outputs(self.x, u, self.d)[0][:, 0].copy()

    def doubts(self, u: Vector) -> Vector:
        """Return (N_Y,) the standard deviations of the outputs that are believed now, plant units."""
        rows = self._linearise(self.state, u, self._turret)[1]
        variances = np.einsum("ij,jk,ik->i", rows, self.covariance, rows)
        return np.sqrt(np.maximum(variances, 0.0))

    def healthy(self) -> bool:
        """True while mean and variances are finite and no variance is negative."""
        variances = np.diagonal(self.covariance)
        return bool(np.isfinite(self.state).all() and np.isfinite(variances).all() and (variances > -1e-9).all())

    def _measure_turret(self, u: Vector, turret_rpm: float) -> None:
        if not math.isfinite(turret_rpm):
            return
        y = self._outputs(self.x, u, disturbances(self.state, 0.0))[0]
        self._turret = turret_offset(turret_rpm, float(y[OUTPUT["speed_turret"], 0]), self._flowsheet.parameters)

    def _needs_room(self, group: int, gap: float) -> bool:
        """Return whether a late result's gap [standard deviations], alone or with the one before, is WIDEN_SIGMA off."""
        both = (gap + self._last_gap.get(group, 0.0)) / math.sqrt(2.0)
        far = max(abs(gap), abs(both)) >= WIDEN_SIGMA
        self._last_gap[group] = 0.0 if far else gap
        return far

    def _propagate(self, u: Vector) -> tuple[Vector, Vector]:
        """Return the next state (68,) and the transition (68, 68), which the next call overwrites."""
        x_next, a, _, d = self._step(self.x, u, self.d)
        self._transition[:N_X, :N_X] = a
        self._transition[:N_X, N_X : N_X + N_D - 1] = d[:, : N_D - 1]
        return np.concatenate([x_next[:, 0], self.biases]), self._transition

    def _linearise(self, state: Vector, u: Vector, turret: float) -> tuple[Vector, Vector]:
        """Return outputs (N_Y,) and their rows (N_Y, 68) over the state."""
        y, c, _, f = self._outputs(state[:N_X], u, disturbances(state, turret))
        return y[:, 0].copy(), np.hstack([c, f[:, : N_D - 1], np.zeros((len(y), 1))])


def disturbances(state: Vector, turret: float) -> Vector:
    """Return (N_D,) the model's disturbances from a state (68,) and the turret's offset."""
    return np.concatenate([state[N_X : N_X + N_D - 1], [turret]])
