"""Plant units and SI."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import line.units
from line.errors import ConfigurationError
from line.units import UNITS, factor, from_si, to_si

# value, unit, SI value: from the definitions of the units (SI brochure, 9th edition, tables 7 and 8)
KNOWN = [
    (25.0, "kg/h", 25.0 / 3600.0),
    (60.0, "rpm", 1.0),
    (6.2, "kN", 6200.0),
    (225.0, "mg", 2.25e-4),
    (0.35, "g", 3.5e-4),
    (3.373, "mm", 3.373e-3),
    (123.0, "MPa", 1.23e8),
    (100.0, "% LC", 1.0),
    (8.0, "% w/w", 0.08),
    (50.0, "%", 0.5),
    (15.0, "min", 900.0),
    (2.0, "h", 7200.0),
    (250.0, "ms", 0.25),
    (1.5, "kW", 1500.0),
    (21.0, "degC", 21.0),
]


@pytest.mark.parametrize(("value", "unit", "si"), KNOWN)
def test_known_values_convert(value: float, unit: str, si: float) -> None:
    assert to_si(value, unit) == pytest.approx(si, rel=1e-15)
    assert from_si(si, unit) == pytest.approx(value, rel=1e-15)


@given(st.floats(-1e12, 1e12), st.sampled_from(sorted(UNITS)))
def test_there_and_back_is_the_same_value(value: float, unit: str) -> None:
    assert from_si(to_si(value, unit), unit) == pytest.approx(value, rel=4e-16, abs=1e-300)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.sampled_from(sorted(UNITS)))
def test_conversion_keeps_order_and_scale(one: float, other: float, unit: str) -> None:
    assert (to_si(one, unit) < to_si(other, unit)) == (one * factor(unit) < other * factor(unit))
    assert to_si(one, unit) / to_si(other, unit) == pytest.approx(one / other, rel=1e-12)


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_unit_names_an_si_unit_of_factor_one(unit: str) -> None:
    assert factor(unit) > 0
    si = UNITS[unit][1]
    assert UNITS.get(si, (1.0, si))[0] == 1.0, f"{unit} leads to {si}, which is not SI"


def test_an_unknown_unit_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"line\.units: unit 'lb/h' is not known.*kg/h"):
        factor("lb/h")


def test_the_examples_in_the_page_are_true() -> None:
    assert doctest.testmod(line.units).failed == 0
