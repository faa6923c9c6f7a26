"""A stretch of line where powder moves without mixing: first in, first out, by mass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CAPACITY = 4096


class Plug:
    """First-in-first-out store of one-second slugs.

    A slug has mass [kg], the second it entered, and the values of its tracers (n_tracers,). Reading is by position:
    cumulative mass [kg] that entered since the start. `values` may be corrected while a slug is inside, when a late
    spectrum arrives, until `settled`. Slugs older than CAPACITY / 2 are forgotten; a position there reads the oldest slug.
    """

    def __init__(self, n_tracers: int) -> None:
        self.end = 0
        self.masses: Array = np.zeros(CAPACITY)
        self.edges: Array = np.zeros(CAPACITY + 1)
        self.steps: NDArray[np.int64] = np.zeros(CAPACITY, dtype=np.int64)
        self.settled: NDArray[np.bool_] = np.zeros(CAPACITY, dtype=bool)
        self.values: Array = np.zeros((CAPACITY, n_tracers))

    @property
    def entered_kg(self) -> float:
        """Mass that entered since the start [kg]."""
        return float(self.edges[self.end])

    def push(self, mass_kg: float, step: int, values: Array) -> None:
        """Add a slug; one without mass is nothing."""
        if not mass_kg > 0.0:
            return
        if self.end == CAPACITY:
            self._forget()
        self.masses[self.end], self.steps[self.end], self.values[self.end] = mass_kg, step, values
        self.settled[self.end] = False
        self.edges[self.end + 1] = self.edges[self.end] + mass_kg
        self.end += 1

    def entered_between(self, after: int, until: int) -> slice:
        """Return the slugs that entered in seconds after < step <= until."""
        steps = self.steps[: self.end]
        return slice(int(steps.searchsorted(after, "right")), int(steps.searchsorted(until, "right")))

    def _forget(self) -> None:
        half = CAPACITY // 2
        for store in (self.masses, self.steps, self.settled, self.values):
            whole: NDArray[Any] = store
            whole[: CAPACITY - half] = whole[half:].copy()
        self.edges[: CAPACITY - half + 1] = self.edges[half:].copy()
        self.end -= half

    def passed(self, start: float, stop: float, columns: slice = slice(None)) -> Array:
        """Return mean tracers (k,) of the material between two positions: `between` for one stretch, in a third of the time."""
        edges = self.edges[: self.end + 1]
        first = min(max(int(edges.searchsorted(start, "right")) - 1, 0), max(self.end - 1, 0))
        last = min(int(edges.searchsorted(stop, "left")), self.end)
        if last - first <= 1 or stop - start <= 1e-12:
            return self.values[first, columns]
        parts = edges[first : last + 1].copy()
        parts[0], parts[-1] = start, stop
        parts = parts[1:] - parts[:-1]
        return np.asarray(parts @ self.values[first:last, columns] / (stop - start))

    def between(self, positions: Array, columns: slice = slice(None)) -> Array:
        """Return mean tracers (of `columns`) of the material between successive positions: (n,) rising [kg] -> (n - 1, k).

        An empty stretch has the values of the slug it lies in; beyond what has entered counts as the newest slug.
        Errors: none; before the first slug all tracers are zero.
        """
        if self.end == 0:
            return np.zeros((len(positions) - 1, self.values[:1, columns].shape[1]))
        edges = self.edges[: self.end + 1]
        first = max(int(edges.searchsorted(positions[0], "right")) - 1, 0)
        first = min(first, self.end - 1)
        last = max(int(edges.searchsorted(positions[-1], "right")), first + 1)
        last = min(last, self.end)
        values, masses = self.values[first:last, columns], self.masses[first:last]
        within = np.minimum(np.maximum(edges[first:].searchsorted(positions, "right") - 1, 0), last - 1 - first)
        amounts = np.zeros(values.shape)
        np.cumsum(values[:-1] * masses[:-1, None], axis=0, out=amounts[1:])
        here = values[within]
        total = amounts[within] + here * (positions - edges[first:][within])[:, None]
        width = positions[1:] - positions[:-1]
        moved = width > 1e-12
        means = here[:-1].copy()
        means[moved] = (total[1:] - total[:-1])[moved] / width[moved, None]
        return means
