"""Descriptive figures of a lot for its reviewer: means of slices, a control chart, process performance. They decide nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from line.records import Parcel
from rtr.statistics.capability import individuals_chart, performance

#: Length of a slice [s]: longer than the line's memory (integrated autocorrelation about 250 s).
SLICE_S = 300


@dataclass(frozen=True)
class Summary:
    """Descriptive: number of slices, mean and s of their contents [% LC], Ppk against the assay limits, slices outside
    the chart's own limits. NaN with fewer than three slices."""

    slices: int
    content_mean_pct_lc: float
    content_s_pct_lc: float
    content_ppk: float
    outside_chart: int


def summarise(parcels: Sequence[Parcel], target_mg: float, low: float, high: float) -> Summary:
    """Return the summary of accepted parcels; content = predicted potency times mass over `target_mg` [mg].

    Slices are SLICE_S long by the second of compression and weighted by accepted tablets; low, high [% LC].
    """
    sums: dict[int, tuple[float, int]] = {}
    for parcel in parcels:
        content = parcel.potency_pct_lc * parcel.tablet_mass_mg / target_mg
        if parcel.accepted > 0 and math.isfinite(content):
            total, n = sums.get(parcel.step // SLICE_S, (0.0, 0))
            sums[parcel.step // SLICE_S] = total + content * parcel.accepted, n + parcel.accepted
    means = [total / n for _, (total, n) in sorted(sums.items())]
    if len(means) < 3:
        return Summary(len(means), math.nan, math.nan, math.nan, 0)
    found = performance(means, low, high)
    chart = individuals_chart(means)
    ppk = found.ppk if math.isfinite(found.ppk) else math.nan
    return Summary(found.n, found.mean, found.s, ppk, len(chart.outside))
