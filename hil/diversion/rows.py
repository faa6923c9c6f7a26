"""Snapshots of many lines at once: quality is judged for all of them, then each line reads its own row."""

from __future__ import annotations

import numpy as np

from line.quality import Quality
from line.samples import Snapshot, StepResult
from line.tags import TagRegister
from plant_sim.instruments.frame import Frame

#: What release's front and the tester's checks read.
FEEDER_TAGS = ("Mode", "MassFlow", "Setpoint", "ScrewSpeed")
TAGS = (
    *(f"Feeder{i}/{name}" for i in range(1, 5) for name in FEEDER_TAGS),
    "Sys/LineState", "Press/SREL", "Press/MainForceMean", "Press/MainHeight", "Press/TabletsMade", "Press/TurretSpeed",
    "Hopper/Level", "Blender/HoldUpMass", "Blender/ImpellerSpeed",
    "Tester/SampleId", "Tester/CounterFrom", "Tester/CounterTo", "Tester/WeightMean",
)  # fmt: skip
PLACE = {tag: i for i, tag in enumerate(TAGS)}
GOOD = int(Quality.GOOD)


class Row(Snapshot):
    """One line's row of a snapshot of many: the TAGS, read as in any snapshot."""

    def __init__(self, whole: Snapshot, usable: list[float], si: list[float], quality: list[int]) -> None:
        self.register, self.step, self.arrays, self.events = whole.register, whole.step, {}, ()
        self._usable, self._si, self._qualities = usable, si, quality

    def quality_of(self, tag_id: str) -> Quality:
        """Return the quality of a scalar tag."""
        return Quality(self._qualities[PLACE[tag_id]])

    def good(self, tag_id: str) -> bool:
        """True if the value may be used for release (GOOD)."""
        return self._qualities[PLACE[tag_id]] == GOOD

    def value(self, tag_id: str) -> float:
        """Return the value in plant units, NaN unless usable."""
        return self._usable[PLACE[tag_id]]

    def si(self, tag_id: str) -> float:
        """Return the value in SI, NaN unless usable."""
        return self._si[PLACE[tag_id]]


def rows_of(register: TagRegister, frame: Frame, step: int) -> list[Row]:
    """Return the rows of all lines of a frame in second `step`."""
    whole = Snapshot(register, StepResult(step, frame.values, frame.statuses, frame.source_steps))
    columns = [register.scalar_index[tag] for tag in TAGS]
    quality = whole.quality[:, columns]
    usable = np.where(quality <= Quality.UNCERTAIN, whole.values[:, columns], np.nan)
    parts = (usable.tolist(), (usable * register.si_factor[columns]).tolist(), quality.tolist())
    return [Row(whole, *row) for row in zip(*parts, strict=True)]
