"""The line's model along a window of periods: where it leads from each, what is read there, and the slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apc.estimation.estimator import N_STATE
from apc.numerics.evaluation import Evaluator, pages
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, N_X, N_Y

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class WindowSlopes:
    """Along K periods: next_points (K - 1, 68), transitions (K - 1, 68, 68) from each to the next, outputs (K, N_Y),
    rows (K, N_Y, 68) over the state."""

    next_points: Vector
    transitions: Vector
    outputs: Vector
    rows: Vector


class WindowModel:
    """Evaluates step and outputs at every period, their Jacobians at every stride-th and at the last.

    | argument | shape | first sample | last sample |
    | points | (K, 68) | start of the window | now |
    | u | (K, N_U) | in force before the start | in force in the last 5 s |
    | turret | (K,) | as u | as u |

    Between the points the Jacobian is held: exact for a linear model, 1 % of the slopes at stride 4 in quiet running.
    """

    def __init__(self, flowsheet: Flowsheet, length: int, stride: int) -> None:
        self._length, self._stride = length, stride
        self._n_slopes = -(-length // stride) + 1
        self._step = Evaluator(flowsheet.step.map(length))
        self._see = Evaluator(flowsheet.outputs.map(length))
        self._step_slopes = Evaluator(flowsheet.step_jacobian.map(self._n_slopes))
        self._output_slopes = Evaluator(flowsheet.output_jacobian.map(self._n_slopes))

    def along(self, points: Vector, u: Vector, turret: Vector) -> WindowSlopes:
        """Return model and slopes along 2 <= K <= length periods."""
        n = len(points)
        biases = points[:, N_X : N_X + N_D - 1]
        seen = np.hstack([biases, turret[:, None]])
        ahead = np.hstack([biases[:-1], turret[1:, None]])
        every = np.arange(n)
        led = self._call(self._step, self._length, points[:-1, :N_X], u[1:], ahead, every[:-1])[0].T
        outputs = self._call(self._see, self._length, points[:, :N_X], u, seen, every)[0].T
        at = np.append(np.arange(0, n - 1, self._stride), n - 1)
        _, c, _, f = self._call(self._output_slopes, self._n_slopes, points[:, :N_X], u, seen, at)
        rows = np.zeros((len(at), N_Y, N_STATE))
        rows[:, :, :N_X] = pages(c, N_X, self._n_slopes)[: len(at)]
        rows[:, :, N_X : N_X + N_D - 1] = pages(f, N_D, self._n_slopes)[: len(at), :, : N_D - 1]
        _, a, _, d = self._call(self._step_slopes, self._n_slopes, points[:-1, :N_X], u[1:], ahead, at[:-1])
        transitions = np.tile(np.eye(N_STATE), (len(at) - 1, 1, 1))
        transitions[:, :N_X, :N_X] = pages(a, N_X, self._n_slopes)[: len(at) - 1]
        transitions[:, :N_X, N_X : N_X + N_D - 1] = pages(d, N_D, self._n_slopes)[: len(at) - 1, :, : N_D - 1]
        held = every[:-1] // self._stride
        next_points = np.hstack([led[: n - 1], points[:-1, N_X:]])
        return WindowSlopes(next_points, transitions[held], outputs[:n].copy(), rows[np.append(held, len(at) - 1)])

    @staticmethod
    def _call(evaluate: Evaluator, width: int, x: Vector, u: Vector, d: Vector, at: NDArray[np.intp]) -> list[Vector]:
        """Evaluate at the periods `at`; a mapped function has one width, so the last one is repeated."""
        index = np.append(at, np.full(width - len(at), at[-1]))
        return evaluate(x[index].T, u[index].T, d[index].T)
