"""What ages in a spectrometer - window film, lamp, what it sees of the API - and the reference scans that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Counts, Flags, Vector
from plant_sim.instruments.spectrometer import REFERENCE_TEMPERATURE_C, Spectrometer
from plant_sim.streams import REFERENCE_SCANS, generator


@dataclass(frozen=True)
class Reference:
    """The reference scan in use, (n,) each: number, second taken, film [AU] and lamp tilt [AU over the axis] it saw, dark
    signal and energy over those of a new lamp and a clean window."""

    number: Counts
    taken: Counts
    film: Vector
    lamp: Vector
    dark: Vector
    energy: Vector


class ReferenceScans:
    """Slow states of n probes and their dark and reference scans.

    A = -log10((sample - dark) / (reference - dark)): with the dark signal taken at every reference, film and lamp count
    only as far as they changed since the reference, which looks through the same window. A film grows while powder
    passes, a lamp ages all the time; what faults add counts like the rest. Dark signal doubles every `dark_doubling`.
    A reference takes the gap between two sample scans: at start, on request, and every `reference_interval` while
    nothing is pressed. Wrong where the dark signal drifts between references (not modelled: far below one unit of noise).
    """

    def __init__(self, p: Columns, seeds: Sequence[int], optics: Spectrometer) -> None:
        n = len(seeds)
        self._p, self._optics = p, optics
        self._chance = [generator(seed, REFERENCE_SCANS) for seed in seeds]
        self.film, self.lamp, self.drift = np.zeros(n), np.zeros(n), np.zeros(n)
        self._asked: Flags = np.zeros(n, np.bool_)
        nothing = np.zeros(n, np.int64)
        self.newest = Reference(nothing, nothing, np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n))
        warm = np.full(n, REFERENCE_TEMPERATURE_C)
        self._take(np.ones(n, np.bool_), 0, self.film, self.lamp, warm)

    def request(self, lines: Flags) -> None:
        """Ask for a reference scan of these lines (n,) in the next gap between scans."""
        self._asked |= lines

    def clean(self, lines: Flags) -> None:
        """Take the film off the windows of these lines (n,)."""
        self.film = np.where(lines, 0.0, self.film)

    def advance(self, elapsed_s: float, flowing: Flags) -> None:
        """Let `elapsed_s` pass; `flowing` (n,) powder passes the window."""
        p = self._p
        self.film = self.film + p["fouling_rate"] * elapsed_s * flowing
        self.lamp = self.lamp + p["lamp_rate"] * elapsed_s
        self.drift = self.drift + p["bias_drift"] * elapsed_s

    def since_reference(
        self, second: int, idle: Flags, temperature: Vector, effects: FaultEffects
    ) -> tuple[Vector, Vector, Reference]:
        """Take the references that are due; return film and lamp tilt (n,) as changes since the reference in use."""
        film, lamp = self.film, self.lamp
        if effects.any_active:
            film, lamp = film + effects.nir_fouling_au, lamp + effects.nir_lamp_au
        due = (idle & (second - self.newest.taken >= self._p["reference_interval"])) | self._asked
        if due.any():
            self._take(due & ~effects.nir_out, second, film, lamp, temperature)
        return film - self.newest.film, lamp - self.newest.lamp, self.newest

    def _take(self, due: Flags, second: int, film: Vector, lamp: Vector, temperature: Vector) -> None:
        p, old = self._p, self.newest
        dark, energy = old.dark.copy(), old.energy.copy()
        for i in np.flatnonzero(due):
            z = self._chance[i].standard_normal(2) * p["reference_noise"][i]
            doublings = (temperature[i] - REFERENCE_TEMPERATURE_C) / p["dark_doubling"][i]
            dark[i] = p["dark_level"][i] * 2.0**doublings * (1.0 + z[0])
            loss = film[i] * self._optics.haze + lamp[i] * (self._optics.position + 0.5)
            energy[i] = np.power(10.0, -loss).mean() * (1.0 + z[1])
        self.newest = Reference(
            old.number + due, np.where(due, second, old.taken), np.where(due, film, old.film), np.where(due, lamp, old.lamp),
            dark, energy,
        )  # fmt: skip
        self._asked = self._asked & ~due
