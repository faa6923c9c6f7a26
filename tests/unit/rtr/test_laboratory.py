"""Late laboratory results: what is read, what is refused, what they say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from line.errors import DataError
from rtr.disposition.attributes import AttributeState
from rtr.disposition.laboratory import COLUMNS, LaboratoryBook, LabResult, LabTest, read_results
from tests.release_line import RECIPE

HEAD = ",".join(COLUMNS) + "\n"
ROW = "lot-7,1,20277,20286,assay,% LC,99.6\n"


def test_rows_of_a_sample_make_one_result() -> None:
    lot, results = read_results(HEAD + ROW + "lot-7,1,20277,20286,content,% LC,98\nlot-7,1,20277,20286,content,% LC,101\n")
    assert lot == "lot-7"
    assert results == [
        LabResult(1, 20277, 20286, LabTest.ASSAY, (99.6,)), LabResult(1, 20277, 20286, LabTest.CONTENT, (98.0, 101.0)),
    ]  # fmt: skip
    assert [LabResult.from_body(r.body()) for r in results] == results


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROW.replace("99.6", "9g.6"), "line 2, value: not a finite number"),
        (ROW.replace("99.6", '"99,6"'), "decimal comma"),
        (ROW.replace("% LC", "mg"), "another unit ('mg'). Give % LC in every row."),
        (ROW + ROW.replace(",1,", ",2,").replace("% LC", "mg"), "line 3: a result in another unit"),
        (ROW.replace("assay", "dissolution"), "unknown test"),
        (ROW + ROW.replace("lot-7", "lot-8").replace(",1,", ",2,"), "results of several lots (lot-7, lot-8)"),
        (ROW + ROW, "an assay has one value a sample"),
        (ROW.replace("20277", "20290"), "wrong way round"),
        (ROW.replace("20277", "0"), "wrong way round"),
        (ROW + ROW.replace("20277", "20278").replace("assay", "assay"), "different counters"),
        (ROW.replace("assay", "content").replace("20286", "20277") * 2, "more values than tablets"),
        (ROW.replace(",1,", ",1.5,"), "not a whole number"),
    ],
)
def test_bad_rows_are_refused_with_their_line(rows: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_results(HEAD + rows)
    assert words in caught.value.line()


def book(contents: Sequence[float] = (), assays: Sequence[float] = ()) -> LaboratoryBook:
    found = LaboratoryBook()
    for i, assay in enumerate(assays):
        found.add(LabResult(i, 1000 * i + 1, 1000 * i + 10, LabTest.ASSAY, (assay,)))
    for i in range(0, len(contents), 10):
        found.add(LabResult(i, 100 * i + 1, 100 * i + 10, LabTest.CONTENT, tuple(contents[i : i + 10])))
    return found


@pytest.mark.parametrize(
    ("contents", "state"),
    [
        ([100.0, 99.0] * 5, AttributeState.PASS),
        ([84.0, 116.0] * 5, AttributeState.MISSING),  # stage 1 fails: 20 more are to be tested
        ([84.0, 116.0] * 5 + [100.0] * 20, AttributeState.FAIL),  # 2.0 s = 18.8 by NumPy, mean 100
        ([100.0, 99.0] * 10, AttributeState.MISSING),  # 20 tablets: the chapter knows 10 and 30
    ],
)
def test_single_contents_are_judged_by_the_chapter(contents: list[float], state: AttributeState) -> None:
    (found,) = book(contents).attributes(RECIPE)
    assert (found.name, found.state) == ("acceptance value by laboratory", state)


def test_assays_by_their_mean_and_nothing_without_results() -> None:
    assert book().attributes(RECIPE) == ()
    (found,) = book(assays=[94.0, 97.0]).attributes(RECIPE)
    assert (found.value, found.state) == (95.5, AttributeState.PASS)
    assert book(assays=[94.0, 95.0]).attributes(RECIPE)[0].state is AttributeState.FAIL


def test_a_correction_counts_and_is_an_open_exception_and_the_same_twice_is_refused() -> None:
    found = book(assays=[93.0])
    found.add(LabResult(0, 1, 10, LabTest.ASSAY, (99.0,)))
    assert found.attributes(RECIPE)[0].value == 99.0
    assert found.corrections == ["assay of sample 0 was corrected from 93 to 99"]
    with pytest.raises(DataError, match="entered before"):
        found.add(LabResult(0, 1, 10, LabTest.ASSAY, (99.0,)))
