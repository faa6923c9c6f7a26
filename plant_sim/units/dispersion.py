"""Variant "b" of the path: dispersive blender behind a weir, hopper in funnel flow, feed frame of one tank."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import N_EXTENTS, TINY_KG, TOTAL, Vector, bounded
from plant_sim.units.blender import BlenderTorque, StandingPowder, WeirHoldUp
from plant_sim.units.feed_frame import SingleTankFrame
from plant_sim.units.hopper import FunnelHopper
from plant_sim.units.passage import MaterialPath, add_shear
from plant_sim.units.transport import PlugFlow, mixing

#: Cells along the blender's axis.
N_CELLS = 8
#: Most of a cell that is conveyed in a second, and that is thrown each way: together less than the cell.
CONVEYED_MAX, THROWN_MAX = 0.49, 0.25
OUTLET, FRAME = 0, 1
N_TANKS, N_PLUGS = 2, 3


class DispersiveBlender:
    """Axial dispersion in N_CELLS cells of equal hold-up, explicit in time, conservative and never negative.

    Between neighbours F is conveyed and E thrown both ways, E = N_CELLS M k (N / N_ref)^m - F / 2 with
    k = q_ref / (M_ref Pe): the physical dispersion less the numerical one of upwind conveying. At the reference point
    sigma^2 / tau^2 = 2 / Pe - 2 / Pe^2 (1 - exp(-Pe)) (closed ends, Danckwerts 1953; two per cent more in 8 cells).
    Wrong below Pe 3 at high speed, where THROWN_MAX holds dispersion back.
    """

    def __init__(self, blender: Columns, dispersion: Columns) -> None:
        self.law = WeirHoldUp(blender, dispersion)
        n = self.law.hold_up_ref.shape[0]
        self.cells = np.zeros((N_CELLS, n, N_EXTENTS))
        self._throw = N_CELLS * self.law.flow_ref / (self.law.hold_up_ref * dispersion["peclet"])
        self._speed_ref, self._power = blender["reference_speed"], dispersion["mixing_exponent"]
        self._below = np.arange(1.0, N_CELLS)[:, None] / N_CELLS

    def step(self, feed: Vector, impeller: Vector, standing: StandingPowder) -> Vector:
        """Convey and disperse for one second; return what left, (n, N_EXTENTS)."""
        mass = self.cells[:, :, TOTAL]
        below = np.add.accumulate(mass[::-1], axis=0)
        held = below[-1]
        leaves = np.minimum(self.law.flow(standing.beside(held), impeller), CONVEYED_MAX * mass[-1])
        after = held + feed[:, TOTAL] - leaves
        wanted = self._below * after + leaves - below[:-1]
        conveyed = bounded(wanted, 0.0, CONVEYED_MAX * mass[-2::-1])[::-1]
        thrown = self._throw * held * np.power(impeller / self._speed_ref, self._power) - 0.5 * conveyed
        thrown = bounded(thrown, 0.0, THROWN_MAX * np.minimum(mass[:-1], mass[1:]))
        return self._carry(feed, conveyed, thrown, leaves)

    def _carry(self, feed: Vector, conveyed: Vector, thrown: Vector, leaves: Vector) -> Vector:
        cells = self.cells
        per_kg = 1.0 / np.maximum(cells[:, :, TOTAL], TINY_KG)
        forward = cells[:-1] * ((conveyed + thrown) * per_kg[:-1])[:, :, None]
        forward -= cells[1:] * (thrown * per_kg[1:])[:, :, None]
        out: Vector = cells[-1] * (leaves * per_kg[-1])[:, None]
        upper, lower, first, last = cells[:-1], cells[1:], cells[0], cells[-1]
        upper -= forward
        lower += forward
        last -= out
        first += feed
        np.maximum(cells, 0.0, out=cells)
        return out


class DispersionPath(MaterialPath):
    """Dispersive blender, two plugs and an outlet tank in the hopper, a pipe and one tank in the feed frame."""

    def __init__(self, groups: dict[str, Columns]) -> None:
        blender, dispersion = groups["blender"], groups["dispersion"]
        self._blender = DispersiveBlender(blender, dispersion)
        law = self._blender.law
        frame = SingleTankFrame(groups["feed_frame"], dispersion, law.flow_ref)
        torque = BlenderTorque(blender, law.hold_up_ref)
        super().__init__(groups, StandingPowder(blender, N_CELLS), torque, frame)
        n = self.n_lines
        self._sheared_s = law.hold_up_ref / law.flow_ref
        self._hopper = FunnelHopper(dispersion)
        self._plugs = PlugFlow(N_PLUGS * n)
        self._tanks = np.zeros((N_TANKS, n, N_EXTENTS))

    @property
    def _plug(self) -> Vector:
        return self._plugs.held.reshape(N_PLUGS, self.n_lines, N_EXTENTS)

    @property
    def blender(self) -> Vector:
        """(n, N_EXTENTS) held in the blender, standing powder too."""
        held: Vector = self._blender.cells[0].copy()
        for cell in self._blender.cells[1:]:
            held += cell
        return held + self.standing.total if self.standing.present else held

    @property
    def hopper(self) -> Vector:
        """(n, N_EXTENTS) held in hopper and chute."""
        held: Vector = self._plug[0] + self._plug[1] + self._tanks[OUTLET]
        return held

    @property
    def frame(self) -> Vector:
        """(n, N_EXTENTS) held in the feed frame and the pipe before it."""
        held: Vector = self._plug[2] + self._tanks[FRAME]
        return held

    @property
    def at_die(self) -> Vector:
        """(n, N_EXTENTS) the tank that fills the dies."""
        return self._tanks[FRAME]

    @property
    def at_outlet(self) -> Vector:
        """(n, N_EXTENTS) the mixed part at the hopper's outlet."""
        return self._tanks[OUTLET]

    @property
    def sheared_s(self) -> Vector:
        """(n,) mean time under the impeller at the reference point [s]."""
        return self._sheared_s

    @property
    def _sheared(self) -> Vector:
        return self._blender.cells

    def _move(self, feed: Vector, intake_kg: Vector, limit: Vector) -> None:
        self.blender_exit = self._blender.step(feed, self.impeller, self.standing)
        core, wall, pipe = self._plugs.mass.reshape(N_PLUGS, self.n_lines)
        outlet, die = self._tanks[:, :, TOTAL]
        frame = self._feed_frame
        pipe_out = bounded(intake_kg + frame.whole - die, 0.0, pipe)
        hopper_out = bounded(intake_kg + frame.full - die - pipe, 0.0, np.minimum(outlet, limit))
        core_out, wall_out = self._hopper.into_outlet(core, wall, outlet, self.blender_exit[:, TOTAL], hopper_out)
        popped = self._plugs.pop(np.concatenate((core_out, wall_out, pipe_out)))
        self._mix(popped.reshape(N_PLUGS, self.n_lines, N_EXTENTS), np.stack((hopper_out, intake_kg)))
        to_core = self.blender_exit * self._hopper.core_flow[:, None]
        self._plugs.push(np.concatenate((to_core, self.blender_exit - to_core, self.hopper_exit)))

    def _mix(self, popped: Vector, leaves: Vector) -> None:
        """Mix what the plugs gave into the two tanks; leaves (2, n) kg go out of them."""
        inflow = np.stack((popped[0] + popped[1], popped[2]))
        tanks = self._tanks
        old, new = mixing(tanks[:, :, TOTAL], inflow[:, :, TOTAL], leaves)
        out: Vector = tanks * old[:, :, None] + inflow * new[:, :, None]
        if self._segregation.active:
            self._segregate(out, old)
        tanks += inflow - out
        np.maximum(tanks, 0.0, out=tanks)
        self.hopper_exit, self.frame_exit = out[OUTLET], out[FRAME]

    def _segregate(self, leaving: Vector, old: Vector) -> None:
        """Change what leaves hopper and feed frame, (2, n, N_EXTENTS), in place, against what stays in them."""
        given, taken = self._segregation.trade(self._tanks * (1.0 - old)[:, :, None], leaving)
        leaving += given - taken

    def _stock(self) -> None:
        tank = self._tanks[OUTLET]
        given, taken = self._segregation.stock(0, self._plug[1], tank, self.hopper_exit)
        tank += given - taken
        self._plugs.trade(self.n_lines, given, taken)

    def _shear(self) -> None:
        add_shear(self._blender.cells, self.impeller)
        add_shear(self._tanks[FRAME:], self.paddle)
