"""Least-squares slope of the last seconds of a scale."""

from __future__ import annotations

import numpy as np

from plant_sim.extents import Counts, Flags, Vector

#: Longest slope window [s]; fewest samples that are believed.
WINDOW_MAX_S, WINDOW_MIN_S = 20, 5


def slope_weights() -> Vector:
    """Return weights (samples, window): weights[n] . window is the slope a sample of the n newest samples.

    The window has the newest sample last; n = 0 and 1 have no slope (weights 0).
    """
    size = WINDOW_MAX_S
    table = np.zeros((size + 1, size))
    for samples in range(2, size + 1):
        time = np.arange(samples) - (samples - 1) / 2.0
        table[samples, size - samples :] = time / (time**2).sum()
    return table


class ScaleSlope:
    """Falls (slopes downward) of n lines x m quantities x 4 feeders over windows of their own, [unit/s].

    Written twice into a ring of twice the length, so that the window is always one piece with the newest sample last.
    Noise of a slope over T with N samples: sigma_q = (sigma_w / T) sqrt(12 / N). Wrong by half a window while a flow changes.
    """

    def __init__(self, window_s: Vector, n_quantities: int) -> None:
        self.window: Counts = np.minimum(np.rint(window_s), WINDOW_MAX_S).astype(np.int64)
        n, feeders = self.window.shape
        self._table = -slope_weights()
        self._rings = np.zeros((n, n_quantities, feeders, 2 * WINDOW_MAX_S))
        self._position = 0
        self.samples: Counts = np.zeros((n, feeders), np.int64)
        self._weights = self._table[self.samples][:, None]
        self.full = False

    def add(self, quantities: tuple[Vector, ...], restart: Flags | None) -> Vector:
        """Add a sample (n, 4) of each quantity; return how fast each falls, (n, m, 4).

        restart (n, 4): forget everything, this sample too; None: nobody restarts.
        """
        here = self._position
        self._position = (here + 1) % WINDOW_MAX_S
        for i, quantity in enumerate(quantities):
            self._rings[:, i, :, here::WINDOW_MAX_S] = quantity[..., None]
        if restart is not None or not self.full:
            self._grow(restart)
        falls: Vector = np.add.reduce(self._rings[..., here + 1 : here + 1 + WINDOW_MAX_S] * self._weights, axis=-1)
        return falls

    def _grow(self, restart: Flags | None) -> None:
        more = np.minimum(self.samples + 1, self.window)
        self.samples = more if restart is None else np.where(restart, 0, more)
        self._weights = self._table[self.samples][:, None]
        self.full = bool((self.samples == self.window).all())
