"""Whatever arrives at the PLC, what is in force is finite, in its range, whole where it counts, and within its rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line.errors import CommunicationError
from plant_sim.plc.setpoints import ALWAYS_HEARD, RATE_LIMITS, RATE_SLACK, SetpointGuard
from tests.plant_bench import plant, register

TAGS = register()
IDS = TAGS.setpoint_ids
N = len(IDS)
LOW, HIGH = (np.array(side) for side in zip(*(TAGS.setpoint_range(tag) for tag in IDS)))
WHOLE = np.array([TAGS[tag].type == "Int64" for tag in IDS])
RATE = np.array([RATE_LIMITS.get(tag, math.inf) for tag in IDS])
HEARD = np.array([tag in ALWAYS_HEARD for tag in IDS])
START = np.where(WHOLE, LOW, 0.5 * (LOW + HIGH))
#: Anything a float can be, numbers near the limits, and numbers inside them.
ANY = st.floats(allow_subnormal=True) | st.sampled_from(
    [math.nan, math.inf, -math.inf, 5e-324, -5e-324, 1.7976931348623157e308, -0.0, 0.0, 1.0, 2.5, 1e9, 1e9 + 1]
)


@st.composite
def near(draw: st.DrawFn) -> list[list[float]]:
    """One or two seconds of set-points for two lines: mostly close to what is allowed, some far off."""
    row = [
        draw(ANY | st.floats(low - 0.1 * (high - low), high + 0.1 * (high - low)) | st.just(start))
        for low, high, start in zip(LOW, HIGH, START)
    ]
    return [row, [draw(st.sampled_from([x, start])) for x, start in zip(row, START)]]


@given(seconds=st.lists(near(), min_size=1, max_size=3), heard=st.lists(st.booleans(), min_size=2, max_size=2),
       running=st.booleans(), taken=st.booleans())  # fmt: skip
def test_what_is_in_force_stays_inside_its_limits(
    seconds: list[list[list[float]]], heard: list[bool], running: bool, taken: bool
) -> None:
    guard = SetpointGuard(TAGS, np.array([START, START]))
    for asked in seconds:
        before, requested = guard.accepted.copy(), np.array(asked)
        flags = np.array(heard)
        events = guard.take(requested, flags, np.full(2, running), np.full(2, taken))
        after = guard.accepted
        assert np.isfinite(after).all()
        assert ((after >= LOW) & (after <= HIGH)).all()
        assert (after[:, WHOLE] == np.rint(after[:, WHOLE])).all()
        if running:
            assert (np.abs(after - before) <= RATE * (1.0 + 2.0 * RATE_SLACK)).all()
        changed = after != before
        assert np.array_equal(after[changed], requested[changed])  # a value is taken as asked or not at all
        assert not changed[np.ix_(~flags, ~HEARD)].any()
        if taken:
            assert not changed[:, np.isfinite(RATE)].any()
        for line, event in events:
            column = IDS.index(event["tag"])
            assert event["code"] == "SETPOINT_REFUSED"
            assert after[line, column] == before[line, column]
            assert event["limit"]


@given(asked=near(), running=st.booleans())
def test_the_quick_look_and_the_close_one_agree(asked: list[list[float]], running: bool) -> None:
    quick, close = (SetpointGuard(TAGS, np.array([START, START])) for _ in range(2))
    requested, yes, run = np.array(asked), np.ones(2, np.bool_), np.full(2, running)
    found = quick.take(requested, yes, run)
    assert close._sort(requested, yes, run, None) == found
    assert quick.accepted.tobytes() == close.accepted.tobytes()
    assert quick.refused_total.tolist() == close.refused_total.tolist()


@given(
    column=st.integers(0, N - 1), bad=st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300]), times=st.integers(1, 5)
)
def test_a_refused_value_is_named_once_however_often_it_is_sent(column: int, bad: float, times: int) -> None:
    guard = SetpointGuard(TAGS, np.array([START]))
    asked = START.copy()
    asked[column] = bad
    yes = np.ones(1, np.bool_)
    events = [event for _ in range(times) for event in guard.take(asked[None], yes, yes)]
    assert [(i, event["tag"]) for i, event in events] == [(0, IDS[column])]
    assert events[0][1]["limit"] == f"{LOW[column]:g}..{HIGH[column]:g}"
    assert guard.take(START[None], yes, yes) == []
    assert len(guard.take(asked[None], yes, yes)) == 1  # asked for anew after it was given up
    assert guard.refused_total[0] == 2


@pytest.mark.parametrize(
    "wrong", [["fast"] * N, [None] * N, [[0.0, 1.0]] * N, [1j] * N, [0.0] * (N - 1), 5.0, "SP/MainForce", {"SP/MainForce": 6.0}]
)
def test_what_is_no_row_of_numbers_never_reaches_the_line(wrong: object) -> None:
    one = plant()
    with pytest.raises(CommunicationError, match="set-points"):
        one.step(0, 1, wrong)  # type: ignore[arg-type]
    assert one.k == 0
