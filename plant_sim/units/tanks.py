"""Variant "a" of the path: blender of dead time and three tanks, plug-and-tank hopper, feed frame of two unequal tanks."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_EXTENTS, TOTAL, Counts, Vector
from plant_sim.units.blender import N_BLENDER_TANKS, BlenderTorque, PowerHoldUp, StandingPowder
from plant_sim.units.feed_frame import FeedFrame
from plant_sim.units.hopper import PlugHopper
from plant_sim.units.passage import MaterialPath, add_shear
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
        self._plugs = PlugFlow(N_PLUGS * n)
        self._tanks = np.zeros((N_TANKS, n, N_EXTENTS))

    @property
    def _plug(self) -> Vector:
        return self._plugs.held.reshape(N_PLUGS, self.n_lines, N_EXTENTS)

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

    @property
    def _sheared(self) -> Vector:
        return self._tanks[BLENDER_TANKS]

    def _move(self, feed: Vector, intake_kg: Vector, limit: Vector) -> None:
        mass = np.concatenate((self._tanks[:, :, TOTAL], self._plugs.held[:, TOTAL].reshape(N_PLUGS, self.n_lines)))
        flows = self._flows(mass, feed[:, TOTAL], intake_kg, limit)
        streams = self._carry(mass[:N_TANKS], flows)
        self.blender_exit, self.hopper_exit, self.frame_exit = streams[8], streams[3], streams[7]
        self._plugs.push(np.concatenate((self.blender_exit, feed, self.hopper_exit)))

    def _adjust(self, effects: FaultEffects) -> None:
        super()._adjust(effects)
        frame = self._feed_frame
        self._target[0, 0], self._target[1, 0], self._target[2, 0] = frame.small, frame.whole, frame.full

    def _flows(self, mass: Vector, inflow: Vector, intake_kg: Vector, limit: Vector) -> Vector:
        """Return the mass of each stream this second, (9, n), from masses (9, n)."""
        above = mass.take(_UPWARDS, axis=0).reshape(4, 2, self.n_lines)
        below = np.add.accumulate(above, axis=0)
        held = below[3, 1]
        out = np.minimum(self._law.flow(self.standing.beside(held), self.impeller), mass[BLENDER_3])
        target = self._target
        np.multiply(self._below, held + inflow - out, out=target[:, 1])
        leave = np.concatenate((intake_kg, out)).reshape(2, self.n_lines)
        there = above[1:]
        np.minimum(there[2, 0], limit, out=there[2, 0])
        flow = np.minimum(np.maximum(target + leave - below[:3], 0.0), there)
        into_tank = self._hopper.into_tank(mass[PLUG_HOPPER], mass[HOPPER], out, flow[2, 0])
        return np.concatenate((flow.reshape(6, -1), leave, into_tank[None])).take(_STREAMS, axis=0)

    def _carry(self, tank_kg: Vector, flows: Vector) -> Vector:
        """Move all columns by the masses in flows (9, n); return the streams, (9, n, N_EXTENTS)."""
        n, tanks = self.n_lines, self._tanks
        old, new = mixing(tank_kg, flows.take(_INTO, axis=0), flows[N_PLUGS:])
        streams: Vector = np.empty((N_PLUGS + N_TANKS, n, N_EXTENTS))
        streams[:N_PLUGS] = self._plugs.pop(flows[:N_PLUGS].reshape(-1)).reshape(N_PLUGS, n, N_EXTENTS)
        out = streams[N_PLUGS:]
        np.multiply(tanks, old[:, :, None], out=out)
        share = new[:, :, None]
        for first, last, source in STAGES:
            inflow, leaving = streams[source : source + last - first], out[first:last]
            leaving += inflow * share[first:last]
            if first == 0 and self._segregation.active:
                self._segregate(out[UNSTEADY], old[UNSTEADY])
        for first, last, source in STAGES:
            tank = tanks[first:last]
            tank += streams[source : source + last - first]
        tanks -= out
        np.maximum(tanks, 0.0, out=tanks)
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
        add_shear(self._tanks[BLENDER_TANKS], self.impeller)
        add_shear(self._tanks[FRAME_TANKS], self.paddle)
