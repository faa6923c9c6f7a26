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
    assert mass_from_force(MAP, 6.2, 3.373) == pytest.approx(225.0)
    # 1 % of mass moves the force by 4.1 %: process description, d ln F / d ln W
    assert mass_from_force(MAP, 6.2 * 1.01**4.1, 3.373) == pytest.approx(225.0 * 1.01)
    # holding force, +0.02 mm of height adds 0.58 % of mass
    assert mass_from_force(MAP, 6.2, 3.393) / 225.0 - 1.0 == pytest.approx(0.0058, abs=1e-4)


@pytest.mark.parametrize(("force", "height"), [(0.0, 3.4), (-1.0, 3.4), (6.2, 0.0), (math.nan, 3.4), (6.2, math.nan)])
def test_no_mass_without_force_or_height(force: float, height: float) -> None:
    assert math.isnan(mass_from_force(MAP, force, height))


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
