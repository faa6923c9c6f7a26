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
    `filter_limit` a pulse leaves `pulse_residue` of it, at most one pulse a look. Dust is not taken off the line's
    mass: 0.1 % of throughput, below what the scales tell. Wrong for wet dust and a torn filter.
    """

    def __init__(self, p: Columns) -> None:
        self._p = p
        diameter, velocity = p["duct_diameter"], p["duct_velocity"]
        friction = friction_factor(velocity * diameter / VISCOSITY_M2_PER_S, p["duct_roughness"] / diameter)
        zeta = friction * p["duct_length"] / diameter + p["duct_losses"]
        duct = quadratic_resistance(zeta, AIR_DENSITY, pipe_area_m2(diameter))
        self._quadratic = p["extraction_fan_curve"] + duct
        self._free_m2 = p["filter_area"]
        self.cake_kg_per_m2: Vector = p["filter_cake"].copy()
        self.pulses: Vector = np.zeros_like(diameter)
        self._work_out()
        self.run(np.zeros(diameter.shape, np.bool_))

    def set_free_share(self, share: Vector) -> None:
        """Take the share of the filter that is not blocked, (n,) 0..1."""
        self._free_m2 = self._p["filter_area"] * np.maximum(share, SMALLEST_FREE_SHARE)
        self._work_out()

    def load(self, tablets_kg: Vector) -> None:
        """Put the dust of (n,) kg of tablets on the cloth, and give a pulse where the drop is too high."""
        p = self._p
        self.cake_kg_per_m2 = self.cake_kg_per_m2 + tablets_kg * p["dust_share"] / p["filter_area"]
        self._work_out()
        blow = (self.filter_pa > 0.0) & (self._running_pa > p["filter_limit"])
        if blow.any():
            self.cake_kg_per_m2 = np.where(blow, p["pulse_residue"] * self.cake_kg_per_m2, self.cake_kg_per_m2)
            self.pulses = self.pulses + blow
            self._work_out()

    def run(self, running: Flags) -> None:
        """Say where the fan runs, (n,)."""
        self.flow_m3_per_s: Vector = self._running_flow * running
        self.filter_pa: Vector = self._running_pa * running
        self.power_w: Vector = self._running_w * running

    def _work_out(self) -> None:
        """Find the point where the running fan and the system agree."""
        p = self._p
        linear = (p["cloth_resistance"] + p["cake_resistance"] * self.cake_kg_per_m2) / self._free_m2
        flow = operating_flow_m3_per_s(p["extraction_fan_pressure"], self._quadratic, linear)
        rise = p["extraction_fan_pressure"] - p["extraction_fan_curve"] * flow * flow
        self._running_flow, self._running_pa = flow, linear * flow
        self._running_w = flow * rise / p["extraction_fan_efficiency"] + p["deduster_power"]
