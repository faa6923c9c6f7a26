"""Compaction of single tablets: Heckel powder between elastic rollers, solved tablet by tablet; recovery; strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_sim.extents import Vector

NEWTON_STEPS = 6
#: Domain guard: no pressure above this [Pa] is believed, and no in-die solid fraction at or above 1.
PRESSURE_MAX_PA = 800e6


@dataclass(frozen=True)
class Tooling:
    """Press and powder seen by one punch stroke; arrays that broadcast against the tablets.

    area [m2], stiffness [N/m], true_density [kg/m3], yield_pressure [Pa], intercept [-] (Heckel A).
    """

    area: Vector
    stiffness: Vector
    true_density: Vector
    yield_pressure: Vector
    intercept: Vector


def main_pressure(mass_kg: Vector, gap_m: Vector, tool: Tooling, start_pa: Vector) -> Vector:
    """Return the main compression pressure [Pa] of each tablet, (n_lines, n).

    Solves rho_t A (h + P A / k) (1 - exp(-P/Py - A_H)) = W for P by Newton steps from `start_pa`, with P held in
    0..PRESSURE_MAX_PA. The left side rises and bends down with P, so the steps converge from any start in the domain.
    A die that holds too little powder to be touched gives 0. Valid about 60-250 MPa (range of the Heckel fit).
    Source: Heckel equation; press compliance h_in_die = h_set + F/k.
    """
    # in u = P/Py + A_H: (h0 + c u) (1 - exp(-u)) = w; whole arrays, for broadcasting costs more than arithmetic
    like = np.zeros_like(mass_kg)
    give = like + tool.area * tool.yield_pressure / tool.stiffness
    lowest = like + tool.intercept
    highest = lowest + PRESSURE_MAX_PA / tool.yield_pressure
    wanted = mass_kg / (tool.true_density * tool.area)
    height_zero = gap_m - give * tool.intercept
    u = lowest + start_pa / tool.yield_pressure
    for _ in range(NEWTON_STEPS):
        void = np.exp(-u)
        height = height_zero + give * u
        solid = 1.0 - void
        u = u - (height * solid - wanted) / (give * solid + height * void)
        u = np.minimum(np.maximum(u, lowest), highest)
    pressure: Vector = (u - lowest) * tool.yield_pressure
    return pressure


def heckel_solid_fraction(pressure_pa: Vector, tool: Tooling) -> Vector:
    """Return the in-die solid fraction 1 - exp(-P/Py - A_H). Wrong below about 50 MPa (rearrangement)."""
    return 1.0 - np.exp(-pressure_pa / tool.yield_pressure - tool.intercept)


def tensile_strength(solid_fraction: Vector, strength_zero_pa: Vector, porosity_factor: Vector) -> Vector:
    """Return tensile strength [Pa] = sigma0 exp(-kb (1 - D)) of relaxed tablets (Ryshkewitch-Duckworth)."""
    return strength_zero_pa * np.exp(-porosity_factor * (1.0 - solid_fraction))


def lubrication_factor(share: Vector, rate: Vector, extent: Vector) -> Vector:
    """Return strength over unlubricated strength, (1 - b) + b exp(-gamma K), K = lubricant share times revolutions.

    Source: form of Kushner & Moore 2010 as recalled; b and gamma are estimates.
    """
    return (1.0 - share) + share * np.exp(-rate * extent)
