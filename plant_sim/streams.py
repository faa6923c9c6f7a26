"""Chance as an argument: one generator a line and purpose, drawn in fixed blocks, so that a line never feels its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Purposes; the number is part of the seed and never reused.
PROCESS, SPECTRA, LABORATORY, STATIONS, CALIBRATION, MEASURED = 1, 2, 3, 4, 5, 6
LOTS = 31
SURROUNDINGS, METERS = 7, 8
PUNCH_WEAR = 21
REFERENCE_SCANS, FEED_FRAME_SPECTRA, RELEASE_LABORATORY = 11, 12, 13
STEPS_A_BLOCK = 32


def generator(seed: int, purpose: int) -> np.random.Generator:
    """Return the generator of a seed (>= 0) and purpose."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose])))


class NormalStream:
    """Standard normal numbers for every step: `take()` returns (n_lines, width), the same whatever the state."""

    def __init__(self, seeds: Sequence[int], purpose: int, width: int, steps_a_block: int = STEPS_A_BLOCK) -> None:
        self._generators = [generator(seed, purpose) for seed in seeds]
        self._shape = (steps_a_block, width)
        self._block = np.zeros((steps_a_block, len(seeds), width))
        self._next = steps_a_block

    def take(self) -> NDArray[np.float64]:
        """Return the numbers of the next step, (n_lines, width), contiguous."""
        if self._next == self._shape[0]:
            for i_line, source in enumerate(self._generators):
                self._block[:, i_line, :] = source.standard_normal(self._shape)
            self._next = 0
        self._next += 1
        return self._block[self._next - 1]
