"""Whatever flows and leaves: plugs, tanks and whole paths keep every column, never go negative, and stay in order."""

from __future__ import annotations

from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_sim.extents import N_EXTENTS, TOTAL
from plant_sim.units.transport import PlugFlow, mix, mixing
from tests.path_bench import PathBench, powder

#: Masses from nothing over dust to a shovel [kg].
MASS = st.sampled_from([0.0, 1e-13, 1e-9, 1e-3, 7e-3, 0.5]) | st.floats(0.0, 0.02)
ONES = st.lists(MASS, min_size=3, max_size=3)
#: Multiples of 25 kg/h, 250 rpm and 60 rpm.
FACTOR = st.sampled_from([0.0, 1.0]) | st.floats(0.0, 3.0)
FAULTS = st.fixed_dictionaries(
    {
        "hold_back": st.floats(0.0, 1.0),
        "hopper_bridge": st.floats(0.0, 1.0),
        "segregation": st.floats(0.0, 1.0),
        "impeller_speed": st.floats(0.0, 1.0),
        "paddle_speed": st.floats(0.0, 2.0),
    }
)
LEG = st.tuples(st.integers(1, 40), FACTOR, FACTOR, FACTOR, FACTOR, st.none() | FAULTS)


def parcel(kg: list[float], age: int) -> np.ndarray:
    """Material (3, N_EXTENTS) whose lot tells its age and whose last column is zero."""
    material = powder(np.array(kg), slot=age % 4)
    material[:, -1] = 0.0
    return material


class SlowPlug:
    """The same with one parcel at a time: the definition."""

    def __init__(self) -> None:
        self.parcels: deque[np.ndarray] = deque()

    def pop(self, wanted: float) -> np.ndarray:
        out = np.zeros(N_EXTENTS)
        while wanted > 0.0 and self.parcels:
            oldest = self.parcels.popleft()
            if wanted < oldest[TOTAL]:
                part = oldest * (wanted / oldest[TOTAL])
                self.parcels.appendleft(oldest - part)
                return out + part
            out += oldest
            wanted -= oldest[TOTAL]
        return out

    def push(self, material: np.ndarray) -> None:
        if material[TOTAL] > 0.0:
            self.parcels.append(material)


@given(seconds=st.lists(st.tuples(ONES, ONES), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_plug_is_first_in_first_out_and_keeps_everything(seconds: list[tuple[list[float], list[float]]]) -> None:
    plug, slow = PlugFlow(3, places=16), [SlowPlug() for _ in range(3)]
    fed, got = np.zeros((3, N_EXTENTS)), np.zeros((3, N_EXTENTS))
    for age, (pushed, wanted) in enumerate(seconds):
        out = plug.pop(np.array(wanted))
        expected = np.array([lane.pop(kg) for lane, kg in zip(slow, wanted)])
        assert np.abs(out - expected).max() <= 1e-11
        assert out.min() >= 0.0
        assert plug.held.min() >= 0.0
        material = parcel(pushed, age)
        plug.push(material)
        for lane, row in zip(slow, material):
            lane.push(row)
        fed, got = fed + material, got + out
        assert np.abs(fed - got - plug.held).max() <= 1e-12 * max(fed.max(), 1.0)
        for i in range(3):
            assert np.abs(plug.parcels(i).sum(axis=0) - plug.held[i]).max() <= 1e-12


@given(held=ONES, comes=ONES, share=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_a_tank_keeps_everything_and_lets_out_what_it_is_told(
    held: list[float], comes: list[float], share: list[float]
) -> None:
    tank, inflow = parcel(held, 0), parcel(comes, 1)
    out_kg = tank[:, TOTAL] * np.array(share)
    after, out = mix(tank, inflow, out_kg)
    assert np.abs(out[:, TOTAL] - out_kg).max() <= 1e-15
    assert np.abs(tank + inflow - after - out).max() <= 1e-15
    assert min(after.min(), out.min()) >= 0.0
    old, new = mixing(tank[:, TOTAL], inflow[:, TOTAL], out_kg)
    assert 0.0 <= min(old.min(), new.min()) <= max(old.max(), new.max()) <= 1.0


@given(a=st.floats(1e-6, 0.5))
def test_the_mixing_law_is_close_to_the_exact_exponential(a: float) -> None:
    """Steady mass, clean inflow: exp(-a) stays; the [2/1] Pade approximant is off by a^4 / 72."""
    old, _ = mixing(np.ones(1), np.full(1, a), np.full(1, a))
    assert abs((1.0 - old[0]) - np.exp(-a)) <= a**4 / 60.0 + 1e-15


@given(legs=st.lists(LEG, min_size=1, max_size=6), variant=st.sampled_from(["a", "b"]))
@settings(max_examples=25, deadline=None)
def test_a_path_keeps_everything_whatever_it_is_told(
    legs: list[tuple[int, float, float, float, float, dict | None]], variant
) -> None:
    bench = PathBench(variant)
    for seconds, feed, press, impeller, paddle, faults in legs:
        bench.fault(**(faults or {}))
        bench.impeller, bench.paddle = np.full(1, 250 / 60 * impeller), np.full(1, paddle)
        for _ in range(seconds):
            bench.step(powder(25 / 3600 * feed), 25 / 3600 * press)
            assert bench.lowest() >= 0.0
            assert bench.gap() < 1e-12
    assert np.isfinite(bench.held).all()
