"""What the four feeders show: scales, screws, drives, motor torque."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Vector
from plant_sim.instruments.frame import Frame

if TYPE_CHECKING:
    from plant_sim.lines import Lines

#: Share of the base torque that turns an empty screw; load over full load beyond which torque rises no more.
EMPTY_SHARE, LOAD_MAX = 0.4, 2.0
#: Slower screws [rev/s] stand still.
STANDSTILL = 1e-3


class FeederSignals:
    """Signals of the feeders, (n, 4) each, into a frame's `signals`."""

    def __init__(self, frame: Frame, feeder: Columns, setpoint_columns: list[int]) -> None:
        self._to, self._p = frame.signals, feeder
        self._at = {name: frame.feeder(name) for name in _NAMES}
        self.screw_speed, self._torque = frame.signals[:, self._at["ScrewSpeed"]], frame.signals[:, self._at["Torque"]]
        runs = setpoint_columns == list(range(setpoint_columns[0], setpoint_columns[0] + 4))
        self._setpoints = slice(setpoint_columns[0], setpoint_columns[0] + 4) if runs else setpoint_columns
        self._torque_empty = EMPTY_SHARE * feeder["torque_base"]
        self._torque_load = (1.0 - EMPTY_SHARE) * feeder["torque_base"]

    def noise(self, instruments: Columns) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy name, (n,)."""
        return {"ScrewSpeed": (instruments["speed_noise"], 0.0), "Torque": (instruments["feeder_torque_noise"], 0.0)}

    def write(self, lines: Lines) -> None:
        """Write the true or already noisy values [SI] of this second."""
        loops, bank, p, to, at = lines.feeder_loops, lines.feeders, self._p, self._to, self._at
        top = p["screw_speed_max"]
        self.screw_speed[:] = bank.speed
        load = bank.delivered / np.maximum(p["feed_factor_max"] * bank.speed, 1e-9)
        torque = self._torque_empty + self._torque_load * np.minimum(load, LOAD_MAX)
        np.multiply(torque, bank.speed > STANDSTILL, out=self._torque)
        np.multiply(lines.setpoints[:, self._setpoints], lines.sequence.feeding[:, None], out=to[:, at["Setpoint"]])
        to[:, at["MassFlow"]] = loops.mass_flow
        to[:, at["NetWeight"]] = lines.reading
        np.maximum(loops.total, 0.0, out=to[:, at["Totalizer"]])
        np.divide(loops.command, top, out=to[:, at["DriveCommand"]])
        np.multiply(loops.feed_factor, top, out=to[:, at["FeedFactor"]])
        to[:, at["Mode"]] = loops.mode
        to[:, at["RefillRequest"]] = lines.reading < p["refill_request"]

    def falsify(self, effects: FaultEffects) -> None:
        """Let faults in force act on what was written."""
        self._torque *= effects.torque


_NAMES = (
    "ScrewSpeed", "Torque", "Setpoint", "MassFlow", "NetWeight", "Totalizer", "DriveCommand", "FeedFactor", "Mode",
    "RefillRequest",
)  # fmt: skip
