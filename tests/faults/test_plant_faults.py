"""Each fault against the same seed without it: which tags move, which way, how far and when."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from line.configuration import PlantFault
from line.quality import STATUS_BAD_OUT_OF_SERVICE
from plant_sim.faults import FAULTS, KNOWN_ELSEWHERE, known_faults
from tests.plant_bench import Driver, plant, register, series

ONSET, END = 640, 1030


@cache
def run(name: str | None) -> tuple[Driver, np.ndarray]:
    """A run with one fault (its own defaults) and the frames of every second."""
    faults = [PlantFault(name=name, at_s=ONSET)] if name else []
    driver = Driver(plant(faults)).start()
    frames = [driver.last.values] * (driver.plant.k + 1)
    while driver.plant.k < END:
        driver.step()
        frames.append(driver.last.values)
    return driver, np.array(frames)


def tag(name: str | None, tag_id: str) -> np.ndarray:
    return run(name)[1][:, register().scalar_index[tag_id]]


def change(name: str, tag_id: str, start: int, end: int) -> float:
    """Relative change of a tag's mean over start..end seconds after the onset, against the same seed without it."""
    window = slice(ONSET + start, ONSET + end)
    return float(tag(name, tag_id)[window].mean() / tag(None, tag_id)[window].mean() - 1.0)


def truth_change(name: str, key: str, start: int, end: int) -> float:
    window = slice(ONSET + start, ONSET + end)
    return float(np.nanmean(series(run(name)[0], key)[window]) / np.nanmean(series(run(None)[0], key)[window]) - 1.0)


# fault, tag, seconds after onset, expected relative change, tolerance
SIGNATURES = [
    ("load_cell_span", "Feeder1/Totalizer", 300, 380, 0.0, 0.01),
    ("api_interruption", "Feeder1/MassFlow", 12, 28, -1.0, 0.10),
    ("api_bridging_short", "Feeder1/MassFlow", 10, 12, -1.0, 0.15),
    ("density_step", "Press/FillDepth", 60, 300, 1 / 0.93 - 1, 0.01),
    ("py_step", "Press/FillDepth", 60, 300, -0.017, 0.005),
    ("mgst_bias", "Press/EjectionForce", 350, 385, -0.06, 0.03),
    ("press_stop", "Press/TurretSpeed", 2, 100, -1.0, 0.001),
]


@pytest.mark.parametrize(("name", "tag_id", "start", "end", "expected", "tolerance"), SIGNATURES)
def test_a_fault_moves_its_tag(name: str, tag_id: str, start: int, end: int, expected: float, tolerance: float) -> None:
    assert change(name, tag_id, start, end) == pytest.approx(expected, abs=tolerance)


# what really happens to the product
TRUE_EFFECTS = [
    ("load_cell_span", "mass_flow_api_kg_per_s", 100, 380, 0.031, 0.006),
    ("load_cell_span", "potency_feed_frame_exit_pct_lc", 350, 385, 0.026, 0.008),
    ("mgst_bias", "mass_flow_lubricant_kg_per_s", 2, 380, 0.30, 0.01),
    ("mgst_bias", "tensile_strength_mean_mpa", 350, 385, -0.045, 0.015),
    ("py_step", "tablet_mass_mean_mg", 60, 300, -0.017, 0.003),
    ("density_step", "tablet_mass_mean_mg", 60, 300, 0.0, 0.002),
    ("density_step", "tablet_mass_mean_mg", 0, 2, -0.06, 0.02),
    ("api_interruption", "mass_flow_api_kg_per_s", 0, 30, -1.0, 1e-9),
    ("api_bridging_short", "mass_flow_api_kg_per_s", 0, 12, -1.0, 1e-9),
]


@pytest.mark.parametrize(("name", "key", "start", "end", "expected", "tolerance"), TRUE_EFFECTS)
def test_a_fault_does_what_it_says(name: str, key: str, start: int, end: int, expected: float, tolerance: float) -> None:
    assert truth_change(name, key, start, end) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", sorted({name for name, *_ in [*SIGNATURES, *TRUE_EFFECTS]}))
def test_nothing_differs_before_the_onset(name: str) -> None:
    assert np.array_equal(run(name)[1][: ONSET + 1], run(None)[1][: ONSET + 1], equal_nan=True)
    assert not np.array_equal(run(name)[1], run(None)[1], equal_nan=True)


def test_span_error_and_unseen_lubricant_hide_from_their_own_scale() -> None:
    for name, tag_id in (("load_cell_span", "Feeder1/MassFlow"), ("mgst_bias", "Feeder4/MassFlow")):
        assert change(name, tag_id, 60, 380) == pytest.approx(0.0, abs=0.01), name


def test_span_error_starts_without_a_jump_of_the_weight() -> None:
    weight = tag("load_cell_span", "Feeder1/NetWeight") - tag(None, "Feeder1/NetWeight")
    assert np.abs(weight[ONSET : ONSET + 3]).max() < 1e-4


def test_outage_of_the_spectrometer_is_bad_and_empty_for_ten_minutes() -> None:
    driver = Driver(plant([PlantFault(name="nir_outage", at_s=200)])).start()
    status: dict[int, int] = {}
    while driver.plant.k < 830:
        arrays = driver.step().arrays
        if "NIR/Spectrum" in arrays:
            values, code, taken = arrays["NIR/Spectrum"]
            status[taken] = code
            assert np.isnan(values).all() == (code == STATUS_BAD_OUT_OF_SERVICE)
    out = [taken for taken, code in status.items() if code == STATUS_BAD_OUT_OF_SERVICE]
    assert (min(out), max(out)) == (205, 800)
    assert status[200] == status[805] == 0


def test_every_fault_says_what_it_is() -> None:
    assert set(known_faults()) >= {
        "load_cell_span", "api_interruption", "api_bridging_short", "nir_outage", "density_step", "py_step", "mgst_bias",
        "press_stop",
    }  # fmt: skip
    assert not set(KNOWN_ELSEWHERE) & set(known_faults())
    for kind in FAULTS.values():
        assert len(kind.meaning) > 30
        assert kind.low <= kind.severity <= kind.high
        known = set(register().scalar_ids) | set(register().array_ids)
        assert set(kind.moves) <= known, kind.name
