"""What really happened: written to a folder of its own, carried by no tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.errors import RecordError
from plant_sim.extents import Vector
from plant_sim.units.chute import Destination

#: Per-second series, one row a second; units in the names. Potencies are NaN where nothing flows.
SERIES = (
    "second",
    "potency_feed_pct_lc", "potency_blender_exit_pct_lc", "potency_hopper_exit_pct_lc", "potency_feed_frame_exit_pct_lc",
    "tablet_mass_mean_mg", "tablet_mass_sd_mg", "tensile_strength_mean_mpa", "hardness_mean_n", "main_force_mean_n",
    "pressure_mean_mpa", "tablets_made",
    "mass_flow_api_kg_per_s", "mass_flow_premix_kg_per_s", "mass_flow_lactose_kg_per_s", "mass_flow_lubricant_kg_per_s",
    "mass_flow_blender_exit_kg_per_s", "mass_flow_press_kg_per_s",
    "lubricant_press_w_w", "fill_density_factor", "yield_pressure_factor",
    "lot_newest_api_w_w", "lot_newest_premix_w_w", "lot_newest_lactose_w_w", "lot_newest_lubricant_w_w",
    "mass_in_kg", "hold_up_feeders_kg", "hold_up_blender_kg", "hold_up_hopper_kg", "hold_up_feed_frame_kg", "hold_up_chute_kg",
    "mass_accepted_kg", "mass_diverted_kg", "mass_rejected_kg", "mass_sampled_kg", "mass_residual_kg",
    "api_residual_kg", "premix_residual_kg", "lactose_residual_kg", "lubricant_residual_kg",
    "energy_line_kwh", "energy_hvac_kwh", "line_state", "faults_active",
)  # fmt: skip
#: Per-tablet arrays.
TABLETS: dict[str, Any] = {
    "counter": np.int64,
    "second": np.int64,
    "mass_mg": np.float64,
    "content_pct_lc": np.float64,
    "destination": np.int8,
    "strength_mpa": np.float64,
}
FIRST_ROWS, FIRST_TABLETS = 4096, 1 << 17
FILE_NAME = "truth.npz"


class Truth:
    """Truth of one line, growing as it runs. `series[name]` (n_seconds,), `tablets[name]` (n_tablets,)."""

    def __init__(self, label_claim_mg: float) -> None:
        self._rows = np.zeros((FIRST_ROWS, len(SERIES)))
        self._n_rows = 0
        self._columns: dict[str, NDArray[Any]] = {k: np.zeros(FIRST_TABLETS, t) for k, t in TABLETS.items()}
        self._n_tablets = 0
        self._per_mg = 100.0 / label_claim_mg

    @property
    def series(self) -> dict[str, Vector]:
        """Per-second series by name; copies."""
        return {name: self._rows[: self._n_rows, i].copy() for i, name in enumerate(SERIES)}

    @property
    def tablets(self) -> dict[str, NDArray[Any]]:
        """Per-tablet arrays by name; copies. destination: see plant_sim.units.chute.Destination."""
        return {name: column[: self._n_tablets].copy() for name, column in self._columns.items()}

    def newest(self) -> dict[str, float]:
        """Return the last second's row."""
        return dict(zip(SERIES, self._rows[max(self._n_rows - 1, 0)].tolist()))

    def add_row(self, row: Vector) -> None:
        """Add one second in the order of SERIES."""
        if self._n_rows == self._rows.shape[0]:
            self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
        self._rows[self._n_rows] = row
        self._n_rows += 1

    def add_tablets(
        self,
        second: int,
        mass_kg: Vector,
        content_kg: Vector,
        strength_pa: Vector,
        rejected: NDArray[Any],
        sampled: NDArray[Any],
    ) -> None:
        """Add the tablets of one second in counter order (counters go on from 1)."""
        n, start = mass_kg.size, self._n_tablets
        end = start + n
        if end > self._columns["counter"].size:
            self._columns = {k: np.concatenate((c, np.zeros_like(c))) for k, c in self._columns.items()}
        c = self._columns
        c["counter"][start:end] = np.arange(start + 1, end + 1)
        c["second"][start:end] = second
        c["mass_mg"][start:end] = mass_kg * 1e6
        c["content_pct_lc"][start:end] = content_kg * (1e6 * self._per_mg)
        c["strength_mpa"][start:end] = strength_pa * 1e-6
        destination = np.where(rejected, Destination.REJECTED, Destination.IN_CHUTE)
        c["destination"][start:end] = np.where(sampled, Destination.SAMPLED, destination)
        self._n_tablets = end

    def arrive(self, counters: NDArray[np.int64], destination: Destination) -> None:
        """Write where tablets (by counter) ended."""
        self._columns["destination"][counters - 1] = destination

    @property
    def n_rows(self) -> int:
        """Seconds written so far."""
        return self._n_rows

    def first_on_its_way(self) -> int:
        """Return the index of the first tablet whose end is not known yet; the number of tablets if there is none."""
        on_its_way = self._columns["destination"][: self._n_tablets] == Destination.IN_CHUTE
        return int(on_its_way.argmax()) if on_its_way.any() else self._n_tablets

    def part(self, row: int, tablet: int) -> dict[str, NDArray[Any]]:
        """Return what was written from row and tablet (indices) on, as `put` takes it."""
        tablets = {f"tablet_{k}": c[tablet : self._n_tablets].copy() for k, c in self._columns.items()}
        return {"from": np.array([row, tablet]), "rows": self._rows[row : self._n_rows].copy(), **tablets}

    def put(self, part: dict[str, NDArray[Any]]) -> None:
        """Write a part of another truth in its place: parts in their order make that truth again."""
        row, tablet = (int(i) for i in part["from"])
        rows, n = part["rows"], part["tablet_counter"].size
        self._reserve(row + rows.shape[0], tablet + n)
        self._n_rows, self._n_tablets = row + rows.shape[0], tablet + n
        self._rows[row : self._n_rows] = rows
        for name, column in self._columns.items():
            column[tablet : self._n_tablets] = part[f"tablet_{name}"]

    def _reserve(self, n_rows: int, n_tablets: int) -> None:
        while self._rows.shape[0] < n_rows:
            self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
        while self._columns["counter"].size < n_tablets:
            self._columns = {k: np.concatenate((c, np.zeros_like(c))) for k, c in self._columns.items()}

    def write(self, folder: Path) -> Path:
        """Write `truth.npz` (no pickled objects) and return its path. Raises RecordError if it cannot be written."""
        arrays = {f"series_{k}": v for k, v in self.series.items()} | {f"tablet_{k}": v for k, v in self.tablets.items()}
        path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path, **arrays)
        except OSError as error:
            raise RecordError("truth not written", where=str(path), how_much=str(error), what_now="Free the disk.") from error
        return path


def read_truth(folder: Path) -> tuple[dict[str, Vector], dict[str, NDArray[Any]]]:
    """Return (series, tablets) of `truth.npz` in a folder. Raises RecordError if it is absent or broken."""
    path = folder / FILE_NAME
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise RecordError("truth not readable", where=str(path), how_much=str(error)) from error
    series = {k.removeprefix("series_"): v for k, v in content.items() if k.startswith("series_")}
    tablets = {k.removeprefix("tablet_"): v for k, v in content.items() if k.startswith("tablet_")}
    return series, tablets
