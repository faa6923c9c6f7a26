"""What the press shows: turret, positions, forces of the last second, power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import ONE, ZERO, Vector
from plant_sim.instruments.frame import Frame
from plant_sim.plc.sequence import STOPPED

if TYPE_CHECKING:
    from plant_sim.lines import Lines

#: The press computer shows no SREL above this.
SREL_MAX = 0.5
#: Share of the idle power that a stopped press draws.
STANDBY_SHARE = 0.3


class PressSignals:
    """Signals of the press, (n,) each, into a frame's `signals`.

    Main and ejection force are means over the tablets of a second, so that their noise falls with the number made; SREL
    is of the last revolution. Pre-compression force follows the mean weight, F_pre (W / W_ref)^e: wrong far from W_ref.
    """

    def __init__(self, frame: Frame, groups: dict[str, Columns], weight_loop: int) -> None:
        self._g, to = groups, frame.signals
        self._srel, self._ejection = to[:, frame.column("Press/SREL")], to[:, frame.column("Press/EjectionForce")]
        self._pre, self._force = to[:, frame.column("Press/PreForceMean")], to[:, frame.column("Press/MainForceMean")]
        self._depth, self._height = to[:, frame.column("Press/FillDepth")], to[:, frame.column("Press/MainHeight")]
        self._turret, self._power = to[:, frame.column("Press/TurretSpeed")], to[:, frame.column("Utilities/PressPower")]
        self._setpoint = to[:, frame.column("Press/MainForceSetpoint")]
        self._turns, self._made = to[:, frame.column("Press/RevolutionId")], to[:, frame.column("Press/TabletsMade")]
        to[:, frame.column("Press/WeightLoop")] = float(weight_loop)
        drive = groups["drive"]
        self._power_per_speed, self._work = drive["power_per_speed"], drive["compaction_work"]
        self._standby = STANDBY_SHARE * drive["power_idle"]
        self._running = (1.0 - STANDBY_SHARE) * drive["power_idle"]
        self._idle, self._state = self._standby, np.zeros(0, np.int64)
        #: Every turret has turned once.
        self._all_turned = False
        self.keep()

    def noise(self, instruments: Columns) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy tag, (n,)."""
        encoder = self._g["drive"]["encoder_noise"]
        return {
            "Press/SREL": (instruments["srel_noise"], 0.0),
            "Press/EjectionForce": (self._g["ejection"]["sensor_noise"], 0.0),
            "Press/PreForceMean": (instruments["pre_force_noise"], 0.0),
            "Press/FillDepth": (0.0, encoder),
            "Press/MainHeight": (0.0, encoder),
            "Utilities/PressPower": (instruments["power_noise"], 0.0),
        }

    def write(self, lines: Lines) -> None:
        """Write the true values [SI] of this second."""
        press, loops = lines.press, lines.press_loops
        self._turret[:] = loops.turret
        self._depth[:] = loops.fill_depth
        self._height[:] = loops.main_height
        self._setpoint[:] = lines.main_force_setpoint
        self._turns[:] = press.revolutions
        self._made[:] = press.made_total
        np.divide(press.station_deviation, np.maximum(press.station_mean, ONE), out=self._srel)
        if not self._all_turned:
            self._srel *= press.revolutions > 0
            self._all_turned = np.count_nonzero(press.revolutions) == press.revolutions.size
        if lines.sequence.state is not self._state:
            self._state = lines.sequence.state
            self._idle = self._standby + self._running * (self._state != STOPPED)
        np.add(self._idle, self._power_per_speed * loops.turret, out=self._power)
        self._tablets(lines)

    def _tablets(self, lines: Lines) -> None:
        tablets = lines.tablets
        if tablets is None:
            return
        count, force = tablets.count, tablets.force_read_n
        share = ONE / np.maximum(count, 1)
        if lines.effects.any_active:  # a stuck sensor reads something where there is no tablet
            force = force * tablets.made
        np.multiply(np.add.reduce(force, 1), share, out=self._force)
        np.multiply(np.add.reduce(tablets.ejection_n, 1), share, out=self._ejection)
        np.multiply(tablets.pre_force_sum_n, share, out=self._pre)
        self._power += self._work * count
        self._srel *= self._force > ZERO

    def keep(self) -> None:
        """Keep what the PLC reads next second: `main_force`, `ejection` [N] (n,); hold SREL in its range."""
        np.minimum(self._srel, SREL_MAX, out=self._srel)
        self.main_force, self.ejection = self._force.copy(), self._ejection.copy()
