"""Hopper and chute over the press: plug flow as a row of cells, then one mixed tank; the level is the mass in both."""

from __future__ import annotations

from typing import Any

from casadi import fmax, fmin

from flowsheet.layout import N_CELLS, feed_frame_plug
from flowsheet.parameters import FlowsheetParameters

#: Smallest level that divides [kg].
EMPTY_KG = 0.03
#: Fastest exchange of a cell [1/s]: keeps the step of 5 s stable while the hopper is nearly empty.
RATE_MAX = 0.4


def derivative(cells: Any, level: Any, flow_in: Any, inflow: Any, flow_out: Any, p: FlowsheetParameters) -> list[Any]:
    """Return d/dt of level [kg/s] and of each cell's composition, then of the mixing tank's.

    cells: N_CELLS + 1 rows of (API [kg/kg], lubricant [kg/kg], shear [rev]); flow_in, flow_out [kg/s]; inflow the
    composition that enters. The cells share the plug (plug share of the level, and the feed frame's dead time, which is
    put in front of the mixing tank because the order of linear units does not change the RTD); flows between cells are
    interpolated so that every cell keeps its share while the level moves: components are conserved exactly.
    Equation: m dc_j/dt = F_(j-1) (c_(j-1) - c_j). Eight cells make the plug's spread 65/sqrt(8) = 23 s instead of 0, so
    that the line's standard deviation is 4 % above a true plug. Wrong below 0.15 kg,
    where the exchange is capped. Source: plug flow and mixing in series, shares estimated.
    """
    held = fmax(level, EMPTY_KG)
    mass = (p.hopper_plug_share * held + feed_frame_plug(p)) / N_CELLS
    tank = (1.0 - p.hopper_plug_share) * held
    growth = (flow_out - flow_in) * p.hopper_plug_share / N_CELLS
    rates: list[Any] = [flow_in - flow_out]
    before = list(inflow)
    for j in range(N_CELLS + 1):
        here = [cells[3 * j + i] for i in range(3)]
        rate = fmin((flow_in + growth * j) / (mass if j < N_CELLS else tank), RATE_MAX)
        rates += [rate * (before[i] - here[i]) for i in range(3)]
        before = here
    return rates
