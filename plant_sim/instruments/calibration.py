"""Spectra with known contents: a calibration campaign on the simulated instrument, and real spectra for the probe to play."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError
from plant_sim.extents import Vector
from plant_sim.instruments.spectrometer import N_POINTS, InstrumentState, Spectrometer, wavenumbers
from plant_sim.parameters import PlantParameters
from plant_sim.streams import CALIBRATION, MEASURED, generator

Labels = NDArray[np.str_]
#: Spread of the excipients' shares between calibration batches (relative).
EXCIPIENT_SPREAD = 0.02
#: States of the calibration campaign, wider than a run's: temperature [degC], fouling and lamp [AU], scatter factor.
TEMPERATURE_RANGE_C = (16.0, 27.0)
FOULING_MAX_AU, LAMP_MAX_AU, SCATTER_FACTOR = 0.02, 0.015, 1.4


def make_calibration_set(
    parameters: PlantParameters,
    seed: int,
    n_batches: int = 30,
    replicates: int = 5,
    low_pct_lc: float = 60.0,
    high_pct_lc: float = 140.0,
) -> tuple[Vector, Vector, Vector, Labels]:
    """Return (wavenumbers (404,), spectra (n, 404), api_w_w (n,), batch labels (n,)), n = n_batches x replicates.

    Batch contents are spread evenly over low..high % of target and shuffled; each batch has its own temperature,
    moisture, fouling and lamp state and excipient shares, each replicate its own scatter and spot. Raises DataError
    for fewer than 2 batches, no replicate, or limits the wrong way round.
    """
    if n_batches < 2 or replicates < 1 or not 0.0 < low_pct_lc < high_pct_lc <= 400.0:
        raise DataError(
            "the calibration campaign is not possible",
            where="make_calibration_set",
            how_much=f"{n_batches} batches x {replicates}, {low_pct_lc}..{high_pct_lc} % LC",
            what_now="Ask for at least 2 batches, 1 replicate and low below high.",
        )
    chance = generator(seed, CALIBRATION)
    target = parameters.content.label_claim.si / parameters.content.tablet_mass.si
    contents = np.linspace(low_pct_lc, high_pct_lc, n_batches) / 100.0 * target
    contents = contents[chance.permutation(n_batches)]
    fractions = np.repeat(_batch_fractions(parameters, contents, chance), replicates, axis=0)
    n = n_batches * replicates
    spot = parameters.nir.sampling_sigma.si * chance.standard_normal(n)
    seen = fractions.copy()
    seen[:, 0] *= 1.0 + spot
    state = _campaign_state(parameters, n_batches, replicates, chance)
    noise = parameters.nir.photon_noise.si * chance.standard_normal((n, N_POINTS))
    instrument = Spectrometer(parameters.bands, parameters.nir.temperature_effect.si)
    labels = np.repeat([f"C{i + 1:02d}" for i in range(n_batches)], replicates)
    return wavenumbers(), instrument.absorbance(seen, state, noise), fractions[:, 0].copy(), labels


def _batch_fractions(parameters: PlantParameters, contents: Vector, chance: np.random.Generator) -> Vector:
    others = np.array(parameters.plc.shares()[1:])
    wobble = others * (1.0 + EXCIPIENT_SPREAD * chance.standard_normal((contents.size, 3)))
    rest = wobble / wobble.sum(axis=1, keepdims=True) * (1.0 - contents)[:, None]
    return np.concatenate((contents[:, None], rest), axis=1)


def _campaign_state(p: PlantParameters, n_batches: int, replicates: int, chance: np.random.Generator) -> InstrumentState:
    def a_batch(low: float, high: float) -> Vector:
        return np.repeat(chance.uniform(low, high, n_batches), replicates)

    n, nir = n_batches * replicates, p.nir
    return InstrumentState(
        temperature=a_batch(*TEMPERATURE_RANGE_C),
        water=a_batch(0.15, 0.45),
        path=np.repeat(1.0 + 0.03 * chance.standard_normal(n_batches), replicates),
        scatter=1.0 + SCATTER_FACTOR * nir.scatter_sigma.si * chance.standard_normal(n),
        offset=SCATTER_FACTOR * nir.offset_sigma.si * chance.standard_normal(n),
        tilt=SCATTER_FACTOR * nir.offset_sigma.si * chance.standard_normal(n),
        fouling=a_batch(0.0, FOULING_MAX_AU),
        lamp=a_batch(-LAMP_MAX_AU, LAMP_MAX_AU),
    )


class MeasuredSpectra:
    """Real spectra that the probe plays: the nearest in concentration, ties broken by seed.

    spectra (n, 404) AU; api_w_w (n,) mass fractions. Raises DataError for wrong shapes, non-finite values or fewer
    than two spectra.
    """

    def __init__(self, spectra: Vector, api_w_w: Vector | Sequence[float], seed: int = 0) -> None:
        contents = np.asarray(api_w_w, dtype=np.float64)
        spectra = np.asarray(spectra, dtype=np.float64)
        if spectra.ndim != 2 or spectra.shape[1] != N_POINTS or contents.shape != (spectra.shape[0],) or contents.size < 2:
            raise DataError(
                "measured spectra do not fit the probe",
                where="MeasuredSpectra",
                how_much=f"spectra {spectra.shape}, contents {contents.shape}",
                what_now=f"Give at least two spectra of {N_POINTS} points and one content each.",
            )
        if not (np.isfinite(spectra).all() and np.isfinite(contents).all()):
            raise DataError("measured spectra hold NaN or infinity", where="MeasuredSpectra", what_now="Remove those rows.")
        order = generator(seed, MEASURED).permutation(contents.size)
        order = order[np.argsort(contents[order], kind="stable")]
        self.spectra, self.api_w_w = spectra[order], contents[order]
        self._turn = 0

    def play(self, api_w_w: float) -> tuple[Vector, bool]:
        """Return (spectrum (404,), beyond): the nearest in concentration; `beyond` if the set does not reach that far.

        Spectra of equal content take turns.
        """
        gap = np.abs(self.api_w_w - api_w_w)
        ties = np.flatnonzero(gap <= gap.min() + 1e-12)
        chosen = int(ties[self._turn % ties.size])
        self._turn += 1
        beyond = not self.api_w_w[0] <= api_w_w <= self.api_w_w[-1]
        return self.spectra[chosen], beyond
