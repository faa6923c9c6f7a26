"""Continuous blender: how hold-up drives flow, what caking takes out of the stream, and the torque of the shaft."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import N_EXTENTS, TINY_KG, TOTAL, Vector

N_BLENDER_TANKS = 3
#: Standing powder below this is taken along again [kg].
LAST_STANDING_KG = 1e-6
#: Largest share of the powder that can stand.
STANDING_SHARE_MAX = 0.8
#: Largest share of a tank that may turn into standing powder in a second.
CAKE_SHARE_MAX = 0.5


class SpeedFactor:
    """(N / N_ref)^e of n shafts, worked out anew for another array of speeds; an array must not be changed afterwards."""

    def __init__(self, speed_ref: Vector, exponent: Vector) -> None:
        self._speed_ref, self._exponent = speed_ref, exponent
        self._speed, self._factor = speed_ref, np.ones_like(speed_ref)

    def at(self, speed: Vector) -> Vector:
        """Return the factor at speeds (n,) [rev/s]."""
        if speed is not self._speed:
            self._speed, self._factor = speed, np.power(speed / self._speed_ref, self._exponent)
        return self._factor


class PowerHoldUp:
    """Outflow F = q_ref (M / M_ref)^(1/a) (N / N_ref)^(b/a), the inverse of M = M_ref (q/q_ref)^a (N/N_ref)^-b.

    Sign of a and b: Vanarase & Muzzio 2011; values are estimates. Wrong while the blender fills from empty (the first
    powder has to be conveyed to the exit, here it appears there spread over the tanks).
    """

    def __init__(self, blender: Columns) -> None:
        self.flow_ref: Vector = blender["reference_flow"]
        self.hold_up_ref: Vector = blender["hold_up"]
        self._flow_power = 1.0 / blender["flow_exponent"]
        self._speed = SpeedFactor(blender["reference_speed"], blender["speed_exponent"] / blender["flow_exponent"])

    def flow(self, held_kg: Vector, impeller: Vector) -> Vector:
        """Return the outflow [kg/s], (n,), at a hold-up (n,) [kg] and impeller speed (n,) [rev/s]."""
        fill = np.power(held_kg / self.hold_up_ref, self._flow_power)
        result: Vector = self.flow_ref * fill * self._speed.at(impeller)
        return result


class WeirHoldUp:
    """Outflow F = K (M - M0)^p (N / N_ref)^s over a weir that keeps M0 in the blender; K from the reference point.

    p is 1.5 for a free weir; all values are estimates. Wrong at standstill, where powder at its angle of repose does
    not flow over a weir at any hold-up (here N = 0 stops the flow too).
    """

    def __init__(self, blender: Columns, dispersion: Columns) -> None:
        self.flow_ref: Vector = blender["reference_flow"]
        self.hold_up_ref: Vector = dispersion["hold_up"]
        self._dead = dispersion["dead_mass"]
        self._over_ref = self.hold_up_ref - self._dead
        self._power = dispersion["weir_exponent"]
        self._speed = SpeedFactor(blender["reference_speed"], dispersion["speed_exponent"])

    def flow(self, held_kg: Vector, impeller: Vector) -> Vector:
        """Return the outflow [kg/s], (n,), at a hold-up (n,) [kg] and impeller speed (n,) [rev/s]."""
        over = np.maximum(held_kg - self._dead, 0.0) / self._over_ref
        result: Vector = self.flow_ref * np.power(over, self._power)
        return result * self._speed.at(impeller)


class StandingPowder:
    """Powder that cakes and stands still beside n_tanks tanks: hold-back, the long tail of the residence times.

    A share h of each tank's powder stands, m_s -> h (m_s + m) with the caking time; while h > 0 it exchanges mass for
    mass with its tank in the hold-back time. Once h is 0 it comes off. `held` (n_tanks, n, N_EXTENTS). Standing powder
    counts in the hold-up law, so that the rest passes faster at the same total. Exactly conservative; estimates.
    """

    def __init__(self, blender: Columns, n_tanks: int) -> None:
        n = blender["hold_up"].shape[0]
        self.held = np.zeros((n_tanks, n, N_EXTENTS))
        self.present = False
        self._cake_rate = 1.0 / blender["caking_time"]
        self._swap_rate = 1.0 / blender["hold_back_time"]

    def beside(self, moving_kg: Vector) -> Vector:
        """Return moving and standing mass (n,) [kg]."""
        return moving_kg + self.total[:, TOTAL] if self.present else moving_kg

    def exchange(self, tanks: Vector, share: Vector) -> None:
        """Move powder between tanks (n_tanks, n, N_EXTENTS), changed in place, and what stands; share (n,) 0..0.8."""
        share = np.minimum(share, STANDING_SHARE_MAX)
        moving, standing = tanks[:, :, TOTAL], self.held[:, :, TOTAL]
        growth = (share * (moving + standing) - standing) * self._cake_rate
        swap = standing * (self._swap_rate * (share > 0.0))
        cakes = (swap + np.maximum(growth, 0.0)) / np.maximum(moving, TINY_KG)
        frees = (swap + np.maximum(-growth, 0.0)) / np.maximum(standing, TINY_KG)
        last = (share == 0.0) & (standing < LAST_STANDING_KG)
        cakes = np.minimum(cakes, CAKE_SHARE_MAX)
        frees = np.where(last, 1.0, np.minimum(frees, 1.0))
        caked = tanks * cakes[:, :, None]
        freed = self.held * frees[:, :, None]
        tanks += freed - caked
        self.held += caked - freed
        np.maximum(self.held, 0.0, out=self.held)
        self.present = bool(self.held[:, :, TOTAL].any())

    @property
    def total(self) -> Vector:
        """(n, N_EXTENTS) that stands."""
        result: Vector = self.held[0].copy()
        for tank in self.held[1:]:
            result += tank
        return result


class BlenderTorque:
    """Torque of the shaft T = T_ref (m + c m_s) / M_ref (N / N_ref)^e: linear in powder carried, more for caked powder.

    Form and exponents are estimates. Wrong on start from standstill (breakaway).
    """

    def __init__(self, blender: Columns, hold_up_ref: Vector) -> None:
        self._per_kg = blender["torque"] / hold_up_ref
        self._speed = SpeedFactor(blender["reference_speed"], blender["torque_speed_exponent"])
        self._caking = blender["torque_caking"]

    def at(self, load_kg: Vector, impeller: Vector) -> Vector:
        """Return the torque [N m], (n,), of a load (n,) [kg] at impeller speed (n,) [rev/s]."""
        result: Vector = load_kg * self._per_kg * self._speed.at(impeller)
        return result

    def loaded(self, held_kg: Vector, standing_kg: Vector) -> Vector:
        """Return the load (n,) [kg] of what is held, of which standing_kg (n,) stands."""
        return held_kg + (self._caking - 1.0) * standing_kg
