"""Preprocessing of spectra: each step is frozen, works row by row, and is written into the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

Matrix = NDArray[np.float64]


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
            raise _wrong(f"window {self.window}, order {self.order}")
        if not 0 <= self.derivative <= min(2, self.order):
            raise _wrong(f"derivative {self.derivative} with order {self.order}")

    def apply(self, spectra: Matrix) -> Matrix:
        """Return the treated spectra (n, p); p must be at least the window."""
        if spectra.shape[1] < self.window:
            raise _wrong(f"window {self.window} on {spectra.shape[1]} points")
        from scipy.signal import savgol_filter  # two seconds to load, and few models smooth

        return np.asarray(savgol_filter(spectra, self.window, self.order, deriv=self.derivative, axis=1), dtype=np.float64)

    def weights(self) -> Matrix:
        """Return the inner convolution weights (window,), first point first."""
        from scipy.signal import savgol_coeffs

        return np.asarray(savgol_coeffs(self.window, self.order, deriv=self.derivative, use="dot"), dtype=np.float64)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "window": self.window, "order": self.order, "derivative": self.derivative}


def _wrong(how_much: str) -> DataError:
    return DataError(
        "this Savitzky-Golay filter cannot be applied",
        where="preprocessing",
        how_much=how_much,
        what_now="Use an odd window above the order, and a derivative of at most 2.",
    )


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
    if body.get("kind") == SavitzkyGolay.kind and set(numbers) == {"window", "order", "derivative"}:
        return SavitzkyGolay(**numbers)
    raise DataError(
        f"preprocessing step {body.get('kind')!r} is not known", where="soft-sensor model", what_now="Calibrate it anew."
    )
