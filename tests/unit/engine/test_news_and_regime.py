"""What is new since the last decision, and which part of the lot's life a second belongs to."""

from __future__ import annotations

import pytest

from engine.news import News
from engine.regime import regime_of
from line.modes import FeederMode, LineState, Regime
from tests.frames import frame


def test_each_sample_is_handed_over_once() -> None:
    news = News()
    news.collect(frame(10, {"Tester/SampleId": 1.0}), None)
    assert (news.tester_new, news.assay_new) == (True, False)
    news.clear()
    news.collect(frame(11, {"Tester/SampleId": 1.0, "Assay/SampleId": 1.0}), None)
    assert (news.tester_new, news.assay_new) == (False, True)


def test_a_sample_id_that_is_missing_is_not_new() -> None:
    news = News()
    news.collect(frame(10, {"Tester/SampleId": float("nan"), "Assay/SampleId": float("nan")}), None)
    assert not news.tester_new
    assert not news.assay_new


REGIMES = [
    # line state, accepted before, feeder 2 mode | regime
    (LineState.STOPPED, False, FeederMode.STOPPED, Regime.START),
    (LineState.STARTING, False, FeederMode.GRAVIMETRIC, Regime.START),
    (LineState.EXECUTE, False, FeederMode.GRAVIMETRIC, Regime.START),
    (LineState.EXECUTE, True, FeederMode.GRAVIMETRIC, Regime.STEADY),
    (LineState.EXECUTE, True, FeederMode.REFILL, Regime.REFILL),
    (LineState.EXECUTE, True, FeederMode.VOLUMETRIC, Regime.REFILL),
    (LineState.HELD, True, FeederMode.STOPPED, Regime.HOLD),
    (LineState.HELD, False, FeederMode.STOPPED, Regime.HOLD),
    (LineState.COMPLETING, True, FeederMode.STOPPED, Regime.STOP),
    (LineState.COMPLETE, True, FeederMode.STOPPED, Regime.STOP),
    (LineState.STOPPED, True, FeederMode.STOPPED, Regime.STOP),
]


@pytest.mark.parametrize(("state", "before", "feeder", "verdict"), REGIMES)
def test_regime_table(state: LineState, before: bool, feeder: FeederMode, verdict: Regime) -> None:
    snapshot = frame(10, {"Sys/LineState": float(state), "Feeder2/Mode": float(feeder)})
    assert regime_of(snapshot, before) is verdict
