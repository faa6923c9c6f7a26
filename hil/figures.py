"""The one form of everything that measures: name, value, unit, interval, what is asked, does it hold, where from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from line.canonical import quantise


@dataclass(frozen=True)
class Figure:
    """One measured number: name, value, unit, the interval low..high it is known to (None: no interval), its source.

    It holds if it is not below `at_least` and not above `at_most`; a value of None or NaN never holds, unless nothing is
    asked of it and it is merely reported. `kind` (of a validation: fitted, verified or predicted) and `reason` (why it
    does not hold) are empty where nobody needs them.
    """

    name: str
    value: float | None
    unit: str
    source: str
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    kind: str = ""
    reason: str = ""

    @property
    def holds(self) -> bool:
        """True if the value meets what is asked of it."""
        if self.at_least is None and self.at_most is None:
            return True
        if self.value is None:
            return False
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below and self.value == self.value

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        body = {
            "name": self.name,
            "value": _finite(self.value),
            "unit": self.unit,
            "low": _finite(self.low),
            "high": _finite(self.high),
            "at_least": self.at_least,
            "at_most": self.at_most,
            "holds": self.holds,
            "source": self.source,
        }
        if self.kind:
            body |= {"kind": self.kind, "reason": self.reason}
        return body


def _finite(value: float | None) -> float | None:
    return None if value is None else quantise(float(value))
