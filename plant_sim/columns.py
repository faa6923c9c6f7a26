"""From parameter models of several lines to arrays with a leading axis of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from plant_sim.extents import Vector
from plant_sim.parameters import PlantParameters, Quantity


@dataclass(frozen=True)
class Columns:
    """SI values of one parameter group: name -> (n_lines,) or, for the feeders, (n_lines, 4)."""

    values: dict[str, Vector]

    def __getitem__(self, name: str) -> Vector:
        return self.values[name]


def group_columns(plants: Sequence[PlantParameters], group: str) -> Columns:
    """Return the group as arrays (n_lines,)."""
    members: list[BaseModel] = [getattr(plant, group) for plant in plants]
    return Columns({name: np.array([_si(m, name) for m in members]) for name in type(members[0]).model_fields})


def feeder_columns(plants: Sequence[PlantParameters]) -> Columns:
    """Return the feeders' own and common quantities as arrays (n_lines, 4)."""
    each = [plant.feeders.each() for plant in plants]
    values = {n: np.array([[_si(f, n) for f in four] for four in each]) for n in type(each[0][0]).model_fields}
    common = group_columns(plants, "feeder_common")
    for name, column in common.values.items():
        values[name] = np.repeat(column[:, None], len(each[0]), axis=1)
    return Columns(values)


def _si(model: BaseModel, name: str) -> float:
    quantity = getattr(model, name)
    if not isinstance(quantity, Quantity):
        raise TypeError(f"{type(model).__name__}.{name} is not a quantity")
    return quantity.si
