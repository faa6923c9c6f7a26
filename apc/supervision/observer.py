"""Runs the estimator on the line's observations and says what the controller may believe."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from apc.estimate import Estimate
from apc.estimation.estimator import Estimator
from apc.estimation.kalman import KalmanFilter
from apc.estimation.mhe import MovingHorizonEstimator
from apc.estimation.noise import BIASES
from apc.estimation.readings import FLOWS, ReadingAverager, Readings
from apc.observation import Observation
from apc.supervision.convergence import Convergence
from apc.supervision.tags import InputScaling
from flowsheet.assembly import Flowsheet
from flowsheet.layout import DEVIATION, N_D, N_FEEDERS, N_U, OUTPUT
from line.configuration import ControllerConfiguration
from line.samples import Snapshot
from line.tags import TagRegister
from sensing.verdict import Validity

Vector = NDArray[np.float64]

#: Decisions that the press must have run before its signals are read.
PRESSING_AFTER = 2
#: Decisions after a change of the flow set-points until hold-ups have settled.
SETTLED_AFTER = 60
#: Turret speed [rpm] above which the press runs.
RUNNING_RPM = 5.0
#: Share of a measured feeder deviation that may widen the authority of the API correction, and how fast it fades.
FEED_FORWARD_SHARE, FEED_FORWARD_KEEP = 0.5, 0.97
#: Weight of the newest turret offset in the one that the controller extrapolates.
TURRET_SMOOTHING = 0.1
#: NIR verdicts that count as evidence with a wider error; all other flagged ones count as missing.
DOUBTFUL = (Validity.EXTRAPOLATION, Validity.OUT_OF_RANGE)
DOUBT_FACTOR = 3.0


class Observer:
    """Readings, spectra, tester and assay results into one Estimate a decision."""

    def __init__(
        self, flowsheet: Flowsheet, configuration: ControllerConfiguration, register: TagRegister, scaling: InputScaling
    ) -> None:
        self._flowsheet, self._configuration, self._scaling = flowsheet, configuration, scaling
        self._averager = ReadingAverager(register)
        self._convergence = Convergence(configuration.converged_pct)
        self.readings = self._averager.take()
        self._nominal = np.array(flowsheet.outputs(flowsheet.x_nominal, np.ones(N_U), np.zeros(N_D))).ravel()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next decision starts from the first readings."""
        self._filter = build_estimator(self._flowsheet, self._configuration)
        self._convergence.reset()
        self._started = False
        self._running_for = 0
        self._settled_for = 0
        self._total: float | None = None
        self._confirmed = 0.0
        self._feed_forward = 0.0
        self._turret = 0.0

    def observe(self, snapshot: Snapshot) -> None:
        """Take one second in."""
        self._averager.add(snapshot)

    def skip(self) -> None:
        """Drop the readings of this period (controller OFF)."""
        self._averager.take()

    @property
    def healthy(self) -> bool:
        """False if the belief is no longer finite: it must be reset."""
        return self._filter.healthy()

    @property
    def waits(self) -> str:
        """What the estimate still lacks before it may move the line; empty if nothing."""
        return self._convergence.waits

    @property
    def gated(self) -> tuple[str, ...]:
        """Readings of this period that were clipped as gross errors: 'level_hopper 12.3 sigma too high'."""
        return tuple(error.words() for error in self._filter.channels.errors)

    def estimate(self, observation: Observation, in_force: Vector) -> Estimate:
        """Return the estimate at this decision; in_force (N_U,) the set-points that the plant holds, plant units."""
        readings = self.readings = self._averager.take()
        if not self._started:
            self._filter.start(readings)
            self._started = True
        u = self._inputs(readings, in_force)
        turret = readings.mean["Press/TurretSpeed"]
        running = math.isfinite(turret) and turret > RUNNING_RPM
        self._running_for = self._running_for + 1 if running else 0
        settled = self._settle(u) and running and bool(np.isfinite(readings.flows).all())
        self._filter.predict(u, turret, settled)
        self._filter.correct(u, readings, running and self._running_for > PRESSING_AFTER)
        assayed = self._late_results(observation)
        self._filter.conclude()
        if assayed:
            self._confirmed = float(self._filter.biases[0])
        return self._judge(u)

    def _settle(self, u: Vector) -> bool:
        """Return whether flows have been even for long enough; a change of 2 % of the total starts the count anew."""
        total = float(np.asarray(self._flowsheet.parameters.fractions) @ u[:N_FEEDERS])
        if self._total is None or abs(total - self._total) > 0.02:
            self._total, self._settled_for = total, 0
        self._settled_for += 1
        return self._settled_for > SETTLED_AFTER

    def _inputs(self, readings: Readings, in_force: Vector) -> Vector:
        """Return scaled inputs as the plant really ran: active feeder set-points, nothing where a feeder stands still."""
        mean = readings.mean
        plant = in_force.copy()
        for i in range(N_FEEDERS):
            active = mean[FLOWS[i].replace("MassFlow", "Setpoint")]
            plant[i] = 0.0 if readings.stopped[i] else _first_finite(active, in_force[i])
        plant[4] = _first_finite(mean["Press/MainForceSetpoint"], in_force[4])
        plant[5] = _first_finite(mean["Press/MainHeight"], in_force[5])
        plant[7] = _first_finite(mean["Blender/ImpellerSpeed"], in_force[7])
        return self._scaling.scaled(plant)

    def _late_results(self, observation: Observation) -> bool:
        """Take in what speaks of the past; return whether an assay was among it."""
        snapshot, step = observation.snapshot, observation.step
        self._take_spectrum(observation)
        if observation.tester_new:
            age = step - snapshot.value("Tester/PulledStep")
            if math.isfinite(age):
                self._filter.take_tester(age, snapshot.value("Tester/WeightMean"), snapshot.value("Tester/HardnessMean"))
        if not observation.assay_new:
            return False
        return self._filter.take_assay(step - snapshot.value("Assay/PulledStep"), snapshot.value("Assay/PotencyMean"))

    def _take_spectrum(self, observation: Observation) -> None:
        nir = observation.nir
        if nir is None or not math.isfinite(nir.api_w_w) or not (nir.valid or nir.validity in DOUBTFUL):
            return
        per_w_w = 100.0 / self._flowsheet.parameters.fraction_api
        stated = nir.standard_error_w_w * per_w_w if math.isfinite(nir.standard_error_w_w) else 0.0
        error = max(self._configuration.noise["measured_nir_pct"], stated) * (1.0 if nir.valid else DOUBT_FACTOR)
        self._filter.take_nir(float(observation.step - nir.step), nir.api_w_w * per_w_w, error)

    def _judge(self, u: Vector) -> Estimate:
        x, d = self._filter.x, self._filter.d
        self._feed_forward = max(self._feed_forward * FEED_FORWARD_KEEP, float(np.abs(x[DEVIATION]).max()))
        self._turret = (
            self._turret + TURRET_SMOOTHING * (d[N_D - 1] - self._turret) if self._running_for > PRESSING_AFTER else 0.0
        )
        used = d.copy()
        trim = self._configuration.nir_trim_limit_pct / 100.0
        used[0] = float(np.clip(used[0], self._confirmed - trim, self._confirmed + trim))
        used[N_D - 1] = float(np.clip(self._turret, -0.2, 0.2))
        return Estimate(
            x=x,
            d=d,
            d_control=used,
            confirmed_bias_api=self._confirmed,
            waits=self._convergence.judge(self._doubts(u), self._running_for > PRESSING_AFTER),
            feed_forward=min(FEED_FORWARD_SHARE * max(self._feed_forward - 0.05, 0.0), 0.1),
            named=self._named(u, d),
        )

    def _doubts(self, u: Vector) -> dict[str, float]:
        """Return how well each output is known [% of its nominal]."""
        doubts, nominal = self._filter.doubts(u), self._nominal
        return {
            name: 100.0 * float(doubts[i] / nominal[i])
            for name, i in OUTPUT.items()
            if name in self._configuration.converged_pct
        }

    def _named(self, u: Vector, d: Vector) -> Mapping[str, float]:
        y = self._filter.outputs(u)
        bias = dict(zip(BIASES, (100.0 * self._filter.biases).tolist(), strict=True))
        return {
            "potency_tablet_pct_lc": float(y[OUTPUT["potency_tablet"]]),
            "potency_blend_pct_lc": float(y[OUTPUT["potency_blend"]]),
            "weight_mg": float(y[OUTPUT["weight"]]),
            "hardness_n": float(y[OUTPUT["hardness"]]),
            "strength_mpa": float(y[OUTPUT["strength"]]),
            "lubricant_tablet_pct": float(y[OUTPUT["lubricant_tablet"]]),
            "level_hopper_kg": float(y[OUTPUT["level_hopper"]]),
            "bias_api_pct": bias["bias_api"],
            "bias_api_confirmed_pct": 100.0 * self._confirmed,
            "bias_api_sd_pct": 100.0 * self._filter.standard_deviation("bias_api"),
            "bias_nir_pct": bias["bias_nir"],
            "bias_lubricant_pct": bias["bias_lubricant"],
            "py_bias_pct": bias["bias_yield_pressure"],
            "density_bias_pct": bias["bias_density"],
            "strength_bias_pct": bias["bias_strength"],
            "hold_up_bias_pct": bias["bias_hold_up"],
        }


def build_estimator(flowsheet: Flowsheet, configuration: ControllerConfiguration) -> Estimator:
    """Return the estimator that the configuration names."""
    if configuration.estimator == "mhe":
        horizon = configuration.horizon
        return MovingHorizonEstimator(flowsheet, configuration.noise, horizon.window_periods, horizon.loss, horizon.stride)
    return KalmanFilter(flowsheet, configuration.noise)


def _first_finite(value: float, fallback: float) -> float:
    return value if math.isfinite(value) else fallback
