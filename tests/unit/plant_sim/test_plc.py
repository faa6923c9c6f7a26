"""The PLC: who moves the line, what is refused, how it starts, holds, resumes and runs out."""

from __future__ import annotations

import numpy as np
import pytest

from line.configuration import LotLoad, PlantFault
from line.modes import FeederMode, LineState, PlcMode
from plant_sim.plc.packml import PackState
from plant_sim.plc.scale_slope import WINDOW_MAX_S, slope_weights
from tests.plant_bench import HOLD, RESUME, RUN_OUT, Driver, plant, series, settled


def test_a_line_starts_when_the_hopper_is_full() -> None:
    driver = Driver(plant()).start()
    assert driver["Sys/LineState"] == LineState.STARTING
    while driver["Sys/LineState"] == LineState.STARTING:
        assert driver["Press/TurretSpeed"] == 0
        driver.step()
    assert driver["Sys/LineState"] == LineState.EXECUTE
    assert driver["Hopper/Level"] == pytest.approx(0.6, abs=0.03)
    assert 150 < driver.plant.k < 400


def test_nothing_moves_before_start() -> None:
    driver = Driver(plant()).run(30)
    assert driver["Sys/LineState"] == LineState.STOPPED
    assert series(driver, "mass_flow_api_kg_per_s").max() == 0.0
    assert driver["Feeder1/Mode"] == FeederMode.STOPPED


def test_remote_needs_a_request_and_a_living_beat() -> None:
    driver = Driver(plant())
    driver.beating = False
    driver.run(5)
    assert driver["Sys/CtrlMode"] == PlcMode.LOCAL
    driver.beating = True
    driver["SP/RemoteRequest"] = 0.0
    driver.run(10)
    assert driver["Sys/CtrlMode"] == PlcMode.LOCAL
    driver["SP/RemoteRequest"] = 1.0
    driver.step()
    assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    assert [e["code"] for e in driver.events] == ["PLC_REMOTE"]


def test_a_lost_beat_takes_local_in_three_seconds_freezes_setpoints_and_diverts() -> None:
    driver = settled(600)
    assert driver["Diverter/Position"] == 1
    before = driver["Feeder1/Setpoint"]
    driver.beating = False
    for _ in range(2):
        driver.step()
        assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    driver["SP/Feeder1MassFlow"] = before + 0.1
    driver.step()
    assert driver["Sys/CtrlMode"] == PlcMode.LOCAL
    assert driver["Feeder1/Setpoint"] == before
    assert driver["SP/Feeder1MassFlow"] == before
    assert driver["Diverter/Position"] == 0
    assert int(driver["Sys/Interlock"]) & 16
    assert driver.codes("PLC_LOCAL")[-1]["step"] == 603
    driver.run(630)
    assert driver["Sys/LineState"] == LineState.EXECUTE
    accepted = series(driver, "mass_accepted_kg")
    assert accepted[610] == accepted[629]
    driver["SP/Feeder1MassFlow"] = before
    driver.beating = True
    driver.run(633)
    assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    assert driver["Diverter/Position"] == 1


@pytest.mark.parametrize(
    ("tag", "value", "limit"),
    [
        ("SP/Feeder1MassFlow", float("nan"), "0..3"),
        ("SP/Feeder1MassFlow", float("inf"), "0..3"),
        ("SP/Feeder1MassFlow", -1e-9, "0..3"),
        ("SP/Feeder1MassFlow", 3.0001, "0..3"),
        ("SP/Feeder1MassFlow", 2.6, "change 0.45 a second from 2"),
        ("SP/MainForce", 0.5, "1..12"),
        ("SP/MainForce", 7.5, "change 1 a second from 6.2"),
        ("SP/MainHeight", -float("inf"), "2..6"),
        ("SP/LineCommand", 2.5, "0..5"),
        ("SP/AcceptRequest", 2.0, "0..1"),
        ("SP/HeartbeatCtrl", float("nan"), "0..1e+09"),
    ],
)
def test_bad_setpoints_are_refused_named_and_never_enter(tag: str, value: float, limit: str) -> None:
    driver = settled(300)
    kept = driver[tag]
    driver.beating = False
    driver[tag] = value
    driver.step()
    driver.step()
    refused = driver.codes("SETPOINT_REFUSED")
    assert len(refused) == 1
    assert refused[0]["tag"] == tag
    assert refused[0]["limit"] == limit
    assert driver[tag] == kept
    assert driver["Sys/RefusedWrites"] == 1
    assert np.isfinite(driver.plant.lines.path.blender).all()


