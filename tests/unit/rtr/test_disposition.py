"""Pieces of the verdict: draw, ledger, sensor checks, attributes, trend, counting of diversions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from line.errors import DataError
from line.modes import Regime
from line.records import EvidenceSource, MaterialState, Parcel, QualityState, Reason
from rtr.disposition.attributes import AttributeState, assay_trend, within
from rtr.disposition.draw import draw, stratified_places
from rtr.disposition.laboratory import LabResult, LabTest
from rtr.disposition.ledger import LedgerBook
from rtr.disposition.lot import LotBook, count_events
from rtr.disposition.sensor_checks import AssayPair, bias, residual_variance
from tests.release_line import RECIPE, snapshot


def test_one_place_in_each_stratum_and_the_same_seed_the_same_draw() -> None:
    places = stratified_places(1003, 10, np.random.default_rng(5))
    edges = [i * 1003 // 10 for i in range(11)]
    assert all(low <= place < high for place, low, high in zip(places, edges[:-1], edges[1:], strict=True))
    assert places == stratified_places(1003, 10, np.random.default_rng(5))
    assert places != stratified_places(1003, 10, np.random.default_rng(6))
    with pytest.raises(DataError):
        stratified_places(9, 10, np.random.default_rng(5))


def test_the_draw_is_uniform_over_accepted_tablets() -> None:
    accepted = np.array([0, 10, 0, 30, 60])
    contents = [np.array([float(i)]) for i in range(5)]
    generator = np.random.default_rng(1)
    counts = np.zeros(5)
    for _ in range(400):
        for drawn in draw(accepted, contents, 10, generator):
            assert drawn.content_pct_lc == drawn.parcel
            counts[drawn.parcel] += 1
    np.testing.assert_allclose(counts / 4000.0, [0.0, 0.1, 0.0, 0.3, 0.6], atol=0.02)


def ledger_row(fed: float, accepted: float, diverted: float, hold_up: float) -> dict[str, float]:
    return {
        "Feeder1/Totalizer": fed * 0.08, "Feeder2/Totalizer": fed * 0.92, "Bin/AcceptedMass": accepted,
        "Bin/DivertedMass": diverted, "Hopper/Level": hold_up, "Press/TabletsMade": 0.0,
    }  # fmt: skip


def test_ledger_closes_to_what_is_missing() -> None:
    # published arithmetic of a yield check: 100 kg fed, 93 accepted, 4 diverted, 0.5 samples, 0.5 other: 2 kg = 2 % open
    book = LedgerBook((1, 2), 0.0)
    book.observe(snapshot(0, ledger_row(0.0, 0.0, 0.0, 0.0)), 0.0)
    end = ledger_row(100.0, 93.0, 4.0, 0.5) | {"Bin/SampledMass": 0.5}
    book.observe(snapshot(1, end), 0.0)
    ledger = book.close({"accepted": 93.0, "diverted": 4.0, "rejected": 0.0, "sampled": 0.5}, 0.0)
    assert ledger.residual_kg == pytest.approx(2.0)
    assert ledger.residual_pct == pytest.approx(2.0)
    assert ledger.bin_gap_pct == pytest.approx(0.0)


def test_ledger_counts_only_what_changed_and_follows_the_feed_frame() -> None:
    book = LedgerBook((1, 2), 0.35)
    book.observe(snapshot(0, ledger_row(50.0, 10.0, 0.0, 0.6)), 0.0)
    book.observe(snapshot(1, ledger_row(51.0, 10.0, 0.0, 0.6)), 0.007)
    assert book.frame_kg == 0.35
    for t in range(2, 22):
        book.observe(snapshot(t, ledger_row(51.0, 10.0, 0.0, 0.0)), 0.007)
    assert book.frame_kg == pytest.approx(0.21)
    ledger = book.close({"accepted": 1.0, "diverted": 0.0, "rejected": 0.0, "sampled": 0.0}, 0.1)
    assert ledger.fed_kg == pytest.approx(1.0)
    assert ledger.hold_up_kg == pytest.approx(-0.6 + 0.21)
    assert ledger.residual_kg == pytest.approx(1.0 + 0.6 - 0.21 - 0.1)


def test_ledger_without_a_scale_is_not_closed() -> None:
    book = LedgerBook((1, 2), 0.35)
    book.observe(snapshot(0, ledger_row(0.0, 0.0, 0.0, 0.0) | {"Bin/AcceptedMass": math.nan}), 0.0)
    ledger = book.close({"accepted": 0.0, "diverted": 0.0, "rejected": 0.0, "sampled": 0.0}, 0.0)
    assert math.isnan(ledger.residual_pct) and math.isnan(ledger.bin_gap_pct)


def test_wrong_way_tablets_show_in_the_containers() -> None:
    book = LedgerBook((1, 2), 0.0)
    book.observe(snapshot(0, ledger_row(0.0, 0.0, 0.0, 0.0)), 0.0)
    book.observe(snapshot(1, ledger_row(100.0, 91.0, 9.0, 0.0)), 0.0)
    ledger = book.close({"accepted": 90.0 * 1.02, "diverted": 10.0 * 1.02, "rejected": 0.0, "sampled": 0.0}, 0.0)
    assert ledger.bin_gap_pct == pytest.approx(1.0)  # a map that is 2 % off everywhere does not hide it


def pairs(*gaps: float) -> list[AssayPair]:
    return [AssayPair(i, 0, 1, 100.0, 100.0 + gap, 100.0) for i, gap in enumerate(gaps)]


def test_bias_is_the_mean_difference_with_its_error() -> None:
    mean, error, n = bias(pairs(1.0, 2.0, 3.0, math.nan))
    assert (mean, n) == (pytest.approx(2.0), 3)
    assert error == pytest.approx(1.0 / math.sqrt(3.0))
    assert bias(pairs(1.5))[2] == 1 and math.isnan(bias(pairs(1.5))[1])
    assert bias([])[2] == 0


def test_residual_variance_ignores_slow_differences() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0.0, 2.5, 600)
    drift = np.linspace(-4.0, 4.0, 600)
    variance, n = residual_variance([(5 * i, float(x)) for i, x in enumerate(noise + drift)])
    assert n == 600
    assert variance == pytest.approx(6.25, rel=0.12)  # chi-square, 550 degrees: 6 %, two of them
    assert math.isnan(residual_variance([(5 * i, 1.0) for i in range(40)])[0])
    assert math.isnan(residual_variance([(0, math.nan)])[0])


def test_attribute_limits_are_closed_and_missing_is_not_failing() -> None:
    states = [within("a", "", x, 95.0, 105.0, "").state for x in (95.0, 105.0, 94.999, 105.001, math.nan)]
    passed, failed, missing = AttributeState.PASS, AttributeState.FAIL, AttributeState.MISSING
    assert states == [passed, passed, failed, failed, missing]
    assert "no value" in within("a", "", math.nan, 95.0, 105.0, "").words


@pytest.mark.parametrize(
    ("slope", "offset", "trending"),
    [(3.0, 0.0, False), (5.0, 0.0, True), (-5.0, 0.0, True), (5.0, -6.5, False), (0.0, 4.9, False)],
)
def test_trend_is_a_slope_that_leads_out(slope: float, offset: float, trending: bool) -> None:
    steps = np.arange(0, 3600)
    noise = np.random.default_rng(3).normal(0.0, 0.3, 3600)
    potency = 100.0 + offset + slope * (steps - 1800) / 3600.0 + noise
    trend = assay_trend(steps.tolist(), potency.tolist(), 4.0, 95.0, 105.0)
    assert trend.slope_pct_per_h == pytest.approx(slope, abs=0.2)
    assert trend.trending is trending


def test_a_noisy_slope_is_not_a_trend_and_a_short_lot_has_none() -> None:
    steps = np.arange(0, 1500)
    jumps = np.where((steps // 300) % 2 == 0, -4.0, 4.0)
    trend = assay_trend(steps.tolist(), (100.0 + jumps + steps / 3600.0 * 6.0).tolist(), 4.0, 95.0, 105.0)
    assert abs(trend.slope_pct_per_h) > 4.0 and not trend.trending
    assert math.isnan(assay_trend([1, 2], [100.0, 100.0], 4.0, 95.0, 105.0).slope_pct_per_h)


def parcel(accepted: int, diverted: int, reason: Reason) -> Parcel:
    material = MaterialState.ACCEPTED if accepted else MaterialState.DIVERTED
    return Parcel(
        0, 0, 31, 31, 0, 0, accepted, diverted, 100.0, 100.0, 100.0, 1.0, 225.0, EvidenceSource.NIR, 1.0,
        QualityState.CONFORM, reason, material, Regime.STEADY,
    )  # fmt: skip


def test_events_are_counted_once_and_planned_ones_not() -> None:
    good, out = parcel(31, 0, Reason.CONFORMS), parcel(0, 31, Reason.POTENCY_OUTSIDE)
    start, planned = parcel(0, 31, Reason.START_UP), parcel(0, 31, Reason.RUN_OUT_MATERIAL)
    assert count_events([start, good, out, out, good, out, good, planned]) == 2
    assert count_events([start, start]) == 0
    assert count_events([]) == 0


@pytest.mark.parametrize("counters", [(0, 31), (30, 61), (62, 40)])
def test_a_parcel_twice_or_out_of_order_is_refused_and_nothing_is_counted(counters: tuple[int, int]) -> None:
    book = LotBook(RECIPE)
    good = parcel(31, 0, Reason.CONFORMS)
    book.add(good, None)
    with pytest.raises(DataError, match="twice or out of order"):
        book.add(replace(good, counter_from=counters[0], counter_to=counters[1]), None)
    assert len(book.parcels) == 1
    book.add(replace(good, counter_from=31, counter_to=62), None)


def test_a_laboratory_result_needs_tablets_that_were_sampled() -> None:
    book = LotBook(RECIPE)
    book.add(replace(parcel(21, 0, Reason.CONFORMS), sampled=10), None)
    book.add(replace(parcel(31, 0, Reason.CONFORMS), counter_from=31, counter_to=62), None)
    book.note_laboratory(LabResult(1, 5, 14, LabTest.ASSAY, (99.0,)))
    for first, last in ((40, 49), (60, 69), (5, 63)):
        with pytest.raises(DataError, match="no sample was pulled"):
            book.note_laboratory(LabResult(2, first, last, LabTest.ASSAY, (99.0,)))
