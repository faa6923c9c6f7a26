"""Who moves the line: REMOTE is asked for, granted, refused and lost, and no transfer moves a set-point."""

from __future__ import annotations

import numpy as np
import pytest

from line.configuration import PlantFault
from line.modes import PlcMode
from plant_sim.plc.interlocks import EMERGENCY_STOP, PRESS_STOP
from plant_sim.plc.watchdog import SILENCE_LIMIT_S, Watchdog
from tests.plant_bench import Driver, plant, register, settled

MOVES = [tag for tag in register().setpoint_ids if register()[tag].owner == "APC"]


def listen(dog: Watchdog, beat: float, request: float = 1.0, faults: int = 0) -> list[str]:
    return [e["code"] for _, e in dog.listen(np.array([beat]), np.array([request]), np.array([faults]))]


def test_remote_is_refused_with_its_reason_while_a_fault_stands_and_granted_when_it_is_gone() -> None:
    dog = Watchdog(1)
    (refused,) = dog.listen(np.array([1.0]), np.array([1.0]), np.array([PRESS_STOP | EMERGENCY_STOP]))
    assert refused == (0, {"code": "REMOTE_REFUSED", "mode": int(PlcMode.LOCAL), "cause": "press stop, emergency stop"})
    assert listen(dog, 2.0, faults=PRESS_STOP) == []  # said once
    assert not dog.remote[0]
    assert listen(dog, 3.0) == ["PLC_REMOTE"]
    assert listen(dog, 4.0, request=0.0) == ["PLC_LOCAL"]
    assert listen(dog, 5.0, faults=PRESS_STOP) == ["REMOTE_REFUSED"]


def test_a_fault_does_not_take_remote_away() -> None:
    dog = Watchdog(1)
    listen(dog, 1.0)
    assert listen(dog, 2.0, faults=EMERGENCY_STOP) == []
    assert dog.remote[0]


@pytest.mark.parametrize("beats", [[2, 2, 2], [float("nan")] * 3, [2, float("inf"), float("nan")], [2, 2, float("nan")]])
def test_what_is_no_new_beat_counts_as_silence(beats: list[float]) -> None:
    dog = Watchdog(1)
    listen(dog, 1.0)
    listen(dog, 2.0)
    said = [code for beat in beats for code in listen(dog, beat)]
    assert said == ["PLC_LOCAL"]
    assert len(beats) == SILENCE_LIMIT_S
    assert dog.tripped[0]
    assert listen(dog, 3.0) == ["PLC_REMOTE"]
    assert not dog.tripped[0]


def test_a_beat_missed_now_and_then_is_no_silence() -> None:
    dog = Watchdog(2)
    for second in range(60):
        beat = np.array([float(second), float(second - second % 3)])
        dog.listen(beat, np.ones(2), np.zeros(2, np.int64))
        if second >= 3:
            assert dog.remote.all()


def in_force(driver: Driver) -> list[float]:
    return [driver[tag] for tag in MOVES]


def test_no_set_point_moves_when_the_mode_changes_whatever_is_asked_for_meanwhile() -> None:
    driver = settled(400)
    driver["SP/Feeder1MassFlow"] = driver["SP/Feeder1MassFlow"] + 0.2
    driver.step()
    before = in_force(driver)
    driver.beating = False
    driver["SP/ImpellerSpeed"] = driver["SP/ImpellerSpeed"] + 20.0
    driver["SP/MainForce"] = driver["SP/MainForce"] + 0.5
    driver.run(driver.plant.k + 2)
    wished = in_force(driver)  # the beat is lost, but REMOTE lasts 3 s: these were still heard
    driver["SP/MainForce"] = driver["SP/MainForce"] - 0.9
    driver.run(driver.plant.k + 8)
    assert driver["Sys/CtrlMode"] == PlcMode.LOCAL
    assert in_force(driver) == wished != before
    driver.beating = True
    driver.step()
    assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    assert in_force(driver) == wished  # the transfer itself moves nothing
    driver.step()
    assert driver["SP/MainForce"] == pytest.approx(wished[MOVES.index("SP/MainForce")] - 0.9)  # what is asked now is judged


def test_a_controller_that_comes_while_the_line_is_held_by_a_fault_is_told_why_it_must_wait() -> None:
    driver = Driver(plant(faults=[PlantFault(name="press_stop", at_s=0, duration_s=12)]))
    driver["SP/RemoteRequest"] = 0.0
    driver.run(5)
    driver["SP/RemoteRequest"] = 1.0
    driver.run(10)
    assert driver["Sys/CtrlMode"] == PlcMode.LOCAL
    assert driver.codes("REMOTE_REFUSED")[0]["cause"] == "press stop"
    driver.run(20)
    assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    assert len(driver.codes("REMOTE_REFUSED")) == 1
