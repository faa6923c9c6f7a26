"""Records: what is written down is finite, plain and stable."""

from __future__ import annotations

import json
import math
from enum import StrEnum

import numpy as np
import pytest

from line.canonical import canonical_json
from line.modes import LineState, Regime
from line.records import (
    Alarm,
    AlarmState,
    Decision,
    Disposition,
    Event,
    EvidenceSource,
    MaterialState,
    Parcel,
    QualityState,
    Reason,
    plain,
)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (math.nan, None),
        (-math.inf, None),
        (1 / 3, 0.333333333),
        (-0.0, 0.0),
        (True, True),
        (None, None),
        ("word", "word"),
        (Reason.GUARD, "GUARD"),
        (Regime.REFILL, "refill"),
        (LineState.HELD, 3),
        ((1, 2.5), [1, 2.5]),
        ({"a": {1: math.nan}}, {"a": {"1": None}}),
        (np.float64(2.5), 2.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
    ],
)
def test_plain_values(value: object, kept: object) -> None:
    result = plain(value)
    assert result == kept and type(result) is type(kept)


@pytest.mark.parametrize("value", [np.float64("nan"), np.float32("inf"), np.float32(0.1)])
def test_numpy_scalars_obey_the_same_rules(value: np.floating) -> None:
    result = plain(value)
    canonical_json(result)
    assert result == (round(float(value), 9) if math.isfinite(value) else None)


def parcel(**changes: object) -> Parcel:
    values: dict[str, object] = {
        "step": 60, "counter_from": 1000, "counter_to": 1030, "made": 30, "rejected": 0, "sampled": 0, "accepted": 30,
        "diverted": 0, "potency_pct_lc": 99.5, "potency_nir_pct_lc": math.nan, "potency_rtd_pct_lc": 99.5,
        "potency_uncertainty_pct_lc": math.inf, "tablet_mass_mg": 225.1, "evidence": EvidenceSource.RTD, "nir_share": 0.0,
        "quality": QualityState.CONFORM, "reason": Reason.CONFORMS, "material": MaterialState.ACCEPTED,
        "regime": Regime.STEADY,
    }  # fmt: skip
    return Parcel(**{**values, **changes})  # type: ignore[arg-type]


RECORDS = [
    Event(Reason.MODE_CHANGED, "controller", "ON by command", actor="maria", role="operator", old="WARM", new="ON"),
    Event(Reason.ASSAY_RESULT, "assay", "late", extra={"potency_pct_lc": math.nan, "counters": (1, 10)}),
    Alarm("A-001", 1, "feeder empty", "API missing", "refill", AlarmState.UNACKNOWLEDGED, Reason.INPUT_UNUSABLE),
    Decision(5, "nmpc", {"SP/MainForce": 6.2}, "optimal", True, "rti", estimate={"b": math.nan}, plan={"y": (1.0, math.inf)}),
    parcel(),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_the_json_form_is_finite_and_carries_every_field(record: Event | Alarm | Decision | Parcel) -> None:
    body = record.body()
    assert set(body) == set(record.__dataclass_fields__)
    assert json.loads(canonical_json(body)) == body
    json.dumps(body, allow_nan=False)


def test_where_a_person_acted_the_record_says_who_why_old_and_new() -> None:
    body = RECORDS[0].body()
    assert [body[key] for key in ("actor", "role", "reason", "old", "new", "regime")] == [
        "maria", "operator", "MODE_CHANGED", "WARM", "ON", "steady"
    ]  # fmt: skip


def test_what_is_not_known_is_null_not_a_number() -> None:
    body = parcel().body()
    assert body["potency_nir_pct_lc"] is None and body["potency_uncertainty_pct_lc"] is None


@pytest.mark.parametrize("words", [Reason, Disposition, AlarmState, MaterialState, QualityState, EvidenceSource])
def test_a_code_is_its_own_name(words: type[StrEnum]) -> None:
    """Stored words are stable: a member may not be renamed apart from its value."""
    assert {word.name for word in words} == {word.value for word in words}


def test_the_engine_cannot_say_released() -> None:
    """RELEASED and REJECTED need a person's signature; the engine only recommends."""
    assert {word.value for word in Disposition} == {"HOLD", "RELEASE_RECOMMENDED", "REJECT_RECOMMENDED"}
