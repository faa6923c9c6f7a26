"""The seeded, stratified draw of tablets for uniformity of dosage units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError


@dataclass(frozen=True)
class Drawn:
    """One drawn tablet: place among the accepted ones (0 is the first), parcel index, content [% of label claim]."""

    place: int
    parcel: int
    content_pct_lc: float


def stratified_places(n_tablets: int, n_strata: int, generator: np.random.Generator) -> list[int]:
    """Return one place in each of n equal strata of 0 .. n_tablets - 1, in rising order.

    Stratum i is [i N // n, (i + 1) N // n). The same generator state gives the same places.
    Errors: DataError if there are fewer tablets than strata.
    """
    if n_tablets < n_strata:
        raise DataError("fewer accepted tablets than units to draw", where="draw", how_much=f"{n_tablets} < {n_strata}")
    edges = [i * n_tablets // n_strata for i in range(n_strata + 1)]
    return [int(generator.integers(low, high)) for low, high in pairwise(edges)]


def draw(
    accepted: NDArray[np.int64], contents: Sequence[NDArray[np.float64]], n_units: int, generator: np.random.Generator
) -> list[Drawn]:
    """Return n_units tablets drawn over the accepted parcels.

    accepted (n_parcels,) accepted tablets of each parcel in counter order; contents: for each parcel the predicted
    contents [% LC] of its single tablets (at least one; any number), from which one is taken at random.
    """
    ends = np.cumsum(accepted)
    places = stratified_places(int(ends[-1]) if len(ends) else 0, n_units, generator)
    drawn = []
    for place in places:
        parcel = int(np.searchsorted(ends, place, "right"))
        units = contents[parcel]
        drawn.append(Drawn(place, parcel, float(units[int(generator.integers(0, len(units)))])))
    return drawn
