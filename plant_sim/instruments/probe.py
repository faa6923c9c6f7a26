"""The probe at the blender exit: when it looks, what it sees, and when the spectrum arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from line.quality import STATUS_BAD_OUT_OF_SERVICE, STATUS_GOOD, STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE
from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Flags, Vector
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.instruments.references import Reference, ReferenceScans
from plant_sim.instruments.spectrometer import EMPTY_OFFSET_AU, N_POINTS, InstrumentState, Spectrometer
from plant_sim.instruments.window import Window
from plant_sim.streams import SPECTRA, NormalStream

#: Numbers before the photon noise: spot, bias, scatter, offset, tilt.
N_STATE_NORMALS = 5
#: Below this outflow [kg/s] the window sees no powder.
EMPTY_KG_PER_S = 1e-4
#: The instrument and probe of a run.
INSTRUMENT_SERIAL, PROBE_ID = 20260117, 1


class Air(NamedTuple):
    """Room air at the instrument, (n,): temperature [degC], relative humidity [fraction]."""

    temperature: Vector
    humidity: Vector


@dataclass(frozen=True)
class Scan:
    """Spectra of all lines taken in one second: (n_lines, 404) with status (n_lines,) and the reference in use."""

    taken: int
    number: int
    spectra: Vector
    status: np.ndarray
    reference: Reference


def optical_state(p: Columns, z: Vector, air: Air, empty: Flags, path: Vector, film: Vector, lamp: Vector) -> InstrumentState:
    """Return the state of n spectra: z (n, 3) for scatter, offset and tilt; film and lamp since the reference."""
    return InstrumentState(
        temperature=air.temperature,
        water=(0.1 + 0.4 * air.humidity) * ~empty,
        path=path,
        scatter=1.0 + p["scatter_sigma"] * z[:, 0],
        offset=p["offset_sigma"] * z[:, 1] + EMPTY_OFFSET_AU * empty,
        tilt=p["offset_sigma"] * z[:, 2],
        fouling=film,
        lamp=lamp,
    )


class Probe:
    """Takes a scan every `interval` seconds; it arrives `delay` seconds later. Interval and delay are the first line's.

    `references` holds the slow states; ask it for a reference scan or a clean window.
    """

    def __init__(
        self, p: Columns, seeds: Sequence[int], optics: Spectrometer, measured: Sequence[MeasuredSpectra | None]
    ) -> None:
        self._p, self._optics = p, optics
        self._measured = [(i, spectra) for i, spectra in enumerate(measured) if spectra is not None]
        self._stream = NormalStream(seeds, SPECTRA, N_STATE_NORMALS + N_POINTS, steps_a_block=8)
        self._interval, self._delay = round(float(p["interval"][0])), round(float(p["delay"][0]))
        self._window = Window(p, self._interval, EMPTY_KG_PER_S)
        self.references = ReferenceScans(p, seeds, optics)
        self._under_way: deque[Scan] = deque()
        self._number = 0
        self._last: Vector | None = None

    def step(self, second: int, powder: Vector, effects: FaultEffects, air: Air, pressing: Flags) -> Scan | None:
        """Take a scan if one is due at `second` and return the one that arrives now, if any.

        powder (n_lines, N_EXTENTS) that left the blender within the last second; pressing (n_lines,) who presses.
        """
        if second % self._interval == 0:
            self._under_way.append(self._scan(second, powder, effects, air, ~pressing))
        if self._under_way and self._under_way[0].taken + self._delay <= second:
            return self._under_way.popleft()
        return None

    def _scan(self, second: int, powder: Vector, effects: FaultEffects, air: Air, idle: Flags) -> Scan:
        p, z, slow = self._p, self._stream.take(), self.references
        self._number += 1
        extra = slow.drift + effects.nir_bias if effects.any_active else slow.drift
        fractions, active, empty = self._window.look(powder, z[:, 0], z[:, 1], extra)
        slow.advance(self._interval, ~empty)
        film, lamp, reference = slow.since_reference(second, idle, air.temperature, effects)
        state = optical_state(p, z[:, 2:N_STATE_NORMALS], air, empty, p["path"], film, lamp)
        sigma = p["photon_noise"]
        if effects.any_active:
            state.shift, sigma = effects.nir_shift_per_cm, sigma * effects.nir_noise
        noise = sigma[:, None] * z[:, N_STATE_NORMALS:]
        spectra = self._optics.absorbance(fractions, state, noise)
        status = np.full(empty.shape, STATUS_GOOD, np.uint32)
        self._play_measured(spectra, status, active * (1.0 + effects.nir_bias), empty, noise)
        if effects.any_active:
            self._break(spectra, status, effects)
        self._last = spectra
        return Scan(second, self._number, spectra, status, reference)

    def _break(self, spectra: Vector, status: np.ndarray, effects: FaultEffects) -> None:
        """A frozen instrument repeats its last spectrum under a new number; one out of service gives none."""
        if self._last is not None:
            spectra[effects.nir_frozen] = self._last[effects.nir_frozen]
        spectra[effects.nir_out] = np.nan
        status[effects.nir_out] = STATUS_BAD_OUT_OF_SERVICE

    def _play_measured(self, spectra: Vector, status: np.ndarray, active: Vector, empty: Flags, noise: Vector) -> None:
        """Show measured spectra where there are any, each scan with a detector noise of its own."""
        for i_line, measured in self._measured:
            if empty[i_line]:
                continue
            played, beyond = measured.play(float(active[i_line]))
            spectra[i_line] = played + noise[i_line]
            if beyond:
                status[i_line] = STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE
