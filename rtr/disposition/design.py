"""The designed sample of a lot: slices of production far enough apart to be independent, and what they say of it (E2810)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.recipe import LotDesign, Slices, Uniformity
from rtr.statistics.batch_inference import PlanTwo, lower_bound_plan_2
from rtr.statistics.uniformity import mean_and_s

MG_PER_KG = 1e6


@dataclass(frozen=True)
class Slice:
    """One slice: place of its tablets among the accepted ones (0 is the first), parcel, contents [% of label claim]."""

    place: int
    parcel: int
    contents_pct_lc: tuple[float, ...]


@dataclass(frozen=True)
class DesignedSample:
    """The lot's designed sample and the bound of E2810 plan 2 on the probability of passing USP <905>.

    `n_slices` x `n_units` is what the recipe asks for a lot this long; `slices` what could be taken (fewer: `plan` is
    None and nothing is decided). Contents in % of label claim; `mean`, `sd_places`, `sd_within` of the predictions.
    """

    n_slices: int
    n_units: int
    slices: tuple[Slice, ...]
    mean: float = math.nan
    sd_places: float = math.nan
    sd_within: float = math.nan
    plan: PlanTwo | None = None

    @property
    def contents(self) -> list[float]:
        """All contents [% of label claim], slice by slice."""
        return [x for piece in self.slices for x in piece.contents_pct_lc]


def slice_places(n_tablets: int, gap: int, n_slices: int, generator: np.random.Generator) -> list[int]:
    """Return rising places in 0 .. n_tablets - 1, each at least `gap` tablets behind the one before; fewer if they do not fit.

    The lot is cut into equal stretches of (n_tablets - 1 + gap) / n_slices and one place is drawn in the first part of each,
    as long as the stretch exceeds the gap. The same generator state gives the same places.
    """
    n = min(n_slices, (n_tablets - 1) // max(gap, 1) + 1) if n_tablets > 0 else 0
    if n == 0:
        return []
    stretch = (n_tablets - 1 + gap) / n
    free = generator.random(n) * (stretch - gap)
    return [min(math.ceil(i * stretch + free[i]), n_tablets - 1) for i in range(n)]


def take_slices(
    accepted: Sequence[int],
    contents: Sequence[NDArray[np.float64]],
    parcels: Sequence[int],
    gap: int,
    rows: Slices,
    generator: np.random.Generator,
) -> tuple[Slice, ...]:
    """Return the slices of a lot: for each parcel in counter order its accepted tablets, contents [% LC] of single tablets (at
    least `rows.n_units`) and its index in the lot."""
    ends = np.cumsum(np.asarray(accepted, dtype=np.int64))
    found = []
    for place in slice_places(int(ends[-1]) if len(ends) else 0, gap, rows.n_slices, generator):
        parcel = int(np.searchsorted(ends, place, "right"))
        units = generator.choice(contents[parcel], rows.n_units, replace=False)
        found.append(Slice(place, parcels[parcel], tuple(float(x) for x in units)))
    return tuple(found)


def judge_slices(
    slices: tuple[Slice, ...], rows: Slices, design: LotDesign, rules: Uniformity, target: float, shared_bias: float
) -> DesignedSample:
    """Return what the slices say of the lot by E2810 plan 2; nothing is decided on fewer slices than designed.

    The predictions' doubts enter as in `uniformity.stage`: the recipe's residual variance, already an upper limit, and
    `shared_bias` [% LC], once, in the unfavourable direction.
    """
    if len(slices) < rows.n_slices:
        return DesignedSample(rows.n_slices, rows.n_units, slices)
    pieces = [mean_and_s(piece.contents_pct_lc) for piece in slices]
    mean, sd_places = mean_and_s([m for m, _ in pieces])
    sd_within = math.sqrt(math.fsum(s * s for _, s in pieces) / len(pieces))
    plan = lower_bound_plan_2(
        mean,
        sd_places,
        sd_within,
        rows.n_slices,
        rows.n_units,
        design.confidence,
        target,
        residual_variance=rules.residual_variance_pct2,
        shared_bias=shared_bias,
    )
    return DesignedSample(rows.n_slices, rows.n_units, slices, mean, sd_places, sd_within, plan)
