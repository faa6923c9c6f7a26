"""Air in pipes: friction factor, resistance, and where a fan meets what it blows through."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import Vector

#: Kinematic viscosity of air at 20 degC [m2/s].
VISCOSITY_M2_PER_S = 1.51e-5


def friction_factor(reynolds: Vector, roughness: Vector) -> Vector:
    """Return the Darcy friction factor of turbulent pipe flow.

    reynolds 4e3..1e8 [-]; roughness relative to the diameter, 0..0.05 [-]. Haaland (J. Fluids Eng. 105 (1983) 89):
    1/sqrt(f) = -1.8 log10((e/3.7)^1.11 + 6.9/Re); within 2 % of Colebrook. Wrong for laminar flow.
    """
    root = -1.8 * np.log10(np.power(roughness / 3.7, 1.11) + 6.9 / reynolds)
    return 1.0 / (root * root)


def pipe_area_m2(diameter_m: Vector) -> Vector:
    """Return the cross-section [m2] of a pipe."""
    return np.pi / 4.0 * diameter_m * diameter_m


def quadratic_resistance(zeta: Vector, density_kg_per_m3: float, area_m2: Vector) -> Vector:
    """Return c [Pa s2/m6] of dp = c Q^2 from dp = zeta rho v^2/2, v = Q/A."""
    return zeta * density_kg_per_m3 / (2.0 * area_m2 * area_m2)


def operating_flow_m3_per_s(shut_off_pa: Vector, quadratic: Vector, linear: Vector) -> Vector:
    """Return the flow Q >= 0 at which fan and system agree: shut_off - k Q^2 = c Q^2 + b Q.

    quadratic = k + c > 0 [Pa s2/m6] of fan and pipes together, linear = b >= 0 [Pa s/m3] of filter and cake.
    Written without cancellation: Q = 2 p0 / (b + sqrt(b^2 + 4 (k + c) p0)).
    """
    return 2.0 * shut_off_pa / (linear + np.sqrt(linear * linear + 4.0 * quadratic * shut_off_pa))
