"""Release's line: conservation, limits, holds, look-ahead. Agreement with formulas is in tests/agreement."""

from __future__ import annotations

import numpy as np
import pytest

from rtr.genealogy.plug import CAPACITY, Plug
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer, energy_of_tanks, mix
from tests.release_line import KG_PER_S, RECIPE

RUN = Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.6)
STAND = Flows(0.0, 0.0, 0.0, 0.6, held=True)


def full_line(seconds: int = 1500, api: float = 1.0) -> Line:
    line = Line(RECIPE.rtd, 0.70, 0.60)
    for t in range(seconds):
        line.advance(t, RUN, material(api))
    return line


def material(api: float) -> np.ndarray:
    values = np.zeros(N_TRACERS)
    values[[Tracer.API, Tracer.WEIGHED, Tracer.KNOWN]] = api, 1.0, 1.0
    return values


def plug_of(n_stored: int, n_lines: int = 1) -> Plug:
    """One copy a line that reads everything stored."""
    return Plug(n_lines, n_stored, np.zeros(n_stored, dtype=np.int64), np.arange(n_stored))


def test_a_plug_gives_back_what_it_got_later() -> None:
    plug, out = plug_of(1), []
    for t in range(40):
        plug.push(np.array([2.0]), t, np.array([[float(t == 10)]]))
        before = plug.position
        passed = plug.move_to(np.maximum(before, plug.entered_kg[:, None] - 7.0))
        out.append(float((passed * (plug.position - before))[0, 0]))
    assert sum(out) == pytest.approx(2.0)
    assert float(np.average(np.arange(40), weights=out)) == pytest.approx(13.5)  # 7 kg at 2 kg/s is 3.5 s


def test_a_plug_reads_stretches_as_its_slugs_say() -> None:
    plug, rng = plug_of(3), np.random.default_rng(4)
    masses, values = rng.uniform(0.1, 2.0, 60), rng.random((60, 3))
    for t in range(60):
        plug.push(masses[t : t + 1], t, values[t : t + 1])
    edges = np.concatenate([[0.0], np.cumsum(masses)])
    content = np.vstack([np.zeros(3), np.cumsum(masses[:, None] * values, axis=0)])
    stops = np.arange(1, 26) * 2.1
    cumulative = np.column_stack([np.interp([0.0, *stops], edges, column) for column in content.T])
    np.testing.assert_allclose(plug.ahead(np.array([2.1]), 25)[:, 0], np.diff(cumulative, axis=0) / 2.1, atol=1e-12)
    moved = [plug.move_to(np.array([[stop]]))[0] for stop in stops]
    np.testing.assert_allclose(moved, np.diff(cumulative, axis=0) / 2.1, atol=1e-12)
    np.testing.assert_array_equal(plug.move_to(plug.position)[0], values[np.searchsorted(edges, stops[-1], "right") - 1])


def test_a_plug_forgets_the_oldest_and_keeps_the_rest() -> None:
    plug = plug_of(1)
    for t in range(CAPACITY + 10):
        plug.push(np.ones(1), t, np.array([[float(t)]]))
    assert plug.entered_kg[0] == CAPACITY + 10
    plug.move_to(np.array([[CAPACITY + 8.0]]))
    assert plug.move_to(np.array([[CAPACITY + 9.0]]))[0, 0] == CAPACITY + 8
    assert plug.steps[plug.entered_between(CAPACITY, CAPACITY + 2)].tolist() == [CAPACITY + 1, CAPACITY + 2]


def test_an_empty_plug_and_a_push_of_nothing() -> None:
    plug = plug_of(2)
    plug.push(np.zeros(1), 0, np.ones((1, 2)))
    plug.push(np.array([np.nan]), 0, np.ones((1, 2)))
    assert plug.end == 0
    assert plug.ahead(np.ones(1), 2).tolist() == [[[0.0, 0.0]], [[0.0, 0.0]]]
    assert plug.move_to(np.ones((1, 1))).tolist() == [[0.0, 0.0]]


def test_what_lies_beyond_the_newest_slug_counts_as_it() -> None:
    plug = plug_of(1, n_lines=2)
    plug.push(np.array([1.0, 4.0]), 0, np.array([[1.0], [5.0]]))
    plug.push(np.array([1.0, 0.0]), 1, np.array([[3.0], [7.0]]))
    assert plug.ahead(np.array([4.0, 4.0]), 1)[0, :, 0] == pytest.approx([(1.0 + 3.0 * 3.0) / 4.0, 5.0])


def test_a_tank_conserves_and_stays_between_its_neighbours() -> None:
    content, inflow, turnover = np.array([[0.2, 1.0]]), np.array([[0.8, 0.0]]), 0.3
    after, out = mix(content, inflow, turnover)
    np.testing.assert_allclose(after - content, turnover * (inflow - out), atol=1e-15)
    assert ((out > np.minimum(content, inflow)) & (out < np.maximum(content, inflow))).all()


@pytest.mark.parametrize("turnover", [0.0, 1e-12, 1e3])
def test_a_tank_at_its_limits(turnover: float) -> None:
    after, out = mix(np.array([0.2]), np.array([0.8]), turnover)
    expected = 0.8 if turnover > 1 else 0.2
    assert after[0] == pytest.approx(expected, abs=1e-9)
    assert out[0] == pytest.approx(0.2 + 0.6 * (1.0 - 1.0 / turnover) if turnover > 1 else 0.2, abs=1e-9)


