"""What the simulated plant says of itself after the end. No other room reads it; a real line has none."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

TRUTH_FILE = "truth.npz"
ACCEPTED, DIVERTED, REJECTED, SAMPLED = 0, 1, 2, 3
TABLET_KEYS = ("tablet_counter", "tablet_second", "tablet_mass_mg", "tablet_content_pct_lc", "tablet_destination")
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Series by name, one value a second (n,); every tablet (m,): counter, second made, mass [mg], content [% LC],
    destination (0 accepted, 1 diverted, 2 rejected, 3 sampled)."""

    series: Mapping[str, Vector]
    counter: NDArray[np.int64]
    second: NDArray[np.int64]
    mass_mg: Vector
    content_pct_lc: Vector
    destination: NDArray[np.int64]

    def by_second(self, values: Vector) -> tuple[NDArray[np.int64], Vector]:
        """Return (seconds in which tablets were made, mean of a tablet quantity in each)."""
        if not self.second.size:
            return np.empty(0, dtype=np.int64), np.empty(0)
        total = np.bincount(self.second, weights=values)
        count = np.bincount(self.second)
        made = np.flatnonzero(count)
        return made, total[made] / count[made]


def read_truth(folder: Path | None) -> Truth | None:
    """Return the truth in `folder`, or None if there is none (a real line, or a plant that was killed).

    Raises DataError if the file is there but is not what a plant writes.
    """
    path = folder / TRUTH_FILE if folder is not None else None
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
        counter, second, mass, amount, destination = (content.pop(name) for name in TABLET_KEYS)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            "the plant's truth cannot be read", where=str(path), how_much=str(error), what_now="Run again."
        ) from error
    series = {name: np.asarray(values, dtype=np.float64) for name, values in content.items() if values.ndim == 1}
    return Truth(
        series,
        counter.astype(np.int64),
        second.astype(np.int64),
        mass.astype(np.float64),
        amount.astype(np.float64),
        destination.astype(np.int64),
    )
