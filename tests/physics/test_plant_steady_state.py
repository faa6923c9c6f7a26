"""The plant at its reference point, and what harder powder does to it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plant_bench import Driver, series, settled


@pytest.fixture(scope="module")
def quiet() -> Driver:
    return settled(1500)


# Expected: self-consistent press figures of the reference line: 225 mg, 6.2 kN, 123 MPa, 70 N.
@pytest.mark.parametrize(
    ("name", "expected"),
    [("tablet_mass_mean_mg", 225.0), ("main_force_mean_n", 6200.0), ("pressure_mean_mpa", 123.0), ("hardness_mean_n", 70.0)],
)
def test_press_figures_are_within_two_per_cent(quiet: Driver, name: str, expected: float) -> None:
    assert np.nanmean(series(quiet, name)[500:]) == pytest.approx(expected, rel=0.02)


def test_tablets_spread_as_in_commercial_batches(quiet: Driver) -> None:
    # Zagar & Mihelic 2022: weight RSD 0.64 / 0.97 / 1.82 %, SREL 2.8 / 4.2 / 6.1 % (5 % / median / 95 % of batches)
    mass = quiet.plant.truth.tablets["mass_mg"][5000:]
    assert 0.64 < mass.std() / mass.mean() * 100 < 1.82
    assert 2.8 < quiet["Press/SREL"] < 6.1


def test_force_loop_leaves_little_weight_error(quiet: Driver) -> None:
    # derived for this line: residual weight SD 0.30 % behind a per-revolution force loop, plus the noise of 31 tablets
    mass = series(quiet, "tablet_mass_mean_mg")[600:]
    within = series(quiet, "tablet_mass_sd_mg")[600:].mean() / np.sqrt(31)
    residual = np.sqrt(mass.var() - within**2) / 225 * 100
    assert 0.15 < residual < 0.45


def test_yield_pressure_step_takes_weight_that_the_force_loop_cannot_see() -> None:
    # derived: holding force, +8 % yield pressure removes 1.7 % of weight
    from line.configuration import PlantFault

    driver = settled(1500, faults=[PlantFault(name="py_step", at_s=900)])
    mass, force_n = series(driver, "tablet_mass_mean_mg"), series(driver, "main_force_mean_n")
    assert mass[1000:].mean() / np.nanmean(mass[500:900]) - 1 == pytest.approx(-0.017, abs=0.003)
    assert force_n[1000:].mean() == pytest.approx(6200, rel=0.005)
