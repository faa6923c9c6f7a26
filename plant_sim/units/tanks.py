"""Variant "a" of the path: blender of dead time and three tanks, plug-and-tank hopper, feed frame of two unequal tanks."""

from __future__ import annotations

from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_EXTENTS, SHEAR, TOTAL, ZERO, Counts, Vector
from plant_sim.units.blender import N_BLENDER_TANKS, BlenderTorque, PowerHoldUp, StandingPowder
from plant_sim.units.feed_frame import FeedFrame
from plant_sim.units.hopper import PlugHopper
from plant_sim.units.passage import MaterialPath
from plant_sim.units.transport import PlugFlow, mixing

#: Rows of the tank array, in the order in which material passes them: first tanks, second tanks, third tank.
HOPPER, BLENDER_1, FRAME_1, BLENDER_2, FRAME_2, BLENDER_3 = range(6)
N_TANKS, N_PLUGS = 6, 3
BLENDER_TANKS, FRAME_TANKS = slice(BLENDER_1, N_TANKS, 2), slice(FRAME_1, N_TANKS, 2)
#: Where levels move: hopper and first tank of the frame.
UNSTEADY = slice(HOPPER, FRAME_1 + 1, 2)
#: Plugs follow in the order hopper, blender, feed frame. Streams: out of the plugs, then out of each tank, same order.
PLUG_HOPPER, PLUG_BLENDER, PLUG_FRAME = 6, 7, 8
#: Streams that enter the tanks: (tanks from, to, first stream).
STAGES = ((0, 3, 0), (3, 5, 4), (5, 6, 6))
_INTO: Counts = np.array([0, 1, 2, 4, 5, 6])
#: Feed frame and blender side by side from the exit upwards: masses that a boundary has below it.
_UPWARDS: Counts = np.array([FRAME_2, BLENDER_3, FRAME_1, BLENDER_2, PLUG_FRAME, BLENDER_1, HOPPER, PLUG_BLENDER])
#: From boundaries (frame and blender upwards), intake, blender exit, hopper plug to the order of streams.
_STREAMS: Counts = np.array([8, 5, 2, 4, 3, 0, 1, 6, 7])
#: A row behind the streams for what the feeders deliver; rows that enter the plugs: blender exit, feed, hopper exit.
_FEED, _INTO_PLUGS = N_TANKS + N_PLUGS, np.array([8, 9, 3])


