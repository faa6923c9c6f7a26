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


def pure_slopes(bands: Sequence[Band]) -> Vector:
    """Return the derivatives of `pure_spectra` by wavenumber, (5, 404) [AU cm]; exact for Gaussians."""
    axis = wavenumbers()
    slopes = np.zeros((len(COMPONENT_ORDER), N_POINTS))
    for band in bands:
        off = (axis - band.centre_per_cm) / band.width_per_cm
        slopes[COMPONENT_ORDER.index(band.component)] -= band.height_au * off / band.width_per_cm * np.exp(-0.5 * off**2)
    return slopes


def pure_spectra(bands: Sequence[Band]) -> Vector:
    """Return absorbances of the pure components at path 1, (5, 404), in COMPONENT_ORDER; sums of Gaussians."""
    axis = wavenumbers()
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

    A shifted axis shows A(v - s), here A(v) - s dA/dv: first order, wrong beyond a fifth of the narrowest band
    (about 12 1/cm: 2 % of the band's height). Wrong where scatter changes the path with wavenumber (real diffuse
    reflectance does, a little).
    """

    def __init__(self, bands: Sequence[Band], temperature_effect: float) -> None:
        self.pure = pure_spectra(bands)
        self._slopes = pure_slopes(bands)
        self.position = np.linspace(-0.5, 0.5, N_POINTS)
        self.haze = np.exp(-2.0 * (self.position + 0.5))
        water = self.pure[-1]
        scale = temperature_effect / max(float(water.max()), 1e-12)
        self._thermal, self._thermal_slope = scale * water, scale * self._slopes[-1]

    def absorbance(self, fractions: Vector, state: InstrumentState, noise: Vector) -> Vector:
        """Return (n, 404) for fractions (n, 4) of API, premix, lactose, lubricant; noise (n, 404) in AU."""
        gain = state.path * state.scatter
        warm = state.temperature - REFERENCE_TEMPERATURE_C
        amounts = [*(fractions[:, i] * gain for i in range(4)), state.water * gain, warm]
        shapes = [*self.pure, self._thermal]
        terms = [*zip(amounts, shapes), (state.tilt + state.lamp, self.position), (state.fouling, self.haze)]
        signal = noise + state.offset[:, None]
        _add(signal, terms)
        if state.shift is not None:
            slopes = [*self._slopes, self._thermal_slope]
            _add(signal, [(-state.shift * amount, slope) for amount, slope in zip(amounts, slopes)])
        return signal


def _add(signal: Vector, terms: Sequence[tuple[Vector, Vector]]) -> None:
    """Add amount (n,) x shape (404,) of each term to signal (n, 404), in order: the same alone or in company."""
    part = np.empty_like(signal)
    for amount, shape in terms:
        np.multiply(amount[:, None], shape, out=part)
        signal += part
