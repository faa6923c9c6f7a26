"""What every controller is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from line.records import BindingLimit

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """One measurement in plant units: value (NaN: none usable), seconds since the moment it speaks of, its standard
    deviation, and whether it arrived since the last decision."""

    value: float
    age_s: float = 0.0
    error: float = 0.0
    new: bool = True


@dataclass(frozen=True)
class Problem:
    """One decision. All inputs scaled (1 is nominal), horizon of n steps of 5 s.

    x (N_X,), d (N_D,) estimate; u_before (N_U,) set-points in force; low, high, rate (N_U,) limits of each input and
    its largest move a step; flow (n,) planned total flow relative to the reference flow; flow_rate its largest move a
    step; flow_low, flow_high bounds of the total flow. `measured`: readings by the names of flowsheet.layout.OUTPUTS
    and `offset_nir` (what assays say of the NIR, % LC), for controllers that work without a state estimate.
    """

    x: Vector
    d: Vector
    u_before: Vector
    low: Vector
    high: Vector
    rate: Vector
    flow: Vector
    flow_rate: float
    flow_low: float = 0.0
    flow_high: float = float("inf")
    measured: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """u (N_U,) the next inputs, scaled; the solver's word; iterations; cost; binding limits in words; predictions.

    `limits`: the limits that bind anywhere in the horizon, the dearest first, inputs scaled (predictive controllers).
    """

    u: Vector
    status: str
    iterations: int = 0
    cost: float = float("nan")
    binding: tuple[str, ...] = ()
    text: str = ""
    predicted: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    limits: tuple[BindingLimit, ...] = ()


class Controller(Protocol):
    """Turns a problem into a plan. Raises SolverError if it has none; `reset` forgets all warm starts."""

    name: str
    n_steps: int

    def plan(self, problem: Problem) -> Plan:
        """Return the plan. Raises SolverError."""

    def reset(self) -> None:
        """Forget everything kept from earlier calls."""
