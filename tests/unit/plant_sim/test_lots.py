"""Raw-material lots: what they are like, where they go, how they are counted."""

from __future__ import annotations

import numpy as np
import pytest

from line.configuration import LotLoad
from plant_sim.extents import ACTIVE, API, LOT_SLOTS, LOTS_FROM, N_FEEDERS, TOTAL, VOLUME, WATER, YIELD
from plant_sim.lots import LotProperties, LotSpread, certificate, draw_lot, lot_properties
from tests.feeder_bench import API as API_FEEDER
from tests.feeder_bench import STILL, FeederBench, bank

SPREAD = LotSpread(0.033, 0.04, 0.05, 0.005, 0.08, 0.045)
LOTS = tuple(
    LotLoad(at_s=450 * k, feeder=2, lot=f"MCC-{k}", bulk_density_pct=-3.3, compressibility_pct=4.0, moisture_w_w=5.5)
    for k in range(8)
)


def test_a_lot_is_known_by_its_name_and_the_plants_seed() -> None:
    assert draw_lot("MCC-7", 3, SPREAD) == draw_lot("MCC-7", 3, SPREAD)
    assert draw_lot("MCC-7", 3, SPREAD) != draw_lot("MCC-8", 3, SPREAD)
    assert draw_lot("MCC-7", 3, SPREAD) != draw_lot("MCC-7", 4, SPREAD)


def test_drawn_lots_spread_as_asked_and_stay_within_two_sigma() -> None:
    lots = [draw_lot(f"L{i}", 1, SPREAD) for i in range(4000)]
    cut = 0.9594  # standard deviation of a normal whose values beyond 2 sigma are set to 2 sigma
    for name, sigma in (("bulk_density", 0.033), ("compressibility", 0.04), ("particle_size", 0.05), ("purity", 0.005)):
        values = np.array([getattr(lot, name) for lot in lots])
        assert values.std() == pytest.approx(sigma * cut, rel=0.04)
        assert abs(values.mean()) < 3 * sigma / np.sqrt(4000)
        assert np.abs(values).max() == pytest.approx(2 * sigma)
    moisture = np.array([lot.moisture for lot in lots])
    assert moisture.mean() == pytest.approx(0.045, rel=0.005)
    assert moisture.std() == pytest.approx(0.045 * 0.08 * cut, rel=0.04)


def test_what_is_given_wins_over_the_draw_and_nothing_given_is_the_reference() -> None:
    plain = LotLoad(at_s=0, feeder=1, lot="A")
    assert lot_properties(plain, 1, SPREAD) == LotProperties()
    drawn = LotLoad(at_s=0, feeder=1, lot="A", properties="drawn")
    given = LotLoad(at_s=0, feeder=1, lot="A", properties="drawn", purity_pct=-1.5, moisture_w_w=0.2)
    assert lot_properties(drawn, 1, SPREAD) == draw_lot("A", 1, SPREAD)
    mixed = lot_properties(given, 1, SPREAD)
    assert (mixed.purity, mixed.moisture) == (-0.015, 0.002)
    assert mixed.bulk_density == draw_lot("A", 1, SPREAD).bulk_density


def test_a_certificate_states_what_is_known_of_a_lot_and_no_density() -> None:
    assert certificate(LotLoad(at_s=0, feeder=1, lot="A", bulk_density_pct=-3.0), LotProperties(bulk_density=-0.03)) == {}
    load = LotLoad(at_s=0, feeder=1, lot="A", properties="drawn")
    stated = certificate(load, LotProperties(0.01, 0.02, 0.0333, -0.00123, 0.0447))
    assert stated == {"purity_pct": -0.12, "particle_size_pct": 3.3, "moisture_w_w": 4.47}


def test_a_refill_mixes_the_new_lot_in_by_mass() -> None:
    feeders = bank(**STILL)
    feeders.hopper.mass[0, API_FEEDER] = 0.4
    feeders.load_lot(0, API_FEEDER, LotProperties(-0.05, 0.08, 0.2, -0.02, 0.01), 1)
    usual_water = feeders.hopper.moisture[0, API_FEEDER]
    feeders.hopper.receive(np.array([[0.4, 0.0, 0.0, 0.0]]))
    carried = feeders.hopper.carried[0, API_FEEDER]
    assert carried[ACTIVE] == pytest.approx(0.5 + 0.5 * 0.98 * (1 - 0.01) / (1 - usual_water))
    assert carried[WATER] == pytest.approx(0.5 * usual_water + 0.5 * 0.01)
    assert carried[YIELD] == pytest.approx(0.5 * 1.0 + 0.5 * 1.08)
    assert carried[VOLUME] == pytest.approx(0.5 / 350 + 0.5 / (350 * 0.95))
    assert feeders.hopper.size[0, API_FEEDER] == pytest.approx(1.1)
    assert carried[LOTS_FROM : LOTS_FROM + 2] == pytest.approx([0.5, 0.5])
    assert feeders.hopper.mass[0, API_FEEDER] == pytest.approx(0.8)


