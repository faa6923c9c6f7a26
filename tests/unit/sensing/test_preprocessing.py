"""Treatments against least squares row by row, and what they must take out."""

from __future__ import annotations

import numpy as np
import pytest

from line.errors import DataError
from sensing.preprocessing import (
    TREATMENTS,
    Baseline,
    MultiplicativeScatter,
    apply_steps,
    steps_from,
    treatment,
)
from tests.sensing_bench import N_POINTS, synthetic_set

SPECTRA = synthetic_set(3, n_batches=6, replicates=2).spectra
POINTS = np.arange(N_POINTS)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_baseline_is_the_least_squares_polynomial(order: int) -> None:
    expected = np.array([row - np.polyval(np.polyfit(POINTS, row, order), POINTS) for row in SPECTRA])
    np.testing.assert_allclose(Baseline(order).apply(SPECTRA), expected, atol=1e-10)
    drifted = SPECTRA + 0.3 - 0.01 * order * POINTS
    np.testing.assert_allclose(Baseline(order).apply(drifted), expected, atol=1e-10)


def test_scatter_is_told_apart_by_the_reference() -> None:
    reference = SPECTRA.mean(axis=0)
    lines = [np.polyfit(reference, row, 1) for row in SPECTRA]
    expected = np.array([(row - offset) / slope for row, (slope, offset) in zip(SPECTRA, lines, strict=True)])
    step = MultiplicativeScatter(reference)
    np.testing.assert_allclose(step.apply(SPECTRA), expected, atol=1e-10)
    np.testing.assert_allclose(step.apply(1.3 * SPECTRA - 0.2), expected, atol=1e-10)
    assert np.all(np.isfinite(step.apply(np.zeros((1, N_POINTS)))))


@pytest.mark.parametrize("name", TREATMENTS)
def test_every_treatment_works_row_by_row_and_comes_back_from_its_file(name: str) -> None:
    steps = treatment(name, SPECTRA)
    whole = apply_steps(steps, SPECTRA)
    np.testing.assert_allclose(apply_steps(steps, SPECTRA[3:4])[0], whole[3], atol=1e-12)
    again = steps_from([step.body() for step in steps])
    np.testing.assert_array_equal(apply_steps(again, SPECTRA), whole)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(DataError, match=r"baseline.*order 4"):
        Baseline(4)
    with pytest.raises(DataError, match=r"treatment.*'magic'.*snv, msc"):
        treatment("magic", SPECTRA)
    for body in ({"kind": "baseline"}, {"kind": "msc"}, {"kind": "baseline", "order": 1, "more": 2}):
        with pytest.raises(DataError, match="not known"):
            steps_from([body])
