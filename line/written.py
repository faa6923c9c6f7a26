"""Numbers as people and laboratories write them: read exactly, or refused with line, column and cause."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from line.errors import DataError

MAX_ROWS = 100_000
_NUMBER = re.compile(r"\+?\d+(\.\d+)?([eE][+-]?\d{1,2})?")
_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Row:
    """One row of a table: its line in the file and its cells by column."""

    line: int
    cells: dict[str, str]

    def number(self, column: str) -> float:
        """Return a cell as a finite number that is not negative. Errors: DataError with line, column and what is wrong."""
        text = self.cells[column]
        if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        raise DataError(_fault(text), where=f"line {self.line}, {column}", how_much=repr(text[:40]), what_now=_remedy(text))

    def integer(self, column: str) -> int:
        """Return a cell as an integer that is not negative. Errors: DataError."""
        value = self.number(column)
        if value != int(value):
            raise DataError("not a whole number", where=f"line {self.line}, {column}", how_much=self.cells[column])
        return int(value)


def read_table(text: str, columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a CSV table with a header: every one of `columns`, of `optional` those that are there, no other.

    Errors: DataError for a missing, unknown or doubled column, an empty table, a row with another number of cells.
    """
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    header = [cell.strip() for cell in lines[0]] if lines else []
    missing, unknown = [c for c in columns if c not in header], [c for c in header if c not in (*columns, *optional)]
    if missing or unknown or len(set(header)) != len(header):
        raise DataError(
            "the columns are not those of this table",
            where="line 1",
            how_much=f"missing {', '.join(missing) or 'none'}; not known {', '.join(unknown) or 'none'}",
            what_now=f"Head the columns {','.join((*columns, *optional))}; part cells by commas.",
        )
    rows = [(n, cells) for n, cells in enumerate(lines[1:], start=2) if any(cell.strip() for cell in cells)]
    if not 0 < len(rows) <= MAX_ROWS:
        raise DataError("the table has no rows, or too many", how_much=f"{len(rows)}, at most {MAX_ROWS}")
    for n, cells in rows:
        if len(cells) != len(header):
            hint = "Write decimals with a point, not with a comma." if len(cells) > len(header) else "Fill the missing cells."
            raise DataError(
                "wrong number of cells", where=f"line {n}", how_much=f"{len(cells)} of {len(header)}", what_now=hint
            )
    return [Row(n, {name: cell.strip() for name, cell in zip(header, cells)}) for n, cells in rows]


def _fault(text: str) -> str:
    if not text:
        return "a cell is empty"
    if _COMMA.fullmatch(text):
        return "a decimal comma"
    if text.startswith("-") and _NUMBER.fullmatch(text[1:]):
        return "a negative value"
    return "not a finite number"


def _remedy(text: str) -> str:
    if _COMMA.fullmatch(text):
        return "Write decimals with a point."
    letters = "".join(sorted({c for c in text if c in "OolIS"}))
    if letters and any(c.isdigit() for c in text):
        return f"Is {' or '.join(letters)} a letter in the place of a digit?"
    return "Give the value that was measured."
