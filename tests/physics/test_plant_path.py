"""Blender, hopper and feed frame of both variants: books, limits, hold-up, residence times, and what faults do to them."""

from __future__ import annotations

import numpy as np
import pytest
import rtdpy

from plant_sim.extents import ACTIVE, API, COMPONENTS, LOT_SLOTS, LOTS_FROM, SHEAR, TOTAL, WATER
from plant_sim.parameters import Variant, draw_parameters
from plant_sim.units import transport
from plant_sim.units.feed_frame import FeedFrame
from plant_sim.units.transport import PlugFlow
from tests.path_bench import FLOW, IMPELLER, PADDLE, PathBench, moments, powder, quantile, settled, with_values
from tests.plant_bench import nominal

BOTH = pytest.mark.parametrize("variant", ["a", "b"])
#: Gap of the books over what was fed.
EXACT = 1e-12


@pytest.fixture(scope="module")
def pulses() -> dict[str, np.ndarray]:
    """Marker at (blender, hopper, feed-frame) exit of each variant at 25 kg/h, (2000, 3)."""
    names: tuple[Variant, Variant] = ("a", "b")
    return {variant: settled(variant).pulse() for variant in names}


# Books


@BOTH
def test_books_close_and_nothing_is_negative_through_a_wild_shift(variant: Variant) -> None:
    """Every column but shear: fed = held + pressed, from empty through stops, faults, lots and the end of material."""
    rng = np.random.default_rng(11)
    bench = PathBench(variant, [nominal()] * 3)
    faults = {
        200: {"hold_back": 0.5, "impeller_speed": 0.7},
        500: {"segregation": 0.3, "hopper_bridge": 0.1},
        700: {"hopper_bridge": 0.0, "paddle_speed": 0.4, "segregation": 0.5},
        800: {},
    }
    for k in range(1600):
        if k in faults:
            bench.fault(**faults[k])
        feeding = 0.0 if 400 <= k < 430 or k > 1100 else rng.uniform(0.0, 2.0, 3) * FLOW
        shares = rng.dirichlet((8, 56, 35, 1))
        feed = powder(feeding * np.ones(3), shares, slot=k // 300 % LOT_SLOTS)
        bench.impeller = np.full(3, 0.0 if 400 <= k < 430 else rng.uniform(2.0, 8.0))
        bench.step(feed, 0.0 if k < 150 or 400 <= k < 430 else rng.uniform(0.0, 2.0, 3) * FLOW)
        assert bench.lowest() >= 0.0
        assert bench.gap() < EXACT
    assert bench.pressed[:, TOTAL].min() > 1.0
    for material in (bench.held, bench.pressed):
        assert material[:, COMPONENTS].sum(axis=1) == pytest.approx(material[:, TOTAL], rel=1e-11)


@BOTH
def test_books_close_to_the_last_digit_in_steady_running(variant: Variant) -> None:
    bench = settled(variant)
    before = bench.held.copy()
    for _ in range(300):
        bench.step(powder(FLOW), bench.hold_level(FLOW))
    assert bench.gap() < EXACT
    others = [i for i in range(before.shape[1]) if i != SHEAR]
    assert np.abs(bench.held - before)[:, others].max() < 1e-6 * before[0, TOTAL]


@BOTH
def test_shear_is_speed_times_mixed_mass(variant: Variant) -> None:
    """A second adds impeller x powder in the blender's mixed part and paddle x powder in the feed frame's tanks."""
    bench = settled(variant)
    before = (bench.held + bench.pressed)[0, SHEAR]
    bench.step(powder(FLOW), FLOW)
    made = (bench.held + bench.pressed)[0, SHEAR] - before
    dead_blender, dead_frame = {"a": (6.0, 3.0), "b": (0.0, 8.0)}[variant]
    blender = bench.path.blender[0, TOTAL] * (1 - dead_blender * FLOW / 0.7)
    frame = bench.path.frame[0, TOTAL] - dead_frame * FLOW
    assert made == pytest.approx(IMPELLER * blender + PADDLE * frame, rel=0.01)


# Limits


@BOTH
def test_standstill_changes_nothing(variant: Variant) -> None:
    bench = settled(variant)
    bench.impeller, bench.paddle = np.zeros(1), np.zeros(1)
    bench.step(powder(0.0), 0.0)
    bench.step(powder(0.0), 0.0)
    before = [x.copy() for x in (bench.path.blender[:, :SHEAR], bench.path.hopper, bench.path.frame)]
    for _ in range(200):
        bench.step(powder(0.0), 0.0)
    after = (bench.path.blender[:, :SHEAR], bench.path.hopper, bench.path.frame)
    for old, new in zip(before, after):
        assert np.array_equal(old, new)
    assert not bench.path.frame_exit.any()


@BOTH
def test_fills_from_empty_in_the_order_of_the_units(variant: Variant) -> None:
    bench, first = PathBench(variant), {}
    for k in range(400):
        bench.step(powder(FLOW), 0.0)
        masses = (bench.path.blender, bench.path.hopper, bench.path.at_die)
        for name, material in zip(("blender", "hopper", "die"), masses):
            if material[0, TOTAL] > 0.0 and name not in first:
                first[name] = k
    assert 0 == first["blender"] < first["hopper"] < first["die"]
    assert bench.path.frame_level[0] == pytest.approx(1.0, abs=1e-9)  # and then it takes no more
    assert bench.path.frame[0, TOTAL] == pytest.approx(0.35 + 3 * FLOW, rel=1e-9)


@BOTH
def test_runs_empty_to_what_a_blender_keeps(variant: Variant) -> None:
    """A weir keeps its dead mass of 0.1 kg; the power law keeps nothing but empties as t^(-1.5)."""
    bench = settled(variant)
    for _ in range(4000):
        bench.step(powder(0.0), 1.0)
    assert bench.path.hopper[0, TOTAL] + bench.path.frame[0, TOTAL] < 1e-4
    left = bench.path.blender[0, TOTAL]
    if variant == "b":
        assert left == pytest.approx(0.1, abs=0.005)
    else:
        assert 0.0 < left < 0.01
    assert bench.lowest() >= 0.0


@BOTH
def test_a_change_of_throughput_reaches_the_exit_without_overshoot(variant: Variant) -> None:
    bench = settled(variant)
    new, flows = 20.0 / 3600.0, []
    for _ in range(900):
        bench.step(powder(new), bench.hold_level(new))
        flows.append(float(bench.path.blender_exit[0, TOTAL]))
    assert np.all(np.diff(flows) <= 1e-12)
    assert flows[-1] == pytest.approx(new, rel=1e-3)
    assert flows[0] > 0.99 * FLOW


@BOTH
def test_bridging_and_damp_powder_limit_the_discharge(variant: Variant) -> None:
    bench = settled(variant).fault(hopper_bridge=0.1)
    bench.step(powder(FLOW), FLOW)
    assert bench.path.hopper_exit[0, TOTAL] == pytest.approx(0.1 * 30e-3)  # 30 g/s without bridge
    bench.fault()
    damp, most = powder(FLOW), {}
    damp[:, WATER] = 0.06 * FLOW
    for name, feed in (("usual", powder(FLOW)), ("damp", damp)):
        for _ in range(900):
            bench.step(feed, bench.hold_level(FLOW))
        bench.step(feed, bench.path.at_die[0, TOTAL])
        most[name] = float(bench.path.hopper_exit[0, TOTAL])
    # k 6 for each kg/kg of water above 4 %: exp(-6 x 0.02)
    assert most["damp"] / most["usual"] == pytest.approx(np.exp(-0.12), rel=0.01)


# Hold-up


# M = M_ref (q/q_ref)^0.6 (N/N_ref)^-0.9; weir: d ln M/d ln q = (M - M0)/(p M) = 0.6/(1.4 x 0.7), speed 1.4 times that.
@pytest.mark.parametrize(("variant", "by_flow", "by_speed"), [("a", 0.6, -0.9), ("b", 0.6122, -0.8571)])
def test_hold_up_follows_flow_and_speed(variant: Variant, by_flow: float, by_speed: float) -> None:
    bench, step = PathBench(variant, [nominal()] * 5), 1.02
    bench.impeller = IMPELLER * np.array([1.0, 1.0, 1.0, step, 1 / step])
    flow = FLOW * np.array([1.0, step, 1 / step, 1.0, 1.0])
    for _ in range(1500):
        bench.step(powder(flow), flow)
    held = bench.path.blender[:, TOTAL]
    assert held[0] == pytest.approx(0.70, rel=1e-4)
    assert np.log(held[1] / held[2]) / np.log(step**2) == pytest.approx(by_flow, rel=0.01)
    assert np.log(held[3] / held[4]) / np.log(step**2) == pytest.approx(by_speed, rel=0.01)


@BOTH
def test_a_slipping_belt_fills_the_blender_and_loads_its_shaft_less_than_it_fills(variant: Variant) -> None:
    bench = settled(variant)
    before = bench.path.torque(bench.path.blender[:, TOTAL])[0]
    held = bench.path.blender[0, TOTAL]
    assert before == pytest.approx(8.0, rel=1e-3)
    bench.fault(impeller_speed=0.8).settle(900)
    ratio = bench.path.blender[0, TOTAL] / held
    assert bench.path.impeller[0] == pytest.approx(0.8 * IMPELLER)
    assert ratio == pytest.approx(0.8**-0.9 if variant == "a" else (0.1 + 0.6 / 0.8) / 0.7, rel=0.01)
    assert bench.path.torque(bench.path.blender[:, TOTAL])[0] / before == pytest.approx(ratio * np.sqrt(0.8), rel=1e-3)


# Residence times

# Computed for the reference line from its unit operations; mean and sigma of each unit, quantiles of the line [s].
UNITS = ((100.8, 54.7), (86.4, 21.6), (53.4, 41.1))


def test_residence_times_of_the_reference_line(pulses: dict[str, np.ndarray]) -> None:
    share = pulses["a"]
    seen = (0.0, 0.0)
    for i, (mean, sigma) in enumerate(UNITS):
        here = moments(share[:, i])
        assert here[0] - seen[0] == pytest.approx(mean, rel=0.02)
        assert np.sqrt(here[1] - seen[1]) == pytest.approx(sigma, rel=0.02)
        seen = here
    assert seen[0] == pytest.approx(241, rel=0.02)
    assert np.sqrt(seen[1]) == pytest.approx(72, rel=0.02)
    for level, seconds in ((0.01, 120), (0.05, 143), (0.5, 231), (0.95, 374), (0.99, 452)):
        assert quantile(share[:, 2], level) == pytest.approx(seconds, rel=0.02)


@pytest.mark.parametrize(("kg_per_h", "seconds"), [(18.0, 473), (20.0, 437), (27.0, 352)])
def test_t95_of_the_reference_line_at_other_throughputs(kg_per_h: float, seconds: float) -> None:
    share = PathBench("a").settle(1500, kg_per_h / 3600).pulse(1200, kg_per_h / 3600)
    assert quantile(share[:, 2], 0.95) == pytest.approx(seconds, rel=0.02)


def test_the_dispersive_blender_is_that_of_rtdpy() -> None:
    """Closed-closed dispersion by an outside program (rtdpy 0.6, Merck): distribution within 0.01, sigma within 3 %."""
    numbers, tau = (3.0, 4.0, 6.0, 10.0), 0.7 / FLOW
    bench = PathBench("b", [with_values("dispersion", peclet=peclet) for peclet in numbers]).settle(1200)
    shares = bench.markers(1200)
    for i, peclet in enumerate(numbers):
        other = rtdpy.AD_cc(tau=tau, peclet=peclet, dt=1.0, time_end=1200.0).exitage
        assert np.abs(np.cumsum(shares[:, i]) - np.cumsum(other[:1200])).max() < 0.01
        mean, variance = moments(shares[:, i])
        assert mean == pytest.approx(tau, rel=0.005)
        # Levenspiel, Chemical Reaction Engineering, ch. 13
        spread = 2 / peclet - 2 / peclet**2 * (1 - np.exp(-peclet))
        assert np.sqrt(variance) == pytest.approx(tau * np.sqrt(spread), rel=0.03)


def test_variant_b_holds_the_same_and_spreads_otherwise(pulses: dict[str, np.ndarray]) -> None:
    """Means are mass over flow whatever the structure (Little); funnel flow widens the hopper, one tank the frame."""
    share, seen = pulses["b"], (0.0, 0.0)
    core, wall, outlet = 0.3 / 0.5 * 86.4, 0.58 / 0.5 * 86.4, 0.12 * 86.4
    expected = (61.9, np.sqrt(((wall - core) / 2) ** 2 + outlet**2), 53.4 - 8.0)
    for i, (mean, _) in enumerate(UNITS):
        here = moments(share[:, i])
        assert here[0] - seen[0] == pytest.approx(mean, rel=0.005)
        assert np.sqrt(here[1] - seen[1]) == pytest.approx(expected[i], rel=0.02)
        seen = here


@BOTH
def test_hold_back_lengthens_the_tail_and_keeps_mean_and_mass(variant: Variant, pulses: dict[str, np.ndarray]) -> None:
    bench = settled(variant).fault(hold_back=0.3).settle(600)
    assert bench.path.blender[0, TOTAL] == pytest.approx(0.70, rel=1e-3)
    plug = 6.0 * FLOW if variant == "a" else 0.0
    assert bench.path.standing.total[0, TOTAL] == pytest.approx(0.3 * (0.7 - plug), rel=0.05)
    share, usual = bench.pulse(3000)[:, 0], pulses[variant][:, 0]
    assert quantile(share, 0.5) < 0.85 * quantile(usual, 0.5)
    assert quantile(share, 0.99) > 1.5 * quantile(usual, 0.99)
    assert moments(share)[0] == pytest.approx(0.7 / FLOW, rel=0.005)
    loaded = bench.path.torque(bench.path.blender[:, TOTAL])[0]
    assert loaded == pytest.approx(8.0 * (1 + bench.path.standing.total[0, TOTAL] / 0.7), rel=1e-3)
    bench.fault().settle(1000)
    assert not bench.path.standing.present
    assert not bench.path.standing.total.any()
    assert bench.gap() < EXACT


def test_faster_paddles_hold_less_and_stir_closer_to_one_tank() -> None:
    bench = settled("a")
    held = bench.path.frame[0, TOTAL] - 3 * FLOW
    bench.fault(paddle_speed=1.5).settle(400)
    assert (bench.path.frame[0, TOTAL] - 3 * FLOW) / held == pytest.approx(1.5**-0.1, rel=1e-6)
    assert bench.path.at_die[0, TOTAL] == pytest.approx(0.21 * 1.5**-0.3 * held * 1.5**-0.1, rel=1e-6)
    bench.paddle = np.zeros(1)
    for _ in range(20):
        bench.step(powder(0.0), 0.0)
    assert bench.path.frame[0, TOTAL] - 3 * FLOW == pytest.approx(held * 1.5**-0.1, rel=1e-6)  # standing: as it was


def test_paddle_laws_stay_in_their_range() -> None:
    bench = PathBench("a", [nominal()] * 3)
    frame: FeedFrame = bench.path._feed_frame
    frame.adjust(np.array([0.01, 1.0, 50.0]))
    assert np.all((frame.small > 0) & (frame.small <= 0.5 * frame.whole))
    assert np.all(np.diff(frame.whole) < 0)


# Segregation


@BOTH
def test_segregation_needs_a_moving_level(variant: Variant) -> None:
    bench = settled(variant).fault(segregation=0.2)
    for _ in range(300):
        bench.step(powder(FLOW), bench.hold_level(FLOW))
        assert bench.path.hopper_exit[0, API] / bench.path.hopper_exit[0, TOTAL] == pytest.approx(0.08, rel=1e-9)


@BOTH
def test_segregation_enriches_what_leaves_while_the_level_falls_and_loses_nothing(variant: Variant) -> None:
    bench, seen = settled(variant).fault(segregation=0.2), []
    for speed in (1.2, 1.0, 0.8, 1.0):  # a minute of fall or rise, then time for the hopper to renew itself
        share = []
        for _ in range(60 if speed != 1.0 else 400):
            bench.step(powder(FLOW), speed * FLOW)
            share.append(float(bench.path.hopper_exit[0, API] / bench.path.hopper_exit[0, TOTAL]) / 0.08 - 1.0)
        seen.append(float(np.mean(share[15:30] if speed != 1.0 else share[-20:])))
    # amplitude (0.01 + 0.2) x a fifth of the throughput, less what the outlet lacks until the plug has stocked it
    assert 0.75 * 0.042 < seen[0] < 0.042
    assert -0.042 < seen[2] < -0.75 * 0.042
    assert np.abs([seen[1], seen[3]]).max() < 1e-4
    assert bench.pressed[0, API] / bench.pressed[0, TOTAL] == pytest.approx(0.08, rel=2e-3)
    assert bench.pressed[0, ACTIVE] == pytest.approx(bench.pressed[0, API], rel=1e-9)
    assert bench.pressed[0, LOTS_FROM] == pytest.approx(bench.pressed[0, API], rel=1e-9)  # lots go with their component
    assert bench.gap() < EXACT


# Company and storage


def company(variant: Variant, chosen: list[int]) -> np.ndarray:
    """States and exits over a shift of lines that differ in plant, flow, speed and faults, (seconds, n, columns)."""
    plants = [draw_parameters(nominal(), 100 + i) for i in chosen]
    bench, which, rows = PathBench(variant, plants), np.array(chosen), []
    for k in range(400):
        if k == 150:
            bench.effects.hold_back[:] = 0.1 * (which % 3)
            bench.effects.segregation[:] = 0.2 * (which % 2)
            bench.effects.hopper_bridge[:] = np.where(which % 4 == 3, 0.1, 1.0)
            bench.effects.any_active = bool(which.any())  # line 0 has none
        bench.impeller = IMPELLER * (1.0 + 0.05 * which)
        flow = FLOW * (0.8 + 0.07 * which + 0.1 * np.sin(0.1 * k + which))
        bench.step(powder(flow * ((k + 13 * which) % 90 > 5)), np.where(k > 120, flow * 1.3, 0.0))
        path = bench.path
        rows.append(np.concatenate((path.blender, path.hopper, path.frame, path.blender_exit, path.frame_exit), axis=1))
    return np.array(rows)


@BOTH
def test_a_line_in_company_is_the_line_alone_bit_for_bit(variant: Variant) -> None:
    alone = {i: company(variant, [i]) for i in range(7)}
    for chosen in ([1, 0], [6, 5, 4, 3, 2, 1, 0]):
        together = company(variant, chosen)
        for column, i in enumerate(chosen):
            assert np.array_equal(together[:, column], alone[i][:, 0]), (chosen, i)


def test_a_long_plug_grows_and_then_merges_without_loss_or_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(lanes: list[int]) -> tuple[np.ndarray, PlugFlow]:
        plug, out = PlugFlow(len(lanes), places=16), []
        which = np.array(lanes)
        for k in range(700):
            flow = np.where((k + which) % (2 + which) > 0, 1e-3 * (1 + k % 5), 0.0)
            out.append(plug.pop(flow * 0.25 * (k > 50)))
            plug.push(powder(flow))
        out.append(plug.pop(plug.mass))
        return np.array(out), plug

    whole, plug = run([0, 1, 2])
    assert plug.mass.max() < 1e-12
    monkeypatch.setattr(transport, "PARCELS_MAX", 64)
    merged, plug = run([0, 1, 2])
    assert merged.sum(axis=0) == pytest.approx(whole.sum(axis=0), rel=1e-12)
    for i in range(3):
        assert np.array_equal(run([i])[0][:, 0], merged[:, i])
    assert max(plug.parcels(i).shape[0] for i in range(3)) <= 64
