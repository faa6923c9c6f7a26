"""Residence times: our kernels against rtdpy, and the control model against the published figures of the line."""

from __future__ import annotations

import numpy as np
import pytest
import rtdpy

from flowsheet import rtd
from flowsheet.layout import N_D, N_U, STEP_S
from tests.control_parts import flowsheet, outputs, parameters, steady

DT = 0.5
TIMES = np.arange(0.0, 900.0, DT)


@pytest.mark.parametrize(("tau", "n"), [(94.8, 3), (50.0, 1), (60.0, 8)])
def test_tanks_in_series_equal_rtdpy(tau: float, n: int) -> None:
    other = rtdpy.Ncstr(tau=tau, n=n, dt=DT, time_end=900.0)
    mine = rtd.tanks_in_series(TIMES, tau, n)
    assert np.abs(mine - other.exitage).max() < 1e-6 * mine.max()


@pytest.mark.parametrize("peclet", [1.0, 5.0, 20.0])
def test_axial_dispersion_equals_rtdpy_and_its_moments(peclet: float) -> None:
    """Variance/mean^2 = 2/Pe - 2/Pe^2 (1 - exp(-Pe)), closed-closed (Levenspiel ch. 13)."""
    tau = 100.0
    mine = rtd.axial_dispersion_closed(TIMES, tau, peclet)
    other = rtdpy.AD_cc(tau=tau, peclet=peclet, dt=DT, time_end=900.0)
    late = TIMES > 5
    assert np.abs(mine - other.exitage)[late].max() < 2e-3 * mine.max()
    long = np.arange(0.0, 3000.0, DT)
    density = rtd.axial_dispersion_closed(long, tau, peclet)
    assert rtd.mean_residence_time(long, density) == pytest.approx(tau, rel=0.003)
    spread = 2 / peclet - 2 / peclet**2 * (1 - np.exp(-peclet))
    assert rtd.standard_deviation(long, density) == pytest.approx(tau * np.sqrt(spread), rel=0.005)


def test_convolution_adds_means_and_variances() -> None:
    a, b = rtd.tanks_in_series(TIMES, 60.0, 3), rtd.tanks_in_series(TIMES, 40.0, 2)
    both = rtd.convolve(a, b, DT)
    assert rtd.mean_residence_time(TIMES, both) == pytest.approx(100.0, rel=1e-3)
    assert rtd.standard_deviation(TIMES, both) == pytest.approx(np.sqrt(60**2 / 3 + 40**2 / 2), rel=1e-3)


def published_line() -> np.ndarray:
    """Blender 6 s + 3 tanks of 94.8 s; hopper 64.8 s plug + 21.6 s tank; frame 3 s + 39.8 s + 10.6 s tanks."""
    density = rtd.tanks_in_series(TIMES, 94.8, 3, 6.0)
    for tau in (21.6, 0.79 * 50.4, 0.21 * 50.4):
        density = rtd.convolve(density, rtd.tanks_in_series(TIMES, tau, 1), DT)
    return rtd.dead_time(TIMES, 67.8, density)


def test_published_quantiles_of_the_line() -> None:
    """The published line: mean 241 s, sigma 72 s, t5 143, t50 231, t95 374, t99 452 s (+-1 %)."""
    density = published_line()
    assert rtd.mean_residence_time(TIMES, density) == pytest.approx(241.0, rel=0.01)
    assert rtd.standard_deviation(TIMES, density) == pytest.approx(72.0, rel=0.01)
    for share, seconds in ((0.05, 143), (0.5, 231), (0.95, 374), (0.99, 452)):
        assert rtd.quantile(TIMES, density, share) == pytest.approx(seconds, rel=0.012)


def test_exit_of_a_step_is_the_cumulative_kernel() -> None:
    density = rtd.tanks_in_series(TIMES, 100.0, 3)
    exit_value = rtd.exit_concentration(np.full(len(TIMES), 1.1), density, DT, 1.0)
    assert exit_value[-1] == pytest.approx(1.1, abs=1e-3)
    assert np.interp(0.05, (exit_value - 1.0) / 0.1 * 0.1, TIMES) == pytest.approx(
        rtd.quantile(TIMES, density, 0.5), abs=2 * DT
    )


@pytest.mark.parametrize("bad", [(-1.0, 3), (10.0, 0)])
def test_kernels_refuse_impossible_vessels(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        rtd.tanks_in_series(TIMES, *bad)


def model_response(factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative response of the model's tablet potency to a step of the API set-point at a share of the reference flow."""
    model, u = flowsheet(), np.ones(N_U)
    u[:4] *= factor
    x, d = steady(model, u, n_steps=900), np.zeros(N_D)
    start = outputs(model, x, u)["potency_tablet"]
    v = u.copy()
    v[0] *= 1.01
    y = [start]
    for _ in range(300):
        x = np.array(model.step(x, v, d)).ravel()
        y.append(outputs(model, x, v)["potency_tablet"])
    response = (np.array(y) - start) / (y[-1] - start)
    return np.arange(len(y)) * STEP_S, response


def test_the_control_model_has_the_lines_mean_and_spread() -> None:
    """Mean 241 s (+-2 %, and one second of feeder lag); eight cells make the spread at most 6 % too wide (72 s)."""
    times, cumulative = model_response(1.0)
    mean = np.trapezoid(1.0 - cumulative, times)
    second = 2.0 * np.trapezoid(times * (1.0 - cumulative), times)
    assert mean == pytest.approx(241.0 + parameters().feeder_lag, rel=0.02)
    assert 72.0 * 0.99 < np.sqrt(second - mean**2) < 72.0 * 1.06


@pytest.mark.parametrize(("flow", "t95"), [(18.0, 473.0), (20.0, 437.0), (25.0, 375.0), (27.0, 352.0)])
def test_the_control_models_t95_moves_with_throughput_as_published(flow: float, t95: float) -> None:
    times, cumulative = model_response(flow / 25.0)
    assert np.interp(0.95, cumulative, times) == pytest.approx(t95, rel=0.03)


def test_dead_time_is_respected() -> None:
    """Nothing of a feeder's change reaches the tablet in the first 75 s (6 + 64.8 + 3 s of plug), to 1 % of it."""
    times, cumulative = model_response(1.0)
    assert cumulative[times <= 60].max() < 0.002
    assert cumulative[times <= 75].max() < 0.01
