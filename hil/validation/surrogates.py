"""Surrogates of hardness and dissolution on 1,005 commercial batches: what press signals may decide, and what not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.figures import Figure
from hil.validation.real_data import read_columns
from sensing.surrogate import Conformity, Surrogate, count_declared, fit_surrogate

MOST_COMPONENTS, PERCENT = 10, 100.0
#: The newest batches: nothing of them is known when the surrogate is fitted.
NEWEST = 205
LAB_FEATURES = ("tbl_max_diameter", "tbl_min_weight", "tbl_max_weight")
NOT_FEATURES = ("batch", "code", "weekend")
NOT_PREFIXES = ("Drug", "Residual", "Total impurities", "Impurity")


@dataclass(frozen=True)
class Target:
    """What is to be declared: its column, the limit that conforms at or above, words."""

    name: str
    column: str
    limit: float
    words: str


TARGETS = (
    Target("hardness", "tbl_tensile", 1.0, "tensile strength of the core at least 1.0 MPa"),
    Target("dissolution", "dissolution_min", 85.0, "slowest of the tablets tested at least Q + 5 = 85 %"),
)


@dataclass(frozen=True)
class Batches:
    """Features (n, p) of the press and the core's size, measured values by target name (n,), codes (n,); in order of time."""

    features: np.ndarray
    measured: dict[str, np.ndarray]
    code: NDArray[np.int64]


def read_surrogate_batches(folder: Path) -> Batches:
    """Return batches with every feature recorded. Raises DataError for a missing file or column."""
    process = read_columns(folder / "Process.csv")
    laboratory = read_columns(folder / "Laboratory.csv", (*LAB_FEATURES, *(target.column for target in TARGETS)))
    names = [name for name in process if name not in NOT_FEATURES and not name.startswith(NOT_PREFIXES)]
    features = np.column_stack([*(process[name] for name in names), *(laboratory[name] for name in LAB_FEATURES)])
    whole = np.isfinite(features).all(axis=1)
    measured = {target.name: laboratory[target.column][whole] for target in TARGETS}
    return Batches(features[whole], measured, process["code"][whole].astype(np.int64))


def surrogate_figures(batches: Batches, progress: Callable[[str, int, int], None]) -> list[Figure]:
    """Return error rates of each target, on products left out in turn and on the newest batches."""
    figures: list[Figure] = []
    for i, target in enumerate(TARGETS):
        progress(target.name, i, len(TARGETS))
        figures += _of_target(batches, target)
    return figures


def _of_target(batches: Batches, target: Target) -> list[Figure]:
    y, n = batches.measured[target.name], batches.code.size
    older = np.arange(n) < n - NEWEST
    codes: list[Conformity] = [Conformity.UNDECIDED] * n
    for code in np.unique(batches.code):
        apart = batches.code == code
        words = _fit(batches, y, ~apart).declare(batches.features[apart], target.limit)
        for row, word in zip(np.flatnonzero(apart), words, strict=True):
            codes[row] = word
    newest = _fit(batches, y, older).declare(batches.features[~older], target.limit)
    return [
        *_rates(f"{target.name}_new_product", codes, y, target, f"{n} batches, each product left out in turn"),
        *_rates(f"{target.name}_newest", newest, y[~older], target, f"newest {NEWEST} batches, fitted on those before"),
    ]


def _fit(batches: Batches, y: np.ndarray, rows: np.ndarray) -> Surrogate:
    return fit_surrogate(batches.features[rows], y[rows], batches.code[rows], MOST_COMPONENTS)


def _rates(name: str, declared: list[Conformity], y: np.ndarray, target: Target, source: str) -> list[Figure]:
    yes, no = (count_declared(declared, y, target.limit, word) for word in (Conformity.CONFORMS, Conformity.DOES_NOT_CONFORM))
    words = f"{source}; {target.words}; intervals: Wilson, 95 %"
    undecided = PERCENT * (1.0 - (yes.n + no.n) / y.size)
    figures = [
        Figure(f"{name}_below_limit", PERCENT * float(np.mean(y < target.limit)), "%", words),
        Figure(f"{name}_undecided", undecided, "%", words),
    ]
    for kind, found in (("conforming", yes), ("not_conforming", no)):
        wrong = (PERCENT * found.wrong / found.n, PERCENT * found.low, PERCENT * found.high) if found.n else (None, None, None)
        figures += [
            Figure(f"{name}_declared_{kind}", found.n, "1", words),
            Figure(f"{name}_wrongly_{kind}", wrong[0], "%", words, wrong[1], wrong[2]),
        ]
    return figures
