"""What blender, hopper and feed frame show: speeds, load cells, torque, level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Vector
from plant_sim.instruments.frame import Frame

if TYPE_CHECKING:
    from plant_sim.lines import Lines


class BlendSignals:
    """Signals from blender to feed frame, (n,) each, into a frame's `signals`."""

    def __init__(self, frame: Frame, groups: dict[str, Columns]) -> None:
        self._blender, self._hopper = groups["blender"], groups["hopper"]
        to = frame.signals
        self._impeller, self._paddle = (
            to[:, frame.column("Blender/ImpellerSpeed")],
            to[:, frame.column("FeedFrame/PaddleSpeed")],
        )
        self._hold_up, self._torque = to[:, frame.column("Blender/HoldUpMass")], to[:, frame.column("Blender/Torque")]
        self._level = to[:, frame.column("Hopper/Level")]
        self._cell_gain = 1.0 + self._blender["load_cell_span_error"]
        self._level_gain = 1.0 + self._hopper["level_span_error"]
        self.level = self._level.copy()

    def noise(self, instruments: Columns) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy tag, (n,)."""
        return {
            "Blender/ImpellerSpeed": (instruments["speed_noise"], 0.0),
            "Blender/HoldUpMass": (0.0, self._blender["load_cell_noise"]),
            "Blender/Torque": (instruments["blender_torque_noise"], 0.0),
            "Hopper/Level": (self._hopper["level_noise"], 0.0),
        }

    def write(self, lines: Lines) -> None:
        """Write the true values [SI] of this second."""
        path = lines.path
        held = path.blender_kg
        self._impeller[:] = path.impeller
        self._paddle[:] = path.paddle
        np.multiply(held, self._cell_gain, out=self._hold_up)
        self._torque[:] = path.torque(held)
        np.multiply(path.hopper_kg, self._level_gain, out=self._level)

    def falsify(self, effects: FaultEffects) -> None:
        """Let faults in force act on what was written. A stuck level repeats what it showed last."""
        self._torque *= effects.blender_torque
        self._hold_up += effects.blender_offset_kg
        self._level += effects.level_offset_kg
        np.copyto(self._level, self.level, where=effects.level_stuck)

    def keep(self) -> None:
        """Keep what the PLC reads next second: `level` [kg] (n,)."""
        self.level = self._level.copy()
