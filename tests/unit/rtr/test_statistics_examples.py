"""The examples in the docstrings of `rtr.statistics` are true."""

from __future__ import annotations

import doctest
import types

import pytest

from rtr.statistics import (
    batch_inference,
    capability,
    dissolution,
    large_samples,
    tolerance,
    uniformity,
    weight_variation,
)

EXAMPLES = {
    batch_inference: 2,
    capability: 0,
    dissolution: 1,
    large_samples: 2,
    tolerance: 3,
    uniformity: 3,
    weight_variation: 0,
}


@pytest.mark.parametrize("module", EXAMPLES, ids=lambda module: str(module.__name__))
def test_examples(module: types.ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted) == (0, EXAMPLES[module])
