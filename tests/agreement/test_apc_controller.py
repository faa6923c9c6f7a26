"""Two roads to one move: real-time iteration against do-mpc, and do-mpc's model against the step function."""

from __future__ import annotations

import casadi as ca
import numpy as np
import pytest

from apc.control.dompc import DoMpcController, build_model
from apc.control.nmpc import RealTimeIteration
from flowsheet.layout import N_D, N_U, N_X
from line.errors import SolverError
from tests.control_parts import flowsheet, parts, problem, steady

N = 12


@pytest.fixture(scope="module")
def dompc() -> DoMpcController:
    return DoMpcController(flowsheet(), parts().objective, N, 400)


def iterated(n_iterations: int, stride: int = 1) -> RealTimeIteration:
    return RealTimeIteration(flowsheet(), parts().objective, [1] * N, 400, stride=stride, n_iterations=n_iterations)


#: API bias, yield-pressure bias, end of a planned throughput ramp.
CASES = [(0.0, 0.0, 1.0), (0.03, 0.0, 1.0), (0.0, 0.08, 1.0), (-0.02, -0.04, 1.0), (0.01, 0.02, 0.96)]


def case(api: float, yield_pressure: float, flow_end: float) -> dict[str, np.ndarray]:
    d = np.zeros(N_D)
    d[0], d[4] = api, yield_pressure
    return {"d": d, "flow": np.maximum(1.0 - 0.004 * np.arange(1, N + 1), flow_end) if flow_end < 1 else np.ones(N)}


@pytest.mark.parametrize("values", CASES)
def test_apc_converged_iteration_equals_dompc(values: tuple[float, float, float], dompc: DoMpcController) -> None:
    task = problem(N, **case(*values))
    dompc.reset()
    difference = (dompc.plan(task).u - iterated(6).plan(task).u) / task.rate
    assert np.abs(difference).max() < 1e-4


@pytest.mark.parametrize("values", CASES)
def test_apc_one_iteration_is_within_a_twentieth_of_the_rate(
    values: tuple[float, float, float], dompc: DoMpcController
) -> None:
    """The promise of the on-line controller: first move within 0.05 of the rate limit of the converged one."""
    task = problem(N, **case(*values))
    dompc.reset()
    online = iterated(1, stride=4)
    difference = (dompc.plan(task).u - online.plan(task).u) / task.rate
    assert np.abs(difference).max() < 0.05


def test_apc_dompc_model_is_the_step_function() -> None:
    model, rng = build_model(flowsheet()), np.random.default_rng(7)
    x = steady(flowsheet()) * rng.uniform(0.95, 1.05, N_X)
    u, move, d = np.ones(N_U), rng.uniform(-0.01, 0.01, N_U), rng.uniform(-0.02, 0.02, N_D)
    rhs = ca.Function("rhs", [model.x, model.u, model.tvp], [model._rhs])
    ours = np.array(flowsheet().step(x, u + move, d)).ravel()
    theirs = np.array(rhs(np.concatenate([x, u]), move, np.concatenate([d, [1.0]]))).ravel()
    assert np.array_equal(theirs[:N_X], ours)
    assert np.array_equal(theirs[N_X:], u + move)


def test_apc_dompc_refuses_bad_input_and_recovers(dompc: DoMpcController) -> None:
    good = problem(N)
    first = dompc.plan(good).u
    for field in ("x", "d", "u_before"):
        bad = np.array(getattr(good, field))
        bad[0] = np.nan
        with pytest.raises(SolverError, match="not finite"):
            dompc.plan(problem(N, **{field: bad}))
    assert np.abs(dompc.plan(good).u - first).max() < 1e-6


def test_apc_dompc_raises_instead_of_returning_a_failed_solve() -> None:
    hurried = DoMpcController(flowsheet(), parts().objective, 4, 1)
    d = np.zeros(N_D)
    d[4] = 0.2
    with pytest.raises(SolverError, match="Maximum_Iterations_Exceeded"):
        hurried.plan(problem(4, d=d))
