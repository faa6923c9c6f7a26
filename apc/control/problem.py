"""What every controller is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """One decision. All inputs scaled (1 is nominal), horizon of n steps of 5 s.

    x (N_X,), d (N_D,) estimate; u_before (N_U,) set-points in force; low, high, rate (N_U,) limits of each input and
    its largest move a step; flow (n,) planned total flow relative to the reference flow; flow_rate its largest move a
    step.
    """

    x: Vector
    d: Vector
    u_before: Vector
    low: Vector
    high: Vector
    rate: Vector
    flow: Vector
    flow_rate: float


@dataclass(frozen=True)
class Plan:
    """u (N_U,) the next inputs, scaled; the solver's word; iterations; cost; binding limits in words; predictions."""

    u: Vector
    status: str
    iterations: int = 0
    cost: float = float("nan")
    binding: tuple[str, ...] = ()
    text: str = ""
    predicted: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Controller(Protocol):
    """Turns a problem into a plan. Raises SolverError if it has none; `reset` forgets all warm starts."""

    name: str
    n_steps: int

    def plan(self, problem: Problem) -> Plan:
        """Return the plan. Raises SolverError."""

    def reset(self) -> None:
        """Forget everything kept from earlier calls."""
