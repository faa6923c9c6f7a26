"""Feeders alone: what a revolution delivers, how drives, scales and screws behave, and that each effect acts where it says."""

from __future__ import annotations

import numpy as np
import pytest

from plant_sim.effects import FaultEffects
from plant_sim.extents import VOLUME
from plant_sim.units.feeder_hopper import LotProperties
from tests.feeder_bench import API, LACTOSE, LUBRICANT, PREMIX, STILL, FeederBench, bank, turn

RPM = 1.0 / 60.0

# feeder, fill [kg], g/rev by hand: ffmax (1 - (1 - ratio) exp(-beta m)), at full density
DELIVERY = [
    (API, 0.8, 1.02354), (API, 0.4, 0.95500), (PREMIX, 4.0, 4.58736), (PREMIX, 2.0, 4.50662), (LACTOSE, 4.0, 5.58470),
    (LUBRICANT, 0.5, 0.197013), (LUBRICANT, 0.2, 0.181928),
]  # fmt: skip


@pytest.mark.parametrize(("i_feeder", "fill_kg", "gram_a_rev"), DELIVERY)
def test_a_revolution_delivers_the_feed_factor_at_that_level(i_feeder: int, fill_kg: float, gram_a_rev: float) -> None:
    feeders = bank(**STILL, initial_fill=fill_kg)
    feeders.speed[:] = 6.0 * RPM
    turn(feeders, 6.0 * RPM)
    assert feeders.delivered[0, i_feeder] * 1e3 == pytest.approx(gram_a_rev / 10.0, rel=1e-5)


def test_the_feed_factor_falls_three_to_nine_percent_from_refill_complete_to_request() -> None:
    full, low = bank(**STILL, initial_fill=0.8), bank(**STILL, initial_fill=0.4)
    drop = 1.0 - turn(low, 0.5, 20)[0, 1] / turn(full, 0.5, 20)[0, 1]
    assert 0.03 <= drop <= 0.09


def test_a_lighter_lot_is_delivered_in_proportion_to_its_density() -> None:
    light, usual = bank(**STILL), bank(**STILL)
    light.load_lot(0, API, LotProperties(bulk_density=-0.033), 1)
    light.hopper.carried = light.hopper.supply.copy()
    for _ in range(10):
        turn(light, 0.5)
        turn(usual, 0.5)
    light.hopper.mass[:] = usual.hopper.mass[:] = 0.6
    assert turn(light, 0.5)[0, 1] / turn(usual, 0.5)[0, 1] == pytest.approx(1.0 - 0.033, abs=1e-12)


def test_starving_screws_deliver_less_and_less_but_never_stop_at_once() -> None:
    feeders = bank(**STILL, initial_fill=0.12)  # 0.08 kg is where API screws start to starve
    flow = np.array([turn(feeders, 1.0)[0, 1] for _ in range(900)])[5:]
    assert (np.diff(flow) <= 0).all()
    assert (flow > 0).all()
    assert flow[-1] < 1e-3 * flow[0]
    assert np.abs(np.diff(flow)).max() < 0.02 * flow[0]
    assert feeders.mass[0, API] >= 0.0


def test_at_half_the_low_level_three_quarters_are_delivered() -> None:
    feeders, fed_well = bank(**STILL, initial_fill=0.04), bank(**STILL, initial_fill=0.04, starving_level=0.001)
    for each in (feeders, fed_well):
        each.speed[:] = 0.001
        turn(each, 0.001)
    ratio = feeders.delivered[0, API] / fed_well.delivered[0, API]
    assert ratio == pytest.approx(0.5 * (2.0 - 0.5), abs=2e-3)


def test_a_drive_lags_half_a_second_is_limited_to_its_rate_and_brakes_at_once() -> None:
    feeders = bank(**STILL)
    turn(feeders, 60.0 * RPM)
    assert feeders.speed[0] == pytest.approx(20.0 * RPM)
    turn(feeders, 60.0 * RPM, 10)
    turn(feeders, 66.0 * RPM)
    assert feeders.speed[0] / RPM == pytest.approx(60.0 + 6.0 * (1.0 - np.exp(-1.0 / 0.5)), abs=1e-3)
    turn(feeders, 0.0)
    assert feeders.speed[0] / RPM == pytest.approx(66.0 * np.exp(-2.0), rel=0.02)


