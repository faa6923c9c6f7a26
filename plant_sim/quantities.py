"""One value with unit, source, reference and range, and groups of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from line.units import UNITS

#: Units of materials that never cross the wire: unit -> factor to SI.
MATERIAL_UNITS: dict[str, float] = {
    "g/rev": 1e-3,
    "1/kg": 1.0,
    "g/cm3": 1e3,
    "%/h^0.5": 0.01 / 60.0,
    "rpm/s": 1.0 / 60.0,
    "mm/s": 1e-3,
    "kN/mm": 1e6,
    "g/s": 1e-3,
    "J": 1.0,
    "kW/rpm": 6e4,
    "AU/h": 1.0 / 3600.0,
    "L": 1e-3,
    "%/h": 0.01 / 3600.0,
    "m2": 1.0,
    "m3": 1.0,
    "m/s": 1.0,
    "1/h": 1.0 / 3600.0,
    "1/s": 1.0,
    "g/h": 1e-3 / 3600.0,
    "um/h": 1e-6 / 3600.0,
    "g/m2": 1e-3,
    "W": 1.0,
    "Pa s/m": 1.0,
    "Pa s2/m6": 1.0,
}


class Quantity(BaseModel):
    """One value of a material or machine.

    `value`, `low`, `high` and `sigma` (standard deviation of the draw between plants; None: the same in every plant)
    in `unit`; `source` measured, paper or estimate; `reference` where it is from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    unit: str
    source: Literal["measured", "paper", "estimate"]
    reference: str = Field(min_length=3)
    low: float
    high: float
    sigma: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Quantity:
        if self.unit not in UNITS and self.unit not in MATERIAL_UNITS:
            raise ValueError(f"unit {self.unit!r} is not known: use one of {', '.join([*UNITS, *MATERIAL_UNITS])}")
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}: swap them")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} is outside {self.low}..{self.high}")
        return self

    @property
    def si(self) -> float:
        """The value in SI."""
        factor = MATERIAL_UNITS[self.unit] if self.unit in MATERIAL_UNITS else UNITS[self.unit][0]
        return self.value * factor


class Group(BaseModel):
    """A group of quantities; `unit` gives the only unit each may be written in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def in_unit(unit: str) -> Any:
    """Return the field of a quantity that may only be written in this unit."""
    return Field(json_schema_extra={"unit": unit})


class Checked(Group):
    """A group that refuses a quantity written in another unit than its field's."""

    @model_validator(mode="after")
    def _units_fit(self) -> Checked:
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            wanted = extra.get("unit") if isinstance(extra, dict) else None
            quantity = getattr(self, name)
            if wanted is not None and quantity.unit != wanted:
                raise ValueError(f"{name}: unit {quantity.unit!r} found, write it in {wanted!r}")
        return self
