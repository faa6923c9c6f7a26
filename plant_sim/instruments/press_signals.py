"""What the press shows: turret, positions, forces of the last second, power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector
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
        self._standby = STANDBY_SHARE * drive["power_idle"]
        self._running = (1.0 - STANDBY_SHARE) * drive["power_idle"]
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
        np.divide(press.station_deviation, np.maximum(press.station_mean, 1.0), out=self._srel)
        self._srel *= press.revolutions > 0
        on = lines.sequence.state != STOPPED
        drive = self._g["drive"]
        np.add(self._standby + self._running * on, drive["power_per_speed"] * loops.turret, out=self._power)
        self._tablets(lines)

    def _tablets(self, lines: Lines) -> None:
        tablets = lines.tablets
        if tablets is None:
            return
        share = 1.0 / np.maximum(tablets.count, 1)
        np.multiply(np.add.reduce(tablets.force_read_n * tablets.made, axis=1), share, out=self._force)
        np.multiply(np.add.reduce(tablets.ejection_n * tablets.made, axis=1), share, out=self._ejection)
        np.multiply(np.add.reduce(tablets.pre_force_n, axis=1), share, out=self._pre)
        self._power += self._g["drive"]["compaction_work"] * tablets.count
        self._srel *= self._force > 0.0

    def keep(self) -> None:
        """Keep what the PLC reads next second: `main_force`, `ejection` [N] (n,); hold SREL in its range."""
        np.minimum(self._srel, SREL_MAX, out=self._srel)
        self.main_force, self.ejection = self._force.copy(), self._ejection.copy()
