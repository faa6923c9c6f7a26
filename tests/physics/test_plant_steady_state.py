"""The plant at its reference point, and what one more milligram or micrometre does."""

from __future__ import annotations

import numpy as np
import pytest

from plant_sim.units.compaction import Tooling, main_pressure
from tests.plant_bench import Driver, nominal, series, settled


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


def tooling() -> Tooling:
    c = nominal().compaction
    area = np.pi * c.die_diameter.si**2 / 4

    def one(x: float) -> np.ndarray:
        return np.array([[x]])

    values = (area, c.press_stiffness.si, c.true_density.si, c.yield_pressure.si, c.heckel_intercept.si)
    return Tooling(*(one(v) for v in values))


def force(mass_mg: float, height_mm: float) -> float:
    tool = tooling()
    pressure = main_pressure(np.array([[mass_mg * 1e-6]]), np.array([[height_mm * 1e-3]]), tool, np.array([[1e8]]))
    return float((pressure * tool.area)[0, 0])


def test_force_gains_are_those_of_the_reference_line() -> None:
    # derived: d ln F/d ln W = +4.1, d ln F/d ln h = -4.0, dF/dh = -7.3 kN/mm at 6.2 kN
    by_mass = np.log(force(225.2, 3.373) / force(224.8, 3.373)) / np.log(225.2 / 224.8)
    by_height = np.log(force(225, 3.375) / force(225, 3.371)) / np.log(3.375 / 3.371)
    assert by_mass == pytest.approx(4.1, abs=0.2)
    assert by_height == pytest.approx(-4.0, abs=0.2)
    assert force(225, 3.373) == pytest.approx(6200, rel=0.01)


@pytest.mark.parametrize("mass_mg", [0.0, 1.0, 60.0, 120.0, 180.0, 225.0, 280.0, 400.0])
@pytest.mark.parametrize("start_mpa", [0.0, 123.0, 800.0])
def test_compaction_solves_its_equation_from_any_start(mass_mg: float, start_mpa: float) -> None:
    tool, gap = tooling(), 3.373e-3
    pressure = main_pressure(np.array([[mass_mg * 1e-6]]), np.array([[gap]]), tool, np.array([[start_mpa * 1e6]]))[0, 0]
    area, stiffness, density, yield_pa, intercept = (float(getattr(tool, n)[0, 0]) for n in vars(tool))
    held = density * area * (gap + pressure * area / stiffness) * (1 - np.exp(-pressure / yield_pa - intercept))
    if pressure == 0.0:  # untouched: even at no pressure the gap holds more than the die brings
        assert held >= mass_mg * 1e-6
    elif pressure < 800e6:
        assert held == pytest.approx(mass_mg * 1e-6, rel=1e-6)


def test_force_rises_with_mass_and_falls_with_height() -> None:
    by_mass = [force(m, 3.373) for m in np.linspace(150, 300, 31)]
    by_height = [force(225, h) for h in np.linspace(3.0, 4.5, 31)]
    assert np.all(np.diff(by_mass) >= 0)
    assert np.all(np.diff(by_height) <= 0)


def test_yield_pressure_step_takes_weight_that_the_force_loop_cannot_see() -> None:
    # derived: holding force, +8 % yield pressure removes 1.7 % of weight
    from line.configuration import PlantFault

    driver = settled(1500, faults=[PlantFault(name="py_step", at_s=900)])
    mass, force_n = series(driver, "tablet_mass_mean_mg"), series(driver, "main_force_mean_n")
    assert mass[1000:].mean() / np.nanmean(mass[500:900]) - 1 == pytest.approx(-0.017, abs=0.003)
    assert force_n[1000:].mean() == pytest.approx(6200, rel=0.005)
