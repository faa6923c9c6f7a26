"""Release's line: conservation, limits, holds, look-ahead. Agreement with formulas is in tests/agreement."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from rtr.genealogy.plug import CAPACITY, Plug
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer, energy_of_tanks, mix, run_tank
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


def test_a_plug_gives_back_what_it_got_later() -> None:
    plug, position, out = Plug(1), 0.0, []
    for t in range(40):
        plug.push(2.0, t, np.array([float(t == 10)]))
        target = max(position, plug.entered_kg - 7.0)
        out.append(2.0 * float(plug.passed(position, target)[0]) * (target - position) / 2.0)
        position = target
    assert sum(out) == pytest.approx(2.0)
    assert float(np.average(np.arange(40), weights=out)) == pytest.approx(13.5)  # 7 kg at 2 kg/s is 3.5 s


def test_a_plug_reads_stretches_as_one_by_one() -> None:
    plug, rng = Plug(3), np.random.default_rng(4)
    for t in range(60):
        plug.push(float(rng.uniform(0.1, 2.0)), t, rng.random(3))
    positions = np.sort(rng.uniform(0.0, plug.entered_kg, 20))
    one_by_one = [plug.passed(a, b) for a, b in pairwise(positions)]
    np.testing.assert_allclose(plug.between(positions), one_by_one, atol=1e-12)


def test_a_plug_forgets_the_oldest_and_keeps_the_rest() -> None:
    plug = Plug(1)
    for t in range(CAPACITY + 10):
        plug.push(1.0, t, np.array([float(t)]))
    assert plug.entered_kg == CAPACITY + 10
    assert plug.passed(CAPACITY + 8.0, CAPACITY + 9.0)[0] == CAPACITY + 8
    assert plug.steps[plug.entered_between(CAPACITY, CAPACITY + 2)].tolist() == [CAPACITY + 1, CAPACITY + 2]


def test_an_empty_plug_and_a_push_of_nothing() -> None:
    plug = Plug(2)
    plug.push(0.0, 0, np.ones(2))
    plug.push(float("nan"), 0, np.ones(2))
    assert plug.end == 0
    assert plug.between(np.array([0.0, 1.0, 2.0])).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert plug.passed(0.0, 1.0).tolist() == [0.0, 0.0]


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


def test_many_steps_at_once_equal_one_by_one() -> None:
    rng = np.random.default_rng(3)
    content, inflow, turnover = rng.random((3, 4)), rng.random((3, 30, 4)), np.array([0.05, 0.2, 0.7])
    single, state = [], content
    for k in range(30):
        state, out = mix(state, inflow[:, k], turnover[:, None])
        single.append(out)
    np.testing.assert_allclose(run_tank(content, inflow, turnover), np.stack(single, axis=1), atol=1e-13)


def test_steady_material_comes_out_as_it_went_in() -> None:
    line = full_line(3000, api=0.08)
    np.testing.assert_allclose(line.die[:, Tracer.API], 0.08, atol=1e-8)
    np.testing.assert_allclose(line.die[:, Tracer.KNOWN], 1.0, atol=1e-6)


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


def test_copies_bracket_the_nominal_line() -> None:
    line = full_line(1500, api=1.0)
    out = np.array([line.advance(1500 + k, RUN, material(0.0 if k < 30 else 1.0))[:, Tracer.API] for k in range(900)])
    centre = (1.0 - out).T @ np.arange(900) / (1.0 - out).sum(axis=0)
    assert centre[1] < centre[0] < centre[2]
    mean = centre[0] - 14.5
    assert centre[2] - centre[0] == pytest.approx(0.05 * mean, abs=1.5)


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
