"""Numbers as people write them: read exactly, or refused with line, column and cause."""

from __future__ import annotations

import pytest

from line.errors import DataError
from line.written import read_table


def value(cell: str) -> float:
    return read_table(f"sample,value\n1,{cell}\n", ("sample", "value"))[0].number("value")


@pytest.mark.parametrize(("cell", "read"), [("99.6", 99.6), (" 0 ", 0.0), ("1e2", 100.0), ("+7.5", 7.5)])
def test_plain_numbers_are_read(cell: str, read: float) -> None:
    assert value(cell) == read


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("9O.6", "line 2, value: not a finite number ('9O.6'). Is O a letter in the place of a digit?"),
        ("l00.2", "Is l a letter in the place of a digit?"),
        ('"99,6"', "a decimal comma ('99,6'). Write decimals with a point."),
        ("-3.1", "a negative value"),
        ("", "a cell is empty"),
        ("nan", "not a finite number"),
        ("inf", "not a finite number"),
        ("1e99999", "not a finite number"),
        ("99.6 mg", "not a finite number"),
        ("99_6", "not a finite number"),
    ],
)
def test_anything_else_is_refused_in_words(cell: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        value(cell)
    assert words in caught.value.line()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "missing sample, value"),
        ("sample,value\n", "has no rows"),
        ("sample,amount\n1,2\n", "missing value; not known amount"),
        ("sample,value,value\n1,2,3\n", "the columns are not those"),
        ("sample,value\n1,99,6\n", "line 2: wrong number of cells (3 of 2). Write decimals with a point"),
        ("sample,value\n1,99\n2\n", "line 3: wrong number of cells (1 of 2). Fill the missing cells."),
    ],
)
def test_a_table_of_another_shape_is_refused(text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_table(text, ("sample", "value"))
    assert words in caught.value.line()


def test_a_part_of_a_number_is_no_count() -> None:
    row = read_table("sample,unit\n3.5,mg\n", ("sample",), ("unit", "place"))[0]
    assert row.cells == {"sample": "3.5", "unit": "mg"}
    with pytest.raises(DataError, match="not a whole number"):
        row.integer("sample")