def test_a_setpoint_within_limits_is_accepted_and_echoed() -> None:
    driver = settled(300)
    driver["SP/Feeder1MassFlow"] = 2.1
    driver.step()
    assert driver["SP/Feeder1MassFlow"] == 2.1
    assert driver["Feeder1/Setpoint"] == pytest.approx(2.1)
    assert not driver.codes("SETPOINT_REFUSED")


def test_fill_depth_setpoint_is_not_obeyed_while_the_plc_owns_the_weight_loop() -> None:
    driver = settled(400)
    before = driver["Press/FillDepth"]
    driver["SP/FillDepth"] = driver["SP/FillDepth"] + 0.4
    driver.run(420)
    assert driver["Press/WeightLoop"] == 0
    assert driver["Press/FillDepth"] == pytest.approx(before, abs=0.15)


def test_press_stop_holds_feeders_and_blender_within_two_seconds_until_resumed() -> None:
    driver = settled(610, faults=[PlantFault(name="press_stop", at_s=600)])
    names = ("api", "premix", "lactose", "lubricant", "blender_exit", "press")
    for flow in (series(driver, f"mass_flow_{name}_kg_per_s") for name in names):
        assert flow[601] < 0.02 * flow[590:600].mean()
    assert driver["Sys/LineState"] == LineState.HELD
    assert int(driver["Sys/Interlock"]) == 8
    assert driver.codes("LINE_HOLD")[0]["cause"] == "press stop"
    driver.command(RESUME)  # the cause still stands: it waits
    driver.run(700)
    assert driver["Sys/LineState"] == LineState.HELD
    driver.run(765)
    assert driver["Sys/LineState"] == LineState.EXECUTE
    assert driver["Sys/Interlock"] == 0
    assert driver.codes("LINE_RESUMED")
    assert series(driver, "hold_up_hopper_kg").max() < 1.0


@pytest.mark.parametrize(
    ("fault", "bit", "cause"),
    [("guard_opened", 64, "guard open"), ("e_stop_pressed", 128, "emergency stop"), ("power_dip", 256, "power dip")],
)
def test_an_abort_stops_the_whole_line_at_once_and_it_comes_back_by_command(fault: str, bit: int, cause: str) -> None:
    driver = settled(501, faults=[PlantFault(name=fault, at_s=500, duration_s=30)])
    assert driver["Sys/PackMLState"] == PackState.ABORTING
    assert driver["Sys/LineState"] == LineState.HELD
    assert driver["Press/TurretSpeed"] == 0.0
    driver.run(503)
    names = ("api", "premix", "lactose", "lubricant", "blender_exit", "press")
    for flow in (series(driver, f"mass_flow_{name}_kg_per_s") for name in names):
        assert flow[502] < 0.02 * flow[490:500].mean()
    assert int(driver["Sys/Interlock"]) == bit
    assert driver.codes("LINE_HOLD")[0]["cause"] == cause
    assert driver["Sys/CtrlMode"] == PlcMode.REMOTE
    driver.run(560)
    assert driver["Sys/PackMLState"] == PackState.ABORTED
    driver.command(RESUME)
    driver.run(600)
    assert driver["Sys/LineState"] == LineState.EXECUTE
    assert driver.codes("LINE_RESUMED")[0]["state"] == "STARTING"
    assert np.abs(series(driver, "mass_residual_kg")).max() < 1e-9


@pytest.mark.parametrize("fault", ["gate_stuck_open", "gate_stuck_closed", "gate_feedback_wrong"])
def test_a_gate_that_does_not_follow_its_command_holds_the_line(fault: str) -> None:
    driver = settled(500, faults=[PlantFault(name=fault, at_s=500, duration_s=60)])
    driver["SP/AcceptRequest"] = 1.0 if fault != "gate_stuck_open" else 0.0
    driver.run(505)
    assert driver["Sys/LineState"] == LineState.HELD
    assert driver.codes("LINE_HOLD")[0]["cause"] == "diverter feedback"


