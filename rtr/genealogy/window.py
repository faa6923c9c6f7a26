"""The window rule: a deviation seen at the feeders or at the probe condemns everything that can hold material of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from line.recipe import ReleaseRtd
from rtr.genealogy.propagation import N_TRACERS, Array, Flows, Line, Tracer

Flags = NDArray[np.bool_]

#: Throughputs at which quantiles are known; between them, straight lines.
N_THROUGHPUTS = 4
#: Seconds before a pulse is put in, so that plugs are full, and that it is followed for.
FILL_S, FOLLOW_S = 200, 1200
#: Level of the hopper [kg] that the registered residence times belong to.
HOPPER_KG = 0.6


def pulse_responses(rtd: ReleaseRtd, throughput_kg_per_h: Array, place: str, draws: Array) -> Array:
    """Return the density of residence times at the die [1/s], (n_throughputs, 1 + n_draws, FOLLOW_S), nominal line first.

    A pulse at `place` ("feeders" or "probe") through `Line` itself, at steady flow, reference impeller speed and hopper
    level 0.6 kg. throughput (n,) > 0, inside the validated range. Errors: none.
    """
    flow = np.asarray(throughput_kg_per_h, dtype=np.float64) / 3600.0
    blender = rtd.blender_hold_up_kg * (throughput_kg_per_h / rtd.blender_reference_flow_kg_per_h) ** rtd.blender_flow_exponent
    line = Line(rtd, blender, np.full(len(flow), HOPPER_KG), draws)
    flows = Flows(flow, flow, rtd.blender_reference_speed_rpm / 60.0, HOPPER_KG)
    api, material = line.columns.every(Tracer.API), np.zeros(N_TRACERS)
    found = np.zeros((len(flow), len(api), FOLLOW_S))
    for second in range(FILL_S + FOLLOW_S):
        material[Tracer.API] = float(second == FILL_S and place == "feeders")
        die = line.advance(second, flows, material)
        if second == FILL_S and place == "probe":
            line.hopper.values[line.hopper.end - 1][:, api] = 1.0
        if second >= FILL_S:
            found[:, :, second - FILL_S] = die[:, api]
    return found / found.sum(axis=-1, keepdims=True)


class Windows:
    """Tablets of coming seconds that are condemned, for n lines: bookings by second of pressing.

    A deviation now condemns the tablets between the quantiles `window_tail` and 1 - `window_tail` of the residence time
    from its place to the die, at the throughput of now. Standing seconds do not count. Wrong, too early or too late, by
    what throughput and level change while the material is under way; the recipe's guard is for that.
    """

    def __init__(self, rtd: ReleaseRtd, tail: float, n_lines: int) -> None:
        self.grid = np.linspace(rtd.throughput_min_kg_per_h, rtd.throughput_max_kg_per_h, N_THROUGHPUTS)
        nominal = np.ones((1, 3))
        self._quantiles = {
            place: _quantiles(pulse_responses(rtd, self.grid, place, nominal)[:, 0], tail) for place in ("feeders", "probe")
        }
        self.booked: Flags = np.zeros((FOLLOW_S + 1, n_lines), np.bool_)
        self._ages = np.arange(FOLLOW_S + 1)[:, None]

    def see(self, feed_kg_per_s: Array, by_scales: Flags, by_probe: Flags, pressing: Flags) -> None:
        """Take one second, all (n_lines,): pressing lines move on by one, deviations book what they condemn."""
        moved = np.vstack([self.booked[1:], np.zeros((1, self.booked.shape[1]), np.bool_)])
        self.booked = np.where(pressing, moved, self.booked)
        for place, seen in (("feeders", by_scales), ("probe", by_probe)):
            if seen.any():
                low, high = (np.interp(feed_kg_per_s * 3600.0, self.grid, q) for q in self._quantiles[place])
                self.booked |= seen & (self._ages >= np.floor(low)) & (self._ages <= np.ceil(high))


def _quantiles(density: Array, tail: float) -> tuple[Array, Array]:
    """Return residence times [s] that `tail` of the material is below and above, each (n_throughputs,)."""
    left = np.cumsum(density, axis=-1)
    return (left < tail).sum(axis=-1).astype(np.float64), (left < 1.0 - tail).sum(axis=-1).astype(np.float64)
