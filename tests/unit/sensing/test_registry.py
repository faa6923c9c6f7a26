"""The life of a model: two persons, one effective model an instrument, and a journal that shows every altered byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from line.errors import DataError
from sensing.calibration import calibrate
from sensing.model import SoftSensorModel
from sensing.registry import ModelStatus, Registry, parse_registry
from tests.sensing_bench import synthetic_set

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
FIRST, LAST = date(2026, 3, 10), date(2026, 9, 9)


@pytest.fixture(scope="module")
def model() -> SoftSensorModel:
    return calibrate(synthetic_set(n_batches=8, replicates=2), model_id="nir", instrument="4711", max_components=3)


def journal(model: SoftSensorModel, *, approved: bool = True, retired: bool = False) -> tuple[Registry, str]:
    registry, text = Registry().register(model, "ann", "first", NOW)
    if approved:
        registry, line = registry.approve(model.hash, FIRST, LAST, "e" * 64, "bob", "validated", NOW)
        text += line
    if retired:
        registry, line = registry.retire(model.hash, "bob", "lamp changed", NOW)
        text += line
    return registry, text


@pytest.mark.parametrize(
    ("approved", "retired", "today", "status"),
    [
        (False, False, FIRST, "draft"),
        (True, False, date(2026, 3, 9), "approved"),
        (True, False, FIRST, "effective"),
        (True, False, LAST, "effective"),
        (True, False, date(2026, 9, 10), "retired"),
        (True, True, FIRST, "retired"),
        (False, True, FIRST, "retired"),
    ],
)
def test_only_an_effective_model_may_be_used(
    model: SoftSensorModel, approved: bool, retired: bool, today: date, status: str
) -> None:
    registry, text = journal(model, approved=approved, retired=retired)
    assert registry.models[model.hash].status(today) == status
    assert parse_registry(text).models == registry.models
    if status == ModelStatus.EFFECTIVE:
        assert registry.require_effective(model, today).evidence_sha256 == "e" * 64
        return
    with pytest.raises(DataError, match=f"is {status} on {today}"):
        registry.require_effective(model, today)


def test_a_model_that_is_not_registered_may_not_be_used(model: SoftSensorModel) -> None:
    registry, _ = journal(model)
    with pytest.raises(DataError, match="not registered"):
        registry.require_effective(replace(model, version="2"), FIRST)


def test_what_an_approval_asks_for(model: SoftSensorModel) -> None:
    draft, _ = journal(model, approved=False)

    def approve(registry: Registry, first: date = FIRST, last: date = LAST, by: str = "bob", sha256: str = model.hash) -> None:
        registry.approve(sha256, first, last, "e" * 64, by, "why", NOW)

    for words, arguments in (
        ("ann registered model", {"by": "ann"}),
        ("wrong way round", {"first": LAST, "last": FIRST}),
        ("is over", {"first": date(2025, 1, 1), "last": date(2026, 2, 28)}),
        ("needs a person", {"by": " "}),
    ):
        with pytest.raises(DataError, match=words):
            approve(draft, **arguments)
    approved, _ = journal(model)
    with pytest.raises(DataError, match="is approved, not draft"):
        approve(approved)
    nameless = replace(model, instrument="")
    with pytest.raises(DataError, match="names no instrument"):
        approve(Registry().register(nameless, "ann", "why", NOW)[0], sha256=nameless.hash)
    second = replace(model, version="2")
    both, _ = approved.register(second, "ann", "why", NOW)
    with pytest.raises(DataError, match=r"is approved for 2026-03-10\.\.2026-09-09 on the same instrument"):
        approve(both, first=LAST, sha256=second.hash)
    approve(both, first=date(2026, 9, 10), last=date(2027, 3, 9), sha256=second.hash)
    approve(both.retire(model.hash, "bob", "why", NOW)[0], sha256=second.hash)


def test_a_version_has_one_hash(model: SoftSensorModel) -> None:
    registry, _ = journal(model)
    with pytest.raises(DataError, match="is registered"):
        registry.register(model, "ann", "why", NOW)
    with pytest.raises(DataError, match="another hash"):
        registry.register(replace(model, seed=9), "ann", "why", NOW)


def test_every_altered_byte_and_every_missing_line_is_refused(model: SoftSensorModel) -> None:
    _, text = journal(model, retired=True)
    for at in np.random.default_rng(0).integers(0, len(text), 80).tolist():
        with pytest.raises(DataError, match="registry"):
            parse_registry(text[:at] + ("7" if text[at] != "7" else "8") + text[at + 1 :])
    rows = text.splitlines(keepends=True)
    for spoiled in (rows[1:], [rows[0], rows[2]], [*rows, rows[2]], [*rows, "\n"], [rows[1], rows[0]]):
        with pytest.raises(DataError, match="altered, or a line before it is missing"):
            parse_registry("".join(spoiled))


def test_a_name_is_enough_of_the_hash(model: SoftSensorModel) -> None:
    registry, _ = journal(model)
    assert registry.named(model.hash[:8]).sha256 == model.hash
    for prefix in ("", model.hash[:7], "0" * 8):
        with pytest.raises(DataError, match="models begin with"):
            registry.named(prefix)
