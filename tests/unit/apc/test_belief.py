"""The belief with clones against a textbook Kalman filter on the stacked linear system."""

from __future__ import annotations

import numpy as np
import pytest

from apc.numerics.gaussian import DelayedBelief

A = np.array([[0.9, 0.2, 0.0], [0.0, 0.8, 0.1], [0.0, 0.0, 1.0]])
H = np.array([1.0, 0.0, 0.5])
Q, R, R_LATE = np.diag([0.01, 0.02, 0.001]), 0.04, 0.01
LAG = 3


def textbook(late: dict[int, float], now: dict[int, float], n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Full-matrix filter with the last LAG + 1 values of H x stacked below the state (Anderson & Moore, augmented)."""
    n = 3 + LAG + 1
    f = np.zeros((n, n))
    f[:3, :3] = A
    f[3, :3] = H @ A
    f[4:, 3:-1] = np.eye(LAG)
    g = np.zeros((n, 3))
    g[:3], g[3] = np.eye(3), H
    x, p = np.zeros(n), np.zeros((n, n))
    p[:3, :3] = np.eye(3)
    for k in range(n_steps):
        x, p = f @ x, f @ p @ f.T + g @ Q @ g.T
        for row, value, variance in ((np.r_[H, np.zeros(LAG + 1)], now.get(k), R), (np.eye(n)[-1], late.get(k), R_LATE)):
            if value is not None:
                s = row @ p @ row + variance
                gain = p @ row / s
                x, p = x + gain * (value - row @ x), (np.eye(n) - np.outer(gain, row)) @ p
    return x[:3], p[:3, :3]


def ours(late: dict[int, float], now: dict[int, float], n_steps: int) -> tuple[np.ndarray, np.ndarray]:
    belief = DelayedBelief(np.zeros(3), np.eye(3), [LAG + 1])
    for k in range(n_steps):
        belief.predict(A @ belief.mean[:3], A, Q)
        belief.clone([H @ belief.mean[:3]], [H])
        if k in now:
            row = np.zeros(len(belief.mean))
            row[:3] = H
            belief.update(row, now[k] - row @ belief.mean, R)
        if k in late:
            row = belief.clone_row(0, LAG)
            assert row is not None
            belief.update(row, late[k] - row @ belief.mean, R_LATE)
    return belief.mean[:3], belief.covariance[:3, :3]


def test_belief_equals_the_textbook_filter_on_a_linear_case() -> None:
    rng = np.random.default_rng(5)
    now = {k: float(rng.normal()) for k in range(0, 40, 2)}
    late = {k: float(rng.normal()) for k in range(5, 40, 7)}
    x, p = textbook(late, now, 40)
    mean, covariance = ours(late, now, 40)
    assert mean == pytest.approx(x, abs=1e-12)
    assert covariance == pytest.approx(p, abs=1e-12)


def test_a_late_value_enters_at_its_own_time() -> None:
    """A state that jumped after the sample was pulled must not be pulled back by the sample's old value."""
    belief = DelayedBelief(np.zeros(1), np.array([[1e-6]]), [5])
    one = np.eye(1)
    for level in (1.0, 1.0, 1.0, 5.0):
        belief.predict(np.array([level]), one, 1e-6 * one)
        belief.clone([level], [np.ones(1)])
    row = belief.clone_row(0, 2.0)
    assert row is not None
    assert row @ belief.mean == pytest.approx(1.0)
    belief.update(row, 1.0 - float(row @ belief.mean), 1e-6)
    assert belief.mean[0] == pytest.approx(5.0)


def test_values_between_clones_are_interpolated_and_forgotten_ones_are_refused() -> None:
    belief = DelayedBelief(np.zeros(1), np.eye(1), [3])
    for level in (10.0, 20.0, 30.0, 40.0):
        belief.predict(np.array([level]), np.eye(1), np.eye(1))
        belief.clone([level], [np.ones(1)])
    row = belief.clone_row(0, 1.5)
    assert row is not None
    assert row @ belief.mean == pytest.approx(25.0)
    assert belief.clone_row(0, 2.5) is None
    assert belief.clone_row(0, -0.1) is None


def test_room_given_to_a_state_reaches_what_depends_on_it() -> None:
    belief = DelayedBelief(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]), [1])
    belief.inflate(0, 3.0)
    assert belief.covariance[:2, :2] == pytest.approx(np.array([[4.0, 2.0], [2.0, 1.75]]))


def test_belief_admits_what_a_step_of_the_last_state_has_left_as_error() -> None:
    """The followed error is the difference of two filters on the same noise, one of whose lines stepped (linear: exact)."""
    beliefs = [DelayedBelief(np.zeros(3), np.eye(3), [2]) for _ in range(2)]
    rng, lines = np.random.default_rng(6), [np.zeros(3), np.zeros(3)]
    for k in range(12):
        noise, seen = rng.normal(size=3) * 0.1, rng.normal() * 0.2
        for i, belief in enumerate(beliefs):
            lines[i] = A @ lines[i] + noise + [0.0, 0.0, 1.0 if (i, k) == (1, 4) else 0.0]
            belief.predict(A @ belief.mean[:3], A, Q)
            belief.suspect(2, 8)
            belief.clone([H @ belief.mean[:3]], [H])
            row = np.zeros(len(belief.mean))
            row[:3] = H
            belief.update(row, H @ lines[i] + seen - row @ belief.mean, R)
    left = (lines[1] - lines[0]) - (beliefs[1].mean[:3] - beliefs[0].mean[:3])
    before = beliefs[0].covariance.copy()
    beliefs[0].admit(4.0)
    added = (beliefs[0].covariance - before)[:3, :3]
    assert added == pytest.approx(4.0 * np.outer(left, left), rel=1e-9, abs=1e-12)
    assert abs(left[2]) > 0.1
