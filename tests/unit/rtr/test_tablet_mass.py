"""The weight map: formula, loss of signals, the frozen rule against tester samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtr.genealogy.tablet_mass import MapState, TabletMass, mass_from_force
from tests.release_line import RECIPE, TextbookLine, snapshot

MAP = RECIPE.weight_map
NOMINAL = TextbookLine(lambda t: 0.08, 1)._start() | {"Press/MainForceMean": 6.2}


def test_gains_are_the_registered_ones() -> None:
    assert mass_from_force(MAP, 6.2, 3.373, 51.4) == pytest.approx(225.0)
    # 1 % of mass moves the force by 4.1 %: process description, d ln F / d ln W
    assert mass_from_force(MAP, 6.2 * 1.01**4.1, 3.373, 51.4) == pytest.approx(225.0 * 1.01)
    # holding force, +0.02 mm of height adds 0.58 % of mass
    assert mass_from_force(MAP, 6.2, 3.393, 40.0) / 225.0 - 1.0 == pytest.approx(0.0058, abs=1e-4)


@pytest.mark.parametrize(
    ("force", "height", "speed"),
    [(0.0, 3.4, 50.0), (-1.0, 3.4, 50.0), (6.2, 0.0, 50.0), (math.nan, 3.4, 50.0), (6.2, math.nan, 50.0), (6.2, 3.4, 0.0)],
)
def test_no_mass_without_force_height_or_speed(force: float, height: float, speed: float) -> None:
    assert math.isnan(mass_from_force(MAP, force, height, speed))


def test_speed_counts_where_the_map_has_a_gain() -> None:
    """gain_speed -0.05: at the same force 1.5 times the speed takes 1 - 1.5^-0.05 = 2.01 % off; its reading must be good."""
    fast = TabletMass(MAP.model_copy(update={"gain_speed": -0.05}))
    force = np.full(36, 6.2)
    row = snapshot(0, {**NOMINAL, "Press/TurretSpeed": 1.5 * MAP.speed_rpm}, arrays={"Press/StationForce": (force, 0, 0)})
    masses = fast.stations(row)
    assert fast.read(row) / 225.0 == pytest.approx(1.0 - 0.0201, abs=5e-5)
    assert masses is not None and masses[0] / 225.0 == pytest.approx(1.0 - 0.0201, abs=5e-5)
    blind = snapshot(0, {**NOMINAL, "Press/TurretSpeed": math.nan})
    assert math.isnan(TabletMass(fast.map).read(blind))
    assert TabletMass(MAP).read(blind) == pytest.approx(225.0)


def test_a_lost_force_is_held_for_two_seconds() -> None:
    mass = TabletMass(MAP)
    mass.read(snapshot(0, NOMINAL))
    lost = {**NOMINAL, "Press/MainForceMean": math.nan}
    found = [mass.read(snapshot(t, lost)) for t in range(1, 4)]
    assert found[:2] == [pytest.approx(225.0)] * 2 and math.isnan(found[2])


@pytest.mark.parametrize(
    ("sample_mg", "state", "doubt"),
    [
        (225.0, MapState.VALID, 0.0), (228.3, MapState.VALID, 0.0), (221.0, MapState.WIDENED, 1.78),
        (231.7, MapState.WIDENED, 2.98), (232.0, MapState.INVALID, 0.0), (217.0, MapState.INVALID, 0.0),
    ],
)  # fmt: skip
def test_frozen_rule(sample_mg: float, state: MapState, doubt: float) -> None:
    mass = TabletMass(MAP)
    mass.check((1, 10, 19, sample_mg), 225.0)
    assert mass.state is state
    assert mass.doubt_pct == pytest.approx(doubt, abs=0.01)


def test_a_later_sample_inside_makes_the_map_valid_again_and_the_map_never_moves() -> None:
    mass = TabletMass(MAP)
    mass.check((1, 10, 19, 200.0), 225.0)
    mass.check((2, 20, 29, 225.0), 225.0)
    assert mass.state is MapState.VALID
    assert mass.read(snapshot(0, NOMINAL)) == pytest.approx(225.0)
    assert mass.check((3, 1, 2, math.nan), 225.0) is None
    assert mass.check((3, 1, 2, 225.0), math.nan) is None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_small_gaps_in_one_direction_make_the_map_invalid_for_the_lot(sign: float) -> None:
    """Gaps of 1.4 % are each VALID; less the allowance of 1.0 they pass 5.0 % in the thirteenth sample (13 x 0.4 = 5.2)."""
    mass = TabletMass(MAP)
    checks = [mass.check((i, 10 * i, 10 * i + 9, 225.0 * (1.0 + 0.014 * sign)), 225.0) for i in range(13)]
    assert [c.state for c in checks if c] == [MapState.VALID] * 12 + [MapState.INVALID]
    assert checks[-1] is not None and checks[-1].cusum_pct == pytest.approx(5.2)
    for i in range(13, 30):
        mass.check((i, 10 * i, 10 * i + 9, 225.0 * (1.0 - 0.004 * sign)), 225.0)
    assert mass.state is MapState.INVALID


def test_gaps_that_change_direction_add_up_to_nothing() -> None:
    mass = TabletMass(MAP)
    for i in range(40):
        mass.check((i, 10 * i, 10 * i + 9, 225.0 * (1.0 + 0.014 * (-1) ** i)), 225.0)
    assert mass.state is MapState.VALID and max(mass.cusum_pct) < 0.7


def test_each_tester_sample_counts_once() -> None:
    mass = TabletMass(MAP)
    row = {**NOMINAL, "Tester/SampleId": 3.0, "Tester/CounterFrom": 5.0, "Tester/CounterTo": 9.0, "Tester/WeightMean": 224.0}
    assert mass.new_sample(snapshot(0, NOMINAL)) is None
    assert mass.new_sample(snapshot(1, row)) == (3, 5, 9, 224.0)
    assert mass.new_sample(snapshot(2, row)) is None


def test_single_tablets_by_station() -> None:
    mass = TabletMass(MAP)
    force = np.full(36, 6.2)
    force[4] *= 1.02**4.1
    masses = mass.stations(snapshot(0, NOMINAL, arrays={"Press/StationForce": (force, 0, 0)}))
    assert masses is not None
    assert masses[4] == pytest.approx(225.0 * 1.02, rel=1e-5)
    assert masses[5] == pytest.approx(225.0, rel=1e-5)
    assert mass.stations(snapshot(0, NOMINAL)) is None
    bad = np.where(np.arange(36) == 3, math.nan, 6.2)
    assert mass.stations(snapshot(0, NOMINAL, arrays={"Press/StationForce": (bad, 0, 0)})) is None