def test_a_hold_by_command_resumes_by_command_only() -> None:
    driver = settled(500)
    driver.command(HOLD)
    driver.run(540)
    assert driver["Sys/LineState"] == LineState.HELD
    driver.command(RESUME)
    assert driver["Sys/PackMLState"] == PackState.UNHOLDING
    assert driver["Press/TurretSpeed"] == 0.0
    driver.run(543)
    assert driver["Sys/LineState"] == LineState.EXECUTE
    assert driver.codes("LINE_RESUMED")[0]["held_s"] == 543 - 501


def test_run_out_empties_the_hopper_keeps_the_feed_frame_full_and_completes() -> None:
    driver = settled(600)
    driver.command(RUN_OUT)
    assert driver["Sys/LineState"] == LineState.COMPLETING
    driver.run(900)
    assert driver["Sys/LineState"] == LineState.COMPLETE
    newest = driver.plant.truth.newest()
    assert newest["hold_up_hopper_kg"] < 0.06
    assert newest["hold_up_feed_frame_kg"] == pytest.approx(0.371, abs=0.005)
    assert newest["hold_up_chute_kg"] == 0.0
    assert newest["mass_flow_press_kg_per_s"] == 0.0


def test_diverter_needs_remote_execute_and_request() -> None:
    driver = Driver(plant()).start().run(100)
    assert driver["SP/AcceptRequest"] == 1
    assert driver["Diverter/Position"] == 0
    driver.run(400)
    assert driver["Diverter/Position"] == 1
    driver["SP/AcceptRequest"] = 0.0
    driver.step()
    assert driver["Diverter/Position"] == 0


def test_the_gate_cuts_between_tablets_that_are_on_their_way() -> None:
    # die to gate 2.4 s and 0.5 s of switching: tablets made about 1.9 s before the command are the first diverted
    driver = settled(500)
    driver["SP/AcceptRequest"] = 0.0
    driver.run(520)
    tablets = driver.plant.truth.tablets
    diverted = tablets["second"][(tablets["destination"] == 2) & (tablets["second"] > 480)]
    assert 497 <= np.quantile(diverted, 0.001) <= 499
    assert (tablets["destination"][tablets["second"] == 494] != 2).all()


def test_refill_runs_volumetric_and_the_totaliser_goes_on() -> None:
    driver = settled(500)
    modes, totals, flows = [], [], []
    while driver.plant.k < 570:
        driver.step()
        modes.append(int(driver["Feeder2/Mode"]))
        totals.append(driver["Feeder2/Totalizer"])
        flows.append(driver["Feeder2/MassFlow"])
    order = [m for i, m in enumerate(modes) if i == 0 or m != modes[i - 1]]
    assert order == [FeederMode.GRAVIMETRIC, FeederMode.REFILL, FeederMode.VOLUMETRIC, FeederMode.GRAVIMETRIC]
    assert modes.count(FeederMode.VOLUMETRIC) == 8
    true = series(driver, "mass_flow_premix_kg_per_s")[500:570].sum()
    assert totals[-1] - totals[0] == pytest.approx(true, rel=0.03)
    assert np.abs(np.diff(flows)).max() < 2.0


def test_a_lot_arrives_with_the_next_refill_and_ramps_through_the_hopper() -> None:
    driver = settled(1100, lots=[LotLoad(at_s=300, feeder=2, lot="B2", bulk_density_pct=-3.3)])
    loaded = [e for e in driver.codes("MATERIAL_LOADED") if e["feeder"] == 2]
    assert [e["lot"] for e in loaded] == ["B2", "B2"]
    assert loaded[0]["step"] > 300
    bank = driver.plant.lines.feeders
    density = bank.mass[0, 1] / bank.volume[0, 1]
    assert 360 * (1 - 0.033) < density < 360 * (1 - 0.02)


def test_gravimetric_loop_follows_a_setpoint_and_rejects_a_wrong_feed_factor() -> None:
    driver = settled(400)
    driver["SP/Feeder1MassFlow"] = 2.2
    driver.run(700)
    true = series(driver, "mass_flow_api_kg_per_s")
    assert true[500:700].mean() * 3600 == pytest.approx(2.2, rel=0.01)
    assert true[405:430].mean() * 3600 == pytest.approx(2.2, rel=0.03)


def test_slope_weights_find_the_slope_of_the_newest_samples() -> None:
    weights, window = slope_weights(), np.full(WINDOW_MAX_S, 99.0)
    window[-15:] = 3.0 - 0.25 * np.arange(15)
    assert weights[15] @ window == pytest.approx(-0.25, abs=1e-12)
