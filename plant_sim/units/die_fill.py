"""Die filling: mass of powder in each die from bulk density, fill depth, and the speeds of turret and paddles."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ONE, TINY, TOTAL, VOLUME, ZERO, Vector
from plant_sim.parameters import Variant

#: Lowest ratio of turret to paddle speed that is told apart from standing still.
RATIO_MIN = np.array(1e-6)


def reduced_efficiency(
    ratio: Vector, depth_over_diameter: Vector, turret_term: Vector, depth_term: Vector, kinetic: Vector
) -> tuple[Vector, Vector]:
    """Return (fill efficiency, share that the kinetic limit leaves empty).

    eta = (1 - xi1 r + xi2 H/D) (1 - exp(-(k/r)^2)), r = turret over paddle speed. The first factor is the reduced-order
    form of Bachawala/Gonzalez as recalled, the second an own form for the trend of Schomberg 2020: above a turret speed
    that rises with paddle speed dies under-fill. Wrong for r above about 3 k (dies nearly empty).
    """
    reach = kinetic / np.maximum(ratio, RATIO_MIN)
    short = np.exp(-(reach * reach))
    return (ONE - turret_term * ratio + depth_term * depth_over_diameter) * (ONE - short), short


def saturating_efficiency(ratio: Vector, half_ratio: Vector) -> tuple[Vector, Vector]:
    """Return (fill efficiency, share left empty): eta = s / (s + s_half), s = paddle over turret speed.

    Filling saturates as the paddles turn faster; at s_half half of the die is filled. An own form (estimate) for the
    same trend as `reduced_efficiency`, without its linear term; wrong where suction by the lower punch fills the die
    without paddles.
    """
    efficiency = ONE / (ONE + half_ratio * ratio)
    return efficiency, ONE - efficiency


class DieFill:
    """Filling of n lines: W = rho A H eta, tablet by tablet.

    rho follows the loose bulk density of the local blend times a packing factor that the reference point fixes, and a
    slow Ornstein-Uhlenbeck wander (sigma and time from commercial batches). Single tablets scatter with a registered
    standard deviation, which grows as dies under-fill (estimate). Variant b takes `saturating_efficiency`.
    """

    def __init__(self, groups: dict[str, Columns], turret_reference: Vector, variant: Variant = "a") -> None:
        self._variant = variant
        fill, comp = groups["fill"], groups["compaction"]
        self._half_ratio = groups["press_b"]["fill_half_ratio"]
        self._terms = (fill["turret_term"], fill["depth_term"], fill["kinetic_speed_ratio"])
        self._diameter = comp["die_diameter"]
        area = np.pi * self._diameter**2 / 4.0
        self._paddle = groups["feed_frame"]["paddle_speed"]
        self.wander: Vector = np.zeros(area.shape[0])
        self._keep = np.exp(-1.0 / fill["within_run_time"])
        self._wander_in = fill["within_run_sigma"] * np.sqrt(1.0 - self._keep**2)
        shares, densities = groups["blend"]["share"], groups["blend"]["bulk_density"]
        blend_density = 1.0 / (shares / densities).sum(axis=1)
        efficiency, self._short_reference = self.efficiency(turret_reference / self._paddle, fill["depth_nominal"])
        self._packed_area = fill["density"] / efficiency / blend_density * area
        self._sigma, self._spread = fill["tablet_sigma"], fill["underfill_spread"]

    def efficiency(self, ratio: Vector, depth_m: Vector) -> tuple[Vector, Vector]:
        """Return (efficiency, share left empty) at a ratio of turret to paddle speed, (n,) each."""
        if self._variant == "b":
            return saturating_efficiency(ratio, self._half_ratio)
        return reduced_efficiency(ratio, depth_m / self._diameter, *self._terms)

    def step(
        self, powder: Vector, turret: Vector, depth_m: Vector, effects: FaultEffects, normal: Vector
    ) -> tuple[Vector, Vector]:
        """Return (mass a metre of fill depth [kg/m], relative scatter of single tablets), (n,) each, of this second.

        powder (n, N_EXTENTS) at the dies; turret (n,) rev/s; depth_m (n,); normal (n,) for the wander.
        """
        self.wander = self._keep * self.wander + self._wander_in * normal
        paddle, density = self._paddle, powder[:, TOTAL] / np.maximum(powder[:, VOLUME], TINY) * (ONE + self.wander)
        if effects.any_active:
            paddle, density = np.maximum(paddle * effects.paddle_speed, RATIO_MIN), density * effects.fill_density
        efficiency, short = self.efficiency(turret / paddle, depth_m)
        spread = ONE + self._spread * np.maximum(short - self._short_reference, ZERO)
        return density * self._packed_area * efficiency, self._sigma * spread
