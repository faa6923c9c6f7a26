"""Intervals by batch: exact on small cases, honest where batches differ, and held out means held out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from line.errors import DataError
from sensing.conformal import LEVEL_Z, guaranteed_half_width, half_width, study_intervals
from tests.sensing_bench import synthetic_set


def test_each_batch_counts_as_much_as_another() -> None:
    """One batch of errors 1..10, one of a single error 3: half the weight lies on 3, so 50 % is reached at 3, 90 % at 8."""
    errors, groups = np.array([*range(1, 11), -3.0]), np.array([0] * 10 + [1])
    assert half_width(errors, groups, 0.5) == 3.0
    assert half_width(errors, groups, 0.9) == 8.0
    assert half_width(np.repeat(errors, 7), np.repeat(groups, 7), 0.9) == 8.0


def test_one_error_a_batch_is_split_conformal() -> None:
    """With one error a batch the guaranteed width is the ceil((K + 1) 0.9)-th smallest of K (Vovk et al. 2005)."""
    for k in (9, 10, 19, 31, 99):
        size = np.random.default_rng(k).exponential(size=k)
        expected = np.sort(size)[math.ceil((k + 1) * 0.9 - 1e-9) - 1]
        assert guaranteed_half_width(size, np.arange(k)) == expected
    assert guaranteed_half_width(np.ones(8), np.arange(8)) == math.inf


def test_many_normal_batches_give_the_normal_quantile() -> None:
    errors = np.random.default_rng(1).standard_normal(40_000)
    assert half_width(errors, np.arange(40_000) // 10) == pytest.approx(LEVEL_Z, rel=0.02)
    assert pytest.approx(stats.norm.isf(0.05), rel=1e-14) == LEVEL_Z


def test_a_guarantee_holds_where_batches_differ() -> None:
    """Batches with a bias of their own and heavy tails, K = 12, 3,000 repeats: the guaranteed width covers a new batch's
    tablet at least 90 % of the time; the pooled one falls a few points short."""
    chance, k, n = np.random.default_rng(4), 12, 10
    hits = {half_width: 0, guaranteed_half_width: 0}
    for _ in range(3000):
        errors = (chance.standard_t(4, k + 1)[:, None] + chance.standard_normal((k + 1, n))).reshape(-1)
        for rule in hits:
            hits[rule] += abs(errors[-1]) <= rule(errors[:-n], np.repeat(np.arange(k), n))
    assert hits[guaranteed_half_width] / 3000 > 0.9
    assert 0.85 < hits[half_width] / 3000 < 0.9


def test_the_study_parts_whole_batches_and_is_made_by_seed() -> None:
    data = synthetic_set(1, n_batches=24, replicates=3)
    one, two, other = (study_intervals(data.spectra, data.api_w_w, data.groups, 4, seed, n_splits=4) for seed in (5, 5, 6))
    assert one == two and one != other
    assert one.sizes == (9, 9, 6)
    assert 0.7 < one.coverage["pooled"].share <= 1.0
    assert one.coverage["guaranteed"].share >= one.coverage["pooled"].share
    for covered in one.coverage.values():
        assert covered.worst <= covered.share and covered.low <= covered.share <= covered.high


def test_contents_that_follow_no_spectrum_have_intervals_as_wide_as_the_contents() -> None:
    """Were test batches in calibration or training, contents drawn apart from spectra would look predictable."""
    data = synthetic_set(2, n_batches=24, replicates=4)
    y = np.random.default_rng(3).normal(0.08, 0.01, 24)[data.groups]
    study = study_intervals(data.spectra, y, data.groups, 4, 0, n_splits=6)
    assert study.widths["pooled"] > 1.3 * y.std()
    assert 0.7 < study.coverage["pooled"].share < 0.97


def test_too_few_batches_are_refused() -> None:
    data = synthetic_set(1, n_batches=14)
    with pytest.raises(DataError, match=r"too few batches.*14 batches leave 6 for training, at least 10"):
        study_intervals(data.spectra, data.api_w_w, data.groups, 8, 0)
