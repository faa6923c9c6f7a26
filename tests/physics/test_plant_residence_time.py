"""Residence times of the whole line by a tracer pulse, and what an interruption becomes on its way."""

from __future__ import annotations

import numpy as np
import pytest

from line.configuration import PlantFault
from plant_sim.extents import TOTAL, TRACER
from tests.plant_bench import Driver, plant, series


def pulse(throughput: float, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Age [s] and share leaving the feed frame of a pulse fed in one second of steady running."""
    driver = Driver(plant(throughput=throughput)).start().run(800)
    lines = driver.plant.lines
    lines.inject_tracer(np.array([1.0]))
    out = []
    for _ in range(seconds):
        driver.step()
        out.append(float(lines.path.frame_exit[0, TRACER]))
    return np.arange(seconds, dtype=float), np.array(out)


def test_line_residence_time_distribution() -> None:
    # computed for the reference line from its unit operations: mean 241 s, sigma 72, t5 143, t50 231, t95 374, t99 452
    age, share = pulse(25.0, 900)
    assert share.sum() == pytest.approx(1.0, abs=1e-4)
    mean = (age * share).sum() / share.sum()
    sigma = np.sqrt((share * (age - mean) ** 2).sum() / share.sum())
    assert mean == pytest.approx(241, rel=0.03)
    assert sigma == pytest.approx(72, rel=0.03)
    cumulative = np.cumsum(share) / share.sum()
    for quantile, expected in ((0.05, 143), (0.50, 231), (0.95, 374), (0.99, 452)):
        assert np.searchsorted(cumulative, quantile) == pytest.approx(expected, rel=0.03), quantile


def test_line_is_slower_at_the_slowest_throughput() -> None:
    # the same computation gives t95 = 473 s at 18 kg/h
    _, share = pulse(18.0, 1000)
    cumulative = np.cumsum(share) / share.sum()
    assert np.searchsorted(cumulative, 0.95) == pytest.approx(473, rel=0.04)


def loss_of_api_flow(duration_s: int, quiet: np.ndarray) -> float:
    """Largest relative loss of API mass flow at the tablet, total flow held constant."""
    fault = PlantFault(name="api_interruption", at_s=900, duration_s=duration_s)
    driver = Driver(plant(faults=[fault])).start().run(1300)
    change = float(np.nanmin(series(driver, "potency_feed_frame_exit_pct_lc")[900:] / quiet[900:] - 1.0))
    return change / (1.0 - 0.08 * (1.0 + change))


def test_interruption_funnel() -> None:
    # computed for the 8 % product: loss of API flow at the tablet 7.3 % after 12 s and 18 % after 30 s without API
    quiet = series(Driver(plant()).start().run(1300), "potency_feed_frame_exit_pct_lc")
    assert loss_of_api_flow(12, quiet) == pytest.approx(-0.073, rel=0.05)
    assert loss_of_api_flow(30, quiet) == pytest.approx(-0.180, rel=0.05)


def test_blender_holds_more_at_low_speed_and_high_flow() -> None:
    def held(speed: float, throughput: float) -> float:
        driver = Driver(plant(throughput=throughput))
        driver["SP/ImpellerSpeed"] = speed
        driver.start().run(900)
        return float(driver.plant.lines.path.blender[0, TOTAL])

    base = held(250.0, 25.0)
    assert base == pytest.approx(0.70, rel=0.02)
    assert held(200.0, 25.0) / base == pytest.approx((250 / 200) ** 0.9, rel=0.02)  # M ~ N^-b
    assert held(250.0, 20.0) / base == pytest.approx((20 / 25) ** 0.6, rel=0.02)  # M ~ q^a
