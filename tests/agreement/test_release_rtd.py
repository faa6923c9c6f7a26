"""Two roads, one answer: release's stepped line against convolution with analytic residence times and against rtdpy."""

from __future__ import annotations

import numpy as np
import pytest
import rtdpy

from line.configuration import Geometry, Position
from rtr.genealogy.diversion import DiversionRule, Second
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer
from rtr.genealogy.roads import Flags, Roads
from tests.release_line import BLENDER, DOWNSTREAM, KG_PER_S, RECIPE, through

RUN = Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.6)


def response(line: Line, inlet: np.ndarray, flows: Flows = RUN, warm: int = 1500) -> np.ndarray:
    """API at the die (nominal copy) for an inlet series after a steady start at inlet[0]."""
    fed = np.zeros(N_TRACERS)
    fed[Tracer.KNOWN] = 1.0
    out = []
    for t in range(-warm, len(inlet)):
        fed[Tracer.API] = inlet[max(t, 0)]
        line.advance(t + warm, flows, fed)
        out.append(line.die[0, Tracer.API])
    return np.array(out[warm:])


def stirred(tau_s: float, n: int, dead_s: float) -> Line:
    """A line that is a dead time and n tanks only: hopper and feed frame next to nothing."""
    flow = KG_PER_S
    rtd = RECIPE.rtd.model_copy(
        update={
            "blender_hold_up_kg": (tau_s + dead_s) * flow, "blender_n_tanks": n, "blender_dead_time_s": dead_s,
            "feeder_lag_s": 0.0, "feed_frame_hold_up_kg": 1e-4, "feed_frame_dead_time_s": 0.0, "feed_frame_tank_split": 0.5,
        }
    )  # fmt: skip
    return Line(rtd, (tau_s + dead_s) * flow, 0.0)


def test_pulse_through_the_whole_line_against_convolution() -> None:
    line = Line(RECIPE.rtd.model_copy(update={"feeder_lag_s": 0.0}), 0.70, 0.60)
    inlet = np.where((np.arange(900) >= 10) & (np.arange(900) < 40), 0.0, 1.0)
    exact = through(through(inlet, BLENDER), DOWNSTREAM)
    found = response(line, inlet)
    np.testing.assert_allclose(found, exact, atol=1.5e-3)
    assert 1.0 - found.min() == pytest.approx(0.182, abs=0.002)  # 30 s of total stop: -18 %


@pytest.mark.parametrize(("d", "peak"), [(10, 2.6926813298), (30, 7.7566214), (60, 13.684486721), (120, 18.931528)])
def test_funnel_of_three_tanks(d: int, peak: float) -> None:
    # +20 % for d seconds through three tanks, mean 60 s: closed form, and rtdpy 0.6.1 (2.69268, 7.75662, 13.68449, 18.93153)
    inlet = np.where(np.arange(600) < d, 20.0, 0.0)
    inlet = np.concatenate([[0.0], inlet])
    flows = Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.0)
    assert response(stirred(60.0, 3, 0.0), inlet, flows).max() == pytest.approx(peak, rel=0.01)


def test_step_response_against_rtdpy() -> None:
    tanks = rtdpy.Ncstr(tau=60.0, n=3, dt=0.1, time_end=600.0)
    expected = np.interp(np.arange(400) + 0.5, tanks.time, tanks.stepresponse)
    inlet = np.concatenate([[0.0], np.ones(400)])
    found = response(stirred(60.0, 3, 0.0), inlet, Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.0))[1:]
    np.testing.assert_allclose(found, expected, atol=0.012)


def diverted_by_rule(predicted: np.ndarray, guard_s: float, limit: float) -> np.ndarray:
    """Seconds (of die filling) that the rule diverts for a predicted deviation, with an ideal gate and no doubt."""
    still = Position(mean_s=0.0, spread_s=0.0, source="ideal")
    geometry = Geometry(probe_from_blender_exit=still, ejection_from_die=still, gate_from_ejection=still, gate_switching=still)
    settings = RECIPE.diversion.model_copy(
        update={
            "rule": "prediction",
            "guard_s": guard_s,
            "start_up_confirm_s": 0.0,
            "divert_limit_pct": limit,
            "action_limit_pct": limit / 2,
        }
    )
    rule = DiversionRule(settings, geometry, 0.0)
    outside, n = np.abs(predicted) > limit, len(predicted)
    no, one = np.zeros(1, dtype=bool), np.ones(1)
    diverted = np.zeros(n, dtype=bool)
    roads = Roads(one * 100, one, one, one, one * 100, one, one, one * 0, np.full((1, 2), 100.0), one)
    for t in range(n):
        window = outside[t + 1 : t + 1 + rule.look_ahead(False)]
        ahead = np.concatenate([window, np.zeros(rule.look_ahead(False) - len(window), dtype=bool)])
        empty = np.zeros(rule.look_ahead(False), dtype=bool)
        now, then = Flags(outside[t : t + 1], no, no, no), Flags(ahead, empty, empty, empty)
        second = Second(t, now, then, roads, True, 0.0, True, 31, 0.6, True, False, False, True, True, True, 25.0)
        accept = rule.decide(second).accept
        if t + 1 < n:
            diverted[t + 1] = not accept  # the request of this second works in the next one
    return diverted


def excursion(dead_s: float, tau_s: float, n: int) -> np.ndarray:
    """+25 % for 40 s through dead time and tanks, by the closed form F(t) - F(t - d), at the middle of each second."""
    from scipy.stats import gamma

    t = np.arange(420) - 30.0 + 0.5 - dead_s
    return np.asarray(25.0 * (gamma.cdf(t, n, scale=tau_s / n) - gamma.cdf(t - 40.0, n, scale=tau_s / n)))


def test_published_example_of_the_prediction_rule() -> None:
    # +25 % for 40 s, dead time 15 s + 3 tanks of 60 s, limit 5 %: outside for 84.8 s; with 10 s of guard 104.8 s diverted
    true = excursion(15.0, 60.0, 3)
    assert true.max() == pytest.approx(12.49, abs=0.01)
    assert (np.abs(true) > 5.0).sum() == pytest.approx(84.8, abs=1.0)
    assert diverted_by_rule(true, 10.0, 5.0)[5:].sum() == pytest.approx(104.8, abs=2.0)


@pytest.mark.parametrize(
    ("model", "guard_s", "escaped_s"),
    [
        ((15.0, 60.0, 3), 0.0, 0.0), ((25.0, 60.0, 3), 0.0, 10.0), ((25.0, 60.0, 3), 10.0, 0.0),
        ((15.0, 48.0, 3), 0.0, 12.2), ((15.0, 48.0, 3), 10.0, 2.2), ((15.0, 48.0, 3), 20.0, 0.0),
        ((15.0, 72.0, 3), 0.0, 6.1), ((15.0, 72.0, 3), 10.0, 0.0), ((15.0, 60.0, 5), 0.0, 6.4),
        ((25.0, 72.0, 3), 0.0, 16.1), ((25.0, 72.0, 3), 10.0, 6.1), ((25.0, 72.0, 3), 20.0, 0.0),
    ],
)  # fmt: skip
def test_escapes_when_the_residence_time_is_wrong(model: tuple[float, float, int], guard_s: float, escaped_s: float) -> None:
    true, predicted = excursion(15.0, 60.0, 3), excursion(*model)
    escaped = (np.abs(true) > 5.0) & ~diverted_by_rule(predicted, guard_s, 5.0)
    assert escaped.sum() == pytest.approx(escaped_s, abs=2.0)
    if escaped_s == 0.0 and guard_s > 0.0:
        assert escaped.sum() == 0
