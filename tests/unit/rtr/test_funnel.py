"""Pulses through tanks in series: published funnel values, limits in time, and refusal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from line.errors import DataError
from rtr.genealogy.funnel import TankCascade, attenuation, divert_pulse, tolerable

MIXER = TankCascade(60.0, 3)


@pytest.mark.parametrize(("duration", "peak"), [(10, 2.6926812), (30, 7.75662141), (60, 13.68448774), (120, 18.93152833)])
def test_peaks_of_rtdpy(duration: float, peak: float) -> None:
    """+20 % through three tanks of 60 s: printed by Merck rtdpy 0.6.1 `funnelplot` (its step of 0.01 s leaves 1e-5)."""
    assert 20.0 * attenuation(MIXER, duration)[0] == pytest.approx(peak, abs=2e-4)


@pytest.mark.parametrize("cascade", [MIXER, TankCascade(60.0, 3, 15.0), TankCascade(45.0, 1, 4.0), TankCascade(80.0, 2.5)])
def test_peak_is_the_largest_value(cascade: TankCascade) -> None:
    share, peak_s = attenuation(cascade, 25.0)
    grid = [cascade.cumulative(t) - cascade.cumulative(t - 25.0) for t in np.arange(0.0, 400.0, 0.1)]
    assert max(grid) <= share + 1e-12
    assert max(grid) == pytest.approx(share, abs=1e-5)
    assert abs(float(np.argmax(grid)) * 0.1 - peak_s) < 0.2


def test_example_of_the_two_rules() -> None:
    """+25 %, 40 s, limit 5 %, dead time 15 s: peak 12.49 at 78.3 s, out 45.7-130.5 s, 104.8 s against 218.7 s diverted."""
    found = divert_pulse(TankCascade(60.0, 3, 15.0), 25.0, 40.0, 5.0, 10.0)
    assert found.peak == pytest.approx(12.49, abs=0.005)
    assert found.peak_s == pytest.approx(78.3, abs=0.05)
    assert (found.up_s, found.down_s) == (pytest.approx(45.7, abs=0.05), pytest.approx(130.5, abs=0.05))
    assert found.diverted_s == pytest.approx(104.8, abs=0.05)
    assert found.window_s == pytest.approx(218.7, abs=0.05)


def test_small_pulse_diverts_nothing_and_sign_is_kept() -> None:
    found = divert_pulse(MIXER, -20.0, 10.0, 5.0, 10.0)
    assert found.peak == pytest.approx(-2.6927, abs=1e-4)
    assert found.diverted_s == 0.0
    assert math.isnan(found.up_s)


def test_long_pulse_is_cut_off_where_the_outlet_recovers() -> None:
    found = divert_pulse(MIXER, 20.0, 5000.0, 5.0, 0.0)
    assert found.peak == pytest.approx(20.0)
    assert found.down_s > 5000.0


def test_tolerable_height_gives_the_limit() -> None:
    height = tolerable(MIXER, 60.0, 7.5)
    assert height == pytest.approx(10.9613, abs=1e-3)
    assert height * attenuation(MIXER, 60.0)[0] == pytest.approx(7.5)


def test_quantiles() -> None:
    """Dead time 15 s and three tanks of 60 s: 0.5 %, 50 %, 99.5 % at 21.8, 68.5, 200.5 s."""
    cascade = TankCascade(60.0, 3, 15.0)
    assert [round(cascade.quantile_s(p), 1) for p in (0.005, 0.5, 0.995)] == [21.8, 68.5, 200.5]
    assert cascade.cumulative(cascade.quantile_s(0.3)) == pytest.approx(0.3)
    assert cascade.cumulative(10.0) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: TankCascade(0.0, 3),
        lambda: TankCascade(60.0, 0.5),
        lambda: TankCascade(60.0, 3, -1.0),
        lambda: TankCascade(float("nan"), 3),
        lambda: TankCascade(60.0, math.inf),
        lambda: MIXER.quantile_s(1.0),
        lambda: attenuation(MIXER, 0.0),
        lambda: tolerable(MIXER, 10.0, 0.0),
        lambda: divert_pulse(MIXER, 20.0, 10.0, 5.0, -1.0),
        lambda: divert_pulse(MIXER, float("nan"), 10.0, 5.0, 1.0),
    ],
)
def test_bad_input_is_refused(call: object) -> None:
    with pytest.raises(DataError):
        call()  # type: ignore[operator]
