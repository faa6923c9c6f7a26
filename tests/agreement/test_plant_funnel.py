"""The funnel and the noise attenuation: the validation's convolution against rtdpy and a sum written out."""

from __future__ import annotations

import numpy as np
import pytest
import rtdpy

from hil.validation.funnel import computed_durations
from hil.validation.residence import attenuation, computed_pulse

DT = 0.5
END_S = 1200.0


def line(place: str) -> np.ndarray:
    """Density of the published line by rtdpy's tanks: blender, then hopper and feed frame; dead times shift the grid."""
    density = rtdpy.Ncstr(tau=94.8, n=3, dt=DT, time_end=END_S).exitage
    dead_s = 6.0
    if place == "tablet":
        for tau in (21.6, 0.79 * 50.4, 0.21 * 50.4):
            other = rtdpy.Ncstr(tau=tau, n=1, dt=DT, time_end=END_S).exitage
            density = np.convolve(density, other)[: density.size] * DT
        dead_s += 67.8
    late = round(dead_s / DT)
    shifted = np.concatenate((np.zeros(late), density))[: density.size]
    return np.asarray(shifted / (shifted.sum() * DT))


def potency_peak(density: np.ndarray, deviation: float, duration_s: float) -> float:
    """Largest relative change of API share at the exit while the API feeder is off by `deviation` for `duration_s`."""
    n = round(duration_s / DT)
    reached = np.convolve(density, np.full(n, DT))
    flow = deviation * reached
    return float(np.abs((1.0 + flow) / (1.0 + 0.08 * flow) - 1.0).max())


@pytest.mark.parametrize("deviation_pct", [-100, -50, -20, 20, 50, 100])
@pytest.mark.parametrize("place", ["blender", "tablet"])
def test_the_longest_deviation_just_reaches_the_limit(deviation_pct: int, place: str) -> None:
    density = line(place)
    for limit_pct, duration_s in zip((5.0, 7.5, 10.0), computed_durations(deviation_pct, place), strict=True):
        shorter = potency_peak(density, deviation_pct / 100.0, 0.97 * duration_s - DT)
        longer = potency_peak(density, deviation_pct / 100.0, 1.03 * duration_s + DT)
        assert shorter < limit_pct / 100.0 < longer


def test_twenty_per_cent_product_gives_the_published_funnel() -> None:
    """Published for 20 % API at the tablet, +-5 %: it convolves the feed's concentration, as if total flow stayed the same.

    Ours convolves flows, which conserves mass: a surplus of API reaches its limit sooner (20 s instead of 23 s at +50 %).
    """
    density = line("tablet")
    for deviation, published_s in ((-1.0, 9), (-0.5, 19), (-0.2, 51), (0.2, 56), (0.5, 23), (1.0, 13)):
        concentration = (1.0 + deviation) / (1.0 + 0.2 * deviation) - 1.0
        asked = 0.05 / abs(concentration)
        found = [d for d in np.arange(1.0, 90.0, 1.0) if np.convolve(density, np.full(round(d / DT), DT)).max() <= asked]
        assert found[-1] == pytest.approx(published_s, abs=2.0), deviation


@pytest.mark.parametrize(
    ("correlation_s", "blender", "tablet"), [(1, 0.11, 0.09), (3, 0.19, 0.16), (10, 0.34, 0.29), (30, 0.54, 0.48)]
)
def test_published_attenuation(correlation_s: float, blender: float, tablet: float) -> None:
    # published to 0.01 for continuous noise; noise that is new once a second comes through 4 % stronger at 1 s
    pulse = computed_pulse()
    assert attenuation(pulse.blender, correlation_s) == pytest.approx(blender, abs=0.009)
    assert attenuation(pulse.tablet, correlation_s) == pytest.approx(tablet, abs=0.009)


def test_attenuation_by_a_sum_written_out() -> None:
    share = np.array([0.0, 0.2, 0.5, 0.2, 0.1])
    r = np.exp(-1.0 / 3.0)
    total = sum(share[i] * share[j] * r ** abs(i - j) for i in range(5) for j in range(5))
    assert attenuation(share, 3.0) == pytest.approx(np.sqrt(total), rel=1e-12)
