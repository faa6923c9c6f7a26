"""Rotary press: die fill, compaction with press stiffness, strength and hardness. Works on floats and CasADi symbols."""

from __future__ import annotations

from typing import Any

from casadi import exp, fmax, fmin, log, pi

from flowsheet.parameters import FlowsheetParameters

#: In-die relative densities inside which Heckel's law is used; Newton steps are held inside.
DENSITY_LOW, DENSITY_HIGH = 0.45, 0.985
N_NEWTON = 6


def fill_efficiency(depth: Any, turret_speed: Any, p: FlowsheetParameters) -> Any:
    """Return the die's filling relative to nominal [-] at fill depth [m] and turret speed [rev/s].

    Equation: (1 - xi1 n/n_paddle + xi2 H/D) over its nominal value. Wrong above the kinetic limit of the turret speed.
    Source: reduced-order die-fill form (recalled from the literature), coefficients estimated.
    """
    nominal_speed = p.reference_flow / (p.n_stations * p.tablet_mass)
    return _filling(depth, turret_speed, p) / _filling(p.fill_depth, nominal_speed, p)


def _filling(depth: Any, turret_speed: Any, p: FlowsheetParameters) -> Any:
    turret = p.fill_turret_term * turret_speed / p.feed_frame_paddle_speed
    return 1.0 - turret + p.fill_depth_term * depth / p.die_diameter


def fill_mass(depth: Any, turret_speed: Any, density_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the tablet's mass [kg] at fill depth [m]; density_bias [-] relative. W = rho A H efficiency."""
    return p.fill_density * (1.0 + density_bias) * p.die_area * depth * fill_efficiency(depth, turret_speed, p)


def depth_for_mass(mass: Any, depth: Any, turret_speed: Any, density_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the fill depth [m] that gives `mass` [kg], with the efficiency taken at the present depth."""
    return mass / (p.fill_density * (1.0 + density_bias) * p.die_area * fill_efficiency(depth, turret_speed, p))


def density_in_die(force: Any, yield_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the in-die relative density [-] at a main force [N]: Heckel, D = 1 - exp(-(P/Py + A)).

    Wrong outside about 60-250 MPa. Source: Heckel 1961.
    """
    pressure = force / p.die_area
    return 1.0 - exp(-(pressure / (p.yield_pressure * (1.0 + yield_bias)) + p.heckel_intercept))


def mass_for_force(force: Any, height: Any, yield_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the tablet's mass [kg] that shows a main force [N] at a main height [m].

    Equation: W = rho_t D(F) A (h + F/k). Explicit inverse of `force_for_mass`.
    Source: Heckel 1961 with the press's stiffness in series.
    """
    return p.true_density * density_in_die(force, yield_bias, p) * p.die_area * (height + force / p.press_stiffness)


def force_for_mass(mass: Any, height: Any, yield_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the main force [N] of a tablet of `mass` [kg] at a main height [m], by unrolled Newton steps in D.

    Solves W/(rho_t A D) = h + F(D)/k with F(D) = A Py (ln 1/(1-D) - A_H). The left side falls and the right side rises
    in D, so there is one root; each step is held inside DENSITY_LOW..DENSITY_HIGH (domain guard, D < 1).
    Wrong where the guard binds (weights beyond about 25 % of nominal).
    """
    area = p.die_area
    pressure = p.yield_pressure * (1.0 + yield_bias)
    density: Any = 1.0 - exp(-(p.main_force / area / p.yield_pressure + p.heckel_intercept))
    for _ in range(N_NEWTON):
        force = area * pressure * (-log(1.0 - density) - p.heckel_intercept)
        residual = mass / (p.true_density * area * density) - height - force / p.press_stiffness
        slope = -mass / (p.true_density * area * density**2) - area * pressure / (1.0 - density) / p.press_stiffness
        density = fmin(fmax(density - residual / slope, DENSITY_LOW), DENSITY_HIGH)
    return area * pressure * (-log(1.0 - density) - p.heckel_intercept)


def tensile_strength(force: Any, yield_bias: Any, lubrication: Any, strength_bias: Any, p: FlowsheetParameters) -> Any:
    """Return the tablet's tensile strength [Pa].

    lubrication: extent relative to nominal (lubricant fraction x revolutions). Equation: Ryshkewitch-Duckworth
    exp(-kb porosity) out of die, times (1-b) + b exp(-gamma K), both relative to nominal. Source: forms of Ryshkewitch,
    constants estimated, so that a bias is estimated on line.
    """
    expansion = 1.0 + p.elastic_recovery
    nominal = density_in_die(p.main_force, 0.0, p) / expansion
    porosity_change = nominal - density_in_die(force, yield_bias, p) / expansion
    b = p.lubrication_share
    decay = log(b / (b - p.lubrication_loss))
    lubricated = ((1.0 - b) + b * exp(-decay * lubrication)) / (1.0 - p.lubrication_loss)
    return p.strength * (1.0 + strength_bias) * exp(-p.porosity_factor * porosity_change) * lubricated


def hardness(strength: Any, force: Any, height: Any, p: FlowsheetParameters) -> Any:
    """Return the breaking force [N] of a flat tablet: H = strength pi D t / 2, t = (h + F/k)(1 + ER). Fell & Newton."""
    thickness = (height + force / p.press_stiffness) * (1.0 + p.elastic_recovery)
    return strength * pi * p.die_diameter * thickness / 2.0


def intake(mass: Any, turret_speed: Any, p: FlowsheetParameters) -> Any:
    """Return what the press takes [kg/s] at tablet mass [kg] and turret speed [rev/s]."""
    return mass * p.n_stations * turret_speed