def test_lines_in_company_are_the_same_to_the_last_bit() -> None:
    rng, alone = np.random.default_rng(3), [Line(RECIPE.rtd, 0.70, 0.60) for _ in range(3)]
    together = Line(RECIPE.rtd, np.full(3, 0.70), np.full(3, 0.60))
    for t in range(400):
        feed, press = KG_PER_S * rng.uniform(0.7, 1.1, (2, 3)) * (rng.random((2, 3)) > 0.1)
        fed = rng.random((3, N_TRACERS))
        together.advance(t, Flows(feed, press, 250.0 / 60.0, np.full(3, 0.6), press == 0.0), fed)
        for i, line in enumerate(alone):
            line.advance(t, Flows(feed[i], press[i], 250.0 / 60.0, 0.6, bool(press[i] == 0.0)), fed[i])
    ahead = together.look_ahead(10, np.full(3, KG_PER_S))
    for i, line in enumerate(alone):
        np.testing.assert_array_equal(together.die[i], line.die[0])
        np.testing.assert_allclose(ahead[:, i], line.look_ahead(10, KG_PER_S)[:, 0], atol=1e-12)


def test_steady_material_comes_out_as_it_went_in() -> None:
    line = full_line(3000, api=0.08)
    np.testing.assert_allclose(line.die[:, Tracer.API], 0.08, atol=1e-8)
    np.testing.assert_allclose(line.die[:, line.columns.every(Tracer.KNOWN)], 1.0, atol=1e-6)


def test_what_was_in_the_line_before_is_not_known() -> None:
    line = Line(RECIPE.rtd, 0.70, 0.60)
    line.advance(0, RUN, material(0.08))
    assert line.die[:, Tracer.KNOWN].max() == 0.0


def test_an_empty_line_knows_its_first_tablets() -> None:
    line = Line(RECIPE.rtd, 0.0, 0.0)
    level = 0.0
    for t in range(200):
        level = min(0.6, level + 0.003)
        line.advance(t, Flows(KG_PER_S, 0.0, 250.0 / 60.0, level), material(0.08))
    line.advance(200, Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, level), material(0.08))
    assert line.die[0, Tracer.API] / line.die[0, Tracer.KNOWN] == pytest.approx(0.08)
    assert line.die[0, Tracer.KNOWN] == pytest.approx(1.0)


def test_look_ahead_is_what_then_happens() -> None:
    line, rng = full_line(), np.random.default_rng(5)
    for t in range(400):
        line.advance(1500 + t, RUN, rng.random(N_TRACERS))
    ahead = line.look_ahead(25, KG_PER_S)
    happened = np.array([line.advance(1900 + k, RUN, rng.random(N_TRACERS)) for k in range(25)])
    np.testing.assert_allclose(ahead, happened, atol=1e-12)


def test_a_hold_moves_nothing_and_is_remembered() -> None:
    line = full_line(1200, api=0.08)
    before = line.die.copy()
    for t in range(160):
        held = line.advance(1200 + t, STAND, material(0.0))
    np.testing.assert_allclose(held[:, Tracer.API], before[:, Tracer.API])
    after = line.advance(1400, RUN, material(0.08))
    assert after[0, Tracer.HELD_S] == pytest.approx(160.0, abs=0.5)
    assert line.look_ahead(5, 0.0)[0, 0, Tracer.API] == pytest.approx(0.08)


def test_draws_scatter_about_the_nominal_line_by_the_standard_error() -> None:
    line = full_line(1500, api=1.0)
    api = line.columns.every(Tracer.API)
    out = np.array([line.advance(1500 + k, RUN, material(0.0 if k < 30 else 1.0))[0, api] for k in range(900)])
    mean = (1.0 - out).T @ np.arange(900) / (1.0 - out).sum(axis=0) - 14.5
    # mean times at 25 kg/h: blender 95.8 s after the feeders' lag, feed frame 53.4; a hopper's plug share moves no mean
    expected = mean[0] + (line.draws - 1.0) @ np.array([95.8, 0.0, 53.4])
    np.testing.assert_allclose(mean[1:], expected, atol=1.0)
    assert mean[1:].mean() == pytest.approx(mean[0], abs=0.3)
    assert (line.draws - 1.0).std(axis=0) == pytest.approx([0.05] * 3, rel=1e-6)


def test_throughput_and_impeller_move_the_blender_as_registered() -> None:
    for flow, speed in ((22.0, 250.0), (25.0, 300.0)):
        line = Line(RECIPE.rtd, 0.70, 0.60)
        flows = Flows(flow / 3600.0, flow / 3600.0, speed / 60.0, 0.6)
        for t in range(3000):
            line.advance(t, flows, material(0.08))
        expected = 0.70 * (flow / 25.0) ** 0.6 * (speed / 250.0) ** -0.9
        assert line.blender_kg == pytest.approx(expected, rel=1e-4)


def test_energy_of_tanks() -> None:
    # one tank: integral of (e^-t/tau / tau)^2 = 1 / (2 tau); three equal tanks of mean 90: Gamma(5) / (Gamma(3)^2 2^5 tau)
    assert energy_of_tanks(np.array([20.0])) == pytest.approx(1 / 40.0, rel=1e-6)
    assert energy_of_tanks(np.array([30.0, 30.0, 30.0])) == pytest.approx(24.0 / (4.0 * 32.0 * 30.0), rel=1e-2)
    t = np.arange(0.0, 2000.0, 0.01)
    h = (np.exp(-t / 40.0) - np.exp(-t / 10.0)) / 30.0
    assert energy_of_tanks(np.array([40.0, 10.0])) == pytest.approx(float((h**2).sum() * 0.01), rel=1e-3)
