"""The soft sensor of a run: calibrated on another seed's spectra, or on a real set of which the probe plays the rest."""

from __future__ import annotations

from pathlib import Path

from engine.wiring import LineFiles
from plant_sim.instruments.calibration import MeasuredSpectra, make_calibration_set
from plant_sim.instruments.probe import INSTRUMENT_SERIAL
from plant_sim.parameters import load_parameters
from sensing.calibration import calibrate, split_batches
from sensing.model import SoftSensorModel
from sensing.spectra import CalibrationSet, parse_calibration_csv

#: The calibration set is another campaign: other scatter, temperature and lamp states than any run.
CALIBRATION_SEED_OFFSET = 7919
HOLDOUT_BATCHES = 8


def simulated_model(files: LineFiles, seed: int) -> SoftSensorModel:
    """Return a model calibrated on simulated spectra of another seed (30 batches x 5, 70-130 % LC)."""
    nominal = load_parameters(files.folder / "materials" / "reference-line.toml")
    axis, spectra, api_w_w, batches = make_calibration_set(
        nominal, seed + CALIBRATION_SEED_OFFSET, n_batches=30, replicates=5, low_pct_lc=60.0, high_pct_lc=140.0
    )
    data = CalibrationSet(axis, spectra, api_w_w, tuple(batches))
    return calibrate(data, model_id=files.recipe.soft_sensor, instrument=str(INSTRUMENT_SERIAL), seed=seed)


def split_measured(text: str, seed: int) -> tuple[CalibrationSet, CalibrationSet]:
    """Return (calibration part, held-out part) of a measured set; whole batches, chosen by seed."""
    return split_batches(parse_calibration_csv(text), HOLDOUT_BATCHES, seed)


def measured_model(files: LineFiles, part: CalibrationSet, seed: int) -> SoftSensorModel:
    """Return a model calibrated on the calibration part of a measured set, for the probe that plays the rest."""
    return calibrate(part, model_id=files.recipe.soft_sensor, instrument=str(INSTRUMENT_SERIAL), seed=seed)


def measured_spectra(path: Path, seed: int) -> MeasuredSpectra:
    """Return what the probe plays: the held-out part of the file's batches."""
    _, held_out = split_measured(path.read_text(encoding="utf-8"), seed)
    return MeasuredSpectra(held_out.spectra, held_out.api_w_w)
