"""What holds for every record and every equation of `line`, whatever its values. A new one without a strategy fails here."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import math
import pkgutil
import tomllib
from datetime import UTC
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import line
from line import (
    canonical,
    clock,
    configuration,
    ownership,
    parameter_set,
    quality,
    records,
    samples,
    tags,
    units,
)
from tests.line_records import (
    RECORDS,
    REGISTER,
    ROOT,
    a_parameter_set,
    a_step_result,
    a_tag,
    json_value,
    real,
    step,
    text,
    unit,
    word,
)

#: equation -> the property test below that tries it
EQUATIONS = {
    units.factor: "test_units_there_and_back",
    units.to_si: "test_units_there_and_back",
    units.from_si: "test_units_there_and_back",
    canonical.quantise: "test_plain_is_finite_and_settled",
    canonical.canonical_json: "test_plain_is_finite_and_settled",
    canonical.sha256_hex: "test_equal_content_has_equal_hashes",
    canonical.content_hash: "test_equal_content_has_equal_hashes",
    clock.simulated_utc: "test_a_second_is_a_second",
    configuration.near: "test_a_near_match_is_one_of_the_known_words",
    configuration.late_onsets: "test_exactly_the_onsets_that_are_not_before_the_end_are_late",
    quality.quality_of_status: "test_severity_decides_the_class",
    records.plain: "test_plain_is_finite_and_settled",
    parameter_set.set_text: "test_a_parameter_set_survives_its_file",
    parameter_set.with_set: "test_a_set_takes_the_place_of_the_controllers_own_values",
    ownership.ownership_table: "test_the_ownership_page_holds_every_writable_tag",
}
#: Read a file or check a whole model: tried in tests/unit/line.
READERS = {
    configuration.read_toml, configuration.load, configuration.validate, tags.load_register, parameter_set.load_parameter_set,
    parameter_set.load_controller,
}  # fmt: skip
#: Tables of faults and forms of the wire: tried by example in unit tests of their own.
ELSEWHERE = {"line.wire", "line.consistency", "line.written"}


def public(kind: Any) -> set[Any]:
    found = set()
    for info in pkgutil.iter_modules(line.__path__, "line."):
        if info.name in ELSEWHERE:
            continue
        module = importlib.import_module(info.name)
        found |= {m for n, m in inspect.getmembers(module, kind) if m.__module__ == info.name and not n.startswith("_")}
    return found


def is_record(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or issubclass(kind, pydantic.BaseModel)


def test_every_public_record_has_a_strategy() -> None:
    missing = {kind for kind in public(inspect.isclass) if is_record(kind)} - set(RECORDS)
    assert not missing, f"write a strategy for {sorted(kind.__name__ for kind in missing)}"


def test_every_public_equation_has_a_property() -> None:
    missing = public(inspect.isfunction) - set(EQUATIONS) - READERS
    assert not missing, f"write a property for {sorted(function.__name__ for function in missing)}"
    assert set(EQUATIONS.values()) <= set(globals()), "a property that is named does not exist"


def test_what_is_tried_elsewhere_is_tried_somewhere() -> None:
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests/unit").rglob("test_*.py")]
    assert {name for name in ELSEWHERE if any(f"from {name} import" in content for content in tests)} == ELSEWHERE


MODELS = sorted((kind for kind in RECORDS if issubclass(kind, pydantic.BaseModel)), key=lambda kind: kind.__name__)
BODIES = sorted((kind for kind in RECORDS if hasattr(kind, "body")), key=lambda kind: kind.__name__)
FROZEN = sorted((kind for kind in RECORDS if dataclasses.is_dataclass(kind)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_model_survives_its_json_form(kind: type[pydantic.BaseModel], data: st.DataObject) -> None:
    value = data.draw(RECORDS[kind])
    again = kind.model_validate_json(value.model_dump_json())
    assert again == value
    assert canonical.content_hash(again.model_dump(mode="json")) == canonical.content_hash(value.model_dump(mode="json"))
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        setattr(value, next(iter(kind.model_fields)), None)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_record_is_written_in_finite_json(kind: type, data: st.DataObject) -> None:
    body = data.draw(RECORDS[kind]).body()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert set(body) == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("kind", FROZEN, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_record_cannot_be_changed(kind: type, data: st.DataObject) -> None:
    value = data.draw(RECORDS[kind])
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(kind)[0].name, None)


@given(real, unit)
def test_units_there_and_back(value: float, name: str) -> None:
    assert units.from_si(units.to_si(value, name), name) == pytest.approx(value, rel=4e-16, abs=1e-300)
    assert units.to_si(1.0, name) == units.factor(name)


@given(json_value)
def test_plain_is_finite_and_settled(value: Any) -> None:
    once = records.plain(value)
    assert records.plain(once) == once
    assert json.loads(canonical.canonical_json(once)) == once


@given(st.dictionaries(text, json_value, max_size=5))
def test_equal_content_has_equal_hashes(value: dict[str, Any]) -> None:
    body = records.plain(value)
    backwards = dict(reversed(body.items()))
    assert canonical.content_hash(body) == canonical.content_hash(backwards)
    assert canonical.content_hash(body) == canonical.sha256_hex(canonical.canonical_json(body))
    assert canonical.content_hash({**body, "one more": 1}) != canonical.content_hash({**body, "one more": 2})


@given(step)
def test_a_second_is_a_second(k: int) -> None:
    assert (clock.simulated_utc(k + 1) - clock.simulated_utc(k)).total_seconds() == 1.0
    assert clock.simulated_utc(k).tzinfo is UTC


@given(text, st.lists(word, max_size=6))
def test_a_near_match_is_one_of_the_known_words(unknown: str, known: list[str]) -> None:
    answer = configuration.near(unknown, known)
    assert answer.startswith("known: ") or any(candidate in answer for candidate in known)


@given(st.lists(st.integers(0, 90000), max_size=8), st.floats(0.1, 1440))
def test_exactly_the_onsets_that_are_not_before_the_end_are_late(seconds: list[int], minutes: float) -> None:
    onsets = [(f"faults.{i}.at_s", second) for i, second in enumerate(seconds)]
    late = configuration.late_onsets(onsets, minutes)
    assert [key for key, _, _ in late] == [key for key, second in onsets if second >= minutes * 60]


@given(a_parameter_set())
def test_a_parameter_set_survives_its_file(found: parameter_set.ParameterSet) -> None:
    again = parameter_set.ParameterSet.model_validate(tomllib.loads(parameter_set.set_text(found)))
    assert again == found
    assert again.hash == again.true_hash


@given(a_parameter_set(), RECORDS[configuration.ControllerConfiguration])
def test_a_set_takes_the_place_of_the_controllers_own_values(
    found: parameter_set.ParameterSet, controller: configuration.ControllerConfiguration
) -> None:
    filled = parameter_set.with_set(controller, found)
    assert filled.model == found.model
    assert {**filled.noise, **found.noise} == filled.noise
    assert set(filled.noise) == set(controller.noise) | set(found.noise)
    assert filled.moves == controller.moves


@given(st.integers(0, 2**32 - 1))
def test_severity_decides_the_class(status: int) -> None:
    assert quality.quality_of_status(status) is quality.quality_of_status(status & 0xC0000000)
    assert quality.quality_of_status(status) is not quality.Quality.STALE


@given(a_step_result())
def test_a_usable_value_is_finite_in_range_and_young(result: samples.StepResult) -> None:
    seen = samples.Snapshot(REGISTER, result)
    for tag_id in REGISTER.scalar_ids:
        tag = REGISTER[tag_id]
        if seen.usable(tag_id):
            assert tag.low <= seen.value(tag_id) <= tag.high
            assert seen.si(tag_id) == pytest.approx(units.to_si(seen.value(tag_id), tag.unit))
            age_s = result.step - seen.source_step(tag_id)
            assert age_s >= 0 and (tag.max_age_s == 0 or age_s <= tag.max_age_s)
        else:
            assert math.isnan(seen.value(tag_id)) and math.isnan(seen.si(tag_id))
        assert seen.usable(tag_id) or not seen.good(tag_id)


@given(st.lists(a_tag(), max_size=6, unique_by=lambda tag: tag.id))
def test_the_ownership_page_holds_every_writable_tag(more: list[tags.Tag]) -> None:
    register = tags.TagRegister([*REGISTER.tags.values(), *(tag for tag in more if tag.id not in REGISTER.tags)])
    page = ownership.ownership_table(register)
    assert all((f"| `{tag.id}` | {tag.unit} |" in page) == (tag.owner != "PLC") for tag in register.tags.values())
