"""Cross-validation by whole batches: the number of components by a stated rule, and an error that nobody tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensing.pls import Matrix, PlsFit, Vector, fit_pls

#: Fewest components whose squared error, batch by batch, is within one standard error of the best number's.
COMPONENTS_RULE = (
    "fewest components whose batch-wise squared error exceeds the best by at most one standard error of the difference"
)
INNER_FOLDS = 10
BOOTSTRAP_DRAWS = 2000
CONFIDENCE = 0.95
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class NestedResult:
    """Out-of-fold predictions (n,) with the number of components chosen inside each fold, one fold a batch."""

    predictions: Vector
    components_by_fold: tuple[int, ...]


def batch_folds(groups: Groups, n_folds: int | None = None) -> Iterator[NDArray[np.bool_]]:
    """Yield test masks (n,), each of whole batches; all batches once. `n_folds` left out: one batch a fold.

    Batch number modulo the number of folds decides: no chance, no split batch.
    """
    names = np.unique(groups)
    k = names.size if n_folds is None else min(n_folds, names.size)
    for fold in range(k):
        yield np.isin(groups, names[fold::k])


def errors_by_components(treated: Matrix, y: Vector, groups: Groups, most: int, n_folds: int | None = None) -> Matrix:
    """Return out-of-fold errors (n, most), prediction minus reference; column a - 1 with a components."""
    errors = np.empty((y.size, most))
    for test in batch_folds(groups, n_folds):
        errors[test] = fit_pls(treated[~test], y[~test], most).predict_each(treated[test]) - y[test, None]
    return errors


def choose_components(errors: Matrix, groups: Groups) -> int:
    """Return the number of components by COMPONENTS_RULE; errors (n, A) out of fold. Batches, not spectra, are counted."""
    by_batch = np.array([(errors[groups == g] ** 2).mean(axis=0) for g in np.unique(groups)])
    best = int(np.argmin(by_batch.mean(axis=0)))
    for a in range(best):
        excess = by_batch[:, a] - by_batch[:, best]
        if excess.mean() <= excess.std(ddof=1) / np.sqrt(excess.size):
            return a + 1
    return best + 1


def nested_cross_validation(treated: Matrix, y: Vector, groups: Groups, most: int) -> NestedResult:
    """Leave one batch out; inside the rest choose the number of components by group folds; predict the batch left out.

    treated (n, p) by row-wise steps only; at least `most` + 2 batches. The error of `predictions` is not flattered by
    the choice. Source: Varma, Simon, BMC Bioinformatics 7 (2006) 91.
    """
    predictions, chosen = np.empty(y.size), []
    for test in batch_folds(groups):
        rest = ~test
        errors = errors_by_components(treated[rest], y[rest], groups[rest], most, INNER_FOLDS)
        a = choose_components(errors, groups[rest])
        fit: PlsFit = fit_pls(treated[rest], y[rest], a)
        predictions[test] = fit.predict_each(treated[test])[:, -1]
        chosen.append(a)
    return NestedResult(predictions, tuple(chosen))


def rms(errors: Vector) -> float:
    """Return the root mean square of errors (n,)."""
    return float(np.sqrt(np.mean(np.square(errors))))


def clustered_interval(errors: Vector, groups: Groups, seed: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the percentile interval of the root mean square error by a bootstrap of whole batches.

    errors (n,), groups (n,); seeded. Wrong, too narrow, for fewer than about ten batches.
    Source: Davison, Hinkley, Bootstrap Methods (1997), 3.8.
    """
    names = np.unique(groups)
    sums = np.array([np.square(errors[groups == g]).sum() for g in names])
    counts = np.array([(groups == g).sum() for g in names])
    draws = np.random.default_rng(seed).integers(0, names.size, (BOOTSTRAP_DRAWS, names.size))
    drawn = np.sqrt(sums[draws].sum(axis=1) / counts[draws].sum(axis=1))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
