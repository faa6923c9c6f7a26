"""Whole shifts: nothing bad is accepted, nothing good is thrown away without need. Figures come from the plant's truth."""

from __future__ import annotations

import pytest

from tests.shift_bench import shift


@pytest.fixture(autouse=True)
def _seed_in_report(record_property: pytest.RecordProperty) -> None:
    record_property("seed", 1)


def test_without_an_interruption_the_lot_is_recommended_for_release() -> None:
    quiet = shift(fault="none")
    assert quiet.disposition == "RELEASE_RECOMMENDED"
    assert quiet.codes == {"R7_ALL_PASS"}
    assert abs(quiet.kpis["mass_residual_pct"] or 9) <= 0.3
    assert (quiet.kpis["mass_residual_truth_pct"] or 0.0) <= 1e-7
    assert (quiet.kpis["diverted_unplanned_pct"] or 0.0) <= 1.0
    assert quiet.kpis["accepted_out_of_limit_tablets"] == 0
    assert quiet.kpis["decisions_held"] == 0


def test_every_feeder_is_refilled_in_the_hour_and_each_loading_names_its_lot() -> None:
    with shift(fault="none").record() as record:
        refilled = {body["extra"]["feeder"] for _, body in record.events() if body["subject"] == "REFILL_STARTED"}
        loaded = [body["extra"] for _, body in record.events() if body["subject"] == "MATERIAL_LOADED"]
    assert len(refilled) == 4, refilled
    assert "MCC-B017" in {item["lot"] for item in loaded}


def test_all_of_an_interruption_is_diverted() -> None:
    stopped = shift()
    assert (stopped.kpis["nonconforming_seconds"] or 0) >= 30
    assert stopped.kpis["nonconforming_accepted_seconds"] == 0
    assert stopped.kpis["accepted_out_of_limit_tablets"] == 0


def test_an_interruption_under_vendor_loops_costs_at_most_three_times_its_mass() -> None:
    stopped = shift(controller="plc")
    made = stopped.kpis["nonconforming_seconds"]
    assert made is not None
    assert made >= 60
    assert stopped.kpis["nonconforming_accepted_seconds"] == 0
    assert (stopped.kpis["diverted_event_seconds"] or 0) <= 3 * made


def test_a_short_bridge_needs_no_diversion() -> None:
    short = shift(fault="api_bridging_short")
    assert short.kpis["nonconforming_seconds"] == 0
    assert (short.kpis["diverted_event_seconds"] or 0) <= 60


def test_an_outage_of_the_spectrometer_is_never_released_without_the_fallback_evaluated() -> None:
    blind = shift(fault="nir_outage")
    assert blind.disposition == "HOLD"
    assert "R4_FALLBACK_USED" in blind.codes
    assert blind.kpis["accepted_out_of_limit_tablets"] == 0
