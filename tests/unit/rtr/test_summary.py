"""Descriptive figures: slices by hand, and silence where there is too little."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from line.modes import Regime
from line.records import EvidenceSource, MaterialState, Parcel, QualityState, Reason
from rtr.disposition.summary import SLICE_S, summarise


@pytest.fixture
def parcel() -> Parcel:
    return Parcel(
        1, 0, 31, 31, 0, 0, 31, 0, 100.0, 100.0, 100.0, 1.0, 225.0, EvidenceSource.NIR, 1.0, QualityState.CONFORM,
        Reason.CONFORMS, MaterialState.ACCEPTED, Regime.STEADY,
    )  # fmt: skip


def parcels_of(template: Parcel, potencies: list[float]) -> list[Parcel]:
    return [
        replace(template, step=i * SLICE_S + 7, potency_pct_lc=p, tablet_mass_mg=225.0, accepted=30)
        for i, p in enumerate(potencies)
    ]


def test_slices_by_hand(parcel: Parcel) -> None:
    """Slices 99, 101, 99, 101: mean 100, s 2/sqrt(3), Ppk 5 / (3 s)."""
    found = summarise(parcels_of(parcel, [99.0, 101.0, 99.0, 101.0]), 225.0, 95.0, 105.0)
    assert (found.slices, found.content_mean_pct_lc, found.outside_chart) == (4, pytest.approx(100.0), 0)
    assert found.content_s_pct_lc == pytest.approx(2 / math.sqrt(3))
    assert found.content_ppk == pytest.approx(5 / (3 * 2 / math.sqrt(3)))


def test_diverted_and_unknown_parcels_do_not_count(parcel: Parcel) -> None:
    some = parcels_of(parcel, [99.0, 101.0, 100.0])
    spoiled = [*some, replace(some[0], accepted=0, potency_pct_lc=50.0), replace(some[0], potency_pct_lc=math.nan)]
    assert summarise(spoiled, 225.0, 95.0, 105.0) == summarise(some, 225.0, 95.0, 105.0)


def test_two_slices_say_nothing(parcel: Parcel) -> None:
    found = summarise(parcels_of(parcel, [99.0, 101.0]), 225.0, 95.0, 105.0)
    assert found.slices == 2
    assert math.isnan(found.content_ppk)
