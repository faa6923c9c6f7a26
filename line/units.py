"""Plant units outside, SI inside: one table, converted once, at the edge.

>>> round(to_si(25.0, "kg/h"), 9)
0.006944444
>>> from_si(0.00654, "mm")
6.54
"""

from __future__ import annotations

from line.errors import ConfigurationError

#: unit -> (factor to SI, SI unit). Value_SI = value * factor.
UNITS: dict[str, tuple[float, str]] = {
    "-": (1.0, "-"),
    "%": (0.01, "-"),
    "% LC": (0.01, "-"),
    "% w/w": (0.01, "-"),
    "kg": (1.0, "kg"),
    "g": (1e-3, "kg"),
    "mg": (1e-6, "kg"),
    "s": (1.0, "s"),
    "ms": (1e-3, "s"),
    "min": (60.0, "s"),
    "h": (3600.0, "s"),
    "kg/h": (1.0 / 3600.0, "kg/s"),
    "kg/s": (1.0, "kg/s"),
    "rpm": (1.0 / 60.0, "rev/s"),
    "m": (1.0, "m"),
    "mm": (1e-3, "m"),
    "N": (1.0, "N"),
    "kN": (1e3, "N"),
    "Pa": (1.0, "Pa"),
    "kPa": (1e3, "Pa"),
    "MPa": (1e6, "Pa"),
    "kN/mm": (1e6, "N/m"),
    "g/cm3": (1e3, "kg/m3"),
    "kW": (1e3, "W"),
    "kWh": (3.6e6, "J"),
    "m3/h": (1.0 / 3600.0, "m3/s"),
    "N m": (1.0, "N m"),
    "degC": (1.0, "degC"),
    "1/cm": (1.0, "1/cm"),
    "AU": (1.0, "AU"),
    "1": (1.0, "1"),
}


def factor(unit: str) -> float:
    """Return the factor that turns a value in `unit` into SI. Raises ConfigurationError for an unknown unit."""
    try:
        return UNITS[unit][0]
    except KeyError:
        raise ConfigurationError(
            f"unit {unit!r} is not known", where="line.units", what_now=f"Use one of {', '.join(sorted(UNITS))}."
        ) from None


def to_si(value: float, unit: str) -> float:
    """Return `value` [unit] in SI."""
    return value * factor(unit)


def from_si(value: float, unit: str) -> float:
    """Return an SI `value` in `unit`."""
    return value / factor(unit)
