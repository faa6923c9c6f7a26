"""The risk rule: probabilities against Monte Carlo, the posterior against its exact solution, the gate against tablets."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from line.records import PlannedDiversion
from rtr.genealogy.diversion import DiversionRule, Reach, reach_of
from rtr.genealogy.draws import residence_draws
from rtr.genealogy.guard import guard_times
from rtr.genealogy.posterior import Discrepancy
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer
from rtr.genealogy.risk import Masses, Risk, risk_of, risk_outside
from rtr.genealogy.roads import Roads
from rtr.genealogy.window import Windows, pulse_responses
from tests.release_line import BLENDER, DOWNSTREAM, FINE, KG_PER_S, LINE, RECIPE, joined

RISK = RECIPE.model_copy(update={"diversion": RECIPE.diversion.model_copy(update={"rule": "risk"})})
ONE = np.ones(1)


def roads(posterior: np.ndarray, noise: float) -> Roads:
    mean = posterior.mean(axis=-1)
    return Roads(mean, 1 + 0 * mean, 1 + 0 * mean, 1 + 0 * mean, mean, 1 + 0 * mean, 1 + 0 * mean, 0 * mean, posterior,
                 noise + 0 * mean)  # fmt: skip


def test_risk_against_monte_carlo() -> None:
    posterior, n = np.array([[88.0, 89.5, 91.0, 92.5]]), 400_000
    found = risk_of(roads(posterior, 0.8), Masses(np.array([-1.0]), np.array([0.5]), np.array([1.0])), RISK)
    rng = np.random.default_rng(11)
    potency = rng.choice(posterior[0], n) * 0.99
    mean = potency + rng.uniform(-1.5, 1.5, n) + 0.8 * rng.standard_normal(n)  # recipe's bias 1.0 and the map's 0.5
    unit = mean + math.sqrt(RISK.uniformity.residual_variance_pct2 + 1.0) * rng.standard_normal(n)
    assert found.parcel[0] == pytest.approx(((mean < 90) | (mean > 110)).mean(), abs=0.003)
    assert found.tablet[0] == pytest.approx(((unit < 85) | (unit > 115)).mean(), rel=0.04)


@given(st.lists(st.floats(60.0, 140.0), min_size=4, max_size=4), st.floats(0.0, 3.0), st.floats(60.0, 140.0))
def test_the_risk_rule_diverts_at_least_the_filed_window(draws: list[float], noise: float, filed: float) -> None:
    risk = risk_of(roads(np.array([draws]), noise), Masses(0 * ONE, 0 * ONE, ONE), RISK)
    diverted = bool(risk_outside(risk, np.array([filed]), RISK.diversion)[0])
    assert diverted or abs(filed - 100.0) <= RISK.diversion.divert_limit_pct
    assert diverted or risk.tablet[0] <= RISK.diversion.risk_tablet_max


def test_no_risk_is_outside_no_evidence_is_no_excursion_and_an_unknown_mass_is_on_target() -> None:
    nothing = Risk(np.array([math.nan]), np.array([math.nan]))
    assert risk_outside(nothing, np.array([100.0]), RISK.diversion)[0]
    assert not risk_outside(nothing, np.array([math.nan]), RISK.diversion)[0]
    unknown = risk_of(roads(np.full((1, 4), 100.0), 1.0), Masses(*[np.array([math.nan])] * 3), RISK)
    assert unknown.tablet[0] < 1e-9


def test_more_doubt_is_more_risk() -> None:
    posterior = np.array([[92.0] * 4])
    masses = Masses(0 * ONE, 0 * ONE, ONE)
    small, large = (risk_of(roads(posterior, noise), masses, RISK) for noise in (0.3, 1.5))
    assert large.parcel[0] > small.parcel[0] and large.tablet[0] > small.tablet[0]


def test_the_posterior_is_the_exact_smoother_of_a_local_level() -> None:
    # y_j = d_j + e_j, d a random walk: minimise sum (y - d)^2 / r + sum (d_j - d_(j-1))^2 / q, q / r = g^2 / (1 - g)
    gain, n, rng = 0.5, 26, np.random.default_rng(8)
    line = Line(RECIPE.rtd, 0.70, 0.60)
    both = Discrepancy(line, gain, 5)
    material, flows = np.zeros(N_TRACERS), Flows(0.6 * KG_PER_S, 0.0, 250.0 / 60.0, 0.6)
    material[[Tracer.API, Tracer.KNOWN, Tracer.POSTERIOR]] = 0.08, 1.0, 0.08
    line.blender[..., line.columns.every(Tracer.KNOWN)] = 1.0
    for tracer in (Tracer.API, Tracer.POSTERIOR):
        line.blender[..., line.columns.every(tracer)] = 0.08
    seen, steps = 0.08 + np.cumsum(0.002 * rng.standard_normal(n)) + 0.001 * rng.standard_normal(n), range(60, 60 + 5 * n, 5)
    for t in range(steps[-1] + 1):
        line.advance(t, flows, material)
        both.carry(t, line)
        if t in steps:
            both.learn(0, t, float(seen[steps.index(t)]), line)
    ratio = gain**2 / (1.0 - gain)
    difference = np.diff(np.eye(n), axis=0)
    exact = 0.08 + np.linalg.solve(np.eye(n) + difference.T @ difference / ratio, seen - 0.08)
    found = [line.hopper.values[line.hopper.entered_between(t - 1, t).start, 0, Tracer.POSTERIOR] for t in steps]
    # at the ends the exact solution knows no past and the frozen gain assumes a long one
    np.testing.assert_allclose(found[10:], exact[10:], atol=3e-5)


def test_draws_are_the_same_bits_and_follow_the_standard_error() -> None:
    twice = [residence_draws(RECIPE.rtd) for _ in range(2)]
    np.testing.assert_array_equal(*twice)
    none = residence_draws(RECIPE.rtd.model_copy(update={"relative_standard_error": 0.0}))
    assert (none == 1.0).all()


def test_reach_covers_every_tablet_that_a_request_can_meet() -> None:
    geometry, reach = LINE.geometry, reach_of(RISK.diversion, LINE.geometry)
    spread = math.hypot(geometry.ejection_from_die.spread_s, geometry.gate_from_ejection.spread_s)
    mean = geometry.ejection_from_die.mean_s + geometry.gate_from_ejection.mean_s
    met = set()
    for z in np.linspace(-2.576, 2.576, 201):
        for flap_z in (-2.576, 2.576):
            flap = geometry.gate_switching.mean_s + flap_z * geometry.gate_switching.spread_s
            # a request of second 0 holds from 0 + flap to 1 + flap; a tablet of second m was pressed within m - 1 .. m
            met |= {math.floor(at - (mean + z * spread)) + 1 for at in np.linspace(flap, 1.0 + flap, 101)[:-1]}
    assert reach == Reach(before_s=max(met), after_s=-min(met))
    assert reach.after_s < reach_of(RISK.diversion.model_copy(update={"rule": "prediction"}), geometry).after_s


def test_planned_diversions_are_announced() -> None:
    from tests.tables.test_gate_table import CLEAR, flags, second

    rule = DiversionRule(RISK.diversion, LINE.geometry, LINE.t95_slowest_s)
    quiet = second(10, CLEAR)
    rule.decide(quiet)
    assert rule.planned(quiet) is None
    coming = replace(quiet, step=11, ahead=flags(False, False, False, False, 21))
    coming.ahead.outside[7:12] = True
    rule.decide(coming)
    assert rule.planned(coming) == PlannedDiversion(19 - rule.reach.before_s, 23 + rule.reach.after_s, False)
    open_end = replace(quiet, step=20, now=flags(True, False, False, False, 1), ahead=flags(True, False, False, False, 21))
    rule.decide(open_end)
    assert rule.planned(open_end) == PlannedDiversion(20, 41 + rule.reach.after_s, True)


def test_pulse_responses_and_windows_against_convolution() -> None:
    rtd = RECIPE.rtd.model_copy(update={"feeder_lag_s": 0.0, "throughput_min_kg_per_h": 25.0, "throughput_max_kg_per_h": 25.0})
    for place, kernel in (("feeders", joined(BLENDER, DOWNSTREAM)), ("probe", DOWNSTREAM)):
        exact = kernel[: 900 * FINE].reshape(-1, FINE).sum(axis=1)
        found = pulse_responses(rtd, np.array([25.0]), place, np.ones((1, 3)))[0, 0, :900]
        np.testing.assert_allclose(np.cumsum(found), np.cumsum(exact), atol=0.012)
        low, high = (float(q[0]) for q in Windows(rtd, 0.005, 1)._quantiles[place])
        assert low == pytest.approx(np.searchsorted(np.cumsum(exact), 0.005), abs=2)
        assert high == pytest.approx(np.searchsorted(np.cumsum(exact), 0.995), abs=6)


def test_windows_wait_while_the_press_stands() -> None:
    windows, no, yes = Windows(RECIPE.rtd, 0.005, 1), np.zeros(1, bool), np.ones(1, bool)
    windows.see(np.array([KG_PER_S]), yes, no, yes)
    first = int(windows.booked[:, 0].argmax())
    for _ in range(30):
        windows.see(np.zeros(1), no, no, no)
    assert int(windows.booked[:, 0].argmax()) == first
    for _ in range(first):
        windows.see(np.array([KG_PER_S]), no, no, yes)
    assert windows.booked[0, 0]


def test_guard_times_follow_the_throughput_and_the_place() -> None:
    guards = {(g.place, g.throughput_kg_per_h): g for g in guard_times(RECIPE, 32)}
    for place in ("feeders", "probe"):
        slow, fast = guards[place, 18.0], guards[place, 27.0]
        assert slow.before_s > fast.before_s
    assert guards["probe", 18.0].before_s < guards["feeders", 18.0].before_s
    # the blender's and the feed frame's hold-ups move the front by no more than they move the mean time, and by some of it
    frame_s, blender_s = 0.05 * 0.35 / (18.0 / 3600.0), 0.05 * 0.70 * (18.0 / 25.0) ** 0.6 / (18.0 / 3600.0)
    assert (
        2.326 * 0.3 * frame_s
        < guards["probe", 18.0].before_s
        < guards["feeders", 18.0].before_s
        < 2.326 * 2 * (blender_s + frame_s)
    )
