"""The PLC's part of the feeders: slope, refill, time-outs and alarms, totaliser."""

from __future__ import annotations

import json

import numpy as np
import pytest

from line.modes import FeederMode
from plant_sim.plc.scale_slope import ScaleSlope
from tests.feeder_bench import API, KG_PER_H, LACTOSE, LUBRICANT, PREMIX, STILL, FeederBench


@pytest.mark.parametrize(("window_s", "sigma_kg"), [(10, 0.5e-3), (20, 0.05e-3)])
def test_the_noise_of_a_slope_is_sigma_over_t_times_root_of_twelve_over_n(window_s: int, sigma_kg: float) -> None:
    # sigma_q = (sigma_w/T) sqrt(12/N): 0.5 g at 10 Hz over 10 s gives 0.062 kg/h, 0.05 g over 20 s gives 0.002 kg/h
    slope = ScaleSlope(np.full((400, 4), float(window_s)), 1)
    chance = np.random.default_rng(7)
    seen = [slope.add((chance.standard_normal((400, 4)) * sigma_kg / np.sqrt(10.0),), None) for _ in range(100)]
    by_formula = sigma_kg / window_s * np.sqrt(12.0 / (10.0 * window_s))
    assert np.std(seen[window_s :: window_s + 1]) == pytest.approx(by_formula, rel=0.03)
    assert by_formula * KG_PER_H == pytest.approx({10: 0.062, 20: 0.002}[window_s], rel=0.12)


def test_a_slope_starts_anew_with_each_restart_and_feeder() -> None:
    slope = ScaleSlope(np.full((1, 4), 10.0), 1)
    restart = np.array([[True, False, False, False]])
    for k in range(30):
        falls = slope.add((np.full((1, 4), 5.0 - 0.1 * k),), restart if k == 20 else None)
        if k == 20:
            assert falls[0, 0].tolist() == pytest.approx([0.0, 0.1, 0.1, 0.1])
    assert slope.samples[0].tolist() == [9, 10, 10, 10]
    assert falls[0, 0] == pytest.approx(0.1)


def test_measured_flow_and_delivery_are_at_the_setpoint() -> None:
    bench = FeederBench(seeds=range(20))
    shown: list[np.ndarray] = []
    bench.run(400, lambda _, b: shown.append(b.loops.mass_flow.copy()))
    for i in range(4):
        true = np.mean([bench.flow(200, 400, i, line) for line in range(20)])
        assert true == pytest.approx(1.0, abs=0.004)
        assert np.mean([s[:, i] for s in shown[200:]]) == pytest.approx(bench.setpoint[0, i], rel=0.004)


def test_a_feed_factor_error_is_gone_within_two_closed_loop_times() -> None:
    bench = FeederBench(**STILL)
    bench.run(300)
    bench.fault("feed_factor", 0.94, API)
    bench.run(420)
    assert bench.flow(301, 306, API) == pytest.approx(0.94, abs=0.01)
    assert bench.flow(370, 420, API) == pytest.approx(1.0, abs=0.004)


def test_every_feeder_refills_in_order_and_as_often_as_its_hopper_and_flow_ask() -> None:
    bench = FeederBench().run(4000)
    for i, (refill_kg, low, high) in enumerate(((0.4, 4, 5), (2.0, 6, 7), (2.0, 4, 5), (0.3, 0, 1))):
        assert low <= len(bench.codes("REFILL_COMPLETE", i)) <= high
        starts = [second for second, _ in bench.codes("REFILL_STARTED", i)]
        if len(starts) > 2:
            by_arithmetic = refill_kg / bench.setpoint[0, i]
            assert np.mean(np.diff(starts)) == pytest.approx(by_arithmetic, rel=0.12)
    assert not bench.codes("REFILL_TIMEOUT")
    assert not bench.codes("FEEDER_LOW")
    assert not bench.codes("FEEDER_OVERFILL")
    assert not bench.codes("FLOW_DEVIATION")


def test_masses_reported_by_refills_are_what_was_refilled() -> None:
    bench = FeederBench(seeds=(4,)).run(3000)
    for i in (API, PREMIX, LACTOSE):
        reported = sum(event["mass_kg"] for _, event in bench.codes("MATERIAL_LOADED", i))
        assert reported == pytest.approx(bench.bank.refilled[0, i], rel=0.01)