def test_torque_is_base_plus_load_and_a_jam_pulls_harder() -> None:
    feeders = bank(**STILL)
    assert (feeders.torque == 0.0).all()
    turn(feeders, 30.0 * RPM, 20)
    level = 1.0 - 0.25 * np.exp(-1.6 * feeders.mass[0, API])
    assert feeders.torque[0, API] == pytest.approx(0.35 * (0.4 + 0.6 * level), rel=1e-3)
    effects = FaultEffects(1)
    effects.screw_jam[0, API] = effects.any_active = True
    turn(feeders, 30.0 * RPM, 1, effects)
    assert feeders.torque[0, API] == pytest.approx(1.40)
    assert feeders.delivered[0, API] == 0.0
    assert feeders.delivered[0, PREMIX] > 0.0


def test_screws_lose_one_percent_in_two_hundred_hours_of_turning_and_nothing_standing() -> None:
    wear = bank().wear
    for _ in range(720):
        wear.turn(1000.0, np.array([[1.0, 0.0, 1.0, 1.0]]))
    assert wear.factor[0].tolist() == pytest.approx([0.99005, 1.0, 0.99005, 0.99005], abs=1e-5)


def test_an_old_plant_turns_its_screws_faster_for_the_same_flow() -> None:
    old, new = bank(**{**STILL, "screw_wear": 0.005 / 100 / 3600}, screw_age=600 * 3600.0), bank(**STILL)
    assert turn(old, 0.5, 12)[0, 1] / turn(new, 0.5, 12)[0, 1] == pytest.approx(np.exp(-0.03), rel=1e-3)


def test_flow_noise_has_the_size_and_memory_of_the_parameters() -> None:
    n, seconds = 32, 600
    feeders = bank(n, **{**STILL, "flow_noise": 0.025}, initial_fill=50.0)
    feeders.speed[:] = 1.0 * RPM
    chance, shut, none = np.random.default_rng(3), np.zeros((n, 4), np.bool_), FaultEffects(n)
    flow = []
    for _ in range(seconds):
        normals = chance.standard_normal((n, 3, 4))
        feeders.step(np.full((n, 4), 1.0 * RPM), shut, shut, none, normals)
        flow.append(feeders.delivered[:, API].copy())
    eta = np.array(flow)[50:] / np.mean(flow) - 1.0
    assert eta.std() == pytest.approx(0.025, rel=0.03)
    memory = (eta[1:] * eta[:-1]).mean() / (eta**2).mean()
    assert memory == pytest.approx(np.exp(-1.0 / 2.0), abs=0.02)


def test_drift_spreads_with_the_square_root_of_time() -> None:
    n = 64
    feeders = bank(n, **{**STILL, "feed_factor_drift": 0.005 / 60.0}, initial_fill=500.0)  # 0.5 %/h^0.5
    feeders.speed[:] = 1.0 * RPM
    chance, shut, none = np.random.default_rng(4), np.zeros((n, 4), np.bool_), FaultEffects(n)
    for _ in range(900):
        feeders.step(np.full((n, 4), 1.0 * RPM), shut, shut, none, chance.standard_normal((n, 3, 4)))
    spread = (feeders.delivered / feeders.delivered.mean(axis=0)).std()
    assert spread == pytest.approx(0.005 * np.sqrt(0.25), rel=0.12)


# effect, value, and the API's delivery after 30 s at 30 rpm over that without it
DELIVERY_EFFECTS = [
    ("feeder_flow", 0.3, 0.3), ("feed_factor", 0.88, 0.88), ("screw_jam", 1.0, 0.0), ("drive_limit", 0.1, 0.5),
    ("rat_hole", 0.5, (1 - 0.25 * np.exp(-1.6 * 0.392)) / (1 - 0.25 * np.exp(-1.6 * 0.784))),
    ("rat_hole", 0.95, 0.75 * (1 - 0.25 * np.exp(-1.6 * 0.04)) / (1 - 0.25 * np.exp(-1.6 * 0.8))),
    ("torque", 1.5, 1.0), ("scale_gain", 0.97, 1.0), ("flow_noise", 5.0, 1.0), ("supply_purity", 0.5, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), DELIVERY_EFFECTS)
def test_an_effect_on_delivery_acts_on_its_feeder_only(name: str, value: float, expected: float) -> None:
    effects, usual, hit = FaultEffects(1), bank(**STILL), bank(**STILL)
    getattr(effects, name)[0, API] = value
    effects.any_active = True
    seconds = 1 if value == 0.95 else 30
    for each in (usual, hit):
        each.speed[:] = 0.5
    without, with_it = turn(usual, 0.5, seconds)[0], turn(hit, 0.5, seconds, effects)[0]
    assert with_it[1] / without[1] == pytest.approx(expected, rel=0.03)
    assert np.array_equal(with_it[2:5], without[2:5])


