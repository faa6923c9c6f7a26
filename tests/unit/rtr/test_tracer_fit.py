"""Tracer tests: known parameters come back, published moments hold, bad files are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from flowsheet.rtd import axial_dispersion_closed, tanks_in_series
from kilter.main import run
from line.errors import DataError
from rtr.genealogy.tracer_fit import TracerFit, clean, fit

TIMES = np.concatenate([np.arange(0, 60, 2.0), np.arange(60, 200, 5.0), np.arange(200, 600, 20.0)])


def value(found: TracerFit, name: str) -> float:
    return next(p.value for p in found.parameters if p.name == name)


def inside(found: TracerFit, name: str, truth: float) -> bool:
    return any(p.name == name and p.low <= truth <= p.high for p in found.parameters)


def test_exact_pulse_gives_its_parameters_back() -> None:
    found = fit(clean(TIMES, 7.0 * tanks_in_series(TIMES, 95.0, 3.0, 6.0), "pulse"))
    assert (value(found, "dead_time"), value(found, "mixed_mean"), value(found, "n_tanks")) == pytest.approx(
        (6.0, 95.0, 3.0), rel=1e-4
    )
    assert found.mean_s == pytest.approx(101.0, rel=1e-4)
    assert found.sd_s == pytest.approx(95.0 / math.sqrt(3.0), rel=1e-4)


def test_exact_dispersion_pulse_and_step() -> None:
    density = axial_dispersion_closed(TIMES, 120.0, 7.0)
    found = fit(clean(TIMES, density, "pulse"), "dispersion", dead_time=False)
    assert (value(found, "mixed_mean"), value(found, "peclet")) == pytest.approx((120.0, 7.0), rel=2e-3)
    fine = np.arange(0.0, 900.0, 0.5)
    cumulative = np.interp(TIMES, fine, np.cumsum(axial_dispersion_closed(fine, 120.0, 7.0)) * 0.5)
    found = fit(clean(TIMES, 3.0 * cumulative, "step"), "dispersion", dead_time=False)
    assert (value(found, "mixed_mean"), value(found, "peclet")) == pytest.approx((120.0, 7.0), rel=1e-2)


def test_drift_of_the_baseline_is_told_apart() -> None:
    signal = 500.0 * tanks_in_series(TIMES, 95.0, 3.0, 6.0) + 0.4 + 0.002 * TIMES
    found = fit(clean(TIMES, signal, "pulse"), baseline="linear")
    assert value(found, "mixed_mean") == pytest.approx(95.0, rel=1e-3)
    assert abs(fit(clean(TIMES, signal, "pulse")).mean_s - 101.0) > 20.0


def test_intervals_cover_in_19_of_20_noisy_tests() -> None:
    """Coverage of the 95 % interval over 60 noisy pulses: at least 50 hold each parameter (binomial 0.1 % bound)."""
    rng = np.random.Generator(np.random.PCG64(11))
    clean_signal = 100.0 * tanks_in_series(TIMES, 95.0, 3.0, 6.0)
    found = [fit(clean(TIMES, clean_signal + rng.normal(0, 0.01, TIMES.size), "pulse")) for _ in range(60)]
    for name, truth in (("dead_time", 6.0), ("mixed_mean", 95.0), ("n_tanks", 3.0)):
        assert sum(inside(f, name, truth) for f in found) >= 50


def test_repeated_times_are_averaged_and_uneven_sampling_does_not_matter() -> None:
    density = tanks_in_series(TIMES, 95.0, 3.0, 6.0)
    times, signal = np.repeat(TIMES, 2), np.repeat(density, 2)
    signal[::2] += 0.001
    signal[1::2] -= 0.001
    curve = clean(times, signal, "pulse")
    assert curve.n_repeated == TIMES.size
    assert value(fit(curve), "mixed_mean") == pytest.approx(95.0, rel=1e-3)


@pytest.mark.data
def test_published_moments(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Levenspiel, Chemical Reaction Engineering, Ex. 11.1: mean 15 min, variance 47.5 min2."""
    file = data_dir / "rtd_facts" / "levenspiel_ex11_1_pulse.csv"
    assert run(["rtd", "fit", str(file), "--json"]) == 0
    fits = json.loads(capsys.readouterr().out)["fits"]
    assert {f["model"] for f in fits} == {"tanks", "dispersion"}
    for found in fits:
        assert found["moment_mean_s"] == pytest.approx(900.0)
        assert found["moment_sd_s"] == pytest.approx(60.0 * math.sqrt(47.5), rel=1e-12)


@pytest.mark.data
def test_fogler_pulse_from_the_command_with_a_picture(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fogler Ex. 13-1: trapezoids give 5.127 min and 5.951 min2 on this coarse grid (Simpson, as printed: 5.15, 6.1)."""
    file, picture = data_dir / "rtd_facts" / "fogler_ex13_1_pulse.csv", tmp_path / "fit.svg"
    assert run(["rtd", "fit", str(file), "--model", "tanks", "--plot", str(picture), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["fits"][0]
    assert found["moment_mean_s"] / 60 == pytest.approx(5.127, abs=5e-4)
    assert (found["moment_sd_s"] / 60) ** 2 == pytest.approx(5.951, abs=1e-3)
    assert found["mean_s"] / 60 == pytest.approx(5.15, rel=0.03)
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert run(["rtd", "fit", str(file), "--model", "tanks"]) == 0
    assert "mean residence time" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("times", "signal", "words"),
    [
        ([0, 1, 2, 3, 4, 5], [0, 1, 2, float("nan"), 1, 0], "row 4"),
        ([0, 1, 2, 1, 4, 5], [0, 1, 2, 3, 1, 0], "row 4"),
        ([-1, 1, 2, 3, 4, 5], [0, 1, 2, 3, 1, 0], "row 1"),
        ([0, 1, 2, 2, 2], [0, 1, 2, 2, 2], "at least 5"),
        ([0, 1, 2, 3, 4, 5], [1] * 6, "does not change"),
        ([0, 1, 2], [0, 1], "3 times, 2 values"),
    ],
)
def test_bad_curves(times: list[float], signal: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        clean(times, signal, "pulse")


def test_too_few_values_for_the_model() -> None:
    with pytest.raises(DataError, match="6 parameters"):
        fit(clean([0, 1, 2, 3, 4, 5], [0, 1, 3, 2, 1, 0], "pulse"), baseline="linear")


@pytest.mark.parametrize(
    "text",
    ["", "time_s,c\n", "t,c\n0,1\n1,2\n", "time_s,c\n0,1\n1,x\n", "time_s;c\n0;1\n", "time_s,c\n0,1,2\n", "time_s,c\n0;1\n"],
)
def test_bad_files_are_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "pulse.csv"
    file.write_text(text, encoding="utf-8")
    assert run(["rtd", "fit", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["rtd", "fit", str(file), "--kind", "ramp"]) == 2
    assert run(["rtd", "fit", str(tmp_path / "absent.csv")]) == 2
