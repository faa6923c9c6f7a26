"""Late laboratory results: entered against the tablets of a sample, they restate a lot. Nothing is overwritten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from line.errors import DataError
from line.recipe import Recipe
from line.records import plain
from line.written import Row, read_table
from rtr.disposition.attributes import Attribute, AttributeState, within
from rtr.disposition.content import PASSED
from rtr.statistics.uniformity import N_STAGE_1, N_STAGE_2, judge

COLUMNS = ("lot", "sample", "counter_from", "counter_to", "test", "unit", "value")
UNIT = "% LC"


class LabTest(StrEnum):
    """What the laboratory measures: the assay of a whole sample, or contents of its single tablets."""

    ASSAY = "assay"
    CONTENT = "content"


@dataclass(frozen=True)
class LabResult:
    """One result of the laboratory: tablets counter_from .. counter_to (both inclusive), values in % of label claim."""

    sample: int
    counter_from: int
    counter_to: int
    test: LabTest
    values: tuple[float, ...]

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> Self:
        """Return the result that `body` describes."""
        return cls(**{**body, "test": LabTest(body["test"]), "values": tuple(body["values"])})


def read_results(text: str) -> tuple[str, list[LabResult]]:
    """Return (lot name, results) of a table with the columns COLUMNS, one value a row.

    Rows of one sample and test make one result. Errors: DataError with the line for an unknown test, another unit,
    counters that do not fit, several lots, two values of one assay, and for any number that is not written as one.
    """
    rows = read_table(text, COLUMNS)
    lots = {row.cells["lot"] for row in rows}
    if len(lots) != 1:
        raise DataError("results of several lots", how_much=", ".join(sorted(lots)), what_now="One file a lot.")
    groups: dict[tuple[int, LabTest], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.integer("sample"), _test(row)), []).append(row)
    return lots.pop(), [_result(sample, test, found) for (sample, test), found in groups.items()]


def _test(row: Row) -> LabTest:
    word, unit = row.cells["test"], row.cells["unit"]
    if word not in list(LabTest):
        raise DataError(
            "unknown test", where=f"line {row.line}", how_much=repr(word[:40]), what_now=f"Use {' or '.join(LabTest)}."
        )
    if unit != UNIT:
        raise DataError(
            "a result in another unit",
            where=f"line {row.line}",
            how_much=repr(unit[:40]),
            what_now=f"Give {UNIT} in every row.",
        )
    return LabTest(word)


def _result(sample: int, test: LabTest, rows: Sequence[Row]) -> LabResult:
    where = f"line {rows[0].line}, sample {sample}"
    counters = {(row.integer("counter_from"), row.integer("counter_to")) for row in rows}
    if len(counters) != 1:
        raise DataError("one sample with different counters", where=where, how_much=str(sorted(counters)))
    first, last = counters.pop()
    values = tuple(row.number("value") for row in rows)
    if not 0 < first <= last:
        raise DataError("counters are the wrong way round", where=where, how_much=f"{first}..{last}")
    if test is LabTest.ASSAY and len(values) != 1:
        raise DataError("an assay has one value a sample", where=where, how_much=f"{len(values)} values")
    if len(values) > last - first + 1:
        raise DataError("more values than tablets", where=where, how_much=f"{len(values)} values of {last - first + 1} tablets")
    return LabResult(sample, first, last, test, values)


class LaboratoryBook:
    """All results of a lot. A later result of the same sample and test corrects the earlier one: the later value counts,
    the earlier stays in the record and the correction is an open exception."""

    def __init__(self) -> None:
        self.results: dict[tuple[int, LabTest], LabResult] = {}
        self.corrections: list[str] = []

    def add(self, result: LabResult) -> None:
        """Take one result. Errors: DataError if the same value is entered twice."""
        old = self.results.get((result.sample, result.test))
        if old == result:
            raise DataError("this result was entered before", where=f"sample {result.sample}, {result.test.value}")
        if old is not None:
            was, now = (", ".join(f"{x:g}" for x in r.values) for r in (old, result))
            self.corrections.append(f"{result.test.value} of sample {result.sample} was corrected from {was} to {now}")
        self.results[(result.sample, result.test)] = result

    def of(self, test: LabTest) -> list[LabResult]:
        """Return the results of a test by counter."""
        return sorted((r for (_, t), r in self.results.items() if t is test), key=lambda r: (r.counter_from, r.sample))

    @property
    def assays(self) -> list[LabResult]:
        """Return the assays by counter."""
        return self.of(LabTest.ASSAY)

    def attributes(self, recipe: Recipe) -> tuple[Attribute, ...]:
        """Return what the laboratory found as attributes; none without results of that kind."""
        assays, contents = self.assays, self.of(LabTest.CONTENT)
        found = []
        if assays:
            mean = math.fsum(r.values[0] for r in assays) / len(assays)
            low, high = recipe.rules.assay_low_pct, recipe.rules.assay_high_pct
            found.append(within("assay by laboratory", UNIT, mean, low, high, f"{len(assays)} samples"))
        if contents:
            found.append(_content_attribute([x for r in contents for x in r.values], recipe))
        return tuple(found)


def _content_attribute(values: list[float], recipe: Recipe) -> Attribute:
    """Return <905> on measured contents: 10, or 30 of which the first 10 are stage 1. Other numbers decide nothing."""
    name, limit, n = "acceptance value by laboratory", recipe.uniformity.l1, len(values)
    if n not in (N_STAGE_1, N_STAGE_2):
        basis = f"{n} tablets: USP <905> is defined for {N_STAGE_1} and {N_STAGE_2}"
        return Attribute(name, "", math.nan, 0.0, limit, AttributeState.MISSING, basis)
    rest = values[N_STAGE_1:] or None
    result = judge(values[:N_STAGE_1], rest, recipe.product.target_pct_lc, rounding=recipe.uniformity.rounding)
    basis = f"USP <905> by content, {result.verdict.value} on {result.decisive.n} tablets"
    state = AttributeState.PASS if result.verdict in PASSED else AttributeState.FAIL
    if result.verdict.value.startswith("CONTINUE"):
        state = AttributeState.MISSING
    return Attribute(name, "", result.decisive.acceptance_value, 0.0, limit, state, basis)
