"""Parcels by counter: rejects at ejection, gate behind a lag, flap in between, odd counters."""

from __future__ import annotations

import math
from typing import Any

from line.modes import Regime
from line.records import EvidenceSource, MaterialState, QualityState, Reason
from rtr.genealogy.parcel import GateCounts, Made, ParcelBook
from tests.release_line import snapshot


def made(step: int, reason: Reason = Reason.CONFORMS) -> Made:
    return Made(
        step, 100.0, 100.0, 100.0, 1.0, 225.0, EvidenceSource.NIR, 1.0, QualityState.CONFORM, reason, Regime.STEADY, 0.0, "m"
    )  # fmt: skip


def count(book: ParcelBook, t: int, total: float) -> int:
    return book.count_made(snapshot(t, {"Press/TabletsMade": total}))


def filled(*sizes: int) -> ParcelBook:
    book = ParcelBook()
    total = 0
    count(book, 0, 0)
    for t, size in enumerate(sizes, start=1):
        total += size
        book.make(made(t), count(book, t, total))
    return book


def test_the_gate_counts_the_oldest_tablets() -> None:
    book = filled(30, 31, 30)
    done = book.pass_gate(GateCounts(accepted=45), Reason.CONFORMS)
    assert [(p.counter_from, p.counter_to, p.accepted, p.material) for p in done] == [(0, 30, 30, MaterialState.ACCEPTED)]
    done = book.pass_gate(GateCounts(diverted=46), Reason.GUARD)
    assert [(p.accepted, p.diverted, p.material, p.reason) for p in done] == [
        (15, 16, MaterialState.MIXED, Reason.GUARD),
        (0, 30, MaterialState.DIVERTED, Reason.GUARD),
    ]


def test_within_one_second_the_earlier_position_comes_first() -> None:
    book = filled(30, 30)
    book.pass_gate(GateCounts(accepted=1), Reason.CONFORMS)
    done = book.pass_gate(GateCounts(accepted=19, diverted=40), Reason.GUARD)
    assert [(p.accepted, p.diverted) for p in done] == [(20, 10), (0, 30)]
    assert not book.lost


def test_rejects_and_samples_belong_to_the_newest_parcel() -> None:
    book = filled(30, 30)
    book.pass_gate(GateCounts(rejected=2, sampled=10), Reason.CONFORMS)
    done = book.pass_gate(GateCounts(accepted=48), Reason.CONFORMS)
    assert [(p.rejected, p.sampled, p.accepted) for p in done] == [(0, 0, 30), (2, 10, 18)]


def test_surplus_is_noted_not_invented() -> None:
    book = filled(10)
    book.pass_gate(GateCounts(accepted=12), Reason.CONFORMS)
    assert book.lost == 2


def test_the_rest_is_closed_at_the_end() -> None:
    book = filled(10, 10)
    book.pass_gate(GateCounts(accepted=15), Reason.CONFORMS)
    (last,) = book.flush()
    assert (last.made, last.accepted, last.diverted, last.material) == (10, 5, 0, MaterialState.ACCEPTED)
    assert book.flush() == ()


def test_counters_lost_frozen_or_running_back() -> None:
    book = ParcelBook()
    totals = [100, 131, math.nan, 193, 193, 150, 224]
    assert [count(book, t, total) for t, total in enumerate(totals)] == [0, 31, 0, 62, 0, 0, 31]


def test_tablets_already_in_the_chute_belong_to_no_parcel() -> None:
    book = ParcelBook()

    def second(t: int, total: int, accepted: int) -> tuple[Any, ...]:
        row = snapshot(t, {"Press/TabletsMade": total, "Diverter/TabletsAccepted": accepted})
        book.make(made(t), book.count_made(row))
        return book.pass_gate(book.count_gate(row), Reason.CONFORMS)

    assert second(0, 1000, 940) == ()
    assert second(1, 1030, 970) == ()
    assert second(2, 1060, 1000) == ()
    (parcel,) = second(3, 1090, 1030)
    assert (parcel.counter_from, parcel.counter_to, parcel.accepted) == (1000, 1030, 30)
    assert book.lost == 0
