"""Level-1 loops of the press: hopper level by turret speed, main force by fill depth once a revolution, positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from line.modes import WeightLoop
from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector, bounded

#: Fill depth is only corrected while the turret runs at least this fast [rev/s].
SLOWEST_CORRECTED = 10.0 / 60.0
FILL_LOW_M, FILL_HIGH_M = 4e-3, 12e-3
#: Largest correction of the fill depth in one revolution [m].
FILL_STEP_MAX_M = 0.09e-3


@dataclass(frozen=True)
class PressSetpoints:
    """Accepted set-points of the press, SI, (n,) each."""

    throughput: Vector
    main_force: Vector
    main_height: Vector
    hopper_level: Vector
    impeller: Vector
    fill_depth: Vector


class PressLoops:
    """Positions and speeds of the presses, (n,): `turret` rev/s, `fill_depth` m, `main_height` m, `impeller` rev/s."""

    def __init__(self, groups: dict[str, Columns], n_stations: int, weight_loop: WeightLoop) -> None:
        self._g, self._host = groups, weight_loop is WeightLoop.HOST
        plc, drive = groups["plc"], groups["drive"]
        n = plc["force_gain"].shape[0]
        self._mass_a_turn = groups["content"]["tablet_mass"] * n_stations
        self._filter = -np.expm1(-1.0 / plc["level_filter"])
        self._resolution = drive["fill_resolution"]
        self.fill_target: Vector = groups["fill"]["depth_nominal"].copy()
        self.fill_depth: Vector = self.fill_target.copy()
        self.main_height: Vector = groups["compaction"]["main_height"].copy()
        self.turret: Vector = np.zeros(n)
        self.impeller: Vector = np.zeros(n)
        self.level: Vector = np.zeros(n)
        self._integral = np.zeros(n)

    def step(
        self,
        sp: PressSetpoints,
        level: Vector,
        revolution_force: Vector,
        new_revolution: Flags,
        run: tuple[Flags, Flags, Flags],
    ) -> None:
        """Advance one second. level [kg] and revolution_force [N] as measured; run = (pressing, steady, blending)."""
        pressing, steady, blending = run
        drive, rate = self._g["drive"], self._g["blender"]["speed_rate"]
        self.level = self.level + self._filter * (level - self.level)
        wanted = np.where(pressing, self._turret_wanted(sp, steady), 0.0)
        slew = np.where(pressing, drive["turret_rate"], np.inf)
        self.turret = self.turret + bounded(wanted - self.turret, -slew, slew)
        self._correct_fill(sp, revolution_force, new_revolution & pressing)
        reach = drive["fill_rate"]
        command = np.rint(self.fill_target / self._resolution) * self._resolution
        self.fill_depth = self.fill_depth + bounded(command - self.fill_depth, -reach, reach)
        reach = drive["height_rate"]
        self.main_height = self.main_height + bounded(sp.main_height - self.main_height, -reach, reach)
        brake = np.where(blending, rate, np.inf)
        self.impeller = self.impeller + bounded(np.where(blending, sp.impeller, 0.0) - self.impeller, -brake, brake)

    def _turret_wanted(self, sp: PressSetpoints, steady: Flags) -> Vector:
        plc, drive = self._g["plc"], self._g["drive"]
        error = np.where(steady, self.level - sp.hopper_level, 0.0)
        forward = sp.throughput / self._mass_a_turn
        ask = forward + (error / plc["level_time"] + self._integral) / self._mass_a_turn
        wanted = bounded(ask, drive["turret_speed_min"], drive["turret_speed_max"])
        free = wanted == ask
        self._integral = self._integral + np.where(free, error / (plc["level_time"] * plc["level_integral_time"]), 0.0)
        return wanted

    def _correct_fill(self, sp: PressSetpoints, force: Vector, new: Flags) -> None:
        if self._host:
            self.fill_target = sp.fill_depth
            return
        plc = self._g["plc"]
        error = (force - sp.main_force) / sp.main_force
        move = -plc["force_gain"] * error / plc["force_to_weight"] * self.fill_target
        move = bounded(move, -FILL_STEP_MAX_M, FILL_STEP_MAX_M)
        use = new & (self.turret >= SLOWEST_CORRECTED)
        self.fill_target = bounded(self.fill_target + np.where(use, move, 0.0), FILL_LOW_M, FILL_HIGH_M)
