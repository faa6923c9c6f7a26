"""Strength of the relaxed tablet and the force that pushes it out: porosity, lubrication, moisture, air."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import LUBRICANT, ONE, SHEAR, TINY, TOTAL, WATER, Vector
from plant_sim.parameters import Variant
from plant_sim.units.compaction import Compaction, Stroke
from plant_sim.units.tablets import Wide

#: Lubricant share relative to the reference below which ejection friction grows no more.
LUBRICANT_LEAST = 0.05


def ryshkewitch_factor(solid_fraction: Vector, porosity_factor: Vector) -> Vector:
    """Return strength over that without pores: exp(-kb (1 - D)).

    Wrong for loose compacts (D below about 0.6). Source: Duckworth after Ryshkewitch, J. Am. Ceram. Soc. 36 (1953) 65.
    """
    return np.exp(porosity_factor * (solid_fraction - ONE))


def leuenberger_factor(solid_fraction: Vector, critical: Vector) -> Vector:
    """Return strength over that without pores: 1 - (1 - D)/(1 - Dc) exp(D - Dc); 0 below the critical density Dc.

    Form used by Gonzalez after Kuentz & Leuenberger, as recalled.
    """
    return np.maximum(1.0 - (1.0 - solid_fraction) / (1.0 - critical) * np.exp(solid_fraction - critical), 0.0)


def exponential_lubrication(extent: Vector, share: Vector, rate: Vector) -> Vector:
    """Return strength over unlubricated strength, (1 - b) + b exp(-gamma K), K = lubricant share times revolutions.

    Source: form of Kushner & Moore, Int. J. Pharm. 399 (2010) 19, as recalled; b and gamma are estimates.
    """
    return (1.0 - share) + share * np.exp(-rate * extent)


def power_lubrication(extent: Vector, exponent: Vector, rate: Vector) -> Vector:
    """Return strength over unlubricated strength, (1 + gamma K)^-m: falls for ever, slower and slower (own form)."""
    return np.power(1.0 + rate * extent, -exponent)


class Strength:
    """Tensile strength and ejection force of n lines.

    Strength = nominal x porosity law x lubrication law x moisture x air, each 1 at the reference point. Moisture:
    1 + s (w - w_ref), w the water share of the local powder; a weak estimate for w within about 2 points of the
    reference, neutral where the powder carries no water at all. Air left by a weak pre-compression costs a registered
    share of strength (capping tendency, estimate). Ejection force = force x ratio x (lubricant/reference)^p x height:
    die-wall friction on a residual wall pressure in proportion to the main one.
    """

    def __init__(
        self, groups: dict[str, Columns], compaction: Compaction, shear_reference: Vector, variant: Variant = "a"
    ) -> None:
        """shear_reference (n,) revolutions that powder sees on its way at the reference point."""
        self._p, self._variant = groups["strength"], variant
        self._laws, self._ejection, self._comp = groups["press_b"], groups["ejection"], groups["compaction"]
        self._compaction = compaction
        self._lubricant = groups["blend"]["share"][:, -1]
        p, kept = self._p, 1.0 - self._p["lubrication_loss"]
        extent = shear_reference * self._lubricant
        if variant == "b":
            self._rate = 1.0 / extent
            self._shape = -np.log(kept) / np.log(2.0)
        else:
            self._shape = p["lubrication_share"]
            self._rate = -np.log((kept - (1.0 - self._shape)) / self._shape) / extent
        solid = compaction.solid_reference
        if variant == "b":
            relative = leuenberger_factor(solid, self._laws["critical_density"])
        else:
            relative = ryshkewitch_factor(solid, p["porosity_factor"])
        self._pore_free = p["strength_nominal"] / kept / relative
        self._per_force = self._ejection["force_ratio"] / compaction.height_reference
        self._without_air = 1.0 + self._comp["air_strength_loss"] * compaction.air_reference
        self._left, self._friction, self._air_cost = self._pore_free, self._per_force, 0.0 * self._pore_free
        self._wide = Wide(
            sigma=p["tablet_sigma"], porosity_factor=p["porosity_factor"], critical=self._laws["critical_density"]
        )  # fmt: skip

    def lubrication(self, extent: Vector) -> Vector:
        """Return what lubrication of an extent K (n,) leaves of strength, (n,)."""
        law = power_lubrication if self._variant == "b" else exponential_lubrication
        return law(extent, self._shape, self._rate)

    def look(self, powder: Vector, effects: FaultEffects) -> None:
        """Take in the powder at the dies, (n, N_EXTENTS): what lubrication and moisture leave, how much friction there is.

        It changes over the hold-up time of the feed frame, so that a look every few seconds is enough.
        """
        mass = np.maximum(powder[:, TOTAL], TINY)
        lubricant = powder[:, LUBRICANT] / mass
        extent = lubricant * powder[:, SHEAR] / mass
        if effects.any_active:
            extent = extent * effects.lubrication_rate
        relative = np.maximum(lubricant / self._lubricant, LUBRICANT_LEAST)
        self._friction = self._per_force * np.power(relative, self._ejection["lubricant_exponent"])
        left = self._pore_free * self.lubrication(extent) * self._moisture(powder[:, WATER], mass)
        self._left, self._air_cost = left * self._without_air, left * self._comp["air_strength_loss"]

    def of(self, stroke: Stroke, effects: FaultEffects, normals: Vector) -> tuple[Vector, Vector]:
        """Return (tensile strength [Pa], ejection force [N]) of the tablets, (n, m)."""
        left, friction = self._left - self._air_cost * stroke.air, self._friction
        if effects.any_active:
            left, friction = left * effects.strength, friction * effects.ejection_friction
        wide = self._wide.at(normals.shape[1])
        strength = normals * wide["sigma"]
        strength += ONE
        strength *= left[:, None]
        if self._variant == "b":
            strength *= leuenberger_factor(stroke.solid_fraction, wide["critical"])
        else:
            strength *= ryshkewitch_factor(stroke.solid_fraction, wide["porosity_factor"])
        ejection = stroke.force * friction[:, None]
        ejection *= stroke.height_in_die
        return strength, ejection

    def _moisture(self, water: Vector, mass: Vector) -> Vector:
        wet = water > 0.0
        return 1.0 + wet * (self._p["moisture_effect"] * (water / mass - self._p["moisture_reference"]))
