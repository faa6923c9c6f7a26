"""What the simulated plant says of itself after the end. No other room reads it; a real line has none."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError, RecordError
from plant_sim.truth import FILE_NAME
from plant_sim.truth import read_truth as read_plant_truth
from plant_sim.units.chute import Destination

ACCEPTED = int(Destination.ACCEPTED)
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Series by name, one value a second (n,); every tablet (m,): counter, second made, mass [mg], content [% LC],
    strength [MPa], destination (`plant_sim.units.chute.Destination`)."""

    series: Mapping[str, Vector]
    counter: NDArray[np.int64]
    second: NDArray[np.int64]
    mass_mg: Vector
    content_pct_lc: Vector
    strength_mpa: Vector
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
    if folder is None or not (folder / FILE_NAME).is_file():
        return None
    try:
        if not zipfile.is_zipfile(folder / FILE_NAME):
            raise RecordError("not an archive", where=FILE_NAME)
        return truth_of(*read_plant_truth(folder))
    except (RecordError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            "the plant's truth cannot be read", where=str(folder), how_much=str(error), what_now="Run again."
        ) from error


def truth_of(series: Mapping[str, Vector], tablets: Mapping[str, NDArray[Any]]) -> Truth:
    """Return a plant's series and tablets as a Truth. Raises KeyError if a column is missing."""
    return Truth(
        series,
        tablets["counter"].astype(np.int64),
        tablets["second"].astype(np.int64),
        tablets["mass_mg"].astype(np.float64),
        tablets["content_pct_lc"].astype(np.float64),
        tablets["strength_mpa"].astype(np.float64),
        tablets["destination"].astype(np.int64),
    )
