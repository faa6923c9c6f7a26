"""Set-points on their way: refused before anything is written, or compared with what came back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.inprocess import InProcessPort
from gateway.moves import MoveQueue, MoveRefused
from line.errors import CommunicationError, KilterError
from line.samples import StepResult
from line.tags import TagRegister
from tests.first_order_plant import FirstOrderPlant
from tests.wire_bench import register

REGISTER = register()


@pytest.fixture
def tags() -> TagRegister:
    return REGISTER


@pytest.fixture
def queue(tags: TagRegister) -> MoveQueue:
    moves = MoveQueue(tags)
    moves.start(FirstOrderPlant(tags).initial())
    return moves


def shown(tags: TagRegister, **changes: float) -> StepResult:
    frame = FirstOrderPlant(tags).initial()
    values = frame.values.copy()
    for name, value in changes.items():
        values[tags.scalar_index[f"SP/{name}"]] = value
    return StepResult(1, values, frame.statuses, frame.source_steps)


# tag                   value             why it is refused
REFUSALS = [
    ("SP/MainForce",      math.nan,         "not finite"),
    ("SP/MainForce",      math.inf,         "not finite"),
    ("SP/MainForce",      0.999,            "outside 1..12 kN"),
    ("SP/MainForce",      12.001,           "outside 1..12 kN"),
    ("SP/AcceptRequest",  2,                "outside 0..1"),
    ("SP/HeartbeatCtrl",  math.nan,         "not finite"),
    ("Press/FillDepth",   8.0,              "not a writable tag"),
    ("SP/Nothing",        1.0,              "not a writable tag"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "value", "why"), REFUSALS)
def test_a_bad_move_is_refused_and_nothing_is_queued(queue: MoveQueue, tag: str, value: float, why: str) -> None:
    before, _ = queue.outgoing()
    with pytest.raises(MoveRefused, match=why) as caught:
        queue.queue({"SP/Throughput": 22.0, tag: value})
    assert isinstance(caught.value, KilterError) and tag in caught.value.line() and "\n" not in caught.value.line()
    after, queued = queue.outgoing()
    assert np.array_equal(before, after) and queued == {}


def test_every_bad_move_is_named(queue: MoveQueue) -> None:
    with pytest.raises(MoveRefused) as caught:
        queue.queue({"SP/MainForce": 99.0, "SP/Throughput": -1.0})
    assert {fault.key for fault in caught.value.faults} == {"SP/MainForce", "SP/Throughput"}


def test_the_vector_starts_from_what_the_plant_shows(queue: MoveQueue, tags: TagRegister) -> None:
    frame = FirstOrderPlant(tags).initial()
    vector, queued = queue.outgoing()
    assert queued == {}
    assert vector.tolist() == [frame.values[tags.scalar_index[i]] for i in tags.setpoint_ids]


def test_an_unusable_read_back_at_the_start_is_named(tags: TagRegister) -> None:
    with pytest.raises(CommunicationError, match="SP/MainForce"):
        MoveQueue(tags).start(shown(tags, MainForce=math.nan))


def test_integer_tags_are_rounded(queue: MoveQueue, tags: TagRegister) -> None:
    queue.queue({"SP/HeartbeatCtrl": 41.9999999})
    assert queue.outgoing()[0][tags.setpoint_index["SP/HeartbeatCtrl"]] == 42.0


def test_a_confirmed_write_is_silent_and_kept(queue: MoveQueue, tags: TagRegister) -> None:
    queue.queue({"SP/MainForce": 7.25})
    queue.confirm(shown(tags, MainForce=7.25))
    assert queue.unconfirmed() == {} and queue.outgoing()[1] == {}
    assert queue.outgoing()[0][tags.setpoint_index["SP/MainForce"]] == 7.25


def test_a_write_that_did_not_take_is_reported_once_and_not_repeated(queue: MoveQueue, tags: TagRegister) -> None:
    queue.queue({"SP/MainForce": 7.25})
    queue.confirm(shown(tags, MainForce=6.0))
    (write,) = queue.unconfirmed().values()
    assert (write.tag, write.sent, write.read_back) == ("SP/MainForce", 7.25, 6.0)
    assert queue.outgoing()[0][tags.setpoint_index["SP/MainForce"]] == 6.0
    queue.confirm(shown(tags, MainForce=6.0))
    assert queue.unconfirmed() == {}


def test_a_status_of_the_wire_is_reported_even_if_the_value_fits(queue: MoveQueue, tags: TagRegister) -> None:
    queue.queue({"SP/MainForce": 7.25})
    queue.confirm(shown(tags, MainForce=7.25), {"SP/MainForce": "BadLocked"})
    assert queue.unconfirmed()["SP/MainForce"].status == "BadLocked"


def test_a_lost_read_back_is_reported_and_the_sent_value_kept(queue: MoveQueue, tags: TagRegister) -> None:
    queue.queue({"SP/MainForce": 7.25})
    queue.confirm(shown(tags, MainForce=math.nan))
    assert math.isnan(queue.unconfirmed()["SP/MainForce"].read_back)
    assert queue.outgoing()[0][tags.setpoint_index["SP/MainForce"]] == 7.25


def test_in_process_a_refused_set_point_is_never_silent(tags: TagRegister) -> None:
    port = InProcessPort(FirstOrderPlant(tags, refuses=("SP/FillDepth",)), tags)
    first = port.open()
    port.write_moves({"SP/FillDepth": 9.0, "SP/Throughput": 22.0})
    port.read_snapshot()
    assert set(port.unconfirmed_writes()) == {"SP/FillDepth"}
    assert port.unconfirmed_writes()["SP/FillDepth"].read_back == first.raw("SP/FillDepth")


def test_in_process_reading_before_opening_is_one_line(tags: TagRegister) -> None:
    with pytest.raises(CommunicationError, match="not open"):
        InProcessPort(FirstOrderPlant(tags), tags).read_snapshot()
