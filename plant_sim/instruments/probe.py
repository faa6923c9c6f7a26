"""The probe at the blender exit: when it looks, what it sees, and when the spectrum arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from line.quality import STATUS_BAD_OUT_OF_SERVICE, STATUS_GOOD, STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE
from plant_sim.columns import Columns
from plant_sim.extents import ACTIVE, API, LACTOSE, LUBRICANT, PREMIX, TINY_KG, TOTAL, Flags, Vector
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.instruments.spectrometer import EMPTY_OFFSET_AU, N_POINTS, InstrumentState, Spectrometer
from plant_sim.parameters import Band
from plant_sim.streams import SPECTRA, NormalStream

#: Numbers before the photon noise: spot, bias, scatter, offset, tilt.
N_STATE_NORMALS = 5
#: Below this outflow [kg/s] the window sees no powder.
EMPTY_KG_PER_S = 1e-4
#: The reference scan, instrument and probe of a run.
REFERENCE_ID, INSTRUMENT_SERIAL, PROBE_ID = 1, 20260117, 1


@dataclass(frozen=True)
class Scan:
    """Spectra of all lines taken in one second: (n_lines, 404) with status (n_lines,)."""

    taken: int
    number: int
    spectra: Vector
    status: np.ndarray


class Probe:
    """Takes a scan every `interval` seconds; it arrives `delay` seconds later."""

    def __init__(
        self, p: Columns, seeds: Sequence[int], bands: Sequence[Band], measured: Sequence[MeasuredSpectra | None]
    ) -> None:
        self._p, self._measured = p, measured
        self._optics = Spectrometer(bands, float(p["temperature_effect"][0]))
        self._stream = NormalStream(seeds, SPECTRA, N_STATE_NORMALS + N_POINTS, steps_a_block=8)
        self._interval, self._delay = round(float(p["interval"][0])), round(float(p["delay"][0]))
        self._under_way: deque[Scan] = deque()
        n = len(seeds)
        self._number = 0
        self._spot, self._bias = np.zeros(n), np.zeros(n)
        self._spot_keep = np.exp(-p["interval"] / p["sampling_time"])
        self._bias_keep = np.exp(-p["interval"] / p["bias_time"])

    def step(self, second: int, exit_powder: Vector, out: Flags, temperature: Vector, humidity: Vector) -> Scan | None:
        """Take a scan if one is due at `second` and return the one that arrives now, if any.

        exit_powder (n_lines, N_EXTENTS) that left the blender within the last second; out (n_lines,) out of service;
        temperature [degC], humidity [fraction].
        """
        if second % self._interval == 0:
            self._under_way.append(self._scan(second, exit_powder, out, temperature, humidity))
        if self._under_way and self._under_way[0].taken + self._delay <= second:
            return self._under_way.popleft()
        return None

    def _scan(self, second: int, powder: Vector, out: Flags, temperature: Vector, humidity: Vector) -> Scan:
        p, z = self._p, self._stream.take()
        self._number += 1
        self._spot = self._spot_keep * self._spot + p["sampling_sigma"] * np.sqrt(1 - self._spot_keep**2) * z[:, 0]
        self._bias = self._bias_keep * self._bias + p["bias_sigma"] * np.sqrt(1 - self._bias_keep**2) * z[:, 1]
        mass = powder[:, TOTAL]
        empty = mass < EMPTY_KG_PER_S
        share = np.where(empty, 0.0, 1.0) / np.maximum(mass, TINY_KG)
        fractions = powder[:, (API, PREMIX, LACTOSE, LUBRICANT)] * share[:, None]
        active = powder[:, ACTIVE] * share
        fractions[:, 0] = active * (1.0 + self._spot + self._bias)
        state = InstrumentState(
            temperature=temperature,
            water=np.where(empty, 0.0, 0.1 + 0.4 * humidity),
            path=p["path"],
            scatter=1.0 + p["scatter_sigma"] * z[:, 2],
            offset=p["offset_sigma"] * z[:, 3] + np.where(empty, EMPTY_OFFSET_AU, 0.0),
            tilt=p["offset_sigma"] * z[:, 4],
            fouling=p["fouling_rate"] * second,
            lamp=p["lamp_rate"] * second,
        )
        noise = p["photon_noise"][:, None] * z[:, N_STATE_NORMALS:]
        spectra = self._optics.absorbance(fractions, state, noise)
        status = np.full(mass.shape, STATUS_GOOD, np.uint32)
        self._play_measured(spectra, status, active, empty)
        spectra[out] = np.nan
        status[out] = STATUS_BAD_OUT_OF_SERVICE
        return Scan(second, self._number, spectra, status)

    def _play_measured(self, spectra: Vector, status: np.ndarray, active: Vector, empty: Flags) -> None:
        for i_line, measured in enumerate(self._measured):
            if measured is None or empty[i_line]:
                continue
            spectra[i_line], beyond = measured.play(float(active[i_line]))
            if beyond:
                status[i_line] = STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE
