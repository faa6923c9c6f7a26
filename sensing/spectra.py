"""A calibration set: spectra with reference values and the batch each came from."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
#: Wavenumbers a near-infrared instrument can show [1/cm]; a table in nanometres lies below.
AXIS_LOW_PER_CM, AXIS_HIGH_PER_CM = 3000.0, 13000.0
POINTS_MIN, POINTS_MAX, SPECTRA_MAX = 10, 20_000, 100_000
LABEL_COLUMNS, CONTENT_COLUMNS = ("batch_replicate", "batch"), ("active_pct_w_w", "api_pct_w_w")
PERCENT = 100.0


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """n spectra of p points: axis (p,) [1/cm], rising or falling; spectra (n, p) [AU]; api_w_w (n,) mass fractions
    0..1; batches (n,) labels. Errors: DataError for anything that does not fit, is not finite or is there twice.
    """

    axis: Vector
    spectra: Matrix
    api_w_w: Vector
    batches: tuple[str, ...]
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", np.ascontiguousarray(self.axis, dtype=np.float64))
        object.__setattr__(self, "spectra", np.ascontiguousarray(self.spectra, dtype=np.float64))
        object.__setattr__(self, "api_w_w", np.ascontiguousarray(self.api_w_w, dtype=np.float64))
        object.__setattr__(self, "batches", tuple(str(label) for label in self.batches))
        _check_shapes(self)
        _check_axis(self.axis)
        _check_values(self)
        object.__setattr__(self, "hash", _hash(self))

    @property
    def batch_names(self) -> tuple[str, ...]:
        """Batches in the order of their first spectrum."""
        return tuple(dict.fromkeys(self.batches))

    @property
    def groups(self) -> NDArray[np.int64]:
        """Batch number (n,) of each spectrum, in the order of `batch_names`."""
        index = {name: i for i, name in enumerate(self.batch_names)}
        return np.array([index[name] for name in self.batches], dtype=np.int64)

    def subset(self, chosen: NDArray[np.bool_]) -> CalibrationSet:
        """Return the spectra where `chosen` (n,) is true."""
        labels = tuple(label for label, keep in zip(self.batches, chosen.tolist(), strict=True) if keep)
        return CalibrationSet(self.axis, self.spectra[chosen], self.api_w_w[chosen], labels)


def _fault(what: str, how_much: str = "", what_now: str = "Mend the table; nothing was written.") -> DataError:
    return DataError(what, where="calibration set", how_much=how_much, what_now=what_now)


def _check_shapes(data: CalibrationSet) -> None:
    n, p = data.api_w_w.size, data.axis.size
    if data.spectra.shape != (n, p) or len(data.batches) != n or data.axis.ndim != 1 or data.api_w_w.ndim != 1:
        raise _fault("spectra, axis, contents and batches do not fit", f"{data.spectra.shape}, {p}, {n}, {len(data.batches)}")
    if not 1 <= n <= SPECTRA_MAX or not POINTS_MIN <= p <= POINTS_MAX:
        raise _fault("too few or too many spectra or points", f"{n} spectra of {p} points")


def _check_axis(axis: Vector) -> None:
    steps = np.diff(axis)
    if not np.all(np.isfinite(axis)) or not (np.all(steps > 0.0) or np.all(steps < 0.0)):
        raise _fault("the axis neither rises nor falls throughout", f"{axis.size} points")
    if axis.min() < AXIS_LOW_PER_CM or axis.max() > AXIS_HIGH_PER_CM:
        raise _fault(
            "the axis is not one of near-infrared wavenumbers",
            f"{axis.min():g}..{axis.max():g}, expected {AXIS_LOW_PER_CM:g}..{AXIS_HIGH_PER_CM:g} 1/cm",
            "Give wavenumbers in 1/cm (10,000,000 / nanometres).",
        )


def _check_values(data: CalibrationSet) -> None:
    bad = np.argwhere(~np.isfinite(data.spectra))
    if bad.size:
        row, column = bad[0].tolist()
        raise _fault(
            "a spectrum holds NaN or infinity", f"{len(bad)} values, first: spectrum {row + 1}, {data.axis[column]:g} 1/cm"
        )
    if not np.all(np.isfinite(data.api_w_w) & (data.api_w_w >= 0.0) & (data.api_w_w <= 1.0)):
        row = int(np.flatnonzero(~((data.api_w_w >= 0.0) & (data.api_w_w <= 1.0)))[0])
        raise _fault("a content is no mass fraction", f"spectrum {row + 1}: {PERCENT * data.api_w_w[row]:g} % w/w")
    seen: dict[bytes, int] = {}
    for i, spectrum in enumerate(data.spectra):
        first = seen.setdefault(spectrum.tobytes(), i)
        if first != i:
            raise _fault(
                "a spectrum is there twice", f"spectra {first + 1} and {i + 1}", "Remove duplicate rows; nothing was written."
            )


def _hash(data: CalibrationSet) -> str:
    digest = hashlib.sha256()
    for array in (data.axis, data.spectra, data.api_w_w):
        digest.update(repr(array.shape).encode())
        digest.update(array.astype("<f8").tobytes())
    digest.update("\0".join(data.batches).encode())
    return digest.hexdigest()


def parse_calibration_csv(text: str) -> CalibrationSet:
    """Return the set of a table: a label, the content in % w/w, and one column a wavenumber.

    The label column is `batch` or `batch_replicate` (the batch is the part before `_`; each label once), the content
    column `active_pct_w_w` or `api_pct_w_w`; columns headed by a number [1/cm] are the spectrum, others are left out.
    Errors: DataError naming the first fault.
    """
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    if len(rows) < 2:
        raise _fault("the table is empty", f"{len(rows)} rows")
    header = [cell.strip() for cell in rows[0]]
    if len(header) < POINTS_MIN and ";" in rows[0][0]:
        raise _fault("cells are parted by semicolons", "", "Part cells by commas and write decimals with a point.")
    label, content = _column(header, LABEL_COLUMNS), _column(header, CONTENT_COLUMNS)
    points = [i for i, name in enumerate(header) if i not in (label, content) and _is_number(name)]
    if len(points) < POINTS_MIN:
        raise _fault("columns of a spectrum are missing", f"{len(points)} headed by a wavenumber, at least {POINTS_MIN}")
    body = [(line, row) for line, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    _check_rows(body, len(header), label, header[label])
    axis = np.array([float(header[i]) for i in points])
    numbers = np.array([_numbers(line, row, [content, *points], header) for line, row in body])
    labels = tuple(row[label].strip().partition("_")[0] for _, row in body)
    return CalibrationSet(axis, numbers[:, 1:], numbers[:, 0] / PERCENT, labels)


def _column(header: Sequence[str], names: Sequence[str]) -> int:
    found = [header.index(name) for name in names if name in header]
    if len(found) != 1:
        raise _fault("a column is missing" if not found else "two columns say the same", f"{' or '.join(names)}")
    return found[0]


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _check_rows(body: Sequence[tuple[int, list[str]]], width: int, label: int, name: str) -> None:
    if not body:
        raise _fault("the table has a header and no spectra")
    seen: dict[str, int] = {}
    for line, row in body:
        if len(row) != width:
            hint = "Write decimals with a point, not with a comma." if len(row) > width else "Fill the missing cells."
            raise _fault("a row has another number of cells than the header", f"line {line}: {len(row)} against {width}", hint)
        if not row[label].strip():
            raise _fault(f"a row has no {name}", f"line {line}")
        if name == "batch_replicate" and (first := seen.setdefault(row[label].strip(), line)) != line:
            raise _fault("a row is there twice", f"{name} {row[label].strip()}: lines {first} and {line}")


def _numbers(line: int, row: Sequence[str], columns: Sequence[int], header: Sequence[str]) -> Vector:
    try:
        values = np.array([float(row[i]) for i in columns])
    except ValueError:
        i = next(i for i in columns if not _is_number(row[i]))
        hint = "Write decimals with a point." if "," in row[i] else "Mend the table; nothing was written."
        raise _fault("a cell is not a number", f"line {line}, column {header[i]}: {row[i]!r}", hint) from None
    if not np.all(np.isfinite(values)):
        i = columns[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise _fault("a cell is NaN or infinite", f"line {line}, column {header[i]}: {row[i]!r}")
    return values
