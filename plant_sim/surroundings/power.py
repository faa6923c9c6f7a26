"""Electric power of every consumer of the line and the energy each has used."""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Vector
from plant_sim.surroundings.activity import Activity

#: Consumers in the order of the last axis.
CONSUMERS: Final = ("press", "feed_frame", "blender", "feeders", "vacuum", "extraction", "controls", "hvac")
PRESS, FEED_FRAME, BLENDER, FEEDERS, VACUUM, EXTRACTION, CONTROLS, HVAC = range(len(CONSUMERS))
J_PER_KWH: Final = 3.6e6
#: Where the terms of press, feed frame, blender and feeders begin.
FIRST_TERM: Final = (0, 4, 6, 8)
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
        p, drive, blender = groups["surroundings"], groups["drive"], groups["blender"]
        n = p["controls_power"].shape[0]
        self._torque = blender["torque"] / (blender["hold_up"] * np.sqrt(blender["reference_speed"]))
        self._torque = self._torque * (2.0 * np.pi / p["blender_efficiency"])
        self._top_speed = feeder["screw_speed_max"]
        idle, frame = drive["power_idle"], p["feed_frame_power"]
        terms = (
            PRESS_STANDBY * idle, (1.0 - PRESS_STANDBY) * idle, drive["power_per_speed"], drive["compaction_work"],
            FRAME_EMPTY * frame, (1.0 - FRAME_EMPTY) * frame / groups["feed_frame"]["paddle_speed"],
            np.ones(n), p["blender_base_power"], 4.0 * p["feeder_base_power"], p["feeder_load_power"],
        )  # fmt: skip
        self._per_term: Vector = np.ascontiguousarray(np.stack(terms).T)
        self._one = np.ones(n)
        self.watts: Vector = np.zeros((n, len(CONSUMERS)))
        self.watts[:, CONTROLS] = p["controls_power"]
        self.watts[:, PRESS] = PRESS_STANDBY * idle
        self.energy_kwh: Vector = np.zeros_like(self.watts)

    @property
    def machines_w(self) -> Vector:
        """(n,) all but the air handler [W]."""
        machines: Vector = self.watts[:, :HVAC].sum(axis=1)
        return machines

    def drives(self, activity: Activity, tablets_per_s: Vector) -> None:
        """Set the power of the drives from what the line does; vacuum, extraction and air handler set their own."""
        impeller, screws = activity.impeller, activity.screws / self._top_speed
        terms = (
            self._one, activity.on, activity.turret, tablets_per_s, activity.pressing, activity.paddle,
            self._torque * activity.blender_kg * np.sqrt(impeller) * impeller, impeller > 0.0,
            activity.feeding, screws.sum(axis=1),
        )  # fmt: skip
        self.watts[:, :VACUUM] = np.add.reduceat(np.array(terms).T * self._per_term, FIRST_TERM, axis=1)

    def count(self, step_s: float) -> None:
        """Add a step's energy."""
        self.energy_kwh = self.energy_kwh + self.watts * (step_s / J_PER_KWH)
