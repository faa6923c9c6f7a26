"""The second probe, in the feed frame: the same instrument looking at the powder that fills the dies. Often not installed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from line.quality import STATUS_BAD_WAITING_FOR_INITIAL_DATA, STATUS_GOOD
from plant_sim.columns import Columns
from plant_sim.extents import Vector
from plant_sim.instruments.probe import N_STATE_NORMALS, Air, Scan, optical_state
from plant_sim.instruments.references import Reference
from plant_sim.instruments.spectrometer import N_POINTS, Spectrometer
from plant_sim.instruments.window import Window
from plant_sim.streams import FEED_FRAME_SPECTRA, NormalStream

#: Less powder than this [kg] at the dies leaves the window uncovered.
EMPTY_KG = 0.02


class FeedFrameProbe:
    """Takes a scan every `interval` seconds on the lines that have one; it arrives `delay` seconds later.

    A second channel of the same spectrometer: its window stays clean (paddles wipe it) and its reference is that of the
    first. Interval and delay are the first line's. Wrong where paddles segregate powder at the window.
    """

    def __init__(self, p: Columns, nir: Columns, seeds: Sequence[int], optics: Spectrometer) -> None:
        self._p, self._nir, self._optics = p, nir, optics
        self.installed = p["enabled"] >= 0.5
        self._stream = NormalStream(seeds, FEED_FRAME_SPECTRA, N_STATE_NORMALS + N_POINTS, steps_a_block=8)
        self._interval, self._delay = round(float(p["interval"][0])), round(float(p["delay"][0]))
        self._window = Window(p, self._interval, EMPTY_KG)
        self._none = np.zeros(len(seeds))
        self._under_way: deque[Scan] = deque()
        self._number = 0

    def step(self, second: int, powder: Vector, air: Air, reference: Reference) -> Scan | None:
        """Take a scan if one is due at `second` and return the one that arrives now, if any.

        powder (n_lines, N_EXTENTS) at the dies.
        """
        if second % self._interval == 0:
            self._under_way.append(self._scan(second, powder, air, reference))
        if self._under_way and self._under_way[0].taken + self._delay <= second:
            return self._under_way.popleft()
        return None

    def _scan(self, second: int, powder: Vector, air: Air, reference: Reference) -> Scan:
        z = self._stream.take()
        self._number += 1
        fractions, _, empty = self._window.look(powder, z[:, 0], z[:, 1], 0.0)
        state = optical_state(self._nir, z[:, 2:N_STATE_NORMALS], air, empty, self._p["path"], self._none, self._none)
        noise = self._nir["photon_noise"][:, None] * z[:, N_STATE_NORMALS:]
        spectra = self._optics.absorbance(fractions, state, noise)
        status = np.where(self.installed, STATUS_GOOD, STATUS_BAD_WAITING_FOR_INITIAL_DATA).astype(np.uint32)
        spectra[~self.installed] = np.nan
        return Scan(second, self._number, spectra, status, reference)
