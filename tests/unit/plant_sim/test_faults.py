"""Faults in time: courses, ramps, pulses, what overlaps, what excludes what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from line.configuration import PlantFault
from line.errors import ConfigurationFaults
from plant_sim.effects import EFFECTS, FaultEffects
from plant_sim.fault_library.exclusive import exclusive, exclusive_names, exclusive_of
from plant_sim.fault_library.kind import Act, Course, FaultClass, FaultKind
from plant_sim.faults import FAULTS, FaultTimeline, check_faults, fault_faults
from tests.plant_bench import scenario

COURSES = {
    "step": (Course(), 50),
    "ramp": (Course(ramp_s=100), None),
    "ramp that is cut": (Course(ramp_s=100), 35),
    "fade": (Course(fade_s=60), 40),
    "ramp and fade": (Course(ramp_s=30, fade_s=25), 50),
    "pulses": (Course(pulse_s=(3, 10)), 47),
    "pulses for ever": (Course(pulse_s=(1, 2)), None),
}
#: second after the onset -> share of the severity, worked out by hand
SHARES = {
    "step": {-1: 0.0, 0: 1.0, 49: 1.0, 50: 0.0},
    "ramp": {0: 0.1, 9: 0.1, 10: 0.2, 55: 0.6, 99: 1.0, 100: 1.0, 5000: 1.0},
    "ramp that is cut": {34: 0.4, 35: 0.0},
    "fade": {39: 1.0, 40: 1.0, 50: 1 - 10 / 60, 99: 1 - 50 / 60, 100: 0.0},
    "ramp and fade": {0: 1 / 3, 29: 1.0, 50: 1.0, 60: 0.6, 70: 0.2, 75: 0.0},
    "pulses": {0: 1.0, 2: 1.0, 3: 0.0, 9: 0.0, 10: 1.0, 42: 1.0, 47: 0.0},
    "pulses for ever": {0: 1.0, 1: 0.0, 100000: 1.0, 100001: 0.0},
}


def share(name: str, second: int) -> float:
    course, length = COURSES[name]
    return course.share(second, None if length is None else second - length)


@pytest.mark.parametrize("name", COURSES)
def test_a_course_grows_comes_and_goes_as_it_says(name: str) -> None:
    for second, expected in SHARES[name].items():
        assert share(name, second) == pytest.approx(expected, abs=1e-12), second


@pytest.mark.parametrize("name", COURSES)
def test_between_two_changes_nothing_changes(name: str) -> None:
    course, length = COURSES[name]
    second, steps = -5, 0
    while second < 300 and (after := course.next_change(second, length)) is not None:
        assert after > second
        assert len({share(name, s) for s in range(max(second, -5), after)}) == 1
        second, steps = after, steps + 1
    assert steps < 310
    assert len({share(name, s) for s in range(second, second + 50)}) == 1 or second >= 300


def effects_of(timeline: FaultTimeline, second: int) -> dict[str, np.ndarray]:
    effects = timeline.at(second)
    return {name: getattr(effects, name).copy() for name in EFFECTS} | {"any": np.array(effects.any_active)}


def test_any_second_may_be_asked_first() -> None:
    faults = [
        PlantFault(name="worn_screws", at_s=20),
        PlantFault(name="worn_screws", at_s=200, target="premix", duration_s=90),
        PlantFault(name="roller_creep", at_s=100, duration_s=45),
        PlantFault(name="power_dip", at_s=150),
    ]
    plan = [scenario(faults), scenario(faults[:1]), scenario()]
    whole = FaultTimeline(plan)
    for second in range(0, 520):
        expected = effects_of(whole, second)
        if second % 13 == 0 or second in (20, 100, 145, 150, 152, 265, 290):
            fresh = effects_of(FaultTimeline(plan), second)
            assert all(np.array_equal(expected[name], fresh[name]) for name in expected), second


def test_faults_of_one_effect_multiply_and_leave_nothing_behind() -> None:
    faults = [
        PlantFault(name="mgst_bias", at_s=5, target="api", severity=10.0, duration_s=20),
        PlantFault(name="outlet_caking", at_s=10, target="api", severity=50.0, duration_s=400),
    ]
    timeline = FaultTimeline([scenario(faults)])
    assert effects_of(timeline, 7)["feeder_flow"][0].tolist() == pytest.approx([1.1, 1, 1, 1])
    assert effects_of(timeline, 12)["feeder_flow"][0, 0] == pytest.approx(1.1 * (1 - 0.5 * 10 / 300))
    assert timeline.names(0, 12) == ("mgst_bias", "outlet_caking")
    after, neutral = timeline.at(1000), FaultEffects(1)
    assert not after.any_active and timeline.names(0, 1000) == ()
    assert all(np.array_equal(getattr(after, name), getattr(neutral, name)) for name in EFFECTS)


def test_an_effect_nobody_knows_and_a_default_out_of_range_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="wobble"):
        Act("wobble", "factor")
    one = FAULTS["py_step"]
    with pytest.raises(ValueError, match=r"outside -20\.\.20"):
        FaultKind("x", FaultClass.PROCESS, "y", "%", -20, 20, 21.0, None, ("blend",), one.acts, one.signature)


def test_exclusive_faults_are_known_and_exclude_both_ways() -> None:
    assert exclusive_names() <= set(FAULTS)
    for name in FAULTS:
        assert exclusive(name, name)
        assert all(exclusive(other, name) and name in exclusive_of(other) for other in exclusive_of(name))
    assert not exclusive("guard_opened", "e_stop_pressed")


#: name, onset, duration, target of two faults, and whether they may stand together
PAIRS = [
    ("gate_stuck_open", 10, 20, None, "gate_stuck_closed", 29, 5, None, False),
    ("gate_stuck_open", 10, 20, None, "gate_stuck_closed", 30, 5, None, True),
    ("gate_stuck_closed", 29, 5, None, "gate_stuck_open", 10, 20, None, False),
    ("scale_frozen", 10, None, "api", "scale_vibration", 100, None, "api", False),
    ("scale_frozen", 10, None, "api", "scale_vibration", 100, None, "premix", True),
    ("scale_frozen", 10, None, None, "scale_vibration", 100, None, None, True),  # defaults: api, lactose
    ("py_step", 10, None, None, "py_step", 5000, None, None, False),
    ("heartbeat_loss", 10, 20, None, "heartbeat_loss", 15, 20, None, False),
    ("worn_screws", 10, None, "api", "worn_screws", 10, None, "premix", True),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]} and {pair[4]}")
def test_two_faults_that_cannot_be_true_at_once_are_refused(pair: tuple[Any, ...]) -> None:
    together = pair[8]
    faults = [PlantFault(name=n, at_s=at, duration_s=d, target=t) for n, at, d, t in (pair[:4], pair[4:8])]
    found = fault_faults(list(enumerate(faults)), "x.toml")
    assert (not found) is together
    if found:
        assert found[0].key == "faults.1" and "faults.0" in found[0].remedy
        with pytest.raises(ConfigurationFaults):
            check_faults(scenario(faults))
