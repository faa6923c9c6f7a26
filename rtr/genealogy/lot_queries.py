"""Questions to the genealogy of a lot: where did a raw-material lot go, and what are these tablets made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from line.errors import DataError

WAYS = ("accepted", "diverted", "rejected", "sampled")
KG_PER_MG = 1e-6
#: What was in the line before anything was recorded.
UNKNOWN = "(in the line before)"


@dataclass(frozen=True)
class Genealogy:
    """A lot's parcels with the shares of every raw-material lot in them.

    `lots` names, `feeders` the feeder of each; for n parcels in counter order: `counter_from` (exclusive), `counter_to`
    (inclusive), `mass_mg` of a tablet, `spread_pct` of single masses, `ways` tablets by WAYS (n, 4), and `shares`
    (n, n_hypotheses, n_lots), which sum over lots to one less what was in the line before.
    """

    lots: tuple[str, ...]
    feeders: tuple[int, ...]
    counter_from: NDArray[np.int64]
    counter_to: NDArray[np.int64]
    mass_mg: NDArray[np.float64]
    spread_pct: NDArray[np.float64]
    ways: NDArray[np.int64]
    shares: NDArray[np.float32]

    def lot(self, name: str) -> int:
        """Return the index of a raw-material lot. Errors: DataError naming those there are."""
        if name not in self.lots:
            raise DataError("no such raw-material lot in this lot", where=name, what_now=f"There are {', '.join(self.lots)}.")
        return self.lots.index(name)


@dataclass(frozen=True)
class Share:
    """One raw-material lot in a set of tablets: share of their mass with standard uncertainty, mg a tablet."""

    lot: str
    feeder: int | None
    share: float
    uncertainty: float
    mg_per_tablet: float


@dataclass(frozen=True)
class Stretch:
    """Successive tablets that may hold more than asked: counters (both inclusive), tablets by way, largest probability,
    mean mg a tablet and its largest standard uncertainty."""

    counter_from: int
    counter_to: int
    tablets: dict[str, int]
    probability_max: float
    mg_mean: float
    mg_uncertainty_max: float


@dataclass(frozen=True)
class Whereabouts:
    """Where a raw-material lot went: kg by way with standard uncertainty, and the expected number of tablets, by way, that
    hold more than asked."""

    kg: dict[str, tuple[float, float]]
    tablets_above: dict[str, float]
    stretches: tuple[Stretch, ...]


def made_of(genealogy: Genealogy, counter_from: int, counter_to: int) -> list[Share]:
    """Return what tablets counter_from .. counter_to (both inclusive) are made of; shares sum to one, UNKNOWN included.

    Weighted by tablets; the uncertainty is the standard deviation over the hypotheses of the mean over these tablets.
    Errors: DataError if no parcel holds any of them.
    """
    first = np.maximum(genealogy.counter_from + 1, counter_from)
    n = np.maximum(np.minimum(genealogy.counter_to, counter_to) - first + 1, 0).astype(np.float64)
    n[~np.isfinite(genealogy.mass_mg)] = 0.0
    if not n.sum() > 0:
        raise DataError("no tablets of this lot have these counters", where="trace", how_much=f"{counter_from}..{counter_to}")
    chosen = n > 0
    weight = n[chosen] * genealogy.mass_mg[chosen]
    mean_mass = float(weight.sum() / n.sum())
    shares = np.tensordot(weight / weight.sum(), genealogy.shares[chosen].astype(np.float64), axes=1)
    shares = np.column_stack([shares, 1.0 - shares.sum(axis=1)])
    mean, spread = shares.mean(axis=0), shares.std(axis=0)
    names: list[tuple[str, int | None]] = [*zip(genealogy.lots, genealogy.feeders), (UNKNOWN, None)]
    return [Share(lot, feeder, float(m), float(u), float(m) * mean_mass) for (lot, feeder), m, u in zip(names, mean, spread)]


def went_to(genealogy: Genealogy, lot: str, above_mg: float, probability_min: float) -> Whereabouts:
    """Return where a raw-material lot went, and the tablets that hold more than `above_mg` of it with that probability or more.

    P(content > above) = mean over the hypotheses of P(m share > above), m a single tablet's mass, normal about its
    parcel's mean with the spread that the press reported. Wrong below the scale at which powder is mixed: a lot's
    particles are taken as evenly spread within a second's tablets.
    """
    shares = genealogy.shares[:, :, genealogy.lot(lot)].astype(np.float64)
    mass = np.where(np.isfinite(genealogy.mass_mg), genealogy.mass_mg, 0.0)
    mg = mass[:, None] * shares
    doubt = np.maximum(mg * genealogy.spread_pct[:, None] / 100.0, 1e-12)
    probability = np.asarray(ndtr((mg - above_mg) / doubt).mean(axis=1))
    kg = {way: KG_PER_MG * (genealogy.ways[:, i] @ mg) for i, way in enumerate(WAYS)}
    return Whereabouts(
        {way: (float(x.mean()), float(x.std())) for way, x in kg.items()},
        {way: float(genealogy.ways[:, i] @ probability) for i, way in enumerate(WAYS)},
        tuple(_stretches(genealogy, mg, probability, probability_min)),
    )


def _stretches(genealogy: Genealogy, mg: NDArray[np.float64], probability: NDArray[np.float64], least: float) -> list[Stretch]:
    chosen = np.flatnonzero(probability >= least)
    if not len(chosen):
        return []
    breaks = np.flatnonzero((np.diff(chosen) > 1) | (genealogy.counter_from[chosen[1:]] != genealogy.counter_to[chosen[:-1]]))
    return [_stretch(genealogy, mg, probability, part) for part in np.split(chosen, breaks + 1)]


def _stretch(
    genealogy: Genealogy, mg: NDArray[np.float64], probability: NDArray[np.float64], part: NDArray[np.int64]
) -> Stretch:
    tablets = genealogy.ways[part].sum(axis=0)
    made = np.maximum((genealogy.counter_to - genealogy.counter_from)[part], 1)
    return Stretch(
        int(genealogy.counter_from[part[0]]) + 1,
        int(genealogy.counter_to[part[-1]]),
        {way: int(n) for way, n in zip(WAYS, tablets)},
        float(probability[part].max()),
        float(np.average(mg[part].mean(axis=1), weights=made)),
        float(mg[part].std(axis=1).max()),
    )


def genealogy_of(
    lots: Mapping[str, int],
    parcels: Sequence[Mapping[str, Any]],
    shares: Mapping[int, NDArray[np.float32]],
    spread_pct: Mapping[int, float],
) -> Genealogy:
    """Return the genealogy of a lot: `lots` feeder by name, `parcels` bodies as recorded, shares (n_hypotheses, n_lots) and
    spread of masses [%] by second of compression. A parcel whose second was not followed is left out."""
    known = [p for p in parcels if p["step"] in shares and p["made"] > 0]
    if not known:
        raise DataError("the record holds no tablets that could be traced", where="trace")
    for before, after in pairwise(known):
        if after["counter_from"] < before["counter_to"]:
            what = f"second {after['step']}: from {after['counter_from']} after {before['counter_to']}"
            raise DataError("parcels overlap or are out of order", where="trace", how_much=what)
    return Genealogy(
        tuple(lots),
        tuple(lots.values()),
        np.array([p["counter_from"] for p in known], dtype=np.int64),
        np.array([p["counter_to"] for p in known], dtype=np.int64),
        np.array([p["tablet_mass_mg"] if p["tablet_mass_mg"] is not None else np.nan for p in known], dtype=np.float64),
        np.array([spread_pct[p["step"]] for p in known], dtype=np.float64),
        np.array([[p[way] for way in WAYS] for p in known], dtype=np.int64),
        np.stack([shares[p["step"]] for p in known]),
    )
