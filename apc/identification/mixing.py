"""Blender, hopper and feed frame driven by what a run measured: hold-up, blend and tablet composition as the model has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import casadi as ca
import numpy as np

from apc.identification.fit import Vector
from apc.identification.recorded import PERIOD, RecordedRun
from flowsheet import blender, feed_frame, hopper
from flowsheet.layout import N_CELLS, N_TANKS, STEP_S, blender_tank_mass, shear_profile
from flowsheet.parameters import FlowsheetParameters

#: What these equations hold of the parameters; of two that a run cannot tell apart the later one keeps its value.
PARAMETERS = (
    "blender_hold_up", "blender_flow_exponent", "blender_speed_exponent", "blender_dead_time", "feed_frame_hold_up",
    "hopper_plug_share", "feed_frame_split", "feed_frame_dead_time",
)  # fmt: skip
#: How fast the modelled hopper level follows the measured one [s]: short against the level loop, long against noise.
LEVEL_TIME_S = 60.0
#: Last and earlier plug flows (mass, API, lubricant), tanks, level, cells, feed frame.
N_PLUG, N_BLENDER, N_HOPPER, N_FRAME = 6, 4 * N_TANKS, 3 * (N_CELLS + 1), 6


@dataclass(frozen=True)
class Mixed:
    """(n,) at the end of each period: hold-up [kg], API share at the blender's exit and in the die [kg/kg], extent of
    lubrication in the die relative to nominal [-]."""

    hold_up: Vector
    api_blend: Vector
    api_tablet: Vector
    lubrication: Vector


class MixingLine:
    """The flowsheet's own equations of blender, hopper and feed frame, with some parameters left open.

    Driven by measured flows, impeller and turret speed; the hopper's mass follows the measured level. One Runge-Kutta
    step of 5 s as in the flowsheet. Wrong where the flowsheet is: refills of the hopper's plug below 0.15 kg.
    """

    def __init__(self, parameters: FlowsheetParameters, names: Sequence[str]) -> None:
        self._parameters, self._names = parameters, tuple(names)
        self.theta = np.array([getattr(parameters, name) for name in names], dtype=np.float64)
        self.fraction_api = parameters.fraction_api

    @cached_property
    def _step(self) -> ca.Function:
        p, theta = open_parameters(self._parameters, self._names)
        size = N_PLUG + N_BLENDER + 1 + N_HOPPER + N_FRAME
        x, u = ca.SX.sym("x", size), ca.SX.sym("u", 6)
        after = _advance(x, u, p)
        return ca.Function("mixing", [x, u, theta], [after, _observe(after, p)])

    def start(self, theta: Vector, flows: Vector, level: float) -> Vector:
        """Return the state of a line at rest: recipe composition, hold-up of the first flows [kg/s]."""
        p = self._parameters.model_copy(update=dict(zip(self._names, theta.tolist(), strict=True)))
        total = float(flows[0])
        mass = blender_tank_mass(p) * (total / p.reference_flow) ** p.blender_flow_exponent
        turns, frame_turns = shear_profile(p)
        api, lubricant = p.fraction_api, p.fraction_lubricant
        tanks = [mass * part for j in range(N_TANKS) for part in (1.0, api, lubricant, float(turns[j]))]
        cells = [api, lubricant, float(turns[-1])] * (N_CELLS + 1)
        frame = [part for j in range(2) for part in (api, lubricant, float(frame_turns[j]))]
        return np.array([*flows, *flows, *tanks, level, *cells, *frame])

    def run(self, theta: Vector, drive: Vector) -> Mixed:
        """Return what the line holds over a run. drive (n, 6): see `drive_of`."""
        begin = self.start(theta, drive[0, :3], float(drive[0, 4]))
        n = len(drive)
        roll = self._rolled(n)
        y = np.array(roll(begin, drive.T, np.tile(theta[:, None], (1, n)))[1])
        return Mixed(y[0], y[1], y[2], y[3])

    def _rolled(self, n: int) -> ca.Function:
        known = self.__dict__.setdefault("_maps", {})
        if n not in known:
            known[n] = self._step.mapaccum(f"mixing_{n}", n)
        function: ca.Function = known[n]
        return function


def open_parameters(parameters: FlowsheetParameters, names: Sequence[str]) -> tuple[FlowsheetParameters, Any]:
    """Return the parameters with the named ones as CasADi symbols, and the symbols (k, 1) in that order."""
    theta = ca.SX.sym("theta", len(names))
    known: Mapping[str, Any] = {**parameters.model_dump(), **{name: theta[i] for i, name in enumerate(names)}}
    return FlowsheetParameters.model_construct(**known), theta


def drive_of(run: RecordedRun, parameters: FlowsheetParameters) -> Vector:
    """Return (n, 6) a period: total, API and lubricant flow [kg/s], impeller [rev/s], level [kg], what the press takes
    [kg/s]. NaN is bridged linearly (a scale that is blind; a signal that is lost)."""
    flows = run.periods(run.flows()) / 3600.0
    speed = run.periods(run.signals["Press/TurretSpeed"]) / 60.0
    columns = [
        flows.sum(axis=1), flows[:, 0], flows[:, 3],
        run.periods(run.signals["Blender/ImpellerSpeed"]) / 60.0,
        run.periods(run.signals["Hopper/Level"]),
        speed * parameters.n_stations * parameters.tablet_mass,
    ]  # fmt: skip
    return np.column_stack([bridged(column) for column in columns])


def ends_of(run: RecordedRun) -> Vector:
    """Return (n,) seconds at the end of each period."""
    n = len(run.seconds) // PERIOD
    return run.seconds[PERIOD - 1 : n * PERIOD : PERIOD]


def bridged(values: Vector) -> Vector:
    """Return values (n,) with NaN bridged linearly; zeros if there is nothing else."""
    good = np.isfinite(values)
    at = np.arange(len(values))
    return np.interp(at, at[good], values[good]) if good.any() else np.zeros(len(values))


def _advance(x: Any, u: Any, p: FlowsheetParameters) -> Any:
    last, before = x[:3], x[3:6]
    inflow = blender.plug_outflow(last, before, p, STEP_S)
    z = x[N_PLUG:]

    def rate(z: Any) -> Any:
        return _rate(z, inflow, u, p)

    k1 = rate(z)
    k2 = rate(z + STEP_S / 2 * k1)
    k3 = rate(z + STEP_S / 2 * k2)
    k4 = rate(z + STEP_S * k3)
    return ca.vertcat(u[:3], last, z + STEP_S / 6 * (k1 + 2 * k2 + 2 * k3 + k4))


def _rate(z: Any, inflow: Any, u: Any, p: FlowsheetParameters) -> Any:
    impeller, level_read, taken = u[3], u[4], u[5]
    tanks, level = z[:N_BLENDER], z[N_BLENDER]
    cells, frame = z[N_BLENDER + 1 : N_BLENDER + 1 + N_HOPPER], z[N_BLENDER + 1 + N_HOPPER :]
    blending, stream = blender.derivative(tanks, [inflow[0], inflow[1], inflow[2], 0.0], impeller, p)
    leaving = [tanks[8 + i] / ca.fmax(tanks[8], blender.EMPTY_KG) for i in (1, 2, 3)]
    hopping = hopper.derivative(cells, level, stream[0], leaving, taken, p)
    hopping[0] = hopping[0] + (level_read - level) / LEVEL_TIME_S
    feeding = feed_frame.derivative(frame, [cells[3 * N_CELLS + i] for i in range(3)], taken, p)
    return ca.vertcat(*blending, *hopping, *feeding)


def _observe(x: Any, p: FlowsheetParameters) -> Any:
    tanks, frame = x[N_PLUG : N_PLUG + N_BLENDER], x[-3:]
    hold_up = blender.plug_mass(x[0], x[3], p, STEP_S) + tanks[0] + tanks[4] + tanks[8]
    blend = tanks[9] / ca.fmax(tanks[8], blender.EMPTY_KG)
    return ca.vertcat(hold_up, blend, frame[0], frame[1] * frame[2] / nominal_lubrication(p))


def nominal_lubrication(p: FlowsheetParameters) -> Any:
    """Return lubricant share times revolutions in the die at the reference point [rev], floats or symbols."""
    mass = blender_tank_mass(p)
    in_blender = N_TANKS * p.blender_reference_speed * mass / p.reference_flow
    in_frame = p.feed_frame_hold_up / p.reference_flow - p.feed_frame_dead_time
    return p.fraction_lubricant * (in_blender + in_frame * p.feed_frame_paddle_speed)
