"""A surrogate of a test that nobody made: conforming, not conforming or undecided, with the error rate it must declare."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from line.errors import DataError
from sensing.conformal import half_width
from sensing.drift import wilson
from sensing.pls import Matrix, PlsFit, Vector, fit_pls
from sensing.validation import INNER_FOLDS, Groups, choose_components, errors_by_components


class Conformity(StrEnum):
    """What a surrogate declares of one batch. UNDECIDED goes to the laboratory."""

    CONFORMS = "CONFORMS"
    DOES_NOT_CONFORM = "DOES_NOT_CONFORM"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True)
class Surrogate:
    """A PLS model of standardised process features, and the half-width that 90 % of its errors on unseen groups keep."""

    mean: Vector
    scale: Vector
    fit: PlsFit
    half_width: float

    def predict(self, features: Matrix) -> Vector:
        """Return predictions (n,) of features (n, p)."""
        return np.asarray(self.fit.predict_each((features - self.mean) / self.scale)[:, -1])

    def declare(self, features: Matrix, limit: float) -> list[Conformity]:
        """Return a declaration for each row: conforming at or above `limit` by the whole half-width, not below by as much."""
        return [_declared(y, self.half_width, limit) for y in self.predict(features).tolist()]


def _declared(y: float, width: float, limit: float) -> Conformity:
    if y - width >= limit:
        return Conformity.CONFORMS
    return Conformity.DOES_NOT_CONFORM if y + width < limit else Conformity.UNDECIDED


@dataclass(frozen=True)
class Declared:
    """How often a surrogate declared, and how often wrongly, with Wilson's 95 % interval of the wrong share."""

    n: int
    wrong: int
    low: float
    high: float


def fit_surrogate(features: Matrix, y: Vector, groups: Groups, most: int) -> Surrogate:
    """Return a surrogate of y (n,) from features (n, p); groups (n,) whose members share what a new one will not.

    Components by the rule of `sensing.validation`; the half-width from groups left out. Errors: DataError for features that
    are not finite or fewer than most + 2 groups. Wrong where a group to come lies outside those seen.
    """
    n_groups = np.unique(groups).size
    if not (np.all(np.isfinite(features)) and np.all(np.isfinite(y))) or n_groups < most + 2:
        raise DataError("a surrogate cannot be fitted", where="surrogate", how_much=f"{y.size} rows, {n_groups} groups")
    spread = features.std(axis=0)
    mean, scale = features.mean(axis=0), np.where(spread > 0.0, spread, 1.0)
    treated = (features - mean) / scale
    errors = errors_by_components(treated, y, groups, most, INNER_FOLDS)
    a = choose_components(errors, groups)
    return Surrogate(mean, scale, fit_pls(treated, y, a), half_width(errors[:, a - 1], groups))


def count_declared(found: list[Conformity], y: Vector, limit: float, word: Conformity) -> Declared:
    """Return how often `word` was declared of batches with measured values y (n,), and how often wrongly."""
    said = np.array([one is word for one in found], dtype=bool)
    wrong = int((said & ((y < limit) == (word is Conformity.CONFORMS))).sum())
    n = int(said.sum())
    return Declared(n, wrong, *wilson(wrong, n))
