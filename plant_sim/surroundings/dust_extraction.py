"""Dust extraction of the press: fan, duct, filter with a cake that grows and is blown off."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector
from plant_sim.surroundings.flow_resistance import (
    VISCOSITY_M2_PER_S,
    friction_factor,
    operating_flow_m3_per_s,
    pipe_area_m2,
    quadratic_resistance,
)  # fmt: skip
from plant_sim.surroundings.room_air import AIR_DENSITY

#: A free filter area below this share counts as this.
SMALLEST_FREE_SHARE = 0.02


class DustExtraction:
    """Extraction of n lines, (n,): `flow_m3_per_s`, `filter_pa` over the filter, `cake_kg_per_m2`, `pulses` since start.

    Fan dp = p0 - k Q^2; duct dp = (f L/D + zeta) rho v^2/2 with the friction factor at the design velocity; filter
    dp = (R + K w) Q/A (cloth, cake of w kg/m2), A the free area. The cake grows by the dust of the tablets made; at
    `filter_limit` a pulse leaves `pulse_residue` of it, at most one pulse a step. Dust is not taken off the line's
    mass: 0.1 % of throughput, below what the scales tell. Wrong for wet dust and a torn filter.
    """

    def __init__(self, p: Columns, step_s: float) -> None:
        self._p, self._step_s = p, step_s
        area = pipe_area_m2(p["duct_diameter"])
        velocity = p["duct_velocity"]
        friction = friction_factor(velocity * p["duct_diameter"] / VISCOSITY_M2_PER_S, p["duct_roughness"] / p["duct_diameter"])
        zeta = friction * p["duct_length"] / p["duct_diameter"] + p["duct_losses"]
        self._quadratic = p["extraction_fan_curve"] + quadratic_resistance(zeta, AIR_DENSITY, area)
        self.cake_kg_per_m2: Vector = p["filter_cake"].copy()
        self.pulses: Vector = np.zeros_like(area)
        self._flow(None)

    def step(self, throughput_kg_per_s: Vector, running: Flags, free_share: Vector | None) -> None:
        """Advance one step. throughput (n,) of tablets; running (n,); free_share (n,) of the filter, None: all free."""
        p = self._p
        self.cake_kg_per_m2 = self.cake_kg_per_m2 + throughput_kg_per_s * running * (
            self._step_s * p["dust_share"] / p["filter_area"]
        )
        self._flow(free_share)
        blow = running & (self.filter_pa > p["filter_limit"])
        if blow.any():
            self.cake_kg_per_m2 = np.where(blow, p["pulse_residue"] * self.cake_kg_per_m2, self.cake_kg_per_m2)
            self.pulses = self.pulses + blow
        self.flow_m3_per_s = self.flow_m3_per_s * running
        self.filter_pa = self.filter_pa * running

    def _flow(self, free_share: Vector | None) -> None:
        p = self._p
        area = p["filter_area"] if free_share is None else p["filter_area"] * np.maximum(free_share, SMALLEST_FREE_SHARE)
        linear = (p["cloth_resistance"] + p["cake_resistance"] * self.cake_kg_per_m2) / area
        self.flow_m3_per_s: Vector = operating_flow_m3_per_s(p["extraction_fan_pressure"], self._quadratic, linear)
        self.filter_pa: Vector = linear * self.flow_m3_per_s

    def power_w(self, running: Flags) -> Vector:
        """Return the power of fan and deduster, (n,) [W]."""
        p, flow = self._p, self.flow_m3_per_s
        rise = p["extraction_fan_pressure"] - p["extraction_fan_curve"] * flow * flow
        return flow * rise / p["extraction_fan_efficiency"] + p["deduster_power"] * running