def test_powder_that_stood_around_a_rat_hole_falls_in_when_the_fault_ends() -> None:
    effects, feeders = FaultEffects(1), bank(**STILL)
    effects.rat_hole[0, API], effects.any_active = 0.5, True
    turn(feeders, 0.5, 5, effects)
    stood = feeders.standing[0, API]
    turn(feeders, 0.5, 200, effects)
    assert feeders.standing[0, API] == stood == pytest.approx(0.4, rel=0.01)
    effects.clear(0)
    effects.any_active = False
    turn(feeders, 0.5, 1, effects)
    assert (feeders.standing == 0.0).all()


def test_a_slow_drive_lags_by_its_factor_and_a_power_dip_stops_all() -> None:
    effects, feeders = FaultEffects(1), bank(**STILL)
    effects.drive_slow[0, API], effects.any_active = 20.0, True
    feeders.speed[:] = 0.5
    turn(feeders, 0.6, 1, effects)
    assert feeders.speed[0, API] == pytest.approx(0.6 - 0.1 * np.exp(-1.0 / 10.0))
    effects.power_dip[0] = True
    turn(feeders, 0.6, 60, effects)
    assert feeders.speed[0].max() < 0.01
    assert feeders.torque[0, PREMIX] < 1e-6


def test_the_scale_says_what_is_in_the_hopper_within_its_noise() -> None:
    bench = FeederBench(seeds=range(40))
    error = []
    bench.run(300, lambda _, b: error.append(b.reading[:, API] - b.bank.mass[:, API]))
    assert np.std(error[100:]) == pytest.approx(0.1e-3 / np.sqrt(10.0), rel=0.05)
    assert np.mean(error[280:]) == pytest.approx(0.2e-3 / 3600 * 290, abs=3e-6)  # creep of 0.2 g/h


# effect on the scale, value, API reading less true mass after 100 s of delivery [kg]
SCALE_EFFECTS = [
    ("scale_gain", 0.97, +0.03 * 100), ("scale_sees", 0.9, +0.1 * 100), ("scale_drift_kg_per_s", 1e-5, 1e-5 * 100),
    ("scale_offset_kg", 0.5, 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "expected"), SCALE_EFFECTS)
def test_a_scale_effect_falsifies_the_reading_and_not_the_powder(name: str, value: float, expected: float) -> None:
    effects, feeders = FaultEffects(1), bank(**STILL)
    getattr(effects, name)[0, API] = value
    effects.any_active = True
    feeders.speed[:] = 0.5
    fed, reading = 0.0, np.zeros((1, 4))
    for _ in range(100):
        fed += turn(feeders, 0.5, 1, effects)[0, 1]
        reading = feeders.scale.read(np.zeros((1, 4)), effects)
    wanted = expected * fed / 100 if name in ("scale_gain", "scale_sees") else expected
    assert reading[0, API] - feeders.mass[0, API] == pytest.approx(wanted, rel=1e-9)
    assert reading[0, PREMIX] == pytest.approx(feeders.mass[0, PREMIX], abs=1e-12)


def test_pressure_pulses_are_half_waves_of_twenty_seconds() -> None:
    effects, feeders = FaultEffects(1), bank(**STILL)
    effects.scale_pulse_kg[0, API], effects.any_active = 0.02, True
    seen = []
    for _ in range(40):
        turn(feeders, 0.0, 1, effects)
        seen.append(feeders.scale.read(np.zeros((1, 4)), effects)[0, API] - feeders.mass[0, API])
    assert np.max(seen) == pytest.approx(0.02)
    assert np.sum(np.array(seen) > 1e-6) == 18
    assert seen[:20] == pytest.approx(seen[20:])


def test_a_stuck_scale_repeats_and_a_shaken_one_is_noisier() -> None:
    effects, feeders = FaultEffects(1), bank(flow_noise=0.0)
    effects.scale_stuck[0, API], effects.scale_noise[0, PREMIX], effects.any_active = True, 10.0, True
    chance = np.random.default_rng(5)
    seen = np.array([feeders.scale.read(chance.standard_normal((1, 4)), effects)[0] for _ in range(2000)])
    assert (seen[:, API] == seen[0, API]).all()
    assert seen[:, PREMIX].std() / seen[:, LACTOSE].std() == pytest.approx(10.0, rel=0.1)


def test_volume_is_mass_over_density() -> None:
    feeders = bank()
    assert feeders.volume[0] == pytest.approx(feeders.mass[0] / np.array([350.0, 360.0, 600.0, 200.0]))
    assert feeders.hopper.held(VOLUME)[0] == pytest.approx(feeders.volume[0])
