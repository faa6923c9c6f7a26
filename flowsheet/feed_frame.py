"""Feed frame: two unequal mixed tanks of constant mass; paddles add shear. Its dead time sits in the hopper's plug."""

from __future__ import annotations

from typing import Any

from flowsheet.layout import feed_frame_masses
from flowsheet.parameters import FlowsheetParameters


def derivative(tanks: Any, inflow: Any, flow: Any, p: FlowsheetParameters) -> list[Any]:
    """Return d/dt of the tanks' composition: two rows of (API [kg/kg], lubricant [kg/kg], shear [rev]).

    inflow: composition that enters; flow [kg/s]: what the press takes. Equation: m dc_j/dt = F (c_(j-1) - c_j), and
    shear grows by the paddle speed [rev/s]. Wrong while the frame fills at start-up. Source: two unequal tanks, estimated.
    """
    rates: list[Any] = []
    before = list(inflow)
    for j, mass in enumerate(feed_frame_masses(p)):
        here = [tanks[3 * j + i] for i in range(3)]
        source = (0.0, 0.0, p.feed_frame_paddle_speed)
        rates += [flow / mass * (before[i] - here[i]) + source[i] for i in range(3)]
        before = here
    return rates
