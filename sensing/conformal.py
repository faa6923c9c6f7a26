"""Prediction intervals by batch: how wide they must be, and whether batches that nobody saw lie inside as often as said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from line.errors import DataError
from sensing.pls import Matrix, PlsFit, Vector, fit_pls
from sensing.validation import BOOTSTRAP_DRAWS, CONFIDENCE, INNER_FOLDS, Groups, choose_components, errors_by_components, rms

#: Nominal coverage of an interval, and its half-width in standard deviations if errors were normal and independent.
LEVEL, LEVEL_Z = 0.90, 1.6448536269514722
N_SPLITS = 20
#: One batch in four is test; the rest is halved into training and calibration.
TEST_SHARE = 4


def half_width(errors: Vector, groups: Groups, level: float = LEVEL) -> float:
    """Return the half-width below which the share `level` of |errors| lies, each batch counting as much as another.

    errors (n,) of predictions for batches (n,) `groups` that the predicting model never saw; level 0..1 exclusive.
    Conformal with pooled batches: exact as the number of batches grows, a few points short of `level` for ten.
    Wrong where the next batch is not drawn as those were. Source: Dunn, Wasserman, Ramdas, J. Am. Stat. Assoc. 118
    (2023) 2491, section 3.1.
    """
    size = np.abs(errors)
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(size, kind="stable")
    below = np.cumsum(1.0 / counts[place[order]]) / counts.size
    return float(size[order[min(int(np.searchsorted(below, level - 1e-12)), size.size - 1)]])


def guaranteed_half_width(errors: Vector, groups: Groups, level: float = LEVEL) -> float:
    """Return the half-width that holds for any distribution of batches: the unseen batch counts as one of infinite error.

    Wider than `half_width`, level (K + 1)/K of K batches; infinite if K < level / (1 - level).
    Source: Lee, Barber, Willett, arXiv 2306.06342 (2023), hierarchical conformal prediction.
    """
    k = np.unique(groups).size
    raised = level * (k + 1) / k
    return half_width(errors, groups, raised) if raised <= 1.0 else float("inf")


@dataclass(frozen=True)
class Split:
    """One split of whole batches: half-widths [mass fraction] by rule, and which test spectra lie inside (n_test,).

    `pooled` and `guaranteed` from calibration batches apart from training; `gaussian` 1.645 times their RMS error;
    `crossed` the pooled rule on all batches but the test's, left out in folds, in the manner of a model file, with
    `crossed_gaussian` beside it.
    """

    test: Groups
    widths: dict[str, float]
    inside: dict[str, np.ndarray]


@dataclass(frozen=True)
class Coverage:
    """How often test spectra lay inside, over all splits: share, its interval with batches drawn anew, worst batch."""

    share: float
    low: float
    high: float
    worst: float
    worst_batch: int


@dataclass(frozen=True)
class IntervalStudy:
    """Coverage and mean half-width [mass fraction] of each rule over the splits; `ratios` of pooled, guaranteed and
    crossed half-width to their Gaussian one, mean over splits; batches in training, calibration and test."""

    coverage: dict[str, Coverage]
    widths: dict[str, float]
    ratios: dict[str, float]
    sizes: tuple[int, int, int]
    n_splits: int


def study_intervals(
    treated: Matrix,
    y: Vector,
    groups: Groups,
    most: int,
    seed: int,
    n_splits: int = N_SPLITS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> IntervalStudy:
    """Return how intervals of nominal 90 % fare on whole batches held out, over random splits by seed.

    treated (n, p) preprocessed row by row; y (n,) mass fractions; groups (n,); most: components to choose from in each
    training part. Training, calibration and test share no batch. Errors: DataError for too few batches.
    """
    names = np.unique(groups)
    n_test = names.size // TEST_SHARE
    n_calibration = (names.size - n_test) // 2
    sizes = (names.size - n_test - n_calibration, n_calibration, n_test)
    if sizes[0] < most + 2:
        raise DataError(
            "too few batches to part into training, calibration and test",
            where="calibration set",
            how_much=f"{names.size} batches leave {sizes[0]} for training, at least {most + 2} for {most} components",
            what_now="Measure more batches or allow fewer components.",
        )
    chance, splits = np.random.default_rng(seed), []
    for i in range(n_splits):
        splits.append(_split(treated, y, groups, most, chance.permutation(names), sizes))
        progress(i + 1, n_splits)
    return _study(splits, sizes, seed)


def _split(treated: Matrix, y: Vector, groups: Groups, most: int, names: Groups, sizes: tuple[int, int, int]) -> Split:
    train = np.isin(groups, names[: sizes[0]])
    test = np.isin(groups, names[sizes[0] + sizes[1] :])
    calibration = ~train & ~test
    _, fit = _fitted(treated[train], y[train], groups[train], most)
    held = fit.predict_each(treated[calibration])[:, -1] - y[calibration]
    own, by = fit.predict_each(treated[test])[:, -1] - y[test], groups[calibration]
    errors, fit = _fitted(treated[~test], y[~test], groups[~test], most)
    crossed = fit.predict_each(treated[test])[:, -1] - y[test]
    widths = {
        "pooled": half_width(held, by),
        "guaranteed": guaranteed_half_width(held, by),
        "gaussian": LEVEL_Z * rms(held),
        "crossed": half_width(errors, groups[~test]),
        "crossed_gaussian": LEVEL_Z * rms(errors),
    }
    inside = {rule: np.abs(crossed if rule.startswith("crossed") else own) <= width for rule, width in widths.items()}
    return Split(groups[test], widths, inside)


def _fitted(treated: Matrix, y: Vector, groups: Groups, most: int) -> tuple[Vector, PlsFit]:
    """Return the errors (n,) of whole batches left out in folds, and the model of all of them."""
    errors = errors_by_components(treated, y, groups, most, INNER_FOLDS)
    a = choose_components(errors, groups)
    return errors[:, a - 1], fit_pls(treated, y, a)


def _study(splits: list[Split], sizes: tuple[int, int, int], seed: int) -> IntervalStudy:
    rules = tuple(splits[0].widths)
    test = np.concatenate([split.test for split in splits])
    coverage = {rule: _coverage(np.concatenate([split.inside[rule] for split in splits]), test, seed) for rule in rules}
    widths = {rule: float(np.mean([split.widths[rule] for split in splits])) for rule in rules}
    beside = {"pooled": "gaussian", "guaranteed": "gaussian", "crossed": "crossed_gaussian"}
    ratios = {
        rule: float(np.mean([split.widths[rule] / split.widths[other] for split in splits])) for rule, other in beside.items()
    }
    return IntervalStudy(coverage, widths, ratios, sizes, len(splits))


def _coverage(inside: np.ndarray, groups: Groups, seed: int) -> Coverage:
    """Pool over splits; the interval draws whole batches anew, with all their spectra in all splits."""
    names, place = np.unique(groups, return_inverse=True)
    hits, counts = np.bincount(place, inside), np.bincount(place)
    draws = np.random.default_rng(seed).integers(0, names.size, (BOOTSTRAP_DRAWS, names.size))
    drawn = hits[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    by_batch = hits / counts
    worst = int(np.argmin(by_batch))
    return Coverage(float(hits.sum() / counts.sum()), float(low), float(high), float(by_batch[worst]), int(names[worst]))
