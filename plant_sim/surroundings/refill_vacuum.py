"""The vacuum that lifts powder into the feeders: pump, line, leak, and what they leave of the refill rate."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector, bounded
from plant_sim.surroundings.flow_resistance import pipe_area_m2
from plant_sim.surroundings.room_air import AIR_DENSITY

#: Discharge coefficient of a leak: a sharp-edged hole.
LEAK_COEFFICIENT = 0.61


class RefillVacuum:
    """Vacuum receivers of n lines on one pump each, (n,).

    Pump dp = p0 - k Q^2; the line takes Q_l = A sqrt(2 dp/(rho zeta)), a leak of area a A takes Q_a = 0.61 a A
    sqrt(2 dp/rho). Both go with sqrt(dp), so dp = p0/(1 + k (c_l + c_a)^2). Powder moves only above the saltation
    velocity v_s: refill factor = (v - v_s)/(v_0 - v_s), 0 below, 1 without a leak. zeta holds air and powder at the
    design load. Wrong for a plugging line, and while the pump runs up.

    `refill_factor` (n,) of the feeders' refill rate; `working_pa` below ambient while it lifts; `pressure_pa` and
    `power_w` now.
    """

    def __init__(self, p: Columns) -> None:
        self._p = p
        area = pipe_area_m2(p["lift_diameter"])
        self._line = area * np.sqrt(2.0 / (AIR_DENSITY * p["lift_losses"]))
        self._hole = LEAK_COEFFICIENT * area * np.sqrt(2.0 / AIR_DENSITY)
        self._per_area = 1.0 / area
        self._design_velocity = np.ones_like(area)
        none = np.zeros_like(area)
        self._velocity_of(none)
        self._design_velocity = self.velocity_m_per_s.copy()
        self.set_leak(none)
        self.run(np.zeros(area.shape, np.bool_))

    def _velocity_of(self, leak: Vector) -> None:
        p = self._p
        taken = self._line + leak * self._hole
        self.working_pa: Vector = p["pump_pressure"] / (1.0 + p["pump_curve"] * taken * taken)
        root = np.sqrt(self.working_pa)
        self.velocity_m_per_s: Vector = self._line * root * self._per_area
        self._working_w = taken * root * self.working_pa / p["pump_efficiency"] + p["pump_base_power"]

    def set_leak(self, leak: Vector) -> None:
        """Take the leak's area over the line's area, (n,) >= 0."""
        self._velocity_of(leak)
        still = self._p["saltation_velocity"]
        self.refill_factor: Vector = bounded((self.velocity_m_per_s - still) / (self._design_velocity - still), 0.0, 1.0)

    def run(self, lifting: Flags) -> None:
        """Say where the pump lifts powder, (n,); it stands still between refills."""
        self.pressure_pa: Vector = self.working_pa * lifting
        self.power_w: Vector = self._working_w * lifting
