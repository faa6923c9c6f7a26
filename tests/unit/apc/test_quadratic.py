"""The quadratic-program wrapper: right answers, and refusals instead of garbage."""

from __future__ import annotations

import numpy as np
import pytest

from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from line.errors import SolverError

EYE = np.eye(2)


def test_bound_and_row_bind_where_they_should() -> None:
    """min (x-3)^2 + (y-2)^2, x <= 1, x + y <= 2.5: x = 1, y = 1.5 (by hand)."""
    solution = solve_quadratic(
        2 * EYE, np.array([-6.0, -4.0]), np.array([[1.0, 1.0]]), np.array([-9, -9, -9.0]), np.array([1, 9, 2.5]), 100
    )
    assert solution.x == pytest.approx([1.0, 1.5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hessian": np.full((2, 2), np.nan)}, "hessian"),
        ({"gradient": np.array([np.inf, 0.0])}, "gradient"),
        ({"low": np.array([2.0, 0.0, 0.0])}, "contradict"),
        ({"rows": np.array([[0.0, 0.0]]), "low": np.array([0.0, 0.0, 0.5])}, "status"),
        ({"max_iterations": 0}, "status"),
    ],
)
def test_what_cannot_be_solved_is_refused(change: dict[str, object], words: str) -> None:
    arguments = {
        "hessian": EYE,
        "gradient": np.array([-5.0, -5.0]),
        "rows": np.array([[1.0, 1.0]]),
        "low": np.zeros(3),
        "high": np.array([1.0, 1.0, 1.0]),
        "max_iterations": 100,
    }
    with pytest.raises(SolverError, match=words):
        solve_quadratic(**{**arguments, **change})  # type: ignore[arg-type]


def test_ramps_pass_their_knots_and_shift_by_one_step() -> None:
    knots = Knots([1, 2, 4])
    before, values = np.array([0.0]), np.array([[1.0], [3.0], [7.0]])
    inputs = knots.inputs(values, before)[:, 0]
    assert inputs.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert knots.shifted(values, before)[:, 0].tolist() == [2.0, 4.0, 7.0]
    assert knots.weights.sum(axis=1) + knots.weights_before == pytest.approx(1.0)
