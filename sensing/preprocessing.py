"""Preprocessing of spectra: each step is frozen, works row by row, and is written into the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
#: Names of the treatments that `kilter sensor calibrate` offers.
TREATMENTS = ("snv", "msc", "baseline", "derivative")
FILTER = "Savitzky-Golay filter"
FILTER_REMEDY = "Use an odd window above the order, and a derivative of at most 2."


class Step(Protocol):
    """One step: spectra (n, p) in, spectra (n, p) out; a row never sees another row, so that no fold leaks."""

    kind: ClassVar[str]

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p)."""
        ...

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        ...


@dataclass(frozen=True)
class StandardNormalVariate:
    """SNV: z = (x - mean(x)) / s(x) for each spectrum, s with p - 1 degrees of freedom.

    Takes out additive and multiplicative scatter. A spectrum without any spread becomes zeros. Wrong where the analyte
    itself makes most of the spread. Source: Barnes, Dhanoa, Lister, Appl. Spectrosc. 43 (1989) 772.
    """

    kind: ClassVar[str] = "snv"

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p)."""
        centred = spectra - spectra.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / (spectra.shape[1] - 1))
        return centred / np.where(spread > 0.0, spread, 1.0)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind}


@dataclass(frozen=True)
class Baseline:
    """A polynomial of `order` 0..3 over the points is taken off each spectrum: 0 an offset, 1 a slope, 2 a curve.

    Wrong where bands cover so much of the axis that the polynomial follows them. Errors: DataError. Source: Barnes, Dhanoa,
    Lister, Appl. Spectrosc. 43 (1989) 772 (de-trending).
    """

    order: int = 2
    kind: ClassVar[str] = "baseline"

    def __post_init__(self) -> None:
        if self.order not in (0, 1, 2, 3):
            raise _wrong("baseline", f"order {self.order}", "Use an order of 0 to 3.")

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p)."""
        powers = np.linspace(-1.0, 1.0, spectra.shape[1])[:, None] ** np.arange(self.order + 1)
        basis = np.linalg.qr(powers)[0]
        return np.asarray(spectra - (spectra @ basis) @ basis.T)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "order": self.order}


@dataclass(frozen=True, eq=False)
class MultiplicativeScatter:
    """MSC: z = (x - a)/b with x = a + b r by least squares; r (p,) a frozen reference spectrum, in the model file.

    Like SNV, with scatter told apart by a known spectrum. Wrong where the content itself makes most of the slope b, and
    where the reference is of another product. Source: Geladi, MacDougall, Martens, Appl. Spectrosc. 39 (1985) 491.
    """

    reference: Vector
    kind: ClassVar[str] = "msc"

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p)."""
        centred = self.reference - self.reference.mean()
        mean = spectra.mean(axis=1, keepdims=True)
        slope = ((spectra - mean) @ centred / float(centred @ centred))[:, None]
        return np.asarray((spectra - mean) / np.where(slope == 0.0, 1.0, slope) + self.reference.mean())

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "reference": self.reference.tolist()}


@dataclass(frozen=True)
class SavitzkyGolay:
    """Savitzky-Golay smoothing or derivative per point, by SciPy with its polynomial ends.

    `window` odd number of points, 3..101; `order` of the polynomial, below the window; `derivative` 0..2, at most the
    order. Wrong on an uneven axis. Errors: DataError. Source: Savitzky, Golay, Anal. Chem. 36 (1964) 1627.
    """

    window: int = 15
    order: int = 2
    derivative: int = 1
    kind: ClassVar[str] = "savitzky_golay"

    def __post_init__(self) -> None:
        if self.window % 2 == 0 or not 3 <= self.window <= 101 or not 0 <= self.order < self.window:
            raise _wrong(FILTER, f"window {self.window}, order {self.order}", FILTER_REMEDY)
        if not 0 <= self.derivative <= min(2, self.order):
            raise _wrong(FILTER, f"derivative {self.derivative} with order {self.order}", FILTER_REMEDY)

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p); p must be at least the window."""
        if spectra.shape[1] < self.window:
            raise _wrong(FILTER, f"window {self.window} on {spectra.shape[1]} points", FILTER_REMEDY)
        from scipy.signal import savgol_filter  # two seconds to load, and few models smooth

        return np.asarray(savgol_filter(spectra, self.window, self.order, deriv=self.derivative, axis=1), dtype=np.float64)

    def weights(self) -> Matrix:
        """Return the inner convolution weights (window,), first point first."""
        from scipy.signal import savgol_coeffs

        return np.asarray(savgol_coeffs(self.window, self.order, deriv=self.derivative, use="dot"), dtype=np.float64)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "window": self.window, "order": self.order, "derivative": self.derivative}


def _wrong(what: str, how_much: str, what_now: str) -> DataError:
    return DataError(f"this {what} cannot be applied", where="preprocessing", how_much=how_much, what_now=what_now)


@dataclass(frozen=True, eq=False)
class DirectStandardisation:
    """Spectra of another probe made to look like those of the model's: x' = mean_to + d + (d basis') change, d = x - mean_from.

    mean_to, mean_from (p,) [AU]; basis (a, p) orthonormal rows; change (a, p). What lies outside the basis passes unchanged.
    """

    mean_to: Matrix
    mean_from: Matrix
    basis: Matrix
    change: Matrix
    kind: ClassVar[str] = "direct_standardisation"

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p)."""
        moved = spectra - self.mean_from
        return np.asarray(self.mean_to + moved + (moved @ self.basis.T) @ self.change)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean_to", "mean_from", "basis", "change")}
        return {"kind": self.kind, **arrays}


def apply_steps(steps: Sequence[Step], spectra: Matrix) -> Matrix:
    """Return spectra (n, p) after all steps in order."""
    for step in steps:
        spectra = step.apply(spectra)
    return spectra


def steps_from(bodies: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps of a model file. Raises DataError for a step that is not known."""
    return tuple(_step_from(body) for body in bodies)


def _step_from(body: Mapping[str, Any]) -> Step:
    numbers = {key: value for key, value in body.items() if key != "kind"}
    if body.get("kind") == StandardNormalVariate.kind and not numbers:
        return StandardNormalVariate()
    if body.get("kind") == DirectStandardisation.kind:
        return DirectStandardisation(**{name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()})
    if body.get("kind") == Baseline.kind and set(numbers) == {"order"}:
        return Baseline(**numbers)
    if body.get("kind") == MultiplicativeScatter.kind and set(numbers) == {"reference"}:
        return MultiplicativeScatter(np.asarray(numbers["reference"], dtype=np.float64))
    if body.get("kind") == SavitzkyGolay.kind and set(numbers) == {"window", "order", "derivative"}:
        return SavitzkyGolay(**numbers)
    raise DataError(
        f"preprocessing step {body.get('kind')!r} is not known", where="soft-sensor model", what_now="Calibrate it anew."
    )


def treatment(name: str, spectra: Matrix) -> tuple[Step, ...]:
    """Return the steps of a treatment by name; the reference of MSC is the mean of `spectra` (n, p).

    Errors: DataError for a name that is not in TREATMENTS.
    """
    known: dict[str, tuple[Step, ...]] = {
        "snv": (StandardNormalVariate(),),
        "msc": (MultiplicativeScatter(np.array([float(f"{x:.11e}") for x in spectra.mean(axis=0).tolist()])),),
        "baseline": (Baseline(), StandardNormalVariate()),
        "derivative": (StandardNormalVariate(), SavitzkyGolay()),
    }
    if name not in known:
        raise _wrong("treatment", repr(name), f"Use {', '.join(TREATMENTS)}.")
    return known[name]
