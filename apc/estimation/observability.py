"""Which disturbances the instruments can tell, over which time, and which instrument it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apc.estimation.estimator import N_STATE
from apc.estimation.instruments import BIAS_NIR, FLOW_OUTPUTS
from apc.estimation.noise import BIASES, FEEDERS, prior_covariance
from apc.numerics.evaluation import Evaluator
from apc.numerics.gaussian import Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_U, N_X, OUTPUT, STEP_S

#: A disturbance is told if its doubt has fallen to this share of what it was before anything was read.
TOLD_SHARE = 0.5
#: An instrument is needed for a disturbance if without it the doubt is this many times larger.
NEEDED_FACTOR = 1.5
#: Two disturbances whose errors are correlated beyond this are told apart badly.
CONFUSED = 0.8
SETTLE = 720


@dataclass(frozen=True)
class Schedule:
    """How often an instrument speaks and how late [s]."""

    interval_s: float
    delay_s: float


@dataclass(frozen=True)
class Told:
    """One disturbance: doubt before and after the window (1 sigma, %), instruments without which the doubt is much larger,
    and the disturbance it is confused with, if any, with the correlation of their errors."""

    name: str
    prior_pct: float
    after_pct: float
    needs: tuple[str, ...]
    confused_with: str
    correlation: float

    @property
    def told(self) -> bool:
        """True if the window makes the doubt half as large or less."""
        return self.after_pct <= TOLD_SHARE * self.prior_pct


@dataclass(frozen=True)
class Observability:
    """What a window tells. window_s; instruments used; disturbances; doubt about the qualities now (1 sigma, plant units)
    by output; n_told: directions of the state (of n_state) whose doubt is halved; weakest: what the least told direction
    of the disturbances is made of."""

    window_s: float
    instruments: tuple[str, ...]
    disturbances: tuple[Told, ...]
    outputs: Mapping[str, float]
    n_told: int
    n_state: int
    weakest: Mapping[str, float]


class ObservabilityModel:
    """The flowsheet, linear about its reference point, and what each instrument reads of it.

    Fisher information of the state at the window's begin, sum over readings of (C A^k)' R^-1 (C A^k): the observability
    Gramian scaled by the instruments' noise; with the estimator's prior it gives the doubt that is left. No process noise:
    a disturbance that walks faster than the window is long is told less well than this says.
    """

    def __init__(
        self, flowsheet: Flowsheet, noise: Mapping[str, float], tester_s: float, assay_s: float, nir_s: float = STEP_S
    ) -> None:
        self._noise, self._p = dict(noise), flowsheet.parameters
        u, d = np.ones(N_U), np.zeros(N_D)
        settle = flowsheet.step.mapaccum(SETTLE)
        x = np.array(settle(flowsheet.x_nominal, np.tile(u[:, None], (1, SETTLE)), np.zeros((N_D, SETTLE))))[:, -1]
        _, a, _, along = (m.copy() for m in Evaluator(flowsheet.step_jacobian)(x, u, d))
        y, c, _, f = (m.copy() for m in Evaluator(flowsheet.output_jacobian)(x, u, d))
        self._transition = np.eye(N_STATE)
        self._transition[:N_X, :N_X] = a
        self._transition[:N_X, N_X : N_X + N_D - 1] = along[:, : N_D - 1]
        self._y = y[:, 0]
        self._rows = np.hstack([c, f[:, : N_D - 1], np.zeros((len(y), 1))])
        self._prior = prior_covariance(noise)
        self.schedules: dict[str, Schedule] = {
            **dict.fromkeys(("flows", "hold_up", "level", "fill_depth", "force"), Schedule(STEP_S, 0.0)),
            "nir": Schedule(nir_s, 6.0), "tester": Schedule(tester_s, 60.0), "assay": Schedule(assay_s, 120.0),
        }  # fmt: skip

    def report(self, window_s: float, without: Sequence[str] = ()) -> Observability:
        """Return what a window of so many seconds tells, with all instruments but those in `without`."""
        used = tuple(name for name in self.schedules if name not in without)
        blocks = {name: self._readings(name, window_s) for name in used}
        covariance = self._posterior(blocks, used)
        alone = {name: self._posterior(blocks, [other for other in used if other != name]) for name in used}
        told = tuple(self._told(i, covariance, alone) for i in range(N_STATE - N_X))
        final = np.linalg.matrix_power(self._transition, round(window_s / STEP_S))
        now = final @ covariance @ final.T
        outputs = {name: float(math.sqrt(self._rows[i] @ now @ self._rows[i])) for name, i in OUTPUT.items() if i < 5}
        return Observability(
            window_s, used, told, outputs, self._n_told(covariance), N_STATE, _weakest(covariance, self._prior)
        )

    def _readings(self, name: str, window_s: float) -> tuple[Vector, Vector]:
        """Return rows (k, 68) over the state at the window's begin and variances (k,) of what an instrument says in it."""
        rows, errors = self._channel(name)
        schedule, n = self.schedules[name], round(window_s / STEP_S)
        every, late = max(round(schedule.interval_s / STEP_S), 1), math.ceil(schedule.delay_s / STEP_S)
        found, variances, power = [], [], np.eye(N_STATE)
        for k in range(n + 1):
            if k and k % every == 0 and k + late <= n:
                found += list(rows @ power)
                variances += list(errors**2)
            power = self._transition @ power
        return np.array(found).reshape(-1, N_STATE), np.array(variances)

    def _channel(self, name: str) -> tuple[Vector, Vector]:
        """Return rows (k, 68) and errors (k,) of an instrument's outputs, plant units."""
        noise, y = self._noise, self._y
        outputs = {
            "flows": FLOW_OUTPUTS, "hold_up": ("hold_up_blender",), "level": ("level_hopper",), "fill_depth": ("fill_depth",),
            "force": ("force_main",), "nir": ("potency_blend",), "tester": ("weight", "hardness"), "assay": ("potency_tablet",),
        }[name]  # fmt: skip
        at = [OUTPUT[output] for output in outputs]
        rows = self._rows[at].copy()
        if name == "nir":
            rows[0, BIAS_NIR] = y[at[0]]
        share = {
            "flows": [noise[f"measured_flow_{f}_pct"] for f in FEEDERS], "force": [noise["measured_force_pct"]],
            "tester": [noise["measured_weight_pct"], noise["measured_hardness_pct"]],
        }  # fmt: skip
        absolute = {"hold_up": "measured_hold_up_kg", "level": "measured_level_kg", "fill_depth": "measured_fill_depth_mm",
                    "nir": "measured_nir_pct", "assay": "measured_assay_pct"}  # fmt: skip
        if name in share:
            return rows, np.array(share[name]) / 100.0 * y[at]
        return rows, np.array([noise[absolute[name]]])

    def _posterior(self, blocks: Mapping[str, tuple[Vector, Vector]], used: Sequence[str]) -> Vector:
        """Return (68, 68) the doubt about the state at the window's begin, given what these instruments say in it."""
        parts = [blocks[name] for name in used if len(blocks[name][0])]
        if not parts:
            return self._prior
        rows = np.vstack([rows for rows, _ in parts])
        weighted = rows / np.sqrt(np.concatenate([variances for _, variances in parts]))[:, None]
        root = _root(self._prior)
        inner = np.eye(root.shape[1]) + (weighted @ root).T @ (weighted @ root)
        posterior: Vector = root @ np.linalg.solve(inner, root.T)
        return posterior

    def _told(self, i: int, covariance: Vector, alone: Mapping[str, Vector]) -> Told:
        j = N_X + i
        spread = np.sqrt(np.diag(covariance)[N_X:])
        correlations = covariance[j, N_X:] / np.maximum(spread[i] * spread, 1e-15)
        correlations[i] = 0.0
        other = int(np.argmax(np.abs(correlations)))
        confused = abs(correlations[other]) >= CONFUSED
        needs = [n for n, p in alone.items() if math.sqrt(p[j, j]) >= NEEDED_FACTOR * spread[i]]
        return Told(
            BIASES[i], 100.0 * math.sqrt(self._prior[j, j]), 100.0 * float(spread[i]), tuple(needs),
            BIASES[other] if confused else "", float(correlations[other]) if confused else 0.0,
        )  # fmt: skip

    def _n_told(self, covariance: Vector) -> int:
        """Return in how many directions the doubt is halved, out of those that the prior leaves open."""
        root = _root(self._prior)
        back = np.linalg.pinv(root)
        ratios = np.linalg.eigvalsh(back @ covariance @ back.T)
        return int((ratios <= TOLD_SHARE**2).sum())


def _root(covariance: Vector) -> Vector:
    """Return R (n, r) with R R' = covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    keep = values > 1e-14 * values.max()
    root: Vector = vectors[:, keep] * np.sqrt(values[keep])
    return root


def _weakest(covariance: Vector, prior: Vector) -> dict[str, float]:
    """Return the disturbances that make up the direction with the largest doubt left, each over its prior, largest first."""
    scale = np.sqrt(np.diag(prior)[N_X:])
    relative = covariance[N_X:, N_X:] / np.outer(scale, scale)
    direction = np.linalg.eigh(relative)[1][:, -1]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    parts = {BIASES[i]: float(direction[i]) for i in np.argsort(-np.abs(direction)).tolist()}
    return {name: value for name, value in parts.items() if abs(value) >= 0.2}