def test_the_reference_carries_factor_one_and_its_store_moisture_from_the_first_fill_on() -> None:
    bench = FeederBench().run(5)
    blend = bench.blends[-1][0]
    assert blend[YIELD] == pytest.approx(blend[TOTAL], rel=1e-15)
    content = blend[WATER] / blend[TOTAL]
    by_parts = (bench.bank.hopper.moisture[0] * blend[1:5]).sum() / blend[TOTAL]
    assert content == pytest.approx(by_parts, rel=1e-12)
    assert 0.02 < content < 0.04  # a blend with 56 % of microcrystalline cellulose


def test_lots_of_a_component_add_up_to_it_through_eight_lots_in_four_slots() -> None:
    bench = FeederBench(lots=[LOTS]).run(4000)
    assert "MCC-6" in bench.lots.slots[0][1]
    for blend in (bench.blends[0][0], bench.blends[2500][0], bench.blends[-1][0]):
        slots = blend[LOTS_FROM:].reshape(N_FEEDERS, LOT_SLOTS).sum(axis=1)
        assert slots == pytest.approx(blend[API : API + N_FEEDERS], rel=1e-12)
        assert blend[API : API + N_FEEDERS].sum() == pytest.approx(blend[TOTAL], rel=1e-12)


def test_nothing_a_lot_carries_is_lost_between_supply_and_blender() -> None:
    purity = LotLoad(at_s=100, feeder=1, lot="API-2", purity_pct=-2.0, moisture_w_w=0.4)
    bench = FeederBench(lots=[(purity, *LOTS)])
    start = {c: bench.bank.hopper.held(c) for c in (TOTAL, ACTIVE, WATER, YIELD, VOLUME)}
    got = {c: np.zeros((1, 4)) for c in start}
    while bench.second < 3000:
        supply, before = bench.bank.hopper.supply.copy(), bench.bank.refilled.copy()
        bench.step()
        if bench.loops.started.any():
            supply = bench.bank.hopper.supply.copy()
        for column in got:
            got[column] += (bench.bank.refilled - before) * supply[..., column]
    for column, held in start.items():
        left = (held + got[column] - bench.bank.hopper.held(column)).sum()
        assert bench.fed[0, column] == pytest.approx(left, rel=1e-11)


def test_slots_are_taken_in_turn_and_a_known_lot_keeps_its_own() -> None:
    names = ("B", "C", "B", "D", "E", "F")
    loads = [LotLoad(at_s=0, feeder=1, lot=name) for name in names]
    bench = FeederBench()
    slots = [bench.lots._slot(0, API_FEEDER, load.lot) for load in loads]
    assert slots == [1, 2, 1, 3, 0, 1]
    assert bench.lots.slots[0][API_FEEDER] == ["E", "F", "C", "D"]


def test_a_loading_names_lot_and_certificate_and_the_new_lot_is_counted_in_its_slot() -> None:
    load = LotLoad(at_s=100, feeder=1, lot="API-2", purity_pct=-1.0, bulk_density_pct=2.0)
    bench = FeederBench(lots=[(load,)]).run(1000)
    loaded = [event for _, event in bench.codes("MATERIAL_LOADED", API_FEEDER)]
    assert loaded[0]["lot"] == "API-2"
    assert loaded[0]["purity_pct"] == -1.0
    assert "bulk_density_pct" not in loaded[0]
    column = bench.lots.column[0, API_FEEDER]
    assert column == LOTS_FROM + 1
    carried = bench.bank.hopper.carried[0, API_FEEDER]
    assert carried[column] == pytest.approx(0.43 / 0.83, abs=0.01)  # 0.4 kg in 12 s, and what left meanwhile


def test_a_fault_of_the_supply_leaves_the_certificate_and_changes_the_material() -> None:
    bench = FeederBench().run(100)
    bench.fault("supply_purity", 0.9, API_FEEDER)
    bench.run(1000)
    assert "purity_pct" not in bench.codes("MATERIAL_LOADED", API_FEEDER)[0][1]
    carried = bench.bank.hopper.carried[0, API_FEEDER]
    assert carried[ACTIVE] == pytest.approx(0.95, abs=0.003)
    assert carried[TOTAL] == 1.0


def test_finer_powder_feeds_a_little_less_and_noisier_by_the_stated_exponents() -> None:
    fine, usual = bank(), bank()
    fine.hopper.size[0, API_FEEDER] = 0.5
    fine._bring_up_to_date()
    ratio = fine._fullness / usual._fullness
    assert ratio[0].tolist() == pytest.approx([0.5**0.1, 1.0, 1.0, 1.0])
    assert (fine._random / usual._random)[0, 0].tolist() == pytest.approx([0.5**-0.7, 1.0, 1.0, 1.0])


def test_powder_takes_up_water_towards_its_balance() -> None:
    feeders = bank()
    before = feeders.hopper.held(WATER)
    feeders.hopper.exchange_water(np.full((1, 4), 0.06), np.full((1, 1), 0.25))
    assert feeders.hopper.held(WATER) == pytest.approx(before + 0.25 * (0.06 * feeders.mass - before))
    assert feeders.hopper.held(TOTAL) == pytest.approx(feeders.mass)
