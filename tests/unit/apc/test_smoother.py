"""The window's solution against a dense least-squares solution of the same problem."""

from __future__ import annotations

import numpy as np
import pytest

from apc.numerics.smoother import Stage, Window, solve_window

N, K, M = 4, 7, 2
START, SPREAD = np.array([0.3, -1.0, 0.5, 2.0]), np.diag([1.0, 2.0, 0.5, 1.0])


def stages(seed: int, blind: tuple[int, ...] = ()) -> list[Stage]:
    rng, made = np.random.default_rng(seed), []
    for k in range(K):
        m = 0 if k in blind else M
        here = rng.normal(size=N), rng.normal(size=(m, N)), rng.normal(size=m), rng.uniform(0.5, 2.0, m)
        noise = np.diag(rng.uniform(0.1, 1.0, N))
        made.append(Stage(*here) if k == K - 1 else Stage(*here, rng.normal(size=N), rng.normal(size=(N, N)), noise))
    return made


def dense(made: list[Stage]) -> tuple[np.ndarray, np.ndarray]:
    """Means (K, N) and the last period's covariance from numpy's least squares on the stacked, whitened problem."""
    rows, values = [], []

    def add(matrix: np.ndarray, value: np.ndarray, covariance: np.ndarray) -> None:
        whiten = np.linalg.inv(np.linalg.cholesky(covariance)) if len(value) else np.zeros((0, 0))
        rows.append(whiten @ matrix)
        values.append(whiten @ value)

    pick = np.eye(N * K).reshape(K, N, N * K)
    add(pick[0], START, SPREAD)
    for k, stage in enumerate(made):
        add(stage.rows @ pick[k], stage.gaps + stage.rows @ stage.point, np.diag(stage.variances))
        if stage.transition is not None and stage.next_point is not None and stage.noise is not None:
            add(pick[k + 1] - stage.transition @ pick[k], stage.next_point - stage.transition @ stage.point, stage.noise)
    matrix = np.vstack(rows)
    means = np.linalg.lstsq(matrix, np.concatenate(values), rcond=None)[0].reshape(K, N)
    return means, np.linalg.inv(matrix.T @ matrix)[-N:, -N:]


def solved(made: list[Stage]) -> Window:
    return solve_window(START, SPREAD, made)


@pytest.mark.parametrize("blind", [(), (0,), (2, 3), (6,), tuple(range(K))])
def test_apc_the_window_is_the_dense_least_squares_solution(blind: tuple[int, ...]) -> None:
    made = stages(1, blind)
    means, covariance = dense(made)
    assert solved(made).means == pytest.approx(means, rel=1e-8, abs=1e-10)
    assert solved(made).covariance == pytest.approx(covariance, rel=1e-8, abs=1e-10)


def test_apc_the_window_cut_at_its_arrival_is_the_same_window() -> None:
    """What the first period leaves behind is all that the rest needs to know of it."""
    made = stages(2)
    whole = solved(made)
    rest = solve_window(whole.arrivals[1], whole.spreads[1], made[1:])
    assert rest.means == pytest.approx(whole.means[1:], abs=1e-10)
    assert rest.covariance == pytest.approx(whole.covariance, abs=1e-10)


def test_apc_states_without_noise_and_without_doubt_are_allowed() -> None:
    made = [Stage(s.point, s.rows, s.gaps, s.variances, s.next_point, s.transition, np.zeros((N, N))) for s in stages(3)[:-1]]
    window = solve_window(START, np.zeros((N, N)), [*made, stages(3)[-1]])
    assert window.means[0] == pytest.approx(START)
    assert np.abs(window.covariance).max() < 1e-12
