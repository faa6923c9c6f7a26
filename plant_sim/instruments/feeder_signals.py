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


class FeederSignals:
    """Signals of the feeders, (n, 4) each, into a frame's `signals`."""

    def __init__(self, frame: Frame, feeder: Columns, setpoint_columns: list[int]) -> None:
        self._to, self._p = frame.signals, feeder
        self._at = {name: frame.feeder(name) for name in _NAMES}
        self.screw_speed, self._torque = frame.signals[:, self._at["ScrewSpeed"]], frame.signals[:, self._at["Torque"]]
        runs = setpoint_columns == list(range(setpoint_columns[0], setpoint_columns[0] + 4))
        self._setpoints = slice(setpoint_columns[0], setpoint_columns[0] + 4) if runs else setpoint_columns

    def noise(self, instruments: Columns) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy name, (n,)."""
        return {"ScrewSpeed": (instruments["speed_noise"], 0.0), "Torque": (instruments["feeder_torque_noise"], 0.0)}

    def write(self, lines: Lines) -> None:
        """Write the true or already noisy values [SI] of this second."""
        loops, bank, p, to, at = lines.feeder_loops, lines.feeders, self._p, self._to, self._at
        top = p["screw_speed_max"]
        self.screw_speed[:] = bank.speed
        self._torque[:] = bank.torque
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
