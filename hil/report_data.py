"""What a report shows, read from record and truth once: series over simulated seconds, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.truth import Truth
from historian.frames import Frames
from historian.queries import RecordReader
from line.recipe import Recipe

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Values (n,) at seconds (n,); NaN where there is none."""

    second: Vector
    value: Vector

    @property
    def empty(self) -> bool:
        """True if there is nothing to draw."""
        return not bool(np.isfinite(self.value).any())


@dataclass(frozen=True)
class ReportData:
    """All that the plots need."""

    recipe: Recipe
    frames: Frames
    parcels: Sequence[Mapping[str, Any]]
    decisions: Sequence[Mapping[str, Any]]
    verdicts: Sequence[Mapping[str, Any]]
    timing: Sequence[tuple[int, Mapping[str, Any]]]
    truth: Truth | None

    @property
    def last_second(self) -> int:
        """The end of the time axis."""
        ends = [int(self.frames.steps[-1])] if self.frames.steps.size else [1]
        return max(ends + [int(p["step"]) for p in self.parcels[-1:]])

    def tag(self, tag_id: str) -> Series:
        """Return a tag, plant units; empty if the line has none of that name."""
        if tag_id not in self.frames.register.scalar_index:
            return Series(np.empty(0), np.empty(0))
        return Series(self.frames.steps.astype(np.float64), self.frames.column(tag_id))

    def samples(self, place: str, tag: str) -> Series:
        """Return one value a sample of `Tester` or `Assay`, at the second when it was pulled."""
        number, pulled, value = (self.tag(f"{place}/{name}").value for name in ("SampleId", "PulledStep", tag))
        new = np.flatnonzero(np.diff(np.nan_to_num(number, nan=0.0), prepend=0.0) > 0)
        return Series(pulled[new], value[new])

    def parcel(self, name: str) -> Series:
        """Return a number of every parcel at the second it was made."""
        return _series([(p["step"], p[name]) for p in self.parcels if p["made"]])

    def estimate(self, name: str) -> Series:
        """Return the controller's estimate of that name at every decision; empty if it knows none."""
        return _series([(d["step"], d["estimate"].get(name)) for d in self.decisions])

    def while_made(self, series: Series) -> Series:
        """Return the part of a series between the first and the last tablet: before and after, an estimate means nothing."""
        made = [int(p["step"]) for p in self.parcels if p["made"]]
        if not made:
            return Series(np.empty(0), np.empty(0))
        inside = (series.second >= made[0]) & (series.second <= made[-1])
        return Series(series.second[inside], series.value[inside])

    def near_infrared(self, valid: bool) -> Series:
        """Return the potency [% LC] of each spectrum that is (or is not) valid."""
        fraction = self.recipe.fraction(self.recipe.product.api)
        chosen = [v for v in self.verdicts if (v["validity"] == "VALID") is valid and v["api_w_w"] is not None]
        return _series([(v["step"], 100 * v["api_w_w"] / fraction) for v in chosen])

    def true_mean(self, quantity: str) -> Series:
        """Return the true mean of the tablets made in each second: `mass_mg` or `content_pct_lc`; empty without truth."""
        if self.truth is None:
            return Series(np.empty(0), np.empty(0))
        second, value = self.truth.by_second(getattr(self.truth, quantity))
        return Series(second.astype(np.float64), value)

    def true_series(self, name: str, scale: float = 1.0) -> Series:
        """Return a series of the truth by name times `scale`, one value a second; empty if there is none."""
        if self.truth is None or name not in self.truth.series:
            return Series(np.empty(0), np.empty(0))
        value = scale * self.truth.series[name]
        second = self.truth.series.get("second", np.arange(1, value.size + 1, dtype=np.float64))
        return Series(second, value) if second.size == value.size else Series(np.empty(0), np.empty(0))


def _series(pairs: Sequence[tuple[Any, Any]]) -> Series:
    array = np.array([(s, np.nan if v is None else v) for s, v in pairs], dtype=np.float64).reshape(-1, 2)
    return Series(array[:, 0], array[:, 1])


def read_report_data(reader: RecordReader, recipe: Recipe, truth: Truth | None) -> ReportData:
    """Return what the plots need. Raises RecordError."""
    return ReportData(
        recipe,
        reader.frames(),
        reader.parcels(),
        reader.decisions(),
        [body for _, body in reader.bodies("verdict")],
        reader.bodies("timing"),
        truth,
    )
