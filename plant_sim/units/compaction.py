"""Compaction of single tablets between elastic rollers, tablet by tablet: Heckel or Kawakita powder; pre- and main stroke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Vector, bounded
from plant_sim.parameters import Variant

#: Domain guard: no pressure above this [Pa] is believed.
PRESSURE_MAX_PA = 800e6
#: Where the Heckel solution starts: exponent P/Py + A of the reference point.
HECKEL_START = 2.05
#: A first step is at most so many times Newton's step (it guards against dies that hold far too much).
STEP_GUARD = 4.0


class CompactionLaw(Protocol):
    """What a powder answers to pressure between elastic rollers. Pressures in Pa, lengths in m."""

    def pressure(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """Return the main pressure (n, m) of dies that hold `solid_height` = W/(rho_t A) at roller gap `gap` (n, m).

        factor (n,) multiplies the powder's yield pressure.
        """

    def light_pressure(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """Return the pressure of pre-compression, (n, m); as `pressure`, made for low pressures."""

    def solid_fraction(self, pressure: Vector) -> Vector:
        """Return the in-die solid fraction at a pressure, both (n,), with a factor of 1."""


def heckel_solid_fraction(pressure: Vector, yield_pressure: Vector, intercept: Vector) -> Vector:
    """Return the in-die solid fraction 1 - exp(-P/Py - A). Wrong below about 50 MPa (rearrangement).

    Source: Heckel, Trans. Metall. Soc. AIME 221 (1961) 671.
    """
    return 1.0 - np.exp(-pressure / yield_pressure - intercept)


def kawakita_solid_fraction(pressure: Vector, initial: Vector, compressibility: Vector, scale: Vector) -> Vector:
    """Return the in-die solid fraction D0 / (1 - C), C = a b P / (1 + b P), scale = 1/b [Pa].

    Wrong at high pressure where D0/(1 - a) exceeds 1. Source: Kawakita & Luedde, Powder Technol. 4 (1971) 61.
    """
    reduced = pressure / scale
    return initial * (1.0 + reduced) / (1.0 + (1.0 - compressibility) * reduced)


class HeckelLaw:
    """Heckel powder: (h + P A/k) (1 - exp(-P/Py - A_H)) = W/(rho_t A), solved for P.

    In u = P/Py + A_H the equation is (h_0 + c u) (1 - exp(-u)) = w with c = A Py/k: smooth, rising and concave. Two
    Halley steps from a fixed start: relative error of P below 1e-8 within 30 % of the reference pressure, 1e-5 from 60
    to 250 MPa (the range of the fit), 1 % outside. A die that holds too little to be touched gives 0.
    """

    def __init__(self, compaction: Columns, stiffness: Vector, area: Vector) -> None:
        self._yield, self._intercept = compaction["yield_pressure"], compaction["heckel_intercept"]
        self._give = area * self._yield / stiffness
        # pre-compression starts where its own set force lies
        self._light = compaction["pre_force"] / area / self._yield + self._intercept
        self._light_void = np.exp(-self._light)

    def pressure(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """See CompactionLaw."""
        give = (self._give * factor)[:, None] + np.zeros_like(gap)
        height = gap + give * (HECKEL_START - self._intercept)[:, None]
        down = _first_step(solid_height, height, give, float(np.exp(-HECKEL_START)))
        height -= give * down
        void = np.exp(down - HECKEL_START)
        down += _halley_step(solid_height, height, give, void)
        return self._as_pressure(HECKEL_START - down, factor)

    def light_pressure(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """See CompactionLaw. One Halley step: relative error below 1e-4 within 15 % of the set force."""
        give = (self._give * factor)[:, None]
        height = gap + give * (self._light - self._intercept)[:, None]
        down = _first_step(solid_height, height, give, self._light_void[:, None])
        return self._as_pressure(self._light[:, None] - down, factor)

    def solid_fraction(self, pressure: Vector) -> Vector:
        """See CompactionLaw."""
        return heckel_solid_fraction(pressure, self._yield, self._intercept)

    def _as_pressure(self, exponent: Vector, factor: Vector) -> Vector:
        exponent -= self._intercept[:, None]
        exponent *= (self._yield * factor)[:, None]
        return bounded(exponent, 0.0, PRESSURE_MAX_PA)


def _first_step(solid_height: Vector, height: Vector, give: Vector, void: Vector | float) -> Vector:
    """Return how far u must fall from the start, by Halley, at most STEP_GUARD times Newton's step."""
    excess = height * (1.0 - void) - solid_height
    bend = height * void
    slope = bend + give * (1.0 - void)
    bend -= give * (2.0 * void)
    square = slope * slope
    bend *= excess
    bend *= 0.5
    bend += square
    square *= 1.0 / STEP_GUARD
    slope *= excess
    slope /= np.maximum(bend, square)
    return slope


