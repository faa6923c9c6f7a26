"""The RTD road's start: scale, refill by screw, lost values, validated range."""

from __future__ import annotations

import math
from typing import Any

import pytest

from line.modes import FeederMode
from rtr.genealogy.feeders import VOLUMETRIC_MAX_S, Feeders
from tests.release_line import RECIPE, TextbookLine, snapshot

NOMINAL = TextbookLine(lambda t: 0.08, 1)._start()


def read(feeders: Feeders, t: int = 0, **changes: Any) -> Any:
    row = {**NOMINAL, **{k.replace("__", "/"): v for k, v in changes.items()}}
    return feeders.read(snapshot(t, row))


def test_fraction_by_scales() -> None:
    fed = read(Feeders(RECIPE), Feeder1__MassFlow=1.0)
    assert fed.api_w_w == pytest.approx(1.0 / 24.0)
    assert fed.total_kg_per_s == pytest.approx(24.0 / 3600.0)
    assert fed.weighed and not fed.volumetric


def test_refill_runs_on_the_last_feed_factor_and_is_flagged() -> None:
    feeders = Feeders(RECIPE)
    read(feeders)
    fed = read(feeders, Feeder1__Mode=FeederMode.REFILL, Feeder1__ScrewSpeed=55.0, Feeder1__MassFlow=9.0)
    assert fed.volumetric and fed.weighed
    assert fed.api_w_w == pytest.approx(2.2 / 25.2)


def test_a_long_volumetric_spell_is_no_evidence() -> None:
    feeders = Feeders(RECIPE)
    found = [read(feeders, t, Feeder2__Mode=FeederMode.VOLUMETRIC).weighed for t in range(VOLUMETRIC_MAX_S + 2)]
    assert all(found[:VOLUMETRIC_MAX_S]) and not found[-1]


def test_an_interruption_does_not_teach_a_wrong_feed_factor() -> None:
    feeders = Feeders(RECIPE)
    read(feeders)
    for t in range(60):
        assert read(feeders, t, Feeder1__MassFlow=0.0).weighed
    fed = read(feeders, 60, Feeder1__Mode=FeederMode.REFILL)
    assert fed.api_w_w == pytest.approx(0.08, abs=1e-6)


def test_a_lost_scale_is_bridged_for_two_seconds() -> None:
    feeders = Feeders(RECIPE)
    read(feeders)
    found = [read(feeders, t, Feeder3__MassFlow=math.nan) for t in range(4)]
    assert [fed.weighed for fed in found] == [True, True, False, False]
    assert found[-1].total_kg_per_s == pytest.approx(25.0 / 3600.0)


def test_outside_the_validated_throughput_nothing_is_evidence() -> None:
    slow = {f"Feeder{i}__MassFlow": flow * 0.6 for i, flow in enumerate((2.0, 14.0, 8.75, 0.25), start=1)}
    setpoints = {f"Feeder{i}__Setpoint": flow * 0.6 for i, flow in enumerate((2.0, 14.0, 8.75, 0.25), start=1)}
    assert not read(Feeders(RECIPE), **slow, **setpoints).weighed


def test_stopped_feeders_bring_nothing() -> None:
    fed = read(Feeders(RECIPE), **{f"Feeder{i}__Mode": FeederMode.STOPPED for i in range(1, 5)})
    assert fed.total_kg_per_s == 0.0 and not fed.weighed


def test_without_any_value_the_set_point_stands_in() -> None:
    gone = {f"Feeder1__{tag}": math.nan for tag in ("MassFlow", "ScrewSpeed", "Mode")}
    fed = read(Feeders(RECIPE), **gone)
    assert fed.api_w_w == pytest.approx(0.08)
