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
    (multiplicative, 1 = none), offset [AU], tilt [AU over the axis], fouling [AU], lamp [AU over the axis]."""

    temperature: Vector
    water: Vector
    path: Vector
    scatter: Vector
    offset: Vector
    tilt: Vector
    fouling: Vector
    lamp: Vector


class Spectrometer:
    """Absorbance A = scatter path sum_i x_i K_i + baseline; Beer-Lambert in mass fractions.

    Wrong where scatter changes the path with wavenumber (real diffuse reflectance does, a little).
    """

    def __init__(self, bands: Sequence[Band], temperature_effect: float) -> None:
        self.pure = pure_spectra(bands)
        position = np.linspace(-0.5, 0.5, N_POINTS)
        self._position = position
        self._haze = np.exp(-2.0 * (position + 0.5))
        water = self.pure[-1]
        self._thermal = temperature_effect * water / max(float(water.max()), 1e-12)

    def absorbance(self, fractions: Vector, state: InstrumentState, noise: Vector) -> Vector:
        """Return (n, 404) for fractions (n, 4) of API, premix, lactose, lubricant; noise (n, 404) in AU."""
        signal = state.water[:, None] * self.pure[4]
        for i in range(4):
            signal = signal + fractions[:, i : i + 1] * self.pure[i]
        signal = signal * (state.path * state.scatter)[:, None]
        warm = (state.temperature - REFERENCE_TEMPERATURE_C)[:, None] * self._thermal
        base = state.offset[:, None] + (state.tilt + state.lamp)[:, None] * self._position
        return signal + warm + base + state.fouling[:, None] * self._haze + noise
