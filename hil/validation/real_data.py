"""Commercial direct-compression batches of Zagar & Mihelic (2022): the feature table, and the 10 s logs of codes 3 and 7."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

#: Codes whose logs are there; whatever was fitted was fitted on them, so they are left out of the comparison.
FIT_CODES = (3, 7)
PERCENT = 100.0
#: Fewer batches than this say little about the spread between batches of a code.
BATCHES_MIN = 30


@dataclass(frozen=True)
class RealBatches:
    """Features by name, one value a batch (NaN where it was not recorded), and each batch's product code."""

    code: NDArray[np.int64]
    features: Mapping[str, np.ndarray]

    def others(self, name: str) -> np.ndarray:
        """Return the recorded values of the batches of every code but FIT_CODES."""
        values = self.features[name][~np.isin(self.code, FIT_CODES)]
        return values[np.isfinite(values)]

    def by_code(self, name: str) -> dict[int, np.ndarray]:
        """Return the values of each of the other codes with at least BATCHES_MIN batches."""
        found = {}
        for code in np.unique(self.code):
            mine = self.code == code
            if code not in FIT_CODES and mine.sum() >= BATCHES_MIN:
                found[int(code)] = self.features[name][mine]
        return found


@dataclass(frozen=True)
class BatchLog:
    """The 10 s log of one batch, (n_log,) each; `production`: running, and what is made is counted."""

    running: NDArray[np.bool_]
    production: NDArray[np.bool_]
    force_kn: np.ndarray
    depth_mm: np.ndarray


def read_batches(folder: Path) -> RealBatches:
    """Return the feature table. Raises DataError if a file or column is missing."""
    process, laboratory = _rows(folder / "Process.csv"), _rows(folder / "Laboratory.csv")
    factor = {int(r["Product code"]): float(r["Normalisation factor"]) for r in _rows(folder / "Normalization.csv")}
    if len(process) != len(laboratory):
        raise DataError("the two tables hold different batches", where=str(folder), how_much=f"{len(process)} rows")
    try:
        return _features(process, laboratory, factor)
    except KeyError as error:
        raise DataError("a column is missing", where=str(folder), how_much=str(error)) from error


def _features(process: Sequence[dict[str, str]], laboratory: Sequence[dict[str, str]], factor: dict[int, float]) -> RealBatches:
    code = np.array([int(float(row["code"])) for row in process])
    p = {name: _column(process, name) for name in process[0] if name not in ("weekend",)}
    lab = {name: _column(laboratory, name) for name in laboratory[0] if name.startswith("tbl_") or name == "size"}
    rsd, srel = lab["tbl_rsd_weight"], p["SREL_production_mean"]
    force, weight = p["main_CompForce mean"], (lab["tbl_min_weight"] + lab["tbl_max_weight"]) / 2.0
    waste = p["total_waste"] * np.array([factor[int(c)] for c in code])
    ejection = np.where(p["ejection_mean"] > 20.0, p["ejection_mean"], np.nan)
    known = (lab["tbl_min_hardness"] > 0.0) & (lab["tbl_max_hardness"] > 0.0)
    hardness = np.where(known, lab["tbl_av_hardness"], np.nan)
    hardnesses = (lab["tbl_max_hardness"] - lab["tbl_min_hardness"]) / hardness
    weights = np.where(lab["tbl_max_weight"] > lab["tbl_min_weight"], lab["tbl_max_weight"] - lab["tbl_min_weight"], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return RealBatches(
            code,
            {
                "weight_rsd_pct": rsd,
                "srel_pct": srel,
                "srel_over_weight_rsd": srel / rsd,
                "force_cv_pct": PERCENT * p["main_CompForce_sd"] / force,
                "depth_cv_pct": PERCENT * p["tbl_fill_sd"] / p["tbl_fill_mean"],
                "srel_set_up_over_production": p["SREL_startup_mean"] / srel,
                "srel_max_over_mean": p["SREL_production_max"] / srel,
                "ejection_over_force_pct": PERCENT * ejection * 1e-3 / force,
                "ejection_range_pct": PERCENT * (p["ejection_max"] - p["ejection_min"]) / ejection,
                "tensile_strength_mpa": lab["tbl_tensile"],
                "hardness_over_weight_range": hardnesses / (weights / weight),
                "rejected_running_pct": PERCENT * (waste - p["startup_waste"]) / lab["size"],
                "rejected_set_up_tablets": p["startup_waste"],
                "fill_density_relative": weight / p["tbl_fill_mean"],
            },
        )


def read_logs(folder: Path) -> list[BatchLog]:
    """Return the logs of every batch of FIT_CODES. Raises DataError if a file or column is missing."""
    logs = []
    for code in FIT_CODES:
        rows = _rows(folder / "Process" / f"{code}.csv")
        try:
            columns = {name: _column(rows, name) for name in ("batch", "tbl_speed", "main_comp", "tbl_fill", "produced")}
        except KeyError as error:
            raise DataError("a column is missing", where=f"{folder}/Process/{code}.csv", how_much=str(error)) from error
        for batch in np.unique(columns["batch"]):
            one = {name: values[columns["batch"] == batch] for name, values in columns.items()}
            running = one["tbl_speed"] > 0.0
            logs.append(BatchLog(running, running & (one["produced"] > 0.0), one["main_comp"], one["tbl_fill"]))
    return logs


def read_columns(path: Path, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return columns of a table as numbers, NaN where there is none; all if no names are given. Raises DataError."""
    rows = _rows(path)
    missing = [name for name in names if not rows or name not in rows[0]]
    if missing or not rows:
        raise DataError("a column is missing", where=str(path), how_much=", ".join(missing) or "no rows")
    return {name: _column(rows, name) for name in names or rows[0]}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("cannot be read", where=str(path), how_much=str(error), what_now="Get the data set anew.") from error


def _column(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    return np.array([_number(row[name]) for row in rows])


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")
