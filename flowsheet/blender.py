"""Continuous blender: plug of fixed dead time, then three tanks whose hold-up follows flow and impeller speed."""

from __future__ import annotations

from typing import Any

from casadi import fmax

from flowsheet.layout import N_TANKS, blender_tank_mass
from flowsheet.parameters import FlowsheetParameters

#: Smallest tank mass that divides [kg].
EMPTY_KG = 1e-4


def plug_outflow(flow_last: Any, flow_before: Any, p: FlowsheetParameters, step_s: float) -> Any:
    """Return the mean flow that leaves the plug during the next step [kg/s].

    flow_last, flow_before: mean inflow of the last step and the one before. Dead time between one and two steps: the
    next step sees (2 h - td)/h of the last and (td - h)/h of the one before. Exact for piecewise constant flows.
    """
    share = (2.0 * step_s - p.blender_dead_time) / step_s
    return share * flow_last + (1.0 - share) * flow_before


def plug_mass(flow_last: Any, flow_before: Any, p: FlowsheetParameters, step_s: float) -> Any:
    """Return the mass inside the plug [kg]."""
    return step_s * flow_last + (p.blender_dead_time - step_s) * flow_before


def outflow(mass: Any, speed: Any, p: FlowsheetParameters, hold_up_bias: Any = 0.0) -> Any:
    """Return the flow out of one tank [kg/s] from its mass [kg] and the impeller speed [rev/s].

    hold_up_bias: relative, of the steady hold-up at given flow and speed.

    Equation: F = F_ref (M/M_ref)^(1/a) (N/N_ref)^(b/a), so that in steady state M = M_ref (F/F_ref)^a (N/N_ref)^-b.
    Wrong below about a fifth of the nominal hold-up. Source: hold-up law estimated; sign Vanarase & Muzzio 2011,
    exponents estimated.
    """
    level = fmax(mass, EMPTY_KG) / (blender_tank_mass(p) * (1.0 + hold_up_bias))
    speed_ratio = fmax(speed, 1e-6) / p.blender_reference_speed
    return (
        p.reference_flow
        * level ** (1.0 / p.blender_flow_exponent)
        * speed_ratio ** (p.blender_speed_exponent / p.blender_flow_exponent)
    )


def derivative(tanks: Any, inflow: Any, speed: Any, p: FlowsheetParameters, hold_up_bias: Any = 0.0) -> tuple[list[Any], Any]:
    """Return d/dt of the tanks (12 values) and the stream that leaves (4 values).

    tanks: per tank mass, API, lubricant [kg] and shear [kg rev]; inflow the same per second, [kg/s], [kg rev/s].
    Mass and components are conserved exactly; shear grows by speed x mass.
    """
    rates: list[Any] = []
    stream = list(inflow)
    for j in range(N_TANKS):
        extents = [tanks[4 * j + i] for i in range(4)]
        flow = outflow(extents[0], speed, p, hold_up_bias)
        leaving = [flow * e / fmax(extents[0], EMPTY_KG) for e in extents]
        source = (0.0, 0.0, 0.0, speed * extents[0])
        rates += [stream[i] - leaving[i] + source[i] for i in range(4)]
        stream = leaving
    return rates, stream
