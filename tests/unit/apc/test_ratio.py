"""Ratio control: the others follow what a scale sees; every move is one that the line may be given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apc.control.problem import Problem, Reading
from apc.control.ratio import FLOWS, RatioControl
from apc.control.reach import limit_words, reachable
from flowsheet.layout import INPUTS, N_FEEDERS, N_U
from line.errors import SolverError
from line.tuning import RatioTuning
from tests.control_parts import parts
from tests.control_parts import problem as reference

FRACTIONS = np.array([0.08, 0.56, 0.35, 0.01])
REFERENCE = reference(4)
UNIT = 25.0 * FRACTIONS


def problem(**changes: Any) -> Problem:
    """The problem at the reference point with some of its fields replaced."""
    return replace(REFERENCE, **changes)


def control(filter_s: float = 0.0, dead_band_pct: float = 0.0) -> RatioControl:
    tuning = RatioTuning(flow_filter_s=filter_s, dead_band_pct=dead_band_pct)
    return RatioControl(parts().objective, UNIT, tuning, 4)


def free(**changes: Any) -> Problem:
    """A problem in which no rate is in the way."""
    return problem(**{"rate": np.full(N_U, 1.0), "flow_rate": 1.0, **changes})


def flows(relative: Any) -> dict[str, Reading]:
    return {name: Reading(float(v)) for name, v in zip(FLOWS, np.array(relative) * UNIT, strict=True)}


@pytest.mark.parametrize(
    "deviation", [(-0.05, 0.0, 0.0, 0.0), (0.04, 0.0, -0.02, 0.0), (0.0, 0.0, 0.03, -0.2), (-0.1, 0.01, 0.02, 0.3)]
)
def test_apc_ratio_makes_the_inlet_right_whichever_feeder_deviates(deviation: tuple[float, ...]) -> None:
    """Mixing rule, worked out here: potency is API flow over total flow, each set-point times its own deviation."""
    seen = 1.0 + np.array(deviation)
    u = control().plan(free(measured=flows(seen))).u
    delivered = FRACTIONS * u[:N_FEEDERS] * seen
    before = FRACTIONS * seen
    wrong, right = (m[0] / m.sum() / FRACTIONS[0] - 1.0 for m in (before, delivered))
    assert abs(right) < 0.05 * abs(wrong) + 1e-12
    assert u[0] == pytest.approx(1.0)


def test_apc_ratio_leaves_press_level_and_impeller_to_the_recipe() -> None:
    u = control().plan(free(measured=flows([0.9, 1, 1, 1]), u_before=np.full(N_U, 1.02))).u
    assert u[N_FEEDERS:] == pytest.approx(1.0)


def test_apc_ratio_ignores_what_the_gravimetric_loop_will_mend_and_fades_while_a_scale_is_blind() -> None:
    assert control(dead_band_pct=1.0).plan(free(measured=flows([0.992, 1, 1, 1]))).u[1] == pytest.approx(1.0)
    slow = control(filter_s=20.0)
    for _ in range(30):
        slow.plan(free(measured=flows([0.9, 1, 1, 1])))
    followed = slow.plan(free(measured=flows([0.9, 1, 1, 1]))).u[1]
    blind = [slow.plan(free(measured=flows([np.nan, 1, 1, 1]))).u[1] for _ in range(3)]
    keep = 20.0 / 25.0
    assert followed == pytest.approx(0.9, abs=1e-3)
    assert [1.0 - u for u in blind] == pytest.approx([(1.0 - followed) * keep**k for k in (1, 2, 3)], rel=1e-9)


def test_apc_ratio_one_wild_flow_is_clipped_and_the_second_believed() -> None:
    ratio = control()
    wild = {**flows([1, 1, 1, 1]), FLOWS[0]: Reading(2.0 * UNIT[0], error=0.01 * UNIT[0])}
    first, second = (ratio.plan(free(measured=wild)).u[1] for _ in range(2))
    assert first == pytest.approx(1.035) and second == pytest.approx(1.2)


def test_apc_ratio_starts_anew_after_reset_and_refuses_what_is_not_finite() -> None:
    ratio = control(filter_s=60.0)
    for _ in range(20):
        ratio.plan(free(measured=flows([0.9, 1, 1, 1])))
    ratio.reset()
    assert ratio.plan(free(measured={})).u == pytest.approx(np.ones(N_U))
    with pytest.raises(SolverError, match="not finite"):
        ratio.plan(free(u_before=np.full(N_U, np.nan)))


def test_apc_whatever_is_wanted_only_what_is_allowed_comes_out() -> None:
    rng = np.random.default_rng(5)
    for _ in range(2000):
        low, high = 1.0 - rng.uniform(0.02, 0.3, N_U), 1.0 + rng.uniform(0.02, 0.3, N_U)
        task = problem(
            u_before=rng.uniform(low, high),
            low=low,
            high=high,
            rate=rng.uniform(0.0, 0.05, N_U),
            flow_rate=float(rng.uniform(0.0, 0.01)),
            flow_low=0.9,
            flow_high=1.1,
        )
        u = reachable(rng.uniform(0.5, 1.5, N_U), task, FRACTIONS)
        total, before = FRACTIONS @ u[:N_FEEDERS], FRACTIONS @ task.u_before[:N_FEEDERS]
        assert (np.abs(u - task.u_before) <= task.rate + 1e-12).all()
        assert (u >= low - 1e-12).all() and (u <= high + 1e-12).all()
        assert abs(total - before) <= task.flow_rate + 1e-12
        assert total <= max(1.1, before) + 1e-12 and total >= min(0.9, before) - 1e-12


def test_apc_the_api_keeps_its_move_when_the_total_flow_may_not() -> None:
    task = problem(flow_rate=0.001)
    wanted = np.array([1.004, 1.008, 1.008, 1.008, 1.0, 1.0, 1.0, 1.0])
    u = reachable(wanted, task, FRACTIONS)
    assert u[0] == pytest.approx(1.004)
    assert FRACTIONS @ u[:4] == pytest.approx(1.001)
    assert limit_words(wanted, u, task, INPUTS)[0] == "mass_flow_premix total flow"
