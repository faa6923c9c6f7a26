"""What every controller strives for, judged on what was really made: the cost that automatic tuning lowers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from apc.supervision.tags import INPUT_TAGS
from flowsheet.layout import INPUTS, STEP_S
from hil.truth import Truth
from historian.queries import RecordReader
from line.configuration import ControllerConfiguration
from line.recipe import Recipe

Moves = Iterable[tuple[int, Mapping[str, Any]]]


def tracking_cost(truth: Truth, moves: Moves, recipe: Recipe, shared: ControllerConfiguration, from_s: int) -> float:
    """Return J of docs/control.md of a run from second `from_s` on [(1 % of target)^2 decisions].

    J = sum over seconds in which tablets were made of (w_p e_p^2 + w_w e_w^2 + w_h e_s^2) / 5 + sum over decisions of
    S (100 du / u_recipe)^2; e in % of target of the true means of a second: potency, weight, tensile strength (in the
    place of hardness). Weights and suppression are those that all controllers share, without any controller's factors.
    Wrong where a second of missing tablets is dear: standing still costs nothing here.
    """
    return _errors(truth, recipe, shared.weights, from_s) + _moves(moves, recipe, shared.move_suppression, from_s)


def recorded_moves(folder: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (second, body) of every change of set-points in a run's record. Raises RecordError."""
    with RecordReader(folder) as reader:
        return list(reader.bodies("move"))


def _errors(truth: Truth, recipe: Recipe, weights: Mapping[str, float], from_s: int) -> float:
    product = recipe.product
    per_target = (
        (weights["potency_tablet"], truth.content_pct_lc / truth.mass_mg, product.target_pct_lc / product.tablet_mass_mg),
        (weights["weight"], truth.mass_mg, product.tablet_mass_mg),
        (weights["hardness"], truth.strength_mpa, product.tensile_strength_target_mpa),
    )
    total = 0.0
    for weight, values, target in per_target:
        seconds, mean = truth.by_second(values)
        error = 100.0 * (mean[seconds >= from_s] / target - 1.0)
        total += weight * float(error @ error) / STEP_S
    return total


def _moves(moves: Moves, recipe: Recipe, suppression: Mapping[str, float], from_s: int) -> float:
    nominal = {**recipe.setpoints, **recipe.feeder_setpoints(recipe.setpoints["SP/Throughput"])}
    price = {tag: suppression[name] * (100.0 / nominal[tag]) ** 2 for tag, name in zip(INPUT_TAGS, INPUTS, strict=True)}
    total = 0.0
    for step, body in moves:
        if step < from_s:
            continue
        for tag, new in body.get("new", {}).items():
            old = body.get("old", {}).get(tag)
            if tag in price and old is not None and new is not None and np.isfinite(new) and np.isfinite(old):
                total += price[tag] * (float(new) - float(old)) ** 2
    return total
