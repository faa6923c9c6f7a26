"""Cross-validation is honest: no batch is split, the choice is made inside, the interval counts batches."""

from __future__ import annotations

import numpy as np
import pytest

from line.errors import DataError
from sensing.calibration import split_batches
from sensing.validation import (
    batch_folds,
    choose_components,
    clustered_interval,
    errors_by_components,
    nested_cross_validation,
    rms,
)
from tests.sensing_bench import synthetic_set

GROUPS = np.repeat(np.arange(7), [3, 1, 4, 2, 2, 5, 3])


@pytest.mark.parametrize("n_folds", [None, 2, 3, 7, 50])
def test_folds_never_split_a_batch_and_cover_each_spectrum_once(n_folds: int | None) -> None:
    folds = list(batch_folds(GROUPS, n_folds))
    assert np.array_equal(np.sum(folds, axis=0), np.ones(GROUPS.size))
    for test in folds:
        assert not set(GROUPS[test]) & set(GROUPS[~test])


def test_contents_that_follow_no_spectrum_are_not_predicted() -> None:
    """Contents drawn apart from spectra with batch effects: rows of one batch in both parts would flatter, batches do not."""
    chance = np.random.default_rng(8)
    groups = np.repeat(np.arange(20), 5)
    batch_spectra = chance.standard_normal((20, 30))
    spectra = batch_spectra[groups] + 0.05 * chance.standard_normal((100, 30))
    y = chance.standard_normal(20)[groups]
    nested = nested_cross_validation(spectra, y, groups, 6)
    by_row = errors_by_components(spectra, y, np.arange(100), 6)
    assert rms(nested.predictions - y) > 0.85 * y.std()
    assert rms(by_row[:, 5]) < 0.6 * y.std()


def test_a_batch_left_out_has_no_influence_on_its_own_prediction() -> None:
    data = synthetic_set(2, n_batches=10, replicates=3)
    before = nested_cross_validation(data.spectra, data.api_w_w, data.groups, 4).predictions
    changed = data.api_w_w.copy()
    changed[data.groups == 3] += 0.05
    after = nested_cross_validation(data.spectra, changed, data.groups, 4).predictions
    np.testing.assert_array_equal(before[data.groups == 3], after[data.groups == 3])
    assert not np.array_equal(before, after)


def test_the_rule_takes_the_fewest_within_one_standard_error() -> None:
    groups = np.arange(4)
    clear = np.sqrt(np.array([[9.0, 1.0, 1.0]] * 4))
    assert choose_components(clear, groups) == 2
    noisy = np.sqrt(np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 1.0], [1.0, 2.5]]))
    assert choose_components(noisy, groups) == 1
    small_but_sure = np.sqrt(np.array([[1.2, 1.0], [2.2, 2.0], [3.25, 3.0], [4.2, 4.0]]))
    assert choose_components(small_but_sure, groups) == 2


def test_the_interval_counts_batches() -> None:
    """Errors equal within a batch: copies of each add nothing, the interval stays; apart they would shrink it."""
    one = np.random.default_rng(3).standard_normal(12)
    groups = np.arange(12)
    once = clustered_interval(one, groups, 5)
    copied = clustered_interval(np.repeat(one, 50), np.repeat(groups, 50), 5)
    np.testing.assert_allclose(once, copied, rtol=1e-12)
    apart = clustered_interval(np.repeat(one, 50), np.arange(600), 5)
    assert apart[1] - apart[0] < 0.4 * (once[1] - once[0])
    assert once[0] < rms(one) < once[1]


@pytest.mark.parametrize("seed", range(5))
def test_a_split_holds_whole_batches_and_stays_inside_the_range(seed: int) -> None:
    data = synthetic_set(1, n_batches=14)
    kept, held_out = split_batches(data, 6, seed)
    assert not set(kept.batches) & set(held_out.batches)
    assert set(kept.batches) | set(held_out.batches) == set(data.batches)
    assert len(held_out.batch_names) == 6
    assert kept.api_w_w.min() < held_out.api_w_w.min() and held_out.api_w_w.max() < kept.api_w_w.max()
    assert np.ptp(held_out.api_w_w) > 0.5 * np.ptp(data.api_w_w)


def test_a_split_is_made_by_seed() -> None:
    data = synthetic_set(1, n_batches=14)
    assert split_batches(data, 5, 9)[1].hash == split_batches(data, 5, 9)[1].hash
    assert len({split_batches(data, 5, seed)[1].hash for seed in range(8)}) > 4


def test_a_split_needs_two_batches_more() -> None:
    with pytest.raises(DataError, match="cannot be split"):
        split_batches(synthetic_set(1, n_batches=6), 5, 0)