def test_the_totaliser_goes_on_through_refills_within_one_percent() -> None:
    bench = FeederBench(seeds=range(8)).run(3000)
    dispensed = bench.fed[:, 1:5]
    assert np.abs(bench.loops.total / dispensed - 1.0).max() < 0.01


def test_a_blocked_refill_is_given_up_once_tried_again_after_a_minute_and_the_low_weight_alarmed() -> None:
    bench = FeederBench().run(100)
    bench.fault("refill_blocked", True, API)
    bench.run(1700)
    given_up = [second for second, _ in bench.codes("REFILL_TIMEOUT", API)]
    # 36 s of trying, 8 s of settling, 60 s of waiting
    assert np.diff(given_up[:4]).tolist() == [36 + 8 + 60] * 3
    low = bench.codes("FEEDER_LOW", API)
    assert [event["active"] for _, event in low] == [True]
    assert low[0][1]["net_weight_kg"] == pytest.approx(0.2, abs=0.002)
    assert bench.loops.mode[0, API] in (FeederMode.GRAVIMETRIC, FeederMode.REFILL, FeederMode.VOLUMETRIC)
    assert bench.codes("FLOW_DEVIATION", API)[0][1]["active"]
    assert bench.flow(1690, 1700, API) < 0.9
    assert bench.flow(1690, 1700, PREMIX) > 0.9
    bench.heal()
    bench.run(2100)
    assert [event["active"] for _, event in bench.codes("FEEDER_LOW", API)] == [True, False]
    assert [event["active"] for _, event in bench.codes("FLOW_DEVIATION", API)] == [True, False]
    assert bench.flow(2050, 2100, API) == pytest.approx(1.0, abs=0.03)


def test_while_a_refill_waits_the_feeder_goes_on_by_its_scale() -> None:
    bench = FeederBench().run(100)
    bench.fault("refill_blocked", True, API)
    modes: list[int] = []
    bench.run(1100, lambda _, b: modes.append(int(b.loops.mode[0, API])))
    late = modes[800:]
    assert late.count(FeederMode.GRAVIMETRIC) / len(late) == pytest.approx(60 / 104, abs=0.1)


def test_a_valve_that_does_not_close_overfills_to_the_high_high_weight_and_no_further() -> None:
    bench = FeederBench().run(100)
    bench.fault("refill_stuck_open", True, LACTOSE)
    weights: list[float] = []
    bench.run(1500, lambda _, b: weights.append(float(b.bank.mass[0, LACTOSE])))
    alarms = [event["active"] for _, event in bench.codes("FEEDER_OVERFILL", LACTOSE)]
    assert alarms[:4] == [True, False, True, False]
    assert max(weights) == pytest.approx(4.0 * 1.15, abs=0.11)
    assert len(alarms) < 14
    bench.heal()
    bench.run(2400)
    assert not bench.loops.receiver_off.any()


def test_a_hopper_holds_no_more_than_its_volume_when_the_scale_is_stuck() -> None:
    bench = FeederBench().run(700)
    bench.fault("scale_stuck", True, PREMIX)
    bench.fault("refill_stuck_open", True, PREMIX)
    bench.run(1000)
    assert bench.bank.volume[0, PREMIX] == pytest.approx(0.018, rel=0.02)


def test_flow_deviation_comes_once_after_fifteen_seconds_outside_and_goes_once() -> None:
    bench = FeederBench(seeds=(3,)).run(300)
    bench.fault("feeder_flow", 0.0, API)
    bench.run(330)
    bench.heal()
    bench.run(500)
    found = bench.codes("FLOW_DEVIATION")
    assert [(event["feeder"], event["active"]) for _, event in found] == [(1, True), (1, False)]
    assert 315 <= found[0][0] <= 319  # the slope is 10 s long: 10 % off after one or two seconds, then 15 s
    assert found[0][1]["setpoint_kg_per_h"] == 2.0
    assert found[0][1]["mass_flow_kg_per_h"] < 1.8


def test_a_refill_cut_short_by_a_stop_is_reported_with_what_it_brought() -> None:
    bench = FeederBench()
    while not bench.codes("REFILL_STARTED", API):
        bench.step()
    bench.run(bench.second + 5)
    bench.run_lines[:] = False
    bench.run(bench.second + 60)
    bench.run_lines[:] = True
    bench.run(bench.second + 60)
    loaded = [event["mass_kg"] for _, event in bench.codes("MATERIAL_LOADED", API)]
    assert not bench.codes("REFILL_COMPLETE", API)
    assert loaded == pytest.approx([6 * 0.4 / 12], rel=0.1)
    assert loaded == pytest.approx([bench.bank.refilled[0, API]], rel=0.02)


