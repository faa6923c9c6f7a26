"""Bad calibration tables: one clear line each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from line.errors import DataError
from sensing.calibration import calibrate
from sensing.spectra import CalibrationSet, parse_calibration_csv
from tests.sensing_bench import as_csv, synthetic_set


@pytest.fixture(scope="module")
def table() -> str:
    return as_csv(synthetic_set(n_batches=4, replicates=2))


def test_a_table_is_read_as_written(table: str) -> None:
    data, read = synthetic_set(n_batches=4, replicates=2), parse_calibration_csv(table)
    np.testing.assert_allclose(read.spectra, data.spectra, atol=1e-6)
    np.testing.assert_allclose(read.api_w_w, data.api_w_w, atol=1e-8)
    assert read.batches == data.batches and read.batch_names == ("B00", "B01", "B02", "B03")
    assert read.hash == parse_calibration_csv("\ufeff" + table.replace("\n", "\r\n")).hash


def cell(row: int, column: int, new: str) -> Callable[[str], str]:
    """Return a spoiler that writes `new` into one cell of the table (row 0: the header)."""

    def spoil(text: str) -> str:
        lines = [line.split(",") for line in text.splitlines()]
        lines[row][column] = new
        return "\n".join(",".join(line) for line in lines) + "\n"

    return spoil


def doubled(text: str) -> str:
    return text + text.splitlines()[3] + "\n"


def doubled_under_another_label(text: str) -> str:
    return text + text.splitlines()[3].replace("B01_01", "B01_09") + "\n"


def without_column(name: str) -> Callable[[str], str]:
    def spoil(text: str) -> str:
        at = text.splitlines()[0].split(",").index(name)
        return "\n".join(",".join(c for i, c in enumerate(line.split(",")) if i != at) for line in text.splitlines())

    return spoil


def nanometres(text: str) -> str:
    head, _, rest = text.partition("\n")
    names = head.split(",")
    return ",".join([*names[:3], *(f"{1e7 / float(x):.2f}" for x in names[3:])]) + "\n" + rest


def swapped_axis(text: str) -> str:
    names = text.splitlines()[0].split(",")
    names[5], names[6] = names[6], names[5]
    return ",".join(names) + "\n" + text.partition("\n")[2]


def decimal_commas(text: str) -> str:
    head, *rows = text.splitlines()
    return "\n".join([head, *(row.replace(".", ",") for row in rows)])


SPOILED: list[tuple[str, Callable[[str], str], str]] = [
    ("NaN", cell(2, 10, "NaN"), r"NaN.*line 3, column 77"),
    ("empty cell", cell(2, 10, ""), r"not a number.*line 3"),
    ("letter for a digit", cell(4, 20, "0.l2"), r"not a number.*line 5.*0\.l2"),
    ("infinite content", cell(1, 1, "inf"), r"NaN or infinite.*active_pct_w_w"),
    ("negative content", cell(1, 1, "-3"), r"no mass fraction.*-3"),
    ("content above 100 %", cell(1, 1, "130"), r"no mass fraction.*130"),
    ("no content column", without_column("active_pct_w_w"), r"column is missing.*active_pct_w_w"),
    ("no label column", without_column("batch_replicate"), r"column is missing.*batch_replicate"),
    ("no label", cell(3, 0, " "), r"no batch_replicate.*line 4"),
    ("a row too short", lambda t: t + "B03_07,7.1\n", r"number of cells"),
    ("decimal commas", decimal_commas, r"number of cells.*point, not with a comma"),
    ("semicolons", lambda t: t.replace(",", ";"), r"semicolons"),
    ("doubled row", doubled, r"row is there twice.*B01_01"),
    ("doubled spectrum", doubled_under_another_label, r"spectrum is there twice"),
    ("nanometres", nanometres, r"wavenumbers.*1/cm"),
    ("axis not in order", swapped_axis, r"neither rises nor falls"),
    ("no spectrum", lambda t: "batch,active_pct_w_w,8000\nA,8,0.1\n", r"columns of a spectrum are missing"),
    ("empty", lambda t: "", r"table is empty"),
    ("header only", lambda t: t.splitlines()[0] + "\n\n", r"no spectra|empty"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "words"), [s[1:] for s in SPOILED], ids=[s[0] for s in SPOILED])
def test_a_bad_table_is_refused_in_one_line(table: str, spoil: Callable[[str], str], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        parse_calibration_csv(spoil(table))
    assert "\n" not in caught.value.line() and caught.value.exit_code == 2


def test_fewer_batches_than_components_are_refused(table: str) -> None:
    with pytest.raises(DataError, match=r"fewer batches.*4 batches, at least 10"):
        calibrate(parse_calibration_csv(table), model_id="m")


def test_arrays_that_do_not_fit_are_refused() -> None:
    data = synthetic_set(n_batches=4)
    with pytest.raises(DataError, match="do not fit"):
        CalibrationSet(data.axis[:-1], data.spectra, data.api_w_w, data.batches)
    with pytest.raises(DataError, match="do not fit"):
        CalibrationSet(data.axis, data.spectra, data.api_w_w, data.batches[:-1])


def test_the_hash_sees_every_part() -> None:
    data = synthetic_set(n_batches=4)
    other = data.spectra.copy()
    other[0, 0] += 1e-12
    hashes = {
        data.hash,
        CalibrationSet(data.axis, other, data.api_w_w, data.batches).hash,
        CalibrationSet(data.axis, data.spectra, data.api_w_w * 1.0001, data.batches).hash,
        CalibrationSet(data.axis + 0.001, data.spectra, data.api_w_w, data.batches).hash,
        CalibrationSet(data.axis, data.spectra, data.api_w_w, ("Z", *data.batches[1:])).hash,
    }
    assert len(hashes) == 5
