"""Between the wire's set-points and the model's scaled inputs; and the limits that both recipe and configuration allow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowsheet.layout import INPUTS, N_FEEDERS
from line.configuration import ControllerConfiguration
from line.errors import ConfigurationFaults, Fault
from line.recipe import Recipe
from line.samples import Snapshot
from line.tags import TagRegister
from line.units import factor

Vector = NDArray[np.float64]

INPUT_TAGS = (
    "SP/Feeder1MassFlow",
    "SP/Feeder2MassFlow",
    "SP/Feeder3MassFlow",
    "SP/Feeder4MassFlow",
    "SP/MainForce",
    "SP/MainHeight",
    "SP/HopperLevel",
    "SP/ImpellerSpeed",
)
THROUGHPUT = "SP/Throughput"


@dataclass(frozen=True)
class TagLimits:
    """Bounds and rates of the inputs in plant units (N_U,), of the throughput, and which inputs may move at all."""

    low: Vector
    high: Vector
    rate: Vector
    throughput: tuple[float, float, float]
    free: tuple[int, ...]


class InputScaling:
    """Plant units by tag <-> scaled inputs."""

    def __init__(self, register: TagRegister, u_scale: Vector) -> None:
        self.plant_per_scaled = u_scale / np.array([factor(register[tag].unit) for tag in INPUT_TAGS])
        self._index = np.array([register.scalar_index[tag] for tag in INPUT_TAGS])

    def in_force(self, snapshot: Snapshot, fallback: Vector) -> Vector:
        """Return the set-points that the plant holds, plant units; `fallback` where one is not usable."""
        usable = snapshot.quality[self._index] <= 1
        return np.where(usable, snapshot.values[self._index], fallback)

    def scaled(self, plant: Vector) -> Vector:
        """Return scaled inputs of plant values."""
        return plant / self.plant_per_scaled

    def plant(self, scaled: Vector) -> Vector:
        """Return plant values of scaled inputs."""
        return scaled * self.plant_per_scaled


def recipe_inputs(recipe: Recipe, throughput_kg_per_h: float) -> Vector:
    """Return the registered set-points (N_U,) in plant units at a throughput [kg/h]."""
    table = {**recipe.setpoints, **recipe.feeder_setpoints(throughput_kg_per_h)}
    return np.array([table[tag] for tag in INPUT_TAGS])


def tag_limits(configuration: ControllerConfiguration, recipe: Recipe) -> TagLimits:
    """Return the intersection of configured limits and the recipe's normal ranges; what is not listed does not move.

    Raises ConfigurationFaults if a needed move is missing or nothing is left between its limits.
    """
    moves = {move.tag: move for move in configuration.moves}
    file = f"controller {configuration.id}"
    needed = [*INPUT_TAGS[:N_FEEDERS], THROUGHPUT]
    faults = [Fault(file, f"moves.{tag}", "missing", "write its limits and rate") for tag in needed if tag not in moves]
    bounds: dict[str, tuple[float, float, float]] = {}
    for tag, move in moves.items():
        normal = recipe.ranges.get(tag)
        low = max(move.low, normal.normal_low) if normal else move.low
        high = min(move.high, normal.normal_high) if normal else move.high
        if not low < high:
            faults.append(Fault(file, f"moves.{tag}", f"{low:g}..{high:g}", "nothing is left inside the recipe's normal range"))
        bounds[tag] = (low, high, move.rate_per_decision)
    if faults:
        raise ConfigurationFaults(faults)
    rows = []
    for tag in INPUT_TAGS:
        normal = recipe.ranges[tag]
        rows.append(bounds.get(tag, (normal.normal_low, normal.normal_high, 0.0)))
    table = np.array(rows)
    free = tuple(i for i in range(len(INPUTS)) if INPUT_TAGS[i] in moves)
    return TagLimits(table[:, 0], table[:, 1], table[:, 2], bounds[THROUGHPUT], free)
