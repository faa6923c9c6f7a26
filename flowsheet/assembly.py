"""The line as one step function and one output function: everything else (estimator, controller, do-mpc) wraps these two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from flowsheet import blender, feed_frame, feeder, hopper, press
from flowsheet.layout import (
    BLENDER,
    CELLS,
    DEVIATION,
    FEED_FRAME,
    FILL_DEPTH,
    FLOW_BEFORE,
    FLOW_LAST,
    LEVEL,
    N_CELLS,
    N_D,
    N_FEEDERS,
    N_U,
    N_X,
    STEP_S,
    Vector,
    input_scale,
    nominal_state,
    state_scale,
)
from flowsheet.parameters import FlowsheetParameters


@dataclass(frozen=True)
class Flowsheet:
    """The control model. All functions take scaled x (N_X,), scaled u (N_U,), relative d (N_D,).

    step: (x, u, d) -> x after 5 s; outputs: (x, u, d) -> y (N_Y,) plant units; step_jacobian: -> (x_next, A, B, D);
    output_jacobian: -> (y, C, E, F) with respect to x, u, d. SX functions, evaluated without a compiler.
    """

    parameters: FlowsheetParameters
    step: ca.Function
    outputs: ca.Function
    step_jacobian: ca.Function
    output_jacobian: ca.Function
    x_scale: Vector
    u_scale: Vector
    x_nominal: Vector


def build_flowsheet(p: FlowsheetParameters) -> Flowsheet:
    """Return the control model of a line with these parameters (about 0.2 s)."""
    x, u, d = ca.SX.sym("x", N_X), ca.SX.sym("u", N_U), ca.SX.sym("d", N_D)
    x_next, y = step_expression(x, u, d, p), output_expression(x, u, d, p)
    rates = [ca.jacobian(x_next, v) for v in (x, u, d)]
    slopes = [ca.jacobian(y, v) for v in (x, u, d)]
    return Flowsheet(
        parameters=p,
        step=ca.Function("step", [x, u, d], [x_next]),
        outputs=ca.Function("outputs", [x, u, d], [y]),
        step_jacobian=ca.Function("step_jacobian", [x, u, d], [x_next, *[ca.densify(r) for r in rates]]),
        output_jacobian=ca.Function("output_jacobian", [x, u, d], [y, *[ca.densify(s) for s in slopes]]),
        x_scale=state_scale(p),
        u_scale=input_scale(p),
        x_nominal=nominal_state(p),
    )


def step_expression(x: Any, u: Any, d: Any, p: FlowsheetParameters) -> Any:
    """Return the scaled state after STEP_S as a CasADi expression of scaled x, u and relative d.

    Feeders, plug and fill depth by their exact lags; tanks and cells by one Runge-Kutta step of fourth order with the
    flows of feeders and press constant over the step. Wrong if a cell's time constant falls below 2 s (level < 0.15 kg).
    """
    scale = state_scale(p)
    s, inputs = x * scale, u * input_scale(p)
    last, before = s[FLOW_LAST], s[FLOW_BEFORE]
    flow = feeder.mean_flow(inputs[:N_FEEDERS], last, s[DEVIATION], p, STEP_S)
    inflow = blender_inflow(last, before, d, p)
    speed = turret_speed(s, inputs, d, p)
    depth, depth_mean = _fill_depth(s, inputs, speed, d, p)
    taken = press.intake(press.fill_mass(depth_mean, speed, d[5], p), speed, p)
    mixed = _runge_kutta(s, inflow, inputs[7], taken, d[7], p)
    deviation = feeder.next_deviation(s[DEVIATION], p, STEP_S)
    return ca.vertcat(deviation, flow, last, mixed, depth) / scale


def blender_inflow(last: Any, before: Any, d: Any, p: FlowsheetParameters) -> Any:
    """Return what falls into the first tank: mass, API, lubricant [kg/s] and shear (none), feeder biases included."""
    flows = blender.plug_outflow(last, before, p, STEP_S) * (1.0 + d[:N_FEEDERS])
    return ca.vertcat(ca.sum1(flows), flows[0], flows[3], 0.0)


def turret_speed(s: Any, inputs: Any, d: Any, p: FlowsheetParameters) -> Any:
    """Return the turret speed [rev/s] of the PLC's level loop: feed-forward of the flow set-points, proportional in level.

    d[8] is the offset of the real speed from this law relative to nominal (integral part, stops). Never negative.
    """
    wanted = ca.sum1(inputs[:N_FEEDERS]) + (s[LEVEL] - inputs[6]) / p.level_time
    return ca.fmax(wanted + d[8] * p.reference_flow, 0.0) / (p.n_stations * p.tablet_mass)


def _fill_depth(s: Any, inputs: Any, speed: Any, d: Any, p: FlowsheetParameters) -> tuple[Any, Any]:
    """Return the fill depth after the step and its mean over the step [m]: the force loop seeks the force set-point."""
    goal_mass = press.mass_for_force(inputs[4], inputs[5], d[4], p)
    goal = press.depth_for_mass(goal_mass, s[FILL_DEPTH], speed, d[5], p)
    gap = s[FILL_DEPTH] - goal
    keep = np.exp(-STEP_S / p.force_loop_time)
    return goal + gap * keep, goal + gap * p.force_loop_time / STEP_S * (1.0 - keep)


def _runge_kutta(s: Any, inflow: Any, impeller: Any, taken: Any, hold_up_bias: Any, p: FlowsheetParameters) -> Any:
    z = s[BLENDER.start : FEED_FRAME.stop]

    def rate(z: Any) -> Any:
        return _mixing_rate(z, inflow, impeller, taken, hold_up_bias, p)

    k1 = rate(z)
    k2 = rate(z + STEP_S / 2 * k1)
    k3 = rate(z + STEP_S / 2 * k2)
    k4 = rate(z + STEP_S * k3)
    return z + STEP_S / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _mixing_rate(z: Any, inflow: Any, impeller: Any, taken: Any, hold_up_bias: Any, p: FlowsheetParameters) -> Any:
    start = BLENDER.start
    tanks, level = z[: BLENDER.stop - start], z[LEVEL - start]
    cells, frame = z[CELLS.start - start : CELLS.stop - start], z[FEED_FRAME.start - start :]
    blending, stream = blender.derivative(tanks, [inflow[i] for i in range(4)], impeller, p, hold_up_bias)
    exit_composition = [tanks[8 + i] / ca.fmax(tanks[8], blender.EMPTY_KG) for i in (1, 2, 3)]
    hopping = hopper.derivative(cells, level, stream[0], exit_composition, taken, p)
    feeding = feed_frame.derivative(frame, [cells[3 * N_CELLS + i] for i in range(3)], taken, p)
    return ca.vertcat(*blending, *hopping, *feeding)


def output_expression(x: Any, u: Any, d: Any, p: FlowsheetParameters) -> Any:
    """Return the outputs (N_Y,) in plant units as a CasADi expression; see flowsheet.layout.OUTPUTS."""
    s, inputs = x * state_scale(p), u * input_scale(p)
    speed = turret_speed(s, inputs, d, p)
    mass = press.fill_mass(s[FILL_DEPTH], speed, d[5], p)
    force = press.force_for_mass(mass, inputs[5], d[4], p)
    api, lubricant, shear = (s[FEED_FRAME.start + 3 + i] for i in range(3))
    nominal = p.fraction_lubricant * nominal_state(p)[FEED_FRAME.stop - 1] * state_scale(p)[FEED_FRAME.stop - 1]
    strength = press.tensile_strength(force, d[4], lubricant * shear / nominal, d[6], p)
    tank = BLENDER.start + 8
    blend = s[tank + 1] / ca.fmax(s[tank], blender.EMPTY_KG)
    biased = 1.0 + d[:N_FEEDERS]
    plug = ca.sum1(blender.plug_mass(s[FLOW_LAST], s[FLOW_BEFORE], p, STEP_S) * biased)
    scale_flow = (s[FLOW_LAST] + s[FLOW_BEFORE]) / 2.0
    return ca.vertcat(
        100.0 * api / p.fraction_api,
        100.0 * blend / p.fraction_api,
        mass * 1e6,
        press.hardness(strength, force, inputs[5], p),
        s[LEVEL],
        100.0 * lubricant,
        force / 1e3,
        s[FILL_DEPTH] * 1e3,
        speed * 60.0,
        plug + s[BLENDER.start] + s[BLENDER.start + 4] + s[BLENDER.start + 8],
        scale_flow * 3600.0,
        strength / 1e6,
    )
