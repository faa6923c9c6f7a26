"""What stands behind the press: diverter, tablet counters, scales under the four containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Vector
from plant_sim.instruments.frame import Frame
from plant_sim.units.chute import ACCEPTED

if TYPE_CHECKING:
    from plant_sim.lines import Lines

SCALES = ("Bin/AcceptedMass", "Bin/DivertedMass", "Bin/RejectedMass", "Bin/SampledMass")
COUNTERS = ("Diverter/TabletsAccepted", "Diverter/TabletsDiverted", "Press/TabletsRejected", "Diverter/TabletsSampled")


class BinSignals:
    """Counters and scales of n lines into a frame's `signals`, in the order of `chute.Destination`.

    `gate_feedback` (n,) is 1 where the diverter reports ACCEPT, as published. A faulty accepted-bin scale counts what
    is added from the onset on by a factor: its reading does not jump.
    """

    def __init__(self, frame: Frame, groups: dict[str, Columns]) -> None:
        to = frame.signals
        self._scales = to[:, frame.column(SCALES[0]) : frame.column(SCALES[-1]) + 1]
        self._counts = to[:, frame.column(COUNTERS[0]) : frame.column(COUNTERS[-1]) + 1]
        self.gate_feedback = to[:, frame.column("Diverter/Position")]
        self._p = groups["chute"]
        self._gain = np.repeat(1.0 + self._p["accepted_scale_span_error"][:, None], len(SCALES), axis=1)
        self._before_kg = np.zeros(to.shape[0])
        self._excess_kg = np.zeros(to.shape[0])
        self._false = False

    def noise(self) -> dict[str, tuple[Vector | float, Vector | float]]:
        """Return (relative, absolute) noise of each noisy tag, (n,)."""
        return dict.fromkeys(SCALES, (0.0, self._p["scale_noise"]))

    def write(self, lines: Lines) -> None:
        """Write the true values [SI] of this second."""
        chute = lines.chute
        self._counts[:] = chute.counts[:, ACCEPTED:]
        np.multiply(chute.masses[:, ACCEPTED:], self._gain, out=self._scales)
        self.gate_feedback[:] = chute.open
        if lines.effects.any_active:
            added = self._scales[:, 0] - self._before_kg
            self._excess_kg += added * (lines.effects.bin_scale - 1.0)
            self._false = bool(np.count_nonzero(self._excess_kg))
        self._before_kg[:] = self._scales[:, 0]
        if self._false:
            self._scales[:, 0] += self._excess_kg

    def falsify(self, effects: FaultEffects) -> None:
        """Let faults in force act on what was written."""
        np.subtract(1.0, self.gate_feedback, out=self.gate_feedback, where=effects.gate_feedback_wrong)