def _halley_step(solid_height: Vector, height: Vector, give: Vector, void: Vector) -> Vector:
    """Return how far u must fall: G G' / (G'^2 - G G''/2) with G = height (1 - void) - w."""
    bend = height * void
    excess = height - bend
    excess -= solid_height
    shared = give * void
    slope = give - shared
    slope += bend
    bend -= shared
    bend -= shared
    bend *= excess
    bend *= 0.5
    bend += slope * slope
    slope *= excess
    slope /= bend
    return slope


class KawakitaLaw:
    """Kawakita powder: (h + P A/k) D0 (1 + x)/(1 + (1 - a) x) = W/(rho_t A) with x = b P, solved exactly for P.

    A quadratic in x with one positive root. A die that holds too little to be touched gives 0. The yield factor
    multiplies 1/b. Constants are solved so that the reference point holds; D0 is a constant of the fit, not the density
    of the filled die. Source: Kawakita & Luedde 1971; a and 1/b of MCC PH-102 (0.71, 8.5 MPa) as a start.
    """

    def __init__(self, laws: Columns, stiffness: Vector, area: Vector) -> None:
        self._initial, self._compressibility = laws["initial_density"], laws["compressibility"]
        self._scale = laws["kawakita_pressure"]
        self._give = area * self._scale / stiffness

    def pressure(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """See CompactionLaw."""
        first = (self._initial * self._give * factor)[:, None]
        last = gap * self._initial[:, None]
        middle = last + first
        middle -= solid_height * (1.0 - self._compressibility)[:, None]
        last -= solid_height
        root = np.sqrt(np.maximum(middle * middle - 4.0 * first * last, 0.0))
        reduced = -2.0 * last / (middle + root)
        return bounded(reduced * (self._scale * factor)[:, None], 0.0, PRESSURE_MAX_PA)

    light_pressure = pressure

    def solid_fraction(self, pressure: Vector) -> Vector:
        """See CompactionLaw."""
        return kawakita_solid_fraction(pressure, self._initial, self._compressibility, self._scale)


@dataclass
class Stroke:
    """What pre- and main compression made of the dies, (n, m): forces, pressure, height and solid fraction of the relaxed
    tablet; height_in_die at main compression; air (n,) share of the powder's air that pre-compression left.
    """

    pre_force: Vector
    force: Vector
    pressure: Vector
    height_in_die: Vector
    height: Vector
    solid_fraction: Vector
    air: Vector


class Compaction:
    """Pre- and main compression of n lines.

    Both rollers obey the same powder law. The pre-compression gap is set so that a tablet of nominal mass sees the
    registered pre-force. Pre-compression lets air out: a share exp(-P_pre/P_air) stays, which adds to elastic recovery
    (and costs strength, see Strength); neutral at the reference. P_air and the size of both are estimates; the law is
    wrong for speed effects and for real capping, which is a matter of days and cracks.
    """

    def __init__(self, groups: dict[str, Columns], variant: Variant = "a") -> None:
        comp = self._p = groups["compaction"]
        self.area: Vector = np.pi * comp["die_diameter"] ** 2 / 4.0
        self.stiffness = comp["press_stiffness"]
        if variant == "b":
            self.law: CompactionLaw = KawakitaLaw(groups["press_b"], self.stiffness, self.area)
        else:
            self.law = HeckelLaw(comp, self.stiffness, self.area)
        self._per_mass = 1.0 / (comp["true_density"] * self.area)
        self._per_pressure = self.area / self.stiffness
        pre = comp["pre_force"] / self.area
        nominal = groups["content"]["tablet_mass"] * self._per_mass
        self.pre_gap: Vector = nominal / self.law.solid_fraction(pre) - comp["pre_force"] / self.stiffness
        self.air_reference: Vector = np.exp(-pre / comp["air_pressure"])
        main = comp["main_force"] / self.area
        self.solid_reference: Vector = self.law.solid_fraction(main) / (1.0 + comp["elastic_recovery"])
        self.height_reference: Vector = comp["main_height"] + comp["main_force"] / self.stiffness

    def press(
        self, mass: Vector, main_height: Vector, offset: Vector, factor: Vector, count: Vector, effects: FaultEffects
    ) -> Stroke:
        """Return what the rollers make of dies that hold `mass` (n, m) kg, 0 where there is no die.

        main_height (n,) displayed gap; offset (n, m) what punches add to it; factor (n,) on yield pressure; count (n,)
        number of tablets, at least 1.
        """
        solid_height = mass * self._per_mass[:, None]
        pre = self.law.light_pressure(solid_height, offset + self.pre_gap[:, None], factor)
        if effects.any_active:
            main_height = main_height + effects.height_offset_m
            pre = pre * effects.pre_force[:, None]
        gap = offset + main_height[:, None]
        pressure = self.law.pressure(solid_height, gap, factor)
        in_die = gap + pressure * self._per_pressure[:, None]
        area = self.area[:, None]
        air = np.exp(pre.sum(axis=1) / (count * -self._p["air_pressure"]))
        recovery = 1.0 + self._p["elastic_recovery"] * (1.0 + self._p["air_recovery"] * (air - self.air_reference))
        height = in_die * recovery[:, None]
        return Stroke(pre * area, pressure * area, pressure, in_die, height, solid_height / height, air)