class TankPath(MaterialPath):
    """Path of n lines in which each boundary passes what keeps the masses below it at their targets.

    Below a boundary a blender wants its share of the whole hold-up and a feed frame its full tanks; a boundary passes
    at most what the volume above it holds. All flows of a second are decided first, from masses alone, so that one
    set of shares a tank moves all columns.
    """

    def __init__(self, groups: dict[str, Columns]) -> None:
        blender = groups["blender"]
        law = PowerHoldUp(blender)
        frame = FeedFrame(groups["feed_frame"], law.flow_ref)
        torque = BlenderTorque(blender, law.hold_up_ref)
        super().__init__(groups, StandingPowder(blender, N_BLENDER_TANKS), torque, frame)
        n = self.n_lines
        self._law, self._hopper = law, PlugHopper(groups["hopper"])
        dead_share = blender["dead_time"] * law.flow_ref / law.hold_up_ref
        self._sheared_s = law.hold_up_ref / law.flow_ref - blender["dead_time"]
        self._below = np.arange(1.0, 1.0 + N_BLENDER_TANKS)[:, None] * ((1.0 - dead_share) / N_BLENDER_TANKS)
        self._target = np.zeros((N_BLENDER_TANKS, 2, n))
        # tanks and sums of the plugs in one piece
        self._held = np.zeros((N_TANKS + N_PLUGS, n, N_EXTENTS))
        self._plugs = PlugFlow(N_PLUGS * n)
        # flows of a second in the order of decision: boundaries, intake and blender exit, hopper plug
        self._flow = np.zeros((N_TANKS + N_PLUGS, n))
        self._set_views()

    def _set_views(self) -> None:
        """Look at the parts of `_held` and `_flow`; the plugs keep their sums in `_held`."""
        held, flow = self._held, self._flow
        self._mass, self._tanks = held[:, :, TOTAL], held[:N_TANKS]
        self._plugs.held = held[N_TANKS:].reshape(-1, N_EXTENTS)
        turning = (self._tanks[BLENDER_TANKS], self._tanks[FRAME_TANKS])
        self._shears = [(tanks[:, :, SHEAR], tanks[:, :, TOTAL]) for tanks in turning]
        self._boundaries, self._leave = flow[:6].reshape(3, 2, self.n_lines), flow[6:8]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a copied state: copies of views are no views."""
        self.__dict__.update(state)
        self._set_views()

    @property
    def _plug(self) -> Vector:
        return self._held[N_TANKS:]

    @property
    def blender_kg(self) -> Vector:
        """(n,) kg held in the blender, standing powder too."""
        mass = self._mass
        return self.standing.beside(mass[PLUG_BLENDER] + mass[BLENDER_1] + mass[BLENDER_2] + mass[BLENDER_3])

    @property
    def hopper_kg(self) -> Vector:
        """(n,) kg held in hopper and chute."""
        held: Vector = self._mass[PLUG_HOPPER] + self._mass[HOPPER]
        return held

    @property
    def blender(self) -> Vector:
        """(n, N_EXTENTS) held in the blender, standing powder too."""
        tanks = self._tanks
        moving: Vector = self._plug[1] + tanks[BLENDER_1] + tanks[BLENDER_2] + tanks[BLENDER_3]
        return moving + self.standing.total if self.standing.present else moving

    @property
    def hopper(self) -> Vector:
        """(n, N_EXTENTS) held in hopper and chute."""
        held: Vector = self._plug[0] + self._tanks[HOPPER]
        return held

    @property
    def frame(self) -> Vector:
        """(n, N_EXTENTS) held in the feed frame and the pipe before it."""
        held: Vector = self._plug[2] + self._tanks[FRAME_1] + self._tanks[FRAME_2]
        return held

    @property
    def at_die(self) -> Vector:
        """(n, N_EXTENTS) the tank that fills the dies."""
        return self._tanks[FRAME_2]

    @property
    def at_outlet(self) -> Vector:
        """(n, N_EXTENTS) the mixed part at the hopper's outlet."""
        return self._tanks[HOPPER]

    @property
    def sheared_s(self) -> Vector:
        """(n,) mean time under the impeller at the reference point [s]."""
        return self._sheared_s

    def tank(self, place: int, i_line: int) -> Vector:
        """Return what a line's tank at a row of the tank array (HOPPER .. BLENDER_3) holds, (N_EXTENTS,)."""
        held: Vector = self._tanks[place, i_line].copy()
        return held

    def hopper_plug(self, i_line: int) -> Vector:
        """Return the parcels of a line's plug in the hopper, oldest first, (n_parcels, N_EXTENTS)."""
        return self._plugs.parcels(i_line).copy()

    @property
    def _sheared(self) -> Vector:
        return self._tanks[BLENDER_TANKS]

    def _move(self, feed: Vector, intake_kg: Vector, limit: Vector) -> None:
        flows = self._flows(feed[:, TOTAL], intake_kg, limit)
        streams = self._carry(flows)
        self.blender_exit, self.hopper_exit, self.frame_exit = streams[8], streams[3], streams[7]
        streams[_FEED] = feed
        self._plugs.push(streams.take(_INTO_PLUGS, axis=0).reshape(-1, N_EXTENTS))

    def _adjust(self, effects: FaultEffects) -> None:
        super()._adjust(effects)
        frame = self._feed_frame
        self._target[0, 0], self._target[1, 0], self._target[2, 0] = frame.small, frame.whole, frame.full

    def _flows(self, inflow: Vector, intake_kg: Vector, limit: Vector) -> Vector:
        """Return the mass of each stream this second, (9, n)."""
        mass, flow, leave = self._mass, self._boundaries, self._leave
        above = mass.take(_UPWARDS, axis=0).reshape(4, 2, self.n_lines)
        below = np.add.accumulate(above, axis=0)
        held = below[3, 1]
        out = np.minimum(self._law.flow(self.standing.beside(held), self.impeller), mass[BLENDER_3])
        target = self._target
        np.multiply(self._below, held + inflow - out, out=target[:, 1])
        leave[0], leave[1] = intake_kg, out
        there = above[1:]
        slowest = there[2, 0]
        np.minimum(slowest, limit, out=slowest)
        np.add(target, leave, out=flow)
        flow -= below[:3]
        np.maximum(flow, ZERO, out=flow)
        np.minimum(flow, there, out=flow)
        self._flow[-1] = self._hopper.into_tank(mass[PLUG_HOPPER], mass[HOPPER], out, flow[2, 0])
        return self._flow.take(_STREAMS, axis=0)

    def _carry(self, flows: Vector) -> Vector:
        """Move all columns by the masses in flows (9, n); return the streams and an empty row, (10, n, N_EXTENTS)."""
        n, tanks = self.n_lines, self._tanks
        old, new = mixing(self._mass[:N_TANKS], flows.take(_INTO, axis=0), flows[N_PLUGS:])
        streams: Vector = np.empty((_FEED + 1, n, N_EXTENTS))
        streams[:N_PLUGS] = self._plugs.pop(flows[:N_PLUGS].reshape(-1)).reshape(N_PLUGS, n, N_EXTENTS)
        out = streams[N_PLUGS:_FEED]
        np.multiply(tanks, old[:, :, None], out=out)
        share = new[:, :, None]
        for first, last, source in STAGES:
            inflow, leaving = streams[source : source + last - first], out[first:last]
            leaving += inflow * share[first:last]
            if first == 0 and self._segregation.active:
                self._segregate(out[UNSTEADY], old[UNSTEADY])
        tanks += streams.take(_INTO, axis=0)
        tanks -= out
        np.maximum(tanks, ZERO, out=tanks)
        return streams

    def _segregate(self, leaving: Vector, old: Vector) -> None:
        """Change what leaves hopper and first frame tank, (2, n, N_EXTENTS), in place, against what stays in them."""
        stays = self._tanks[UNSTEADY] * (1.0 - old)[:, :, None]
        given, taken = self._segregation.trade(stays, leaving)
        leaving += given - taken

    def _stock(self) -> None:
        tank = self._tanks[HOPPER]
        given, taken = self._segregation.stock(0, self._plug[0], tank, self.hopper_exit)
        tank += given - taken
        self._plugs.trade(0, given, taken)

    def _shear(self) -> None:
        for (shear, mass), speed in zip(self._shears, (self.impeller, self.paddle)):
            shear += speed * mass
