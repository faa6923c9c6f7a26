"""What force does when weight or gap change: in the running plant, and from constants that were never fitted to tablets."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.wiring import LineFiles
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan, without_noise
from hil.virtual_plant import reference_plant
from line.errors import DataError
from line.modes import WeightLoop

MODEL_SOURCE = "local gains of the reference line, solved with its press figures; +-0.2"
DEPTH_STEP_MM, HEIGHT_STEP_MM = 0.03, 0.01
WARM_S, UNTIL_S = 600, 700

MCC_SOURCE = (
    "Heckel line through the published hydrostatic yield table of Avicel PH-102 (solid fraction 0.5-0.93), press of "
    "60 kN/mm, in-die solid fraction 0.87 (interval 0.85..0.89); asked: middle half of SREL / weight RSD of 1,005 "
    "batches (Zagar & Mihelic 2022), which also holds the spread of punch lengths"
)
#: Middle half of SREL / weight RSD over 1,005 batches.
REAL_GAIN = (3.75, 4.74)
FIT_RANGE = (0.5, 0.93)
SOLID_FRACTIONS = (0.85, 0.87, 0.89)
TABLET_KG, DIE_M, TRUE_DENSITY, STIFFNESS = 225e-6, 8.0e-3, 1480.0, 60e6


def press_gain_figures(files: LineFiles) -> list[Figure]:
    """Return d ln F/d ln W and d ln F/d ln h of the running reference plant without noise, fill depth held by the host."""
    parameters = without_noise(reference_plant(files))
    drive = Drive(files, [LinePlan(parameters)] * 4, WeightLoop.HOST)
    depth, height = parameters.fill.depth_nominal.value, parameters.compaction.main_height.value
    drive.set("SP/FillDepth", np.array([depth + DEPTH_STEP_MM, depth - DEPTH_STEP_MM, depth, depth]))
    drive.set("SP/MainHeight", np.array([height, height, height + HEIGHT_STEP_MM, height - HEIGHT_STEP_MM]))
    drive.run(WARM_S)
    mass, force = np.zeros(4), np.zeros(4)
    while drive.second < UNTIL_S:
        drive.step()
        tablets = drive.lines.tablets
        if tablets is not None:
            mass += tablets.mass_kg.sum(axis=1) / tablets.made.sum(axis=1)
            force += np.where(tablets.made, tablets.force_n, 0.0).sum(axis=1) / tablets.made.sum(axis=1)
    by_weight = float(np.log(force[0] / force[1]) / np.log(mass[0] / mass[1]))
    heights = (height + HEIGHT_STEP_MM) / (height - HEIGHT_STEP_MM)
    by_height = float(np.log(force[2] / force[3]) / np.log(heights))
    return [
        Figure("gain_force_weight", by_weight, "1", MODEL_SOURCE, at_least=3.9, at_most=4.3, kind="verified"),
        Figure("gain_force_height", by_height, "1", MODEL_SOURCE, at_least=-4.2, at_most=-3.8, kind="verified"),
    ]


def read_yield_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (relative density, hydrostatic yield pressure [Pa]) of a hardening table. Raises DataError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        density = np.array([float(row["relative_density"]) for row in rows])
        pressure = np.array([float(row["hydrostatic_yield_pb_MPa"]) for row in rows])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError("not a table of hydrostatic yield pressures", where=str(path), how_much=str(error)) from error
    return density, pressure * 1e6


def heckel_line(density: np.ndarray, pressure_pa: np.ndarray) -> tuple[float, float]:
    """Return (yield pressure [Pa], intercept) of ln(1/(1 - D)) = P/Py + A over FIT_RANGE, least squares."""
    inside = (density >= FIT_RANGE[0] - 1e-9) & (density <= FIT_RANGE[1] + 1e-9)
    slope, intercept = np.polyfit(pressure_pa[inside], -np.log1p(-density[inside]), 1)
    return 1.0 / float(slope), float(intercept)


def gain_of_heckel(yield_pa: float, intercept: float, solid_fraction: float) -> float:
    """Return d ln F/d ln W of a Heckel powder at an in-die solid fraction.

    From W = rho A (h + F/k) D(P): d ln W/d ln F = (F/k)/(h + F/k) + (P/Py) (1 - D)/D.
    """
    area = np.pi * DIE_M**2 / 4.0
    pressure = yield_pa * (-np.log1p(-solid_fraction) - intercept)
    height = TABLET_KG / (TRUE_DENSITY * area * solid_fraction)
    give = pressure * area / STIFFNESS / height
    return float(1.0 / (give + pressure / yield_pa * (1.0 - solid_fraction) / solid_fraction))


def uncalibrated_gain_figure(path: Path) -> Figure:
    """Return the force gain that published constants of Avicel PH-102 alone predict."""
    line = heckel_line(*read_yield_table(path))
    gains: Sequence[float] = [gain_of_heckel(*line, d) for d in SOLID_FRACTIONS]
    low, high = min(gains), max(gains)
    return Figure("gain_force_weight_uncalibrated", gains[1], "1", MCC_SOURCE, low, high, *REAL_GAIN, kind="predicted")
