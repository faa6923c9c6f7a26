"""What the four feeders show: scales, screws, drives, motor torque."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ZERO, Counts, Flags, Vector
from plant_sim.instruments.frame import Frame

if TYPE_CHECKING:
    from plant_sim.lines import Lines


class FeederSignals:
    """Signals of the feeders, (n, 4) each, into a frame's `signals`."""

    def __init__(self, frame: Frame, feeder: Columns) -> None:
        to = {name: frame.signals[:, frame.feeder(name)] for name in _NAMES}
        self.screw_speed, self._torque, self._setpoint = to["ScrewSpeed"], to["Torque"], to["Setpoint"]
        self._mass_flow, self._net_weight, self._total = to["MassFlow"], to["NetWeight"], to["Totalizer"]
        self._drive, self._feed_factor = to["DriveCommand"], to["FeedFactor"]
        self._mode, self._refill_request = to["Mode"], to["RefillRequest"]
        self._top, self._request = feeder["screw_speed_max"], feeder["refill_request"]
        # what was written last and is written again only when it is another object
        self._asked: Vector | None = None
        self._feeding: Flags | None = None
        self._moded: Counts | None = None

    def noise(self, instruments: Columns) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy name, (n,)."""
        return {"ScrewSpeed": (instruments["speed_noise"], 0.0), "Torque": (instruments["feeder_torque_noise"], 0.0)}

    def write(self, lines: Lines) -> None:
        """Write the true or already noisy values [SI] of this second."""
        loops, bank, reading = lines.feeder_loops, lines.feeders, lines.reading
        self.screw_speed[:] = bank.speed
        self._torque[:] = bank.torque
        self._mass_flow[:] = loops.mass_flow
        self._net_weight[:] = reading
        np.maximum(loops.total, ZERO, out=self._total)
        np.divide(loops.command, self._top, out=self._drive)
        np.multiply(loops.feed_factor, self._top, out=self._feed_factor)
        self._refill_request[:] = reading < self._request
        self._write_states(lines.feeder_setpoints, lines.sequence.feeding, loops.mode)

    def _write_states(self, setpoints: Vector, feeding: Flags, mode: Counts) -> None:
        if setpoints is not self._asked or feeding is not self._feeding:
            self._asked, self._feeding = setpoints, feeding
            np.multiply(setpoints, feeding[:, None], out=self._setpoint)
        if mode is not self._moded:
            self._moded = mode
            self._mode[:] = mode

    def falsify(self, effects: FaultEffects) -> None:
        """Let faults in force act on what was written."""
        self._torque *= effects.torque


_NAMES = (
    "ScrewSpeed", "Torque", "Setpoint", "MassFlow", "NetWeight", "Totalizer", "DriveCommand", "FeedFactor", "Mode",
    "RefillRequest",
)  # fmt: skip
