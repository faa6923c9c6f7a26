"""What the controller strives for, once: weighted squares of percent errors. RTI and do-mpc read the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apc.control.problem import Vector
from flowsheet.layout import INPUTS, N_FEEDERS, OUTPUT
from line.configuration import ControllerConfiguration, near
from line.errors import ConfigurationFaults, Fault

#: Controlled outputs, the first ones of the layout.
CONTROLLED = ("potency_tablet", "potency_blend", "weight", "hardness", "level_hopper", "lubricant_tablet")
INPUT_WEIGHTS = ("throughput", "ratio", "rest")


@dataclass(frozen=True)
class Objective:
    """targets (6,) of CONTROLLED in plant units; weights (6,) and flow, ratio, rest weights a period of (1 %)^2;
    moves (N_U,) weights of (1 % of nominal)^2; fractions (4,) of feeders; recipe (N_U,) registered inputs, scaled;
    soft: output index -> (half width [%], penalty a %)."""

    targets: Vector
    weights: Vector
    weight_flow: float
    weight_ratio: float
    weight_rest: float
    moves: Vector
    fractions: Vector
    recipe: Vector
    soft: Mapping[int, tuple[float, float]]


def build_objective(
    configuration: ControllerConfiguration, targets: Mapping[str, float], fractions: Vector, recipe: Vector
) -> Objective:
    """Return the objective. Raises ConfigurationFaults for missing or unknown weights."""
    file = f"controller {configuration.id}"
    wanted = {"weights": (*CONTROLLED, *INPUT_WEIGHTS), "move_suppression": INPUTS}
    faults = []
    for table, names in wanted.items():
        values: Mapping[str, float] = getattr(configuration, table)
        faults += [Fault(file, f"{table}.{n}", "missing", "write it: there is no default") for n in names if n not in values]
        faults += [Fault(file, f"{table}.{n}", str(v), near(n, names)) for n, v in values.items() if n not in names]
        faults += [Fault(file, f"{table}.{n}", str(v), "must not be negative") for n, v in values.items() if not v >= 0]
    soft_known = CONTROLLED[:4]
    faults += [
        Fault(file, f"soft_limits.{n}", "", near(n, soft_known)) for n in configuration.soft_limits if n not in soft_known
    ]
    if faults:
        raise ConfigurationFaults(faults)
    weights = configuration.weights
    return Objective(
        targets=np.array([targets[name] for name in CONTROLLED]),
        weights=np.array([weights[name] for name in CONTROLLED]),
        weight_flow=weights["throughput"],
        weight_ratio=weights["ratio"],
        weight_rest=weights["rest"],
        moves=np.array([configuration.move_suppression[name] for name in INPUTS]),
        fractions=fractions,
        recipe=recipe,
        soft={OUTPUT[n]: (s.half_width_pct, s.penalty) for n, s in configuration.soft_limits.items()},
    )


def reference_inputs(objective: Objective) -> tuple[int, ...]:
    """Return the inputs that are held near the recipe by `weight_rest`: hopper level and impeller."""
    return tuple(range(N_FEEDERS + 2, len(objective.recipe)))
