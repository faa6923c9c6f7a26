"""What the faults in force do to the physics, one array entry a line. Neutral values mean: no fault."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import N_FEEDERS, Flags, Vector


class FaultEffects:
    """Factors and flags that the units read each second. A new mechanism is one more array here.

    feeder_flow (n, 4) factor on delivery; scale_gain (n, 4) factor on weight changes the scale reports; scale_sees
    (n, 4) share of the delivery the scale feels; fill_density, yield_pressure (n,) factors; nir_out, press_stop (n,).
    """

    def __init__(self, n_lines: int) -> None:
        self.n_lines = n_lines
        self.feeder_flow: Vector = np.ones((n_lines, N_FEEDERS))
        self.scale_gain: Vector = np.ones((n_lines, N_FEEDERS))
        self.scale_sees: Vector = np.ones((n_lines, N_FEEDERS))
        self.fill_density: Vector = np.ones(n_lines)
        self.yield_pressure: Vector = np.ones(n_lines)
        self.nir_out: Flags = np.zeros(n_lines, np.bool_)
        self.press_stop: Flags = np.zeros(n_lines, np.bool_)

    def clear(self, i_line: int) -> None:
        """Take all faults off one line."""
        for factor in (self.feeder_flow, self.scale_gain, self.scale_sees, self.fill_density, self.yield_pressure):
            factor[i_line] = 1.0
        self.nir_out[i_line] = False
        self.press_stop[i_line] = False
