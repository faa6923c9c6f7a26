"""Robust weights against published constants and against scipy's robust least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import least_squares

from apc.estimation.robust import HUBER, LOSSES, SMALLEST, WELSCH, LossName


@pytest.mark.parametrize("name", ["huber", "welsch"])
def test_apc_a_loss_keeps_95_percent_efficiency_on_gaussian_errors(name: LossName) -> None:
    """Asymptotic efficiency of a location estimate: (E psi')^2 / E psi^2, psi = r w(r); the constants' definition."""

    def psi(r: float) -> float:
        return r * float(LOSSES[name](np.array([r]))[0])

    def mean(f: Any) -> float:
        return float(quad(lambda r: f(r) * np.exp(-r * r / 2.0) / np.sqrt(2.0 * np.pi), -8, 8, points=[-HUBER, HUBER])[0])

    slope = mean(lambda r: r * psi(r))  # E psi' = E r psi for a standard normal (Stein)
    assert slope**2 / mean(lambda r: psi(r) ** 2) == pytest.approx(0.95, abs=5e-4)


def iterated(name: LossName, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    line = np.linalg.lstsq(x, y, rcond=None)[0]
    for _ in range(300):
        root = np.sqrt(LOSSES[name](y - x @ line))
        line = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    return np.array(line)


def rho_huber(z: np.ndarray) -> np.ndarray:
    """Scipy's form: rho(z), rho', rho'' of z = (r/c)^2."""
    root = np.sqrt(np.maximum(z, 1.0))
    return np.array([np.where(z <= 1, z, 2 * root - 1), 1.0 / root, np.where(z <= 1, 0.0, -0.5 / root**3)])


def rho_welsch(z: np.ndarray) -> np.ndarray:
    return np.array([1.0 - np.exp(-z), np.exp(-z), -np.exp(-z)])


@pytest.mark.parametrize(("name", "rho", "scale"), [("huber", rho_huber, HUBER), ("welsch", rho_welsch, WELSCH)])
def test_apc_reweighting_ends_where_scipy_ends(name: LossName, rho: Any, scale: float) -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(60), np.linspace(0, 5, 60)])
    y = x @ np.array([1.0, 2.0]) + rng.normal(size=60)
    y[::9] += 12.0
    oracle = least_squares(lambda p: y - x @ p, np.array([1.0, 2.0]), loss=rho, f_scale=scale, xtol=1e-14, ftol=1e-14)
    assert iterated(name, x, y) == pytest.approx(oracle.x, abs=1e-5)
    plain = np.linalg.lstsq(x, y, rcond=None)[0]
    assert np.abs(oracle.x - plain).max() > 0.1


def test_apc_no_weight_vanishes_and_none_exceeds_one() -> None:
    residuals = np.array([0.0, 1.0, -50.0, 1e200])
    for loss in LOSSES.values():
        weights = loss(residuals)
        assert (weights > 0.0).all() and (weights <= 1.0).all() and weights[0] == 1.0
    assert LOSSES["welsch"](residuals)[-1] == SMALLEST
