"""Raw-material lots through hopper and line: mass by hand, shares that sum to one, both questions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from line.errors import DataError
from rtr.genealogy.front import Reading
from rtr.genealogy.lot_queries import UNKNOWN, WAYS, Genealogy, made_of, went_to
from rtr.genealogy.material_lots import MIXED, PLUG, HopperLots, Load, LotFollower
from rtr.genealogy.propagation import N_TRACERS
from tests.release_line import BLENDER, DOWNSTREAM, KG_PER_S, RECIPE, through

FLOWS = [2.0 / 3600, 14.0 / 3600, 8.75 / 3600, 0.25 / 3600]


def test_both_limits_of_mixing_by_hand() -> None:
    """2 kg of A, then 2 kg of B: mixed, 1 kg holds half of each; as a plug, all A, and B only after 2 kg."""
    hopper = HopperLots(2)
    hopper.load(0, 2.0)
    hopper.load(1, 2.0)
    shares = hopper.deliver(1.0)
    assert shares[MIXED].tolist() == [0.5, 0.5]
    assert shares[PLUG].tolist() == [1.0, 0.0]
    assert hopper.deliver(1.5)[PLUG] == pytest.approx([1.0 / 1.5, 0.5 / 1.5])
    hopper.load(0, 1.5)  # mixed: 1.5 kg half B, then 1.5 kg of A
    assert hopper.deliver(0.1)[MIXED] == pytest.approx([0.75, 0.25])
    assert hopper.deliver(10.0)[PLUG].sum() == pytest.approx(1.0)
    assert hopper.deliver(0.1).sum(axis=1) == pytest.approx([1.0, 1.0])  # empty: as before
    assert HopperLots(2).deliver(0.1).sum() == 0.0


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 3.0), st.floats(0.0, 3.0)), min_size=1, max_size=40))
@settings(max_examples=50)
def test_what_a_hopper_delivers_is_shared_out_whole(plan: list[tuple[int, float, float]]) -> None:
    hopper, loaded = HopperLots(3), False
    for lot, kg_in, kg_out in plan:
        hopper.load(lot, kg_in)
        loaded = loaded or kg_in > 1e-6
        shares = hopper.deliver(kg_out)
        assert shares.min() >= -1e-12
        if loaded and kg_out > 0:
            np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-9)


def reading() -> Reading:
    return Reading(np.zeros(N_TRACERS), KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.6, 225.0, 1.0, False)


def test_a_new_lot_reaches_the_dies_by_the_textbook_residence_times() -> None:
    """Feeder 1 changes at second 300, its hopper empty by then: the share follows the convolution of tests/release_line."""
    loads = [Load(1, "A", 300 * FLOWS[0], 0, 0), Load(1, "B", 9.0, 300, 300)]
    loads += [Load(f, name, 99.0, 0, 0) for f, name in ((2, "P"), (3, "L"), (4, "M"))]
    lots = ["A", "B", "P", "L", "M"]
    follower = LotFollower(RECIPE, lots, loads, (0.70, 0.60))
    shares = np.array([follower.follow(t, reading(), FLOWS, 1) for t in range(1, 1400)]).astype(np.float64)
    fed = np.where(np.arange(1, 1400) >= 300, FLOWS[0] / KG_PER_S, 0.0)
    expected = through(through(fed, BLENDER), DOWNSTREAM)
    # the scale's flow is 5 s old: release's blender takes that off its dead time
    late = np.interp(np.arange(1, 1400), np.arange(1, 1400) - 5.0, expected)
    found = shares[:, :16, 1].mean(axis=1)
    assert np.abs(found - late).max() < 0.02 * FLOWS[0] / KG_PER_S + 1e-3 * 0.08
    assert shares[-1].sum(axis=1) == pytest.approx(np.ones(32), abs=1e-3)
    assert (shares.sum(axis=2) <= 1.0 + 1e-6).all()


def genealogy(shares: np.ndarray, mass: float = 225.0) -> Genealogy:
    """Parcels of 30 tablets with shares (n, K) of lot A; the rest is B."""
    n = len(shares)
    both = np.stack([shares, 1.0 - shares], axis=2).astype(np.float32)
    ends = 30 * np.arange(1, n + 1)
    ways = np.tile([28, 0, 1, 1], (n, 1))
    return Genealogy(("A", "B"), (1, 2), ends - 30, ends, np.full(n, mass), np.full(n, 1.0), ways, both)


def test_backward_is_weighted_by_tablets_and_sums_to_one() -> None:
    found = made_of(genealogy(np.array([[0.1, 0.3], [0.5, 0.5]])), 16, 45)
    assert [s.lot for s in found] == ["A", "B", UNKNOWN]
    assert [s.share for s in found] == pytest.approx([0.35, 0.65, 0.0], abs=1e-6)
    assert found[0].uncertainty == pytest.approx(0.05, abs=1e-6)  # hypotheses say 0.3 and 0.4
    assert found[0].mg_per_tablet == pytest.approx(0.35 * 225.0, abs=1e-3)
    assert sum(s.share for s in found) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(DataError, match=r"100\.\.200"):
        made_of(genealogy(np.array([[0.1, 0.3]])), 100, 200)


def test_forward_gives_kilograms_probability_and_stretches() -> None:
    """Lot A at 0.5 mg a tablet of 225 mg (1 % spread), at 0.4 and 0.6 by the two hypotheses of the third parcel."""
    share = np.array([[0.0, 0.0], [0.5, 0.5], [0.4, 0.6], [0.0, 0.0], [0.6, 0.6]]) / 225.0
    found = went_to(genealogy(share), "A", 0.5, 0.05)
    assert found.kg["accepted"][0] == pytest.approx(28e-6 * (0.5 + 0.5 + 0.6), rel=1e-5)
    assert found.kg["accepted"][1] == pytest.approx(28e-6 * 0.1, rel=1e-4)
    assert set(found.kg) == set(WAYS)
    assert [(s.counter_from, s.counter_to) for s in found.stretches] == [(31, 90), (121, 150)]
    assert found.stretches[0].tablets == {"accepted": 56, "diverted": 0, "rejected": 2, "sampled": 2}
    assert found.stretches[1].probability_max == pytest.approx(float(stats.norm.cdf(0.1 / 0.006)))
    assert found.tablets_above["accepted"] == pytest.approx(28 * (0.5 + 0.5 + 1.0), rel=1e-3)
    assert went_to(genealogy(share), "A", 5.0, 0.05).stretches == ()
    with pytest.raises(DataError, match="There are A, B"):
        went_to(genealogy(share), "C", 0.5, 0.05)


def test_a_tablet_of_unknown_mass_holds_nothing_that_could_be_told() -> None:
    found = went_to(genealogy(np.array([[0.5, 0.5]]), math.nan), "A", 0.1, 0.05)
    assert found.kg["accepted"] == (0.0, 0.0) and found.stretches == ()
