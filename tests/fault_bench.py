"""All named faults at once: one line a fault and one without, same seed, same shift, in one ensemble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from line.configuration import LotLoad, PlantFault
from line.quality import STATUS_GOOD
from plant_sim.instruments.laboratory import Sampling
from plant_sim.instruments.spectrometer import N_POINTS, pure_spectra
from plant_sim.lines import Lines, LineSetup
from plant_sim.plc.interlocks import BIT_NAMES
from tests.plant_bench import START, line, nominal, register, scenario

#: Features of an array tag that stand beside the scalar tags.
FEATURES = ("mean", "tilt", "roughness", "api", "shift", "status")
STATION = ("Press/StationForce", "station 7")
#: Each interlock by itself: which one it is matters, not the number that they make together.
BITS = tuple(BIT_NAMES)
#: Tester and assay more often than in a shift, so that a quarter of an hour shows them.
SAMPLING = Sampling(tester_interval_s=60, assay_interval_s=120)
Command = Callable[[int, np.ndarray, dict[str, int]], None]


def ensemble(faults: Sequence[Sequence[PlantFault]], lots: Sequence[LotLoad] = (), seed: int = 1) -> Lines:
    """Lines of one seed and one plant, each with its own faults."""
    setups = [LineSetup(nominal(), seed, seed, scenario(f, lots), line().geometry) for f in faults]
    return Lines(register(), setups, SAMPLING)


def drive(lines: Lines, until: int, command: Command, look: Callable[[Lines], None]) -> None:
    """Step all lines alike: beat, REMOTE, accept, START, and what `command` writes; `look` after each second."""
    index = register().setpoint_index
    asked = lines.guard.accepted.copy()
    asked[:, index["SP/RemoteRequest"]] = asked[:, index["SP/AcceptRequest"]] = 1.0
    while lines.second < until:
        asked[:, index["SP/HeartbeatCtrl"]] = lines.second + 1.0
        asked[:, index["SP/LineCommand"]] = START if lines.second == 1 else 0.0
        command(lines.second, asked, index)
        lines.step(asked)
        look(lines)


class Spectra:
    """Features of the spectrum last arrived, (n_lines, len(FEATURES)).

    Mean, tilt over the axis, roughness (root mean square of second differences), API fraction and shift of the axis
    [1/cm] by least squares on the pure spectra, baseline, tilt, haze and the derivative, and whether the status is bad.
    """

    def __init__(self, lines: Lines) -> None:
        self.values = np.zeros((lines.n_lines, len(FEATURES)))
        position = np.linspace(-0.5, 0.5, N_POINTS)
        pure = pure_spectra(nominal().bands)
        blend = np.array([*nominal().plc.shares(), 0.3]) @ pure
        step_per_cm = (10507.3 - 7398.337) / (N_POINTS - 1)
        rows = [*pure, np.ones(N_POINTS), position, np.exp(-2.0 * (position + 0.5)), np.gradient(blend, step_per_cm)]
        self._inverse = np.linalg.pinv(np.array(rows).T)

    def take(self, lines: Lines) -> np.ndarray:
        if lines.arrived is not None:
            spectra = np.where(np.isfinite(lines.arrived.spectra), lines.arrived.spectra, 0.0)
            fit = np.einsum("lp,fp->lf", spectra, self._inverse)  # no BLAS: a line's bits must not depend on its place
            rough = np.sqrt((np.diff(spectra, 2, axis=1) ** 2).mean(axis=1))
            bad = (lines.arrived.status != STATUS_GOOD) * 1.0
            self.values = np.stack((spectra.mean(axis=1), fit[:, 6], rough, fit[:, 0], fit[:, -1], bad), axis=1)
        return self.values


@dataclass(frozen=True)
class Watched:
    """What was seen: values (n_seconds, n_lines, n_columns), names of lines and of columns (tag, feature)."""

    values: np.ndarray
    lines: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]

    def of(self, name: str) -> np.ndarray:
        """(n_seconds, n_columns) of one fault, or of "" for the line without any."""
        return self.values[:, self.lines.index(name)]


def watch(names: Sequence[str], faults: Sequence[Sequence[PlantFault]], until: int, command: Command) -> Watched:
    """Run one line a list of faults and return all tags of every second."""
    lines = ensemble(faults)
    spectra, seen = Spectra(lines), []
    bits, interlock = np.array(BITS), register().scalar_index["Sys/Interlock"]

    def look(lines: Lines) -> None:
        station = lines.press.station_force[:, 6:7] * 1e-3
        values = lines.frame.values
        each = (values[:, interlock, None].astype(np.int64) & bits > 0) * 1.0
        seen.append(np.concatenate((values, spectra.take(lines), station, each), axis=1))

    drive(lines, until, command, look)
    columns = [(tag, "mean") for tag in register().scalar_ids]
    columns += [*(("NIR/Spectrum", feature) for feature in FEATURES), STATION, *(("Sys/Interlock", str(bit)) for bit in BITS)]
    return Watched(np.stack(seen), tuple(names), tuple(columns))
