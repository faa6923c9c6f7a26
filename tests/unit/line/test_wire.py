"""What both ends of the wire agree on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from line.samples import StepResult
from line.tags import TagRegister, load_register
from line.wire import array_on_wire, decode_events, encode_events, node_identifier, on_wire, register_hash

REGISTER = load_register(Path(__file__).resolve().parents[3] / "configs/line/tags.csv")


def test_an_address_is_the_folder_and_the_tag() -> None:
    assert node_identifier("Feeder2/MassFlow") == "Line1/Feeder2/MassFlow"
    assert len({node_identifier(tag_id) for tag_id in REGISTER.tags}) == len(REGISTER)


def test_the_register_hash_sees_order_and_every_column() -> None:
    tags = list(REGISTER.tags.values())
    same = register_hash(TagRegister(tags))
    assert same == register_hash(REGISTER)
    assert register_hash(TagRegister([tags[1], tags[0], *tags[2:]])) != same
    assert register_hash(TagRegister([tags[0].model_copy(update={"max_age_s": 3.0}), *tags[1:]])) != same


def test_events_there_and_back() -> None:
    events = [{"code": "REFILL", "feeder": 1, "kg": 0.25}, {"code": "PRESS_STOP", "text": "g\u00fcnter"}]
    assert list(decode_events(encode_events(events))) == events
    assert encode_events([{"b": 1, "a": 2}]) == ['{"a":2,"b":1}']


@pytest.mark.parametrize("text", ["[1]", "3", "null", "{"])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a JSON object|Expecting"):
        decode_events([text])


def test_an_event_may_not_carry_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_events([{"code": "X", "value": math.nan}])


def test_a_float_array_has_single_precision_and_a_double_array_keeps_all() -> None:
    third = np.full(404, 1 / 3)
    assert np.array_equal(array_on_wire(REGISTER, "NIR/Spectrum", third), third.astype(np.float32).astype(np.float64))
    assert not np.array_equal(array_on_wire(REGISTER, "NIR/Spectrum", third), third)
    assert np.array_equal(array_on_wire(REGISTER, "NIR/Axis", third), third)


def test_a_frame_over_the_wire_twice_is_the_frame_over_the_wire_once() -> None:
    n = len(REGISTER.scalar_ids)
    sent = StepResult(
        step=7, values=np.linspace(0, 1, n), statuses=np.zeros(n, np.uint32), source_steps=np.full(n, 7, np.int64),
        arrays={"NIR/Spectrum": (np.full(404, 0.1), 0, 5)}, events=[{"code": "REFILL", "feeder": 2}],
    )  # fmt: skip
    once = on_wire(REGISTER, sent)
    twice = on_wire(REGISTER, once)
    assert np.array_equal(once.values, sent.values) and once.step == 7
    assert once.arrays["NIR/Spectrum"][0].tobytes() == twice.arrays["NIR/Spectrum"][0].tobytes()
    assert tuple(once.events) == tuple(twice.events) == ({"code": "REFILL", "feeder": 2},)
