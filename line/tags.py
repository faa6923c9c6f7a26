"""The tag register: one row for each value that crosses the wire."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from line.errors import ConfigurationFaults, Fault
from line.units import UNITS, factor

TagType = Literal["Double", "Int64", "FloatArray", "DoubleArray"]
Owner = Literal["PLC", "APC", "RELEASE", "ENGINE"]


class Tag(BaseModel):
    """One value on the wire.

    `id` is the OPC UA string identifier below the line's folder; `unit` is the plant unit; `low..high` the range in
    that unit; `max_age_s` the age beyond which the value is STALE (0: constant); `owner` the only party that may
    change it: PLC, APC (controller), RELEASE (diverter request) or ENGINE (beat, mode).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9]+/[A-Za-z0-9]+$", max_length=80)
    type: TagType
    size: int = Field(ge=1, le=4096)
    unit: str
    low: float
    high: float
    sample_s: float = Field(ge=0, le=86400)
    max_age_s: float = Field(ge=0, le=86400)
    access: Literal["r", "rw"]
    owner: Owner
    role: str = Field(min_length=1)
    description: str = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Tag:
        if self.unit not in UNITS:
            raise ValueError(f"unit {self.unit!r} is not known: use one of {', '.join(sorted(UNITS))}")
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}: swap them")
        if (self.size > 1) != self.type.endswith("Array"):
            raise ValueError(f"size {self.size} does not fit type {self.type}")
        if self.access == "rw" and self.owner == "PLC":
            raise ValueError("a writable tag needs an owner other than PLC")
        return self

    @property
    def is_array(self) -> bool:
        """True for tags that hold a vector."""
        return self.type.endswith("Array")


class TagRegister:
    """All tags of a line. Scalars have a fixed position in the frame vectors; set-points in the move vector.

    `scalar_ids` (n,) order of frame vectors; `setpoint_ids` (m,) order of the move vector (a subset of the scalars);
    `array_ids` the vector tags.
    """

    def __init__(self, tags: Sequence[Tag]) -> None:
        self.tags: dict[str, Tag] = {tag.id: tag for tag in tags}
        self.scalar_ids: tuple[str, ...] = tuple(t.id for t in tags if not t.is_array)
        self.array_ids: tuple[str, ...] = tuple(t.id for t in tags if t.is_array)
        self.setpoint_ids: tuple[str, ...] = tuple(t.id for t in tags if t.access == "rw")
        self.measured_ids: tuple[str, ...] = tuple(t.id for t in tags if not t.is_array and t.access == "r")
        self.scalar_index: dict[str, int] = {tag_id: i for i, tag_id in enumerate(self.scalar_ids)}
        self.setpoint_index: dict[str, int] = {tag_id: i for i, tag_id in enumerate(self.setpoint_ids)}

    def __getitem__(self, tag_id: str) -> Tag:
        return self.tags[tag_id]

    def __len__(self) -> int:
        return len(self.tags)

    def _column(self, values: Iterable[float]) -> NDArray[np.float64]:
        column = np.array(list(values), dtype=np.float64)
        column.setflags(write=False)
        return column

    @cached_property
    def si_factor(self) -> NDArray[np.float64]:
        """(n,) factors from plant units to SI, in scalar order."""
        return self._column(factor(self.tags[i].unit) for i in self.scalar_ids)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """(n,) lower range in plant units, in scalar order."""
        return self._column(self.tags[i].low for i in self.scalar_ids)

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """(n,) upper range in plant units, in scalar order."""
        return self._column(self.tags[i].high for i in self.scalar_ids)

    @cached_property
    def max_age_s(self) -> NDArray[np.float64]:
        """(n,) maximum age [s], in scalar order."""
        return self._column(self.tags[i].max_age_s for i in self.scalar_ids)

    def setpoint_range(self, tag_id: str) -> tuple[float, float]:
        """Return (low, high) of a tag in plant units."""
        tag = self.tags[tag_id]
        return tag.low, tag.high


def load_register(path: Path) -> TagRegister:
    """Return the register of a CSV file (one header row, one tag a row).

    Raises ConfigurationFaults naming every bad row: missing columns, unknown unit or type, range the wrong way
    round, duplicate id.
    """
    faults: list[Fault] = []
    tags: list[Tag] = []
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle, restkey="surplus"))
    except OSError as error:
        raise ConfigurationFaults([Fault(str(path), "file", "unreadable", f"{error.strerror}: name a CSV file")]) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationFaults([Fault(str(path), "file", "not CSV in UTF-8", str(error))]) from error
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        try:
            tag = Tag.model_validate(row)
        except ValidationError as error:
            for item in error.errors():
                key = ".".join(str(part) for part in item["loc"]) or "row"
                faults.append(Fault(str(path), f"line {number} {row.get('id')} {key}", str(item["input"])[:60], item["msg"]))
            continue
        if tag.id in seen:
            faults.append(Fault(str(path), f"line {number} id", tag.id, "appears twice: rename or remove one"))
        seen.add(tag.id)
        tags.append(tag)
    if not rows:
        faults.append(Fault(str(path), "rows", "0", "write at least one tag below the header"))
    if faults:
        raise ConfigurationFaults(faults)
    return TagRegister(tags)
