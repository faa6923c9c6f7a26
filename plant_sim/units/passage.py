"""What every path from feeders to die has: what is held, what left each unit, true speeds, slow adjustments."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_EXTENTS, SHEAR, TOTAL, Vector
from plant_sim.units.blender import BlenderTorque, StandingPowder
from plant_sim.units.feed_frame import FeedFrame
from plant_sim.units.hopper import Discharge
from plant_sim.units.segregation import Segregation

#: Moisture, paddles and levels act on the path this often [s].
SLOW_S = 10


class MaterialPath(ABC):
    """Blender, hopper with chute and feed frame of n lines; material arrays (n, N_EXTENTS), masses kg, flows kg/s.

    `blender_exit`, `hopper_exit`, `frame_exit`: what left each unit in the last second. `impeller`, `paddle` (n,):
    true speeds [rev/s]. Hopper and feed frame are gravity fed: the frame takes what it needs to stay full, at most the
    discharge rate. Wrong while a unit fills from empty (no voids).
    """

    def __init__(self, groups: dict[str, Columns], standing: StandingPowder, torque: BlenderTorque, frame: FeedFrame) -> None:
        blender, hopper = groups["blender"], groups["hopper"]
        self.n_lines = n = blender["hold_up"].shape[0]
        self.standing, self._torque, self._feed_frame = standing, torque, frame
        self._discharge = Discharge(hopper)
        amplitude = np.stack((hopper["segregation"], groups["feed_frame"]["segregation"]))
        self._segregation = Segregation(amplitude, blender["reference_flow"])
        self._extra = np.zeros((2, n))
        self._limit: Vector = hopper["discharge_rate_max"]
        self._second = 0
        self.impeller, self.paddle = np.zeros(n), np.zeros(n)
        self.blender_exit: Vector = np.zeros((n, N_EXTENTS))
        self.hopper_exit: Vector = np.zeros((n, N_EXTENTS))
        self.frame_exit: Vector = np.zeros((n, N_EXTENTS))

    @property
    @abstractmethod
    def blender(self) -> Vector:
        """(n, N_EXTENTS) held in the blender, standing powder too."""

    @property
    @abstractmethod
    def hopper(self) -> Vector:
        """(n, N_EXTENTS) held in hopper and chute."""

    @property
    @abstractmethod
    def frame(self) -> Vector:
        """(n, N_EXTENTS) held in the feed frame and the pipe before it."""

    @property
    @abstractmethod
    def at_die(self) -> Vector:
        """(n, N_EXTENTS) the tank that fills the dies."""

    @property
    @abstractmethod
    def at_outlet(self) -> Vector:
        """(n, N_EXTENTS) the mixed part at the hopper's outlet."""

    @property
    @abstractmethod
    def sheared_s(self) -> Vector:
        """(n,) mean time under the impeller at the reference point [s]."""

    @property
    def frame_level(self) -> Vector:
        """(n,) hold-up of the feed frame over what it wants to hold."""
        level: Vector = self.frame[:, TOTAL] / self._feed_frame.full
        return level

    @property
    def blender_kg(self) -> Vector:
        """(n,) kg held in the blender."""
        return self.blender[:, TOTAL]

    @property
    def hopper_kg(self) -> Vector:
        """(n,) kg held in hopper and chute."""
        return self.hopper[:, TOTAL]

    def torque(self, held_kg: Vector) -> Vector:
        """Return the torque of the blender's shaft [N m], (n,), at the blender's mass (n,) after the last second."""
        if self.standing.present:
            held_kg = self._torque.loaded(held_kg, self.standing.total[:, TOTAL])
        return self._torque.at(held_kg, self.impeller)

    def step(self, feed: Vector, intake_kg: Vector, impeller: Vector, paddle: Vector, effects: FaultEffects) -> None:
        """Move one second's material.

        feed (n, N_EXTENTS) from the feeders; intake_kg (n,) that the press takes, at most the mass at the die;
        impeller, paddle (n,) rev/s as the loops have them.
        """
        faulty = effects.any_active
        if faulty:
            impeller = impeller * effects.impeller_speed
        if np.count_nonzero(impeller != self.impeller):  # the same speeds stay the same object, which others recognise
            self.impeller = impeller.copy()
        self.paddle = paddle * effects.paddle_speed if faulty else paddle
        if self._second % SLOW_S == 0:
            self._adjust(effects)
        self._move(feed, intake_kg, self._limit * effects.hopper_bridge if faulty else self._limit)
        if faulty or self.standing.present:
            self.standing.exchange(self._sheared, effects.hold_back)
        self._shear()
        self._second += 1

    def _adjust(self, effects: FaultEffects) -> None:
        """Take over what changes slowly: moisture at the outlet, paddle speed, movement of levels."""
        self._limit = self._discharge.largest(self.at_outlet)
        self._feed_frame.adjust(self.paddle)
        levels = np.stack((self.hopper[:, TOTAL], self.frame[:, TOTAL]))
        self._extra[0] = effects.segregation
        self._segregation.watch(levels, float(SLOW_S), self._extra)
        if self._segregation.supplies:
            self._stock()

    @property
    @abstractmethod
    def _sheared(self) -> Vector:
        """(k, n, N_EXTENTS) the blender's mixed part, a view."""

    @abstractmethod
    def _move(self, feed: Vector, intake_kg: Vector, limit: Vector) -> None:
        """Decide how much moves, then move it."""

    @abstractmethod
    def _stock(self) -> None:
        """Let the hopper's outlet trade with the plug above it what segregation takes from it."""

    @abstractmethod
    def _shear(self) -> None:
        """Add this second's shear."""


def add_shear(tanks: Vector, speed: Vector) -> None:
    """Add one second of shear at `speed` (n,) [rev/s] to tanks (k, n, N_EXTENTS), in place."""
    shear = tanks[:, :, SHEAR]
    shear += speed * tanks[:, :, TOTAL]
