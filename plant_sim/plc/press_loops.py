"""Level-1 loops of the press: hopper level by turret speed, main force by fill depth once a revolution, positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from line.modes import WeightLoop
from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Flags, Vector, bounded

#: Fill depth is only corrected while the turret runs at least this fast [rev/s].
SLOWEST_CORRECTED = 10.0 / 60.0
FILL_LOW_M, FILL_HIGH_M = 4e-3, 12e-3
#: Largest correction of the fill depth in one revolution [m].
FILL_STEP_MAX_M = 0.09e-3
#: The loop asks for no depth farther than this from the one reached [m]: a cam that sticks must not wind it up.
FILL_LEAD_M = 0.3e-3
#: Rows of the positions that move at a limited rate.
TURRET, FILL, HEIGHT, IMPELLER = range(4)


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
    """Positions and speeds of the presses, (n,): `turret` rev/s, `fill_depth` m, `main_height` m, `impeller` rev/s.

    The vendor's force loop corrects the fill depth once a revolution by a share of the force error, in whole steps of
    the drive's resolution, and leaves errors within the dead band alone. Gain and dead band are fitted to how often and
    how far commercial presses move (35-65 % of all 10 s samples, median 0.02-0.03 mm).
    """

    def __init__(self, groups: dict[str, Columns], n_stations: int, weight_loop: WeightLoop) -> None:
        self._host = weight_loop is WeightLoop.HOST
        plc, drive = groups["plc"], groups["drive"]
        self._level_time = plc["level_time"]
        self._turret_limits = (drive["turret_speed_min"], drive["turret_speed_max"])
        n = plc["force_gain"].shape[0]
        self._per_turn = 1.0 / (groups["content"]["tablet_mass"] * n_stations)
        self._filter = -np.expm1(-1.0 / plc["level_filter"])
        self._resolution, self._per_step = drive["fill_resolution"], 1.0 / drive["fill_resolution"]
        self._band = plc["force_dead_band"]
        self._move_a_force = -plc["force_gain"] / plc["force_to_weight"]
        self._integral_rate = 1.0 / (plc["level_time"] * plc["level_integral_time"])
        self._fill_start = groups["fill"]["depth_nominal"]
        self.fill_target: Vector = self._fill_start.copy()
        self._now: Vector = np.zeros((4, n))
        self._now[FILL], self._now[HEIGHT] = self.fill_target, groups["compaction"]["main_height"]
        self._wanted, self._reach = self._now.copy(), np.zeros((4, n))
        self._reach[FILL], self._reach[HEIGHT] = drive["fill_rate"], drive["height_rate"]
        self._rates = (drive["turret_rate"], groups["blender"]["speed_rate"])
        self._back = -self._reach
        # what `_wanted` and `_reach` were last worked out from
        self._set: PressSetpoints | None = None
        self._ran: tuple[Flags, ...] = ()
        self._placed: Vector | None = None
        self._all_pressing = self._all_steady = False
        self.turret: Vector = np.zeros(n)
        self.level: Vector = np.zeros(n)
        self._integral = np.zeros(n)

    @property
    def fill_depth(self) -> Vector:
        """(n,) fill depth reached [m]."""
        return self._now[FILL]

    @property
    def main_height(self) -> Vector:
        """(n,) main roller gap reached, as displayed [m]."""
        return self._now[HEIGHT]

    @property
    def impeller(self) -> Vector:
        """(n,) impeller speed of the blender's drive [rev/s]."""
        return self._now[IMPELLER]

    def step(
        self,
        sp: PressSetpoints,
        level: Vector,
        revolution_force: Vector,
        new_revolution: Flags,
        run: tuple[Flags, Flags, Flags],
        effects: FaultEffects,
    ) -> None:
        """Advance one second. level [kg] and revolution_force [N] as measured; run = (pressing, steady, blending)."""
        pressing = run[0]
        self.level = self.level + self._filter * (level - self.level)
        turned = new_revolution if self._all_pressing else new_revolution & pressing
        if self._host or np.count_nonzero(turned):
            self._correct_fill(sp, revolution_force, new_revolution & pressing)
        if sp is not self._set or any(now is not before for now, before in zip(run, self._ran)):
            self._set_out(sp, run)
        wanted = self._wanted
        turret = self._turret_wanted(sp, run[1])
        wanted[TURRET] = turret if self._all_pressing else np.where(pressing, turret, 0.0)
        if self.fill_target is not self._placed or effects.any_active:
            self._placed = None if effects.any_active else self.fill_target
            wanted[FILL] = np.rint(self.fill_target * self._per_step) * self._resolution
        if effects.any_active:
            wanted[FILL] = np.where(effects.fill_stuck, self._now[FILL], wanted[FILL])
        self._now = self._now + bounded(wanted - self._now, self._back, self._reach)
        self.turret = self._now[TURRET]
        if effects.any_active:
            self.turret = self.turret * effects.turret_speed

    def _set_out(self, sp: PressSetpoints, run: tuple[Flags, Flags, Flags]) -> None:
        """Take over set-points and who runs, which stay the same objects until they change."""
        self._set, self._ran = sp, run
        pressing, steady, blending = run
        wanted, reach = self._wanted, self._reach
        wanted[HEIGHT] = sp.main_height
        wanted[IMPELLER] = np.where(blending, sp.impeller, 0.0)
        reach[TURRET] = np.where(pressing, self._rates[0], np.inf)
        reach[IMPELLER] = np.where(blending, self._rates[1], np.inf)
        self._back = -reach
        self._all_pressing, self._all_steady = bool(pressing.all()), bool(steady.all())

    def _turret_wanted(self, sp: PressSetpoints, steady: Flags) -> Vector:
        error = self.level - sp.hopper_level
        if not self._all_steady:
            error = error * steady
        ask = (sp.throughput + error / self._level_time + self._integral) * self._per_turn
        wanted = bounded(ask, *self._turret_limits)
        self._integral = self._integral + error * self._integral_rate * (wanted == ask)
        return wanted

    def _correct_fill(self, sp: PressSetpoints, force: Vector, new: Flags) -> None:
        if self._host:
            self.fill_target = sp.fill_depth
            return
        error = (force - sp.main_force) / sp.main_force
        use = new & (self.turret >= SLOWEST_CORRECTED) & (np.abs(error) > self._band)
        if use.any():
            move = bounded(self._move_a_force * error * self.fill_target, -FILL_STEP_MAX_M, FILL_STEP_MAX_M)
            target = bounded(self.fill_target + move * use, FILL_LOW_M, FILL_HIGH_M)
            self.fill_target = bounded(target, self._now[FILL] - FILL_LEAD_M, self._now[FILL] + FILL_LEAD_M)

    def recall(self, where: Flags) -> None:
        """Send the fill cam of the lines `where` (n,) back to its start: after an overload its depth is not to be trusted."""
        if not self._host:
            self.fill_target = np.where(where, self._fill_start, self.fill_target)
