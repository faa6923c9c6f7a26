"""Electric power of every consumer of the line and the energy each has used."""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector
from plant_sim.surroundings.activity import Activity

#: Consumers in the order of the last axis.
CONSUMERS: Final = ("press", "feed_frame", "blender", "feeders", "vacuum", "extraction", "hvac", "controls")
PRESS, FEED_FRAME, BLENDER, FEEDERS, VACUUM, EXTRACTION, HVAC, CONTROLS = range(len(CONSUMERS))
J_PER_KWH: Final = 3.6e6
#: Share of the press's idle power that controls and hydraulics of a stopped press draw.
PRESS_STANDBY = 0.3
#: Share of a feed frame's nominal power that turns it empty.
FRAME_EMPTY = 0.25


class Power:
    """Consumers of n lines: `watts` (n, k) in the order of CONSUMERS, `energy_kwh` (n, k) since the start.

    Press: idle + turret speed + compaction work a tablet. Feed frame: linear in paddle speed. Blender: base + torque
    x 2 pi N/eta, the torque falling with what it holds and rising with sqrt(N) as its torque meter shows. Feeders:
    base + share of full screw speed. Means over a step: right in energy, blind to peaks shorter than a step.
    """

    def __init__(self, groups: dict[str, Columns], feeder: Columns) -> None:
        self._p, self._drive = groups["surroundings"], groups["drive"]
        blender = groups["blender"]
        self._torque = blender["torque"] / (blender["hold_up"] * np.sqrt(blender["reference_speed"]))
        self._top_speed = feeder["screw_speed_max"]
        self._per_torque = 2.0 * np.pi / self._p["blender_efficiency"]
        self._paddle = self._p["feed_frame_power"] * (1.0 - FRAME_EMPTY) / groups["feed_frame"]["paddle_speed"]
        n = self._torque.shape[0]
        self.watts: Vector = np.zeros((n, len(CONSUMERS)))
        self.watts[:, CONTROLS] = self._p["controls_power"]
        self.watts[:, PRESS] = PRESS_STANDBY * self._drive["power_idle"]
        self.energy_kwh: Vector = np.zeros_like(self.watts)

    @property
    def machines_w(self) -> Vector:
        """(n,) all but the air handler [W]."""
        return self.watts.sum(axis=1) - self.watts[:, HVAC]

    def drives(self, activity: Activity, tablets_per_s: Vector) -> None:
        """Set the power of the drives from what the line does; vacuum, extraction and air handler set their own."""
        p, drive, watts = self._p, self._drive, self.watts
        on, impeller = activity.on, activity.impeller
        watts[:, PRESS] = (
            drive["power_idle"] * (PRESS_STANDBY + (1.0 - PRESS_STANDBY) * on)
            + drive["power_per_speed"] * activity.turret
            + drive["compaction_work"] * tablets_per_s
        )
        watts[:, FEED_FRAME] = p["feed_frame_power"] * FRAME_EMPTY * activity.pressing + self._paddle * activity.paddle
        turning = self._torque * activity.blender_kg * np.sqrt(impeller) * impeller * self._per_torque
        watts[:, BLENDER] = turning + p["blender_base_power"] * (impeller > 0.0)
        speeds = (activity.screws / self._top_speed).sum(axis=1)
        watts[:, FEEDERS] = p["feeder_base_power"] * (4.0 * activity.feeding) + p["feeder_load_power"] * speeds

    def count(self, step_s: float) -> None:
        """Add a step's energy."""
        self.energy_kwh = self.energy_kwh + self.watts * (step_s / J_PER_KWH)
