"""Declarations of a surrogate: by the whole half-width or not at all, and counted with their errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from line.errors import DataError
from sensing.surrogate import Conformity, count_declared, fit_surrogate
from tests.unit.kilter.test_sensor import call

YES, NO, OPEN = Conformity.CONFORMS, Conformity.DOES_NOT_CONFORM, Conformity.UNDECIDED


def batches(seed: int, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 3) in units of their own and y = 10 + 2 x1 - x2 with noise; the third says nothing."""
    chance = np.random.default_rng(seed)
    x = chance.standard_normal((n, 3))
    return x * [1.0, 50.0, 0.01] + [5.0, 300.0, 0.0], 10.0 + 2.0 * x[:, 0] - x[:, 1] + noise * chance.standard_normal(n)


def test_what_lies_within_the_half_width_is_undecided() -> None:
    features, y = batches(1, 400, 0.5)
    surrogate = fit_surrogate(features, y, np.arange(400) // 20, 3)
    assert surrogate.half_width == pytest.approx(1.645 * 0.5, rel=0.15)
    fresh, truth = batches(2, 4000, 0.5)
    found = surrogate.declare(fresh, 10.0)
    predicted = surrogate.predict(fresh)
    for word, inside in (
        (YES, predicted - surrogate.half_width >= 10.0),
        (NO, predicted + surrogate.half_width < 10.0),
    ):
        assert [one is word for one in found] == inside.tolist()
        said = count_declared(found, truth, 10.0, word)
        assert said.n > 1000 and said.wrong / said.n < 0.02
        assert said.low <= said.wrong / said.n <= said.high


def test_features_that_say_nothing_decide_nothing() -> None:
    features, _ = batches(3, 300, 0.0)
    y = np.random.default_rng(5).normal(10.0, 1.0, 300)
    surrogate = fit_surrogate(features, y, np.arange(300) // 15, 3)
    assert set(surrogate.declare(features, 10.0)) == {OPEN}


def test_wrong_declarations_are_counted() -> None:
    y = np.array([9.0, 11.0, 9.0, 11.0, 10.0])
    found = [YES, YES, NO, NO, YES]
    assert (count_declared(found, y, 10.0, YES).n, count_declared(found, y, 10.0, YES).wrong) == (3, 1)
    assert (count_declared(found, y, 10.0, NO).n, count_declared(found, y, 10.0, NO).wrong) == (2, 1)


def test_gaps_in_the_features_are_refused() -> None:
    features, y = batches(1, 40, 0.5)
    features[3, 1] = np.nan
    with pytest.raises(DataError, match="cannot be fitted"):
        fit_surrogate(features, y, np.arange(40) // 4, 3)


@pytest.mark.data
def test_dissolution_is_left_to_the_laboratory(data_dir: Path) -> None:
    """On 1,005 commercial batches press signals decide on hardness now and then, on dissolution practically never."""
    code, text = call("surrogates", "--data", str(data_dir), "--json")
    figures = {figure["name"]: figure for figure in json.loads(text)["figures"]}
    assert code == 0
    assert figures["dissolution_new_product_undecided"]["value"] > 99.0
    assert figures["dissolution_newest_undecided"]["value"] > 99.0
    assert figures["hardness_new_product_declared_conforming"]["value"] > 300
    assert figures["hardness_new_product_wrongly_conforming"]["high"] < 5.0