def test_stopped_feeders_deliver_nothing_and_alarm_nothing() -> None:
    bench = FeederBench().run(200)
    bench.run_lines[:] = False
    bench.run(205)
    before = len(bench.events)
    bench.run(400)
    assert np.sum(bench.flows[206:]) < 1e-6
    assert len(bench.events) == before
    assert (bench.loops.mode == FeederMode.STOPPED).all()
    assert (bench.loops.mass_flow == 0.0).all()


def test_the_lubricant_flow_is_not_measured_below_the_scale_by_a_creep_of_two_tenths_of_a_gram_an_hour() -> None:
    bench = FeederBench(seeds=range(30), flow_noise=0.0, feed_factor_drift=0.0).run(900)
    over = np.mean([bench.flow(500, 900, LUBRICANT, line) for line in range(30)]) - 1.0
    assert over == pytest.approx(0.2 / 250.0, abs=0.0012)


@pytest.mark.parametrize(("name", "factor"), [("vacuum", 0.5), ("refill_rate", 0.5), ("refill_rate", 0.2)])
def test_a_weak_refill_takes_longer_by_its_factor_or_is_given_up(name: str, factor: float) -> None:
    bench = FeederBench()
    if name == "vacuum":
        bench.bank.vacuum = np.full((1, 1), factor)
    else:
        bench.fault(name, factor, API)
    bench.run(900)
    started = bench.codes("REFILL_STARTED", API)[0][0]
    completed, given_up = bench.codes("REFILL_COMPLETE", API), bench.codes("REFILL_TIMEOUT", API)
    if factor == 0.5:
        brought, leaves = 0.4 / 12 * factor, bench.setpoint[0, API]
        assert completed[0][0] - started == pytest.approx(0.4 / (brought - leaves), abs=2)
        assert not given_up
    else:
        assert given_up[0][0] - started == 36
        loaded = bench.codes("MATERIAL_LOADED", API)[0][1]["mass_kg"]
        assert loaded == pytest.approx(36 * 0.4 / 12 * factor, rel=0.1)


def test_a_refill_that_packs_less_or_aerates_follows_its_effect() -> None:
    settling = []
    for factor in (1.0, -1.0, 4.0):
        bench = FeederBench(seeds=range(12), flow_noise=0.0, feed_factor_drift=0.0)
        for line in range(12):
            bench.fault("refill_bump", factor, API, line)
        bench.run(800)
        ends = [second for second, line, e in bench.events if e["code"] == "REFILL_COMPLETE" and e["feeder"] == 1]
        settling.append(np.mean([bench.flow(end, end + 8, API, i) for i, end in enumerate(sorted(ends))]))
    bump = 0.035 * np.mean(np.exp(-np.arange(8) / 15.0))
    assert settling[1] - settling[0] == pytest.approx(-2.0 * bump, abs=0.008)
    assert settling[2] - settling[0] == pytest.approx(3.0 * bump, abs=0.01)


def test_a_frozen_scale_alarms_and_the_screws_go_on_by_the_last_feed_factor() -> None:
    bench = FeederBench(seeds=(8,)).run(300)
    bench.fault("scale_stuck", True, LACTOSE)
    bench.run(500)
    assert [e["active"] for _, e in bench.codes("FLOW_DEVIATION", LACTOSE)] == [True]
    assert bench.flow(320, 500, LACTOSE) == pytest.approx(1.0, abs=0.02)
    assert bench.loops.mass_flow[0, LACTOSE] == pytest.approx(0.0, abs=1e-9)


def test_what_the_plc_tells_of_feeders_is_plain_data() -> None:
    bench = FeederBench().run(100)
    bench.fault("refill_stuck_open", True, PREMIX)
    bench.fault("refill_blocked", True, API)
    bench.run(900)
    codes = {event["code"] for _, _, event in bench.events}
    assert codes >= {"REFILL_STARTED", "REFILL_TIMEOUT", "MATERIAL_LOADED", "FEEDER_OVERFILL"}
    told = [event for _, _, event in bench.events]
    assert json.loads(json.dumps(told)) == told
