"""Extended Kalman filter with disturbance states on the shared step function; late results enter at their own time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from apc.estimation.channels import Channel
from apc.estimation.noise import BIASES, N_BIAS, prior_covariance, process_covariance
from apc.estimation.readings import Readings
from apc.numerics.evaluation import Evaluator
from apc.numerics.gaussian import DelayedBelief, Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import BLENDER, DEVIATION, FEED_FRAME, LEVEL, N_D, N_X, OUTPUT, STEP_S

#: Clone groups and how many periods each is kept: blend potency, tablet potency, tablet weight, hardness.
CLONES = ("potency_blend", "potency_tablet", "weight", "hardness")
CLONE_LENGTHS = (5, 40, 20, 20)
#: Largest relative biases that may be believed.
BIAS_LIMIT = np.array([0.2, 0.05, 0.05, 0.6, 0.3, 0.3, 0.5, 0.4, 0.3])
BIAS_API, BIAS_YIELD, BIAS_STRENGTH, BIAS_NIR = N_X, N_X + 4, N_X + 6, N_X + 8
#: Late results this many standard deviations off tell of a change that the random walk does not expect.
WIDEN_SIGMA = 2.5
#: Doubt about masses, a period, while flows change: there the hold-up law is rough and may not blame the weight.
UNSETTLED_MASS = 0.02
_FLOW_OUTPUTS = ("mass_flow_api", "mass_flow_premix", "mass_flow_lactose", "mass_flow_lubricant")


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
        self._process_unsettled = self._process.copy()
        for masses in (BLENDER, slice(LEVEL, LEVEL + 1)):
            self._process_unsettled[masses, masses] += UNSETTLED_MASS**2
        self._belief = DelayedBelief(
            np.concatenate([flowsheet.x_nominal, np.zeros(N_BIAS)]), prior_covariance(noise), CLONE_LENGTHS
        )
        self._transition = np.eye(N_X + N_BIAS)
        self._turret = 0.0
        self._channels: dict[str, Channel] = {}
        self._last_gap: dict[int, float] = {}
        self.gated: list[str] = []

    def _channel(self, name: str, patience: int = 3) -> Channel:
        return self._channels.setdefault(name, Channel(self._noise["gate_sigma"], patience))

    def start(self, readings: Readings) -> None:
        """Set masses and level from the first readings: compositions are the recipe's, scaled extents follow the mass."""
        p = self._flowsheet.parameters
        hold_up, level = readings.mean["Blender/HoldUpMass"], readings.mean["Hopper/Level"]
        if math.isfinite(hold_up):
            self._belief.mean[BLENDER] = self._flowsheet.x_nominal[BLENDER] * max(hold_up / p.blender_hold_up, 0.01)
        if math.isfinite(level):
            self._belief.mean[LEVEL] = max(level / p.hopper_level, 0.01)

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
        p = self._flowsheet.parameters
        nominal_rpm = p.reference_flow / (p.n_stations * p.tablet_mass) * 60.0
        self._turret = (turret_rpm - float(y[OUTPUT["speed_turret"], 0])) / nominal_rpm

    def _bound(self) -> None:
        mean = self._belief.mean
        np.clip(mean[N_X : N_X + N_BIAS], -BIAS_LIMIT, BIAS_LIMIT, out=mean[N_X : N_X + N_BIAS])
        np.clip(mean[DEVIATION], -1.0, 1.0, out=mean[DEVIATION])
        np.maximum(mean[DEVIATION.stop : N_X], 0.0, out=mean[DEVIATION.stop : N_X])
        np.minimum(mean[FEED_FRAME], 4.0, out=mean[FEED_FRAME])

    def _linearise(self, u: Vector) -> tuple[Vector, Vector, Vector]:
        """Return outputs (N_Y,), their rows (N_Y, n) over the state, and the point (n,) they hold at."""
        y, c, _, f = self._outputs(self.x, u, self.d)
        rows = np.hstack([c, f[:, : N_D - 1], np.zeros((len(y), 1))])
        return y[:, 0].copy(), rows, self._belief.mean[: N_X + N_BIAS].copy()

    def correct(self, u: Vector, readings: Readings, running: bool) -> None:
        """Take the readings of this period in, and remember this moment for results that come later."""
        self.gated = []
        y, rows, at = self._linearise(u)
        index = [OUTPUT[name] for name in CLONES]
        self._belief.clone([y[i] for i in index], [rows[i] for i in index])
        noise, mean = self._noise, readings.mean
        for name, flow in zip(_FLOW_OUTPUTS, readings.flows.tolist(), strict=True):
            nominal = self._flow_nominal(name)
            error = noise[f"measured_flow_{name.removeprefix('mass_flow_')}_pct"] / 100.0 * nominal
            self._scalar(name, flow, y, rows, at, error, patience=2)
        self._scalar("hold_up_blender", mean["Blender/HoldUpMass"], y, rows, at, noise["measured_hold_up_kg"])
        self._scalar("level_hopper", mean["Hopper/Level"], y, rows, at, noise["measured_level_kg"])
        if running:
            self._scalar("fill_depth", mean["Press/FillDepth"], y, rows, at, noise["measured_fill_depth_mm"])
            force = mean["Press/MainForceMean"]
            self._scalar("force_main", force, y, rows, at, noise["measured_force_pct"] / 100.0 * y[OUTPUT["force_main"]])
        self._bound()

    def _flow_nominal(self, name: str) -> float:
        p = self._flowsheet.parameters
        return p.fractions[_FLOW_OUTPUTS.index(name)] * p.reference_flow * 3600.0

    def _scalar(self, name: str, value: float, y: Vector, rows: Vector, at: Vector, error: float, patience: int = 3) -> None:
        if not math.isfinite(value):
            return
        i = OUTPUT[name]
        row = np.zeros(len(self._belief.mean))
        row[: N_X + N_BIAS] = rows[i]
        now = self._belief.mean[: N_X + N_BIAS]
        innovation = value - float(y[i] + rows[i] @ (now - at))
        self._update(name, row, innovation, error, patience)

    def _update(self, name: str, row: Vector, innovation: float, error: float, patience: int = 3) -> float:
        """Update with the gated innovation; return the innovation in standard deviations."""
        sigma = math.sqrt(self._belief.innovation_variance(row, error**2))
        taken, gated = self._channel(name, patience).judge(innovation / sigma)
        if gated:
            self.gated.append(name)
        self._belief.update(row, taken * sigma, error**2)
        return innovation / sigma

    def _late(self, group: int, age_s: float, value: float, error: float, bias: float = 0.0) -> float | None:
        row = self._belief.clone_row(group, age_s / STEP_S)
        if row is None or not math.isfinite(value):
            return None
        predicted = float(row @ self._belief.mean)
        if bias:
            row[BIAS_NIR] = predicted
            predicted *= 1.0 + float(self._belief.mean[BIAS_NIR])
        return self._update(CLONES[group] + ("_nir" if bias else ""), row, value - predicted, error)

    def take_nir(self, age_s: float, potency_pct_lc: float, error_pct_lc: float) -> None:
        """Take a spectrum's potency [% LC] in that passed the probe age_s ago; its bias is a state."""
        if self._late(0, age_s, potency_pct_lc, error_pct_lc, bias=1.0) is not None:
            if self._channel("potency_blend_nir").persistent(3.0):
                self._belief.widen(BIAS_API, 0.012**2)
            self._bound()

    def take_tester(self, age_s: float, weight_mg: float, hardness_n: float) -> None:
        """Take a tester sample's mean weight [mg] and hardness [N] in, pulled age_s ago."""
        weight_error = self._noise["measured_weight_pct"] / 100.0 * self._flowsheet.parameters.tablet_mass * 1e6
        self._widen_if(2, age_s, weight_mg, weight_error, BIAS_YIELD, 0.03)
        self._late(2, age_s, weight_mg, weight_error)
        hardness_error = self._noise["measured_hardness_pct"] / 100.0 * max(hardness_n, 1.0)
        self._widen_if(3, age_s, hardness_n, hardness_error, BIAS_STRENGTH, 0.03)
        self._late(3, age_s, hardness_n, hardness_error)
        self._bound()

    def take_assay(self, age_s: float, potency_pct_lc: float) -> bool:
        """Take an assay's potency [% LC] in, pulled age_s ago; True if its moment was still remembered."""
        error = self._noise["measured_assay_pct"]
        self._widen_if(1, age_s, potency_pct_lc, error, BIAS_API, 0.012)
        taken = self._late(1, age_s, potency_pct_lc, error) is not None
        self._bound()
        return taken

    def _widen_if(self, group: int, age_s: float, value: float, error: float, bias: int, spread: float) -> None:
        """A result WIDEN_SIGMA off what is believed, alone or with the one before: give the bias behind it room first.

        The clone keeps its correlation with the bias, so the room is added to both through that correlation.
        """
        row = self._belief.clone_row(group, age_s / STEP_S)
        if row is None or not math.isfinite(value):
            return
        gap = (value - float(row @ self._belief.mean)) / math.sqrt(self._belief.innovation_variance(row, error**2))
        both = (gap + self._last_gap.get(group, 0.0)) / math.sqrt(2.0)
        self._last_gap[group] = gap
        if max(abs(gap), abs(both)) >= WIDEN_SIGMA:
            self._belief.inflate(bias, spread**2)
            self._last_gap[group] = 0.0

    def outputs(self, u: Vector) -> Vector:
        """Return the outputs (N_Y,) that are believed now, plant units."""
        return self._outputs(self.x, u, self.d)[0][:, 0].copy()

    def healthy(self) -> bool:
        """True while mean and variances are finite and no variance is negative."""
        variances = np.diagonal(self._belief.covariance)
        return bool(np.isfinite(self._belief.mean).all() and np.isfinite(variances).all() and (variances > -1e-9).all())
