"""The near-infrared spectrometer: from composition and instrument state to absorbance at 404 wavenumbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant_sim.extents import Vector
from plant_sim.parameters import Band

N_POINTS = 404
#: First and last wavenumber [1/cm] of the open tablet set (Dyrby et al. 2002), evenly spaced between.
FIRST_PER_CM, LAST_PER_CM = 7398.337, 10507.3
COMPONENT_ORDER = ("api", "premix", "lactose", "lubricant", "water")
REFERENCE_TEMPERATURE_C = 21.0
#: Absorbance of a closed, empty window.
EMPTY_OFFSET_AU = 0.08


def wavenumbers() -> Vector:
    """Return the axis (404,) in 1/cm."""
    return np.linspace(FIRST_PER_CM, LAST_PER_CM, N_POINTS)


def pure_spectra(bands: Sequence[Band], shift_per_cm: float = 0.0) -> Vector:
    """Return absorbances of the pure components at path 1, (5, 404), in COMPONENT_ORDER; sums of Gaussians.

    `shift_per_cm`: the axis reads too high by so much, so that point v shows what belongs to v - shift.
    """
    axis = wavenumbers() - shift_per_cm
    pure = np.zeros((len(COMPONENT_ORDER), N_POINTS))
    for band in bands:
        shape = np.exp(-0.5 * ((axis - band.centre_per_cm) / band.width_per_cm) ** 2)
        pure[COMPONENT_ORDER.index(band.component)] += band.height_au * shape
    return pure


@dataclass
class InstrumentState:
    """State of n spectra, arrays (n,): temperature [degC], water (share of the water spectrum), path [-], scatter
    (multiplicative, 1 = none), offset [AU], tilt [AU over the axis], fouling [AU], lamp [AU over the axis]; shift
    [1/cm] by which the axis reads too high, None for no line."""

    temperature: Vector
    water: Vector
    path: Vector
    scatter: Vector
    offset: Vector
    tilt: Vector
    fouling: Vector
    lamp: Vector
    shift: Vector | None = None


class Spectrometer:
    """Absorbance A = scatter path sum_i x_i K_i + baseline; Beer-Lambert in mass fractions.

    A shifted axis shows A(v - s), from the bands themselves. Wrong where scatter changes the path with wavenumber (real
    diffuse reflectance does, a little).
    """

    def __init__(self, bands: Sequence[Band], temperature_effect: float) -> None:
        self._bands = tuple(bands)
        self.pure = pure_spectra(bands)
        self.position = np.linspace(-0.5, 0.5, N_POINTS)
        self.haze = np.exp(-2.0 * (self.position + 0.5))
        self._thermal_share = temperature_effect / max(float(self.pure[-1].max()), 1e-12)
        self._shapes = (*self.pure, self._thermal_share * self.pure[-1])
        self._shifted: tuple[float, list[Vector]] = (0.0, [])

    def absorbance(self, fractions: Vector, state: InstrumentState, noise: Vector) -> Vector:
        """Return (n, 404) for fractions (n, 4) of API, premix, lactose, lubricant; noise (n, 404) in AU."""
        gain = state.path * state.scatter
        warm = state.temperature - REFERENCE_TEMPERATURE_C
        amounts = [*(fractions[:, i] * gain for i in range(4)), state.water * gain, warm]
        terms = [*zip(amounts, self._shapes), (state.tilt + state.lamp, self.position), (state.fouling, self.haze)]
        signal = noise + state.offset[:, None]
        _add(signal, terms)
        if state.shift is not None:
            for i in np.flatnonzero(state.shift):
                change = self._change(float(state.shift[i]))
                _add(signal[i : i + 1], [(amount[i : i + 1], part) for amount, part in zip(amounts, change)])
        return signal

    def _change(self, shift_per_cm: float) -> list[Vector]:
        """Return what a shift of the axis adds to each shape; the newest shift is kept."""
        if self._shifted[0] != shift_per_cm:
            moved = pure_spectra(self._bands, shift_per_cm)
            shapes = (*moved, self._thermal_share * moved[-1])
            self._shifted = (shift_per_cm, [new - old for new, old in zip(shapes, self._shapes)])
        return self._shifted[1]


def _add(signal: Vector, terms: Sequence[tuple[Vector, Vector]]) -> None:
    """Add amount (n,) x shape (404,) of each term to signal (n, 404), in order: the same alone or in company."""
    part = np.empty_like(signal)
    for amount, shape in terms:
        np.multiply(amount[:, None], shape, out=part)
        signal += part
