"""What is read from the line in one second, and what is written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.quality import Quality, quality_of_status
from line.tags import TagRegister

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class StepResult:
    """The plant's answer to one step, before any check. Vectors in the register's scalar order.

    values (n,) plant units, NaN where there is none; statuses (n,) OPC UA codes; source_steps (n,) the simulated
    second each value was measured; arrays: vector tags that are new this second, with (status, source_step);
    events: PLC messages, each a JSON object with at least `code`.
    """

    step: int
    values: Vector
    statuses: NDArray[np.uint32]
    source_steps: NDArray[np.int64]
    arrays: Mapping[str, tuple[Vector, int, int]] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class ArraySample:
    """One vector value with its status and the second it was measured."""

    values: Vector
    quality: Quality
    status: int
    source_step: int


class Snapshot:
    """All values of one second with quality and age.

    `value(tag)` plant units and `si(tag)` SI return NaN unless `usable(tag)`; `raw(tag)` returns the value whatever
    its quality. Quality: by status, then STALE if older than the tag's maximum age, then BAD if not finite or outside
    the tag's range.
    """

    def __init__(self, register: TagRegister, result: StepResult) -> None:
        self.register = register
        self.step = result.step
        self.values = result.values
        self.statuses = result.statuses
        self.source_steps = result.source_steps
        self.events = tuple(result.events)
        self.ages_s = (result.step - result.source_steps).astype(np.float64)
        self.quality = self._judge()
        self.arrays: dict[str, ArraySample] = {
            tag_id: ArraySample(values, self._judge_array(tag_id, values, status), status, source)
            for tag_id, (values, status, source) in result.arrays.items()
        }

    def _judge(self) -> NDArray[np.uint8]:
        register = self.register
        severity = (self.statuses >> 30) & 0b11
        quality = np.where(severity == 0, Quality.GOOD, np.where(severity == 1, Quality.UNCERTAIN, Quality.BAD))
        stale = (register.max_age_s > 0) & (self.ages_s > register.max_age_s)
        quality = np.where(stale & (quality != Quality.BAD), Quality.STALE, quality)
        with np.errstate(invalid="ignore"):
            outside = ~((self.values >= register.low) & (self.values <= register.high))
        return np.where(outside | (self.ages_s < 0), Quality.BAD, quality).astype(np.uint8)

    def _judge_array(self, tag_id: str, values: Vector, status: int) -> Quality:
        tag = self.register[tag_id]
        if values.shape != (tag.size,) or not np.all(np.isfinite(values)):
            return Quality.BAD
        if values.min() < tag.low or values.max() > tag.high:
            return Quality.BAD
        return quality_of_status(status)

    @cached_property
    def _usable_values(self) -> Vector:
        return np.where(self.quality <= Quality.UNCERTAIN, self.values, np.nan)

    @cached_property
    def _usable_si(self) -> Vector:
        return self._usable_values * self.register.si_factor

    def quality_of(self, tag_id: str) -> Quality:
        """Return the quality of a scalar tag."""
        return Quality(int(self.quality[self.register.scalar_index[tag_id]]))

    def usable(self, tag_id: str) -> bool:
        """True if the value may be used for control (GOOD or UNCERTAIN)."""
        return self.quality_of(tag_id) <= Quality.UNCERTAIN

    def good(self, tag_id: str) -> bool:
        """True if the value may be used for release (GOOD)."""
        return self.quality_of(tag_id) == Quality.GOOD

    def value(self, tag_id: str) -> float:
        """Return the value in plant units, NaN unless usable."""
        return float(self._usable_values[self.register.scalar_index[tag_id]])

    def si(self, tag_id: str) -> float:
        """Return the value in SI, NaN unless usable."""
        return float(self._usable_si[self.register.scalar_index[tag_id]])

    def raw(self, tag_id: str) -> float:
        """Return the value in plant units whatever its quality."""
        return float(self.values[self.register.scalar_index[tag_id]])

    def source_step(self, tag_id: str) -> int:
        """Return the simulated second at which the value was measured."""
        return int(self.source_steps[self.register.scalar_index[tag_id]])
