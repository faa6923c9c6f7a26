"""Evaluate CasADi functions through fixed buffers: no conversion, no allocation a call."""

from __future__ import annotations

from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Evaluator:
    """A dense CasADi function as a NumPy function. The returned arrays are overwritten by the next call."""

    def __init__(self, function: ca.Function) -> None:
        for i in range(function.n_out()):
            if not function.sparsity_out(i).is_dense():
                raise ValueError(f"output {i} of {function.name()} is not dense: densify it")
        self._function = function
        self._buffer, self._run = function.buffer()
        self._arguments = [_page(self._buffer.set_arg, i, function.size_in(i)) for i in range(function.n_in())]
        self._results = [_page(self._buffer.set_res, i, function.size_out(i)) for i in range(function.n_out())]

    def __call__(self, *arguments: Any) -> list[Vector]:
        """Return the outputs for arguments of the function's shapes ((n,) fits an (n, 1) input)."""
        for target, argument in zip(self._arguments, arguments, strict=True):
            target[...] = argument if np.ndim(argument) == 2 else np.reshape(argument, target.shape)
        self._run()
        return self._results


def _page(register: Any, i: int, shape: tuple[int, int]) -> Vector:
    """Return an array of `shape` in the column order of CasADi that the function reads or writes."""
    flat = np.zeros(shape[0] * shape[1])
    register(i, flat.data)
    return flat.reshape(shape, order="F")


def pages(stacked: Vector, width: int, n: int) -> Vector:
    """Return (n, rows, width), a copy, from a mapped function's (rows, width * n)."""
    return np.ascontiguousarray(stacked.reshape(stacked.shape[0], n, width, order="C").transpose(1, 0, 2))
