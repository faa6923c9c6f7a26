"""Monitors over lots: Wilson's interval, lots as what is counted, and the rule of retirement row by row."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from sensing.drift import LotEvidence, judge_drift, mean_over_lots, wilson

NAN = math.nan


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (18, 20), (3, 40), (880, 1000)])
def test_wilson_as_scipy_has_it(hits: int, n: int) -> None:
    found = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((found.low, found.high), abs=1e-12)


def test_lots_are_counted_not_samples() -> None:
    by_lot = [np.full(50, 1.0), np.full(2, 2.0), np.full(9, 4.5)]
    found = mean_over_lots(by_lot)
    low, high = stats.t.interval(0.95, 2, loc=2.5, scale=stats.sem([1.0, 2.0, 4.5]))
    assert (found.value, found.low, found.high) == pytest.approx((2.5, low, high))
    assert not found.significant and found.n == 3
    one = mean_over_lots([np.array([3.0])])
    assert one.value == 3.0 and math.isnan(one.low) and not one.significant


def lot(checks: list[float], beyond: float = 0.0, balance: float = 0.1) -> LotEvidence:
    t2 = np.where(np.arange(1000) < 1000 * beyond, 1.5, 0.3)
    return LotEvidence("L", t2, np.full(1000, 0.4), np.array(checks), balance, np.empty(0))


GOOD, BIASED = [0.5, -0.8, 1.9, -2.2], [3.1, 2.7, 3.3, 2.9]
# half-width 5 % LC at 90 %, alpha 0.001, bias limit 2.5 % LC
TABLE = [
    # lots                                                               | why the model is due to retire
    ("all well", [lot(GOOD)] * 4, ""),
    ("no check sample", [lot([]), lot([NAN])], ""),
    ("one bad sample", [lot([*GOOD, 9.0])] * 4, ""),
    ("one sample in three outside", [lot([*GOOD, 9.0, -9.0])] * 6, "24 of 36 check samples inside the 90 % interval"),
    ("bias in one lot only: no interval", [lot(BIASED)], ""),
    ("bias in every lot", [lot(BIASED), lot([3.0, 2.6]), lot([3.4])], r"bias \+3.07 % of label claim against check samples"),
    ("bias below its limit", [lot([1.5]), lot([1.6]), lot([1.4])], ""),
    ("feeders disagree", [lot(GOOD, balance=-3.0), lot(GOOD, balance=-3.2)], "bias -3.10 % .* against the mass balance"),
    ("drifted in the last lot", [lot(GOOD), lot(GOOD, 0.05)], ""),
    ("drifted and back", [lot(GOOD, 0.05), lot(GOOD, 0.05), lot(GOOD)], ""),
    ("drifted twice running", [lot(GOOD), lot(GOOD, 0.05), lot(GOOD, 0.03)], r"5\.0, 3\.0 % of spectra beyond"),
]


@pytest.mark.parametrize(("lots", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_when_a_model_is_due_to_retire(lots: list[LotEvidence], words: str) -> None:
    due = judge_drift(lots, 5.0, 0.9, 0.001, 2.5).due
    if not words:
        assert due == ()
        return
    (found,) = due
    assert re.search(words, found), found
