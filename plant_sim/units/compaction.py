"""Compaction of single tablets between elastic rollers, tablet by tablet: Heckel or Kawakita powder; pre- and main stroke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import HALF, ONE, ZERO, Vector, bounded
from plant_sim.parameters import Variant
from plant_sim.units.tablets import Wide

#: Domain guard: no pressure above this [Pa] is believed.
PRESSURE_MAX_PA = np.array(800e6)
#: Where the Heckel solution starts: exponent P/Py + A of the reference point.
HECKEL_START = 2.05
_START = np.array(HECKEL_START)
#: A first step is at most so many times Newton's step (it guards against dies that hold far too much).
STEP_GUARD = 4.0
_GUARD_SHARE = np.array(1.0 / STEP_GUARD)


class CompactionLaw(Protocol):
    """What a powder answers to pressure between elastic rollers. Pressures in Pa, lengths in m."""

    def pressures(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """Return the pressures at pre- and main compression, (2, n, m).

        solid_height (n, m) W/(rho_t A) in the dies; gap (2, n, m) of the rollers; factor (n,) on yield pressure.
        """

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

    In u = P/Py + A_H and heights over c = A Py/k the equation is G = (eta_0 + u) (1 - exp(-u)) - omega = 0: smooth,
    rising and concave. Main compression: two Halley steps from a fixed start, relative error of P below 1e-8 within
    30 % of the reference pressure, 1e-5 from 60 to 250 MPa (the range of the fit), 1 % outside. Pre-compression: one
    step, below 1e-4 within 15 % of its set force. A die that holds too little to be touched gives 0.
    """

    def __init__(self, compaction: Columns, stiffness: Vector, area: Vector) -> None:
        self._yield, self._intercept = compaction["yield_pressure"], compaction["heckel_intercept"]
        self._per_give = stiffness / (area * self._yield)
        # pre-compression starts where its own set force lies
        light = compaction["pre_force"] / area / self._yield + self._intercept
        start = np.stack((light, np.full_like(light, HECKEL_START)))
        self._wide = Wide(rise=start - self._intercept, void=np.exp(-start), full=-np.expm1(-start))

    def pressures(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """See CompactionLaw."""
        wide = self._wide.at(solid_height.shape[1])
        per_give = (self._per_give / factor)[:, None]
        solid = solid_height * per_give
        height = gap * per_give
        height += wide["rise"]
        down = _first_step(height, solid, wide["void"], wide["full"])
        main, fallen = height[1], down[1]
        main -= fallen
        fallen += _halley_step(main, solid, np.exp(fallen - _START))
        pressure = wide["rise"] - down
        pressure *= (self._yield * factor)[:, None]
        return bounded(pressure, ZERO, PRESSURE_MAX_PA)

    def solid_fraction(self, pressure: Vector) -> Vector:
        """See CompactionLaw."""
        return heckel_solid_fraction(pressure, self._yield, self._intercept)


def _first_step(height: Vector, solid: Vector, void: Vector, full: Vector) -> Vector:
    """Return how far u must fall from the start, by Halley, at most STEP_GUARD times Newton's step; full = 1 - void."""
    excess = height * full
    excess -= solid
    bend = height * void
    slope = bend + full
    bend -= void
    bend -= void
    bend *= excess
    bend *= HALF
    square = slope * slope
    bend += square
    square *= _GUARD_SHARE
    slope *= excess
    slope /= np.maximum(bend, square)
    return slope


def _halley_step(height: Vector, solid: Vector, void: Vector) -> Vector:
    """Return how far u must fall: G G' / (G'^2 - G G''/2) with G' = 1 - void + height void, G'' = (2 - height) void."""
    bend = height * void
    excess = height - bend
    excess -= solid
    bend -= void
    slope = bend + ONE
    bend -= void
    bend *= excess
    bend *= HALF
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
        self._wide = Wide(initial=self._initial, incompressible=1.0 - self._compressibility)

    def pressures(self, solid_height: Vector, gap: Vector, factor: Vector) -> Vector:
        """See CompactionLaw."""
        wide = self._wide.at(solid_height.shape[1])
        first = (self._initial * self._give * factor)[:, None]
        pulled = solid_height * wide["incompressible"]
        pulled -= first
        last = gap * wide["initial"]
        middle = last - pulled
        last -= solid_height
        root = middle * middle
        root -= last * (4.0 * first)
        np.maximum(root, 0.0, out=root)
        np.sqrt(root, out=root)
        root += middle
        last *= -2.0
        last /= root
        last *= (self._scale * factor)[:, None]
        return bounded(last, ZERO, PRESSURE_MAX_PA)

    def solid_fraction(self, pressure: Vector) -> Vector:
        """See CompactionLaw."""
        return kawakita_solid_fraction(pressure, self._initial, self._compressibility, self._scale)


@dataclass
class Stroke:
    """What pre- and main compression made of the dies, (n, m): forces, pressure, height and solid fraction of the relaxed
    tablet; pre_force_sum (n,) over the dies; height_in_die at main compression; air (n,) share of the powder's air that
    pre-compression left.
    """

    pre_force: Vector
    pre_force_sum: Vector
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
        comp = groups["compaction"]
        self.area: Vector = np.pi * comp["die_diameter"] ** 2 / 4.0
        self.stiffness = comp["press_stiffness"]
        if variant == "b":
            self.law: CompactionLaw = KawakitaLaw(groups["press_b"], self.stiffness, self.area)
        else:
            self.law = HeckelLaw(comp, self.stiffness, self.area)
        per_mass = 1.0 / (comp["true_density"] * self.area)
        pre = comp["pre_force"] / self.area
        nominal = groups["content"]["tablet_mass"] * per_mass
        self.pre_gap: Vector = nominal / self.law.solid_fraction(pre) - comp["pre_force"] / self.stiffness
        self.air_reference: Vector = np.exp(-pre / comp["air_pressure"])
        self._gaps = np.stack((self.pre_gap, comp["main_height"]))
        self._air_rate = -1.0 / (comp["air_pressure"] * self.area)
        self._air_recovery = comp["elastic_recovery"] * comp["air_recovery"]
        self._recovery = 1.0 + comp["elastic_recovery"] - self._air_recovery * self.air_reference
        self._wide = Wide(per_mass=per_mass, per_pressure=self.area / self.stiffness, area=self.area)
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
        wide = self._wide.at(mass.shape[1])
        solid = mass * wide["per_mass"]
        self._gaps[1] = main_height + effects.height_offset_m if effects.any_active else main_height
        gap = offset + self._gaps[:, :, None]
        pressure = self.law.pressures(solid, gap, factor)
        if effects.any_active:
            pressure[0] *= effects.pre_force[:, None]
        force = pressure * wide["area"]
        in_die = pressure[1] * wide["per_pressure"]
        in_die += gap[1]
        pre_sum: Vector = np.add.reduce(force[0], 1)
        air = np.exp(pre_sum / count * self._air_rate)
        height = in_die * (self._recovery + self._air_recovery * air)[:, None]
        solid /= height
        return Stroke(force[0], pre_sum, force[1], pressure[1], in_die, height, solid, air)
