"""Whatever is refilled and delivered in any order, a hopper loses nothing, makes nothing and never goes negative."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_sim.extents import API, LOT_SLOTS, LOTS_FROM, N_EXTENTS, N_FEEDERS, TOTAL, Vector
from plant_sim.units.feeder_hopper import LotProperties
from tests.feeder_bench import bank

Second = tuple[list[float], list[float], tuple[int, LotProperties, int] | None]
deviation = st.floats(-0.3, 0.3)
lot = st.builds(
    LotProperties, bulk_density=deviation, compressibility=deviation, particle_size=deviation, purity=deviation,
    moisture=st.none() | st.floats(0.0, 0.2),
)  # fmt: skip
#: What happens in a second: a share delivered of each hopper, kg refilled into each, and perhaps a new lot in one feeder.
second = st.tuples(
    st.lists(st.just(0.0) | st.floats(0.0, 1.0), min_size=4, max_size=4),
    st.lists(st.just(0.0) | st.floats(0.0, 2.0), min_size=4, max_size=4),
    st.none() | st.tuples(st.integers(0, 3), lot, st.integers(0, LOT_SLOTS - 1)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(second, min_size=1, max_size=25))
def test_a_hopper_keeps_its_books(
    seconds: list[Second],
) -> None:
    hopper = bank().hopper

    def held() -> Vector:
        return (hopper.mass[..., None] * hopper.carried).sum(axis=1)[0]

    put, got = held(), np.zeros(N_EXTENTS)
    for shares, added, load in seconds:
        if load is not None:
            hopper.load(0, *load)
        got += hopper.deliver(hopper.mass * np.array([shares]))[0]
        put += (hopper.supply[0] * np.array(added)[:, None]).sum(axis=0)
        hopper.receive(np.array([added]))
        assert (hopper.mass >= 0.0).all()
        assert (hopper.carried >= 0.0).all()
        assert np.isfinite(hopper.carried).all()
    assert np.abs(put - got - held()).max() <= 1e-12 * put.max()
    slots = got[LOTS_FROM:].reshape(N_FEEDERS, LOT_SLOTS).sum(axis=1)
    assert np.abs(slots - got[API : API + N_FEEDERS]).max() <= 1e-12 * max(got[TOTAL], 1.0)
