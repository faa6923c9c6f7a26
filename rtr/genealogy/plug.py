"""A stretch of line where powder moves without mixing: first in, first out, by mass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
CAPACITY = 4096


class Plug:
    """First-in-first-out store of one-second slugs of n lines in step, with reading positions that move with the material.

    A slug has a mass a line [kg], the second it entered, and `values` (n_lines, n_stored). Each of `n_copies` of the line
    reads at a position of its own, `position` (n_lines, n_copies): cumulative mass [kg] that entered since the start.
    What is read are columns: column m takes stored value `stored[m]` at the position of copy `copies[m]`. `values` may be
    corrected while a slug is inside, when a late spectrum arrives, until `settled`. Slugs older than CAPACITY / 2 are
    forgotten; a position there reads the oldest slug. A line's numbers are the same alone or in company, bit for bit.
    """

    def __init__(self, n_lines: int, n_stored: int, copies: Indices, stored: Indices) -> None:
        n_copies = int(copies.max()) + 1
        self.end = 0
        self.edges: Array = np.zeros((CAPACITY + 1, n_lines))
        self.steps: Indices = np.zeros(CAPACITY, dtype=np.int64)
        self.settled: NDArray[np.bool_] = np.zeros((CAPACITY, n_lines), dtype=bool)
        self.values: Array = np.zeros((CAPACITY, n_lines, n_stored))
        self.position: Array = np.zeros((n_lines, n_copies))
        self._first: Indices = np.zeros((n_lines, n_copies), dtype=np.int64)
        self._copies, self._stored = copies, stored
        self._lines: Indices = np.arange(n_lines)[:, None]

    @property
    def entered_kg(self) -> Array:
        """Mass that entered since the start, (n_lines,) [kg]."""
        return np.asarray(self.edges[self.end])

    def push(self, mass_kg: Array, step: int, values: Array) -> None:
        """Add a slug a line, masses (n_lines,), values (n_lines, n_stored); a second without any mass is nothing."""
        moving = mass_kg > 0.0
        if not moving.any():
            return
        if self.end == CAPACITY:
            self._forget()
        self.steps[self.end], self.values[self.end] = step, values
        self.settled[self.end] = False
        self.edges[self.end + 1] = self.edges[self.end] + np.where(moving, mass_kg, 0.0)
        self.end += 1

    def entered_between(self, after: int, until: int) -> slice:
        """Return the slugs that entered in seconds after < step <= until."""
        steps = self.steps[: self.end]
        return slice(int(steps.searchsorted(after, "right")), int(steps.searchsorted(until, "right")))

    def _forget(self) -> None:
        half = CAPACITY // 2
        for store in (self.steps, self.settled, self.values):
            whole: NDArray[Any] = store
            whole[: CAPACITY - half] = whole[half:].copy()
        self.edges[: CAPACITY - half + 1] = self.edges[half:].copy()
        self._first = np.maximum(self._first - half, 0)
        self.end -= half

    def move_to(self, target: Array) -> Array:
        """Move the positions to `target` (n_lines, n_copies), not backwards; return the mean columns of what they passed.

        (n_lines, n_columns). An empty stretch has the values of the slug it lies in; beyond what has entered counts as the
        newest slug; before the first slug all is zero. Errors: none.
        """
        passed, self._first = self._passed(self.position, self._first, target)
        self.position = target
        return passed

    def ahead(self, step_kg: Array, n: int) -> Array:
        """Return the mean columns of the next n stretches of step_kg (n_lines,) each, (n, n_lines, n_columns).

        As repeated `move_to`, but by differences of cumulative amounts: a loop costs ten times as much.
        """
        lines, copies, last = self._lines, self._copies, self.end - 1
        if last < 0:
            return np.zeros((n, len(lines), len(copies)))
        at = self.position + np.arange(n + 1)[:, None, None] * step_kg[:, None]
        begin, end = int(self._first.min()), self.end
        edges = self.edges[begin : end + 1]
        end = begin + min(int((edges < at[-1].max(axis=1)).all(axis=1).sum()) + 1, end - begin)
        edges, values = edges[: end - begin + 1], self.values[begin:end]
        amounts = np.zeros((end - begin + 1, *values.shape[1:]))
        np.cumsum(values * np.diff(edges, axis=0)[..., None], axis=0, out=amounts[1:])
        slug = np.minimum((edges[1:, None, :, None] <= at).sum(axis=0), end - begin - 1)
        beyond = at - edges[slug, lines]
        inside = slug[..., copies], lines, self._stored
        here = values[inside]
        total = amounts[inside] + here * beyond[..., copies]
        width = np.maximum(step_kg, 1e-12)[:, None]
        return np.where(step_kg[:, None] > 1e-12, np.diff(total, axis=0) / width, here[:-1])

    def _passed(self, start: Array, first: Indices, stop: Array) -> tuple[Array, Indices]:
        """Return (mean columns between two positions, the slugs in which the stretch begins)."""
        lines, last = self._lines, self.end - 1
        if last < 0:
            return np.zeros((len(start), len(self._copies))), first
        while (behind := (self.edges[first + 1, lines] <= start) & (first < last)).any():
            first = first + behind
        here, lower, width = first, start, stop - start
        total = np.zeros((len(start), len(self._copies)))
        while True:
            reached = np.minimum(self.edges[here + 1, lines], stop)
            more = (reached < stop) & (here < last)
            # the newest slug stands for what has not entered yet
            reached = np.maximum(np.where(here == last, stop, reached), lower)
            total += (reached - lower)[:, self._copies] * self.values[here[:, self._copies], lines, self._stored]
            if not more.any():
                break
            lower, here = reached, here + more
        still = width <= 1e-12
        mean = total / np.where(still, 1.0, width)[:, self._copies]
        if still.any():
            mean = np.where(still[:, self._copies], self.values[first[:, self._copies], lines, self._stored], mean)
        return mean, first
