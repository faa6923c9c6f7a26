"""What the instruments show: true states with noise and span errors, written into the tag frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from line.quality import STATUS_BAD_OUT_OF_SERVICE, STATUS_GOOD
from line.tags import TagRegister
from plant_sim.columns import Columns
from plant_sim.extents import ONE, Vector
from plant_sim.instruments.bin_signals import BinSignals
from plant_sim.instruments.blend_signals import BlendSignals
from plant_sim.instruments.feeder_signals import FeederSignals
from plant_sim.instruments.frame import (
    ASSAY_TAGS,
    N_SENSOR_NORMALS,
    NIR2_TAGS,
    NIR_TAGS,
    NOISY_FEEDER_TAGS,
    TESTER_TAGS,
    Frame,
)  # fmt: skip
from plant_sim.instruments.press_signals import PressSignals
from plant_sim.instruments.probe import INSTRUMENT_SERIAL, PROBE_ID, Scan
from plant_sim.surroundings.suite import Surroundings

if TYPE_CHECKING:
    from plant_sim.lines import Lines

#: Numbers are counted up to here and start again.
ROLL_OVER = 1_000_000_000
MS, PERCENT = 1e-3, 100.0
#: Relative and absolute noise of a tag [SI].
Noise = tuple[Vector | float, Vector | float]


class Sensors:
    """Instruments of n lines. Keeps, in SI, what the PLC's interlocks and loops read next second.

    `level` [kg], `main_force`, `ejection` [N] (n,), `screw_speed` [rev/s] (n, 4), `temperature` [degC], `humidity`
    [fraction], `gate_feedback` (n,) 1 where the diverter reports ACCEPT. Noise: shown = true (1 + r z) + a z with one
    standard normal z a signal and second.
    """

    def __init__(self, register: TagRegister, groups: dict[str, Columns], feeder: Columns, weight_loop: int) -> None:
        n = groups["plc"]["force_gain"].shape[0]
        self.frame = frame = Frame(register, n)
        self._g = groups
        self._feeders, self._blend = FeederSignals(frame, feeder), BlendSignals(frame, groups)
        self._press, self._bins = PressSignals(frame, groups, weight_loop), BinSignals(frame, groups)
        self._signals = (self._feeders, self._blend, self._press, self._bins)
        self._noisy = frame.signals[:, :N_SENSOR_NORMALS]
        self._relative, self._absolute = self._noise(n)
        self._work = np.zeros((n, N_SENSOR_NORMALS))
        self._step_index, self._beat, self._refused, *self._states = (
            frame.signals[:, frame.column(f"Sys/{name}")] for name in SYSTEM
        )
        #: States as written last; written again only when they are other objects.
        self._written: tuple[Any, ...] = ()
        self.temperature, self.humidity = groups["room"]["temperature"].copy(), groups["room"]["humidity"].copy()
        self._room_temperature, self._room_humidity = (
            frame.signals[:, frame.column(f"Utilities/{name}")] for name in ("RoomTemperature", "RoomHumidity")
        )
        columns = (frame.scalars(tags) for tags in (NIR_TAGS, NIR2_TAGS, TESTER_TAGS, ASSAY_TAGS))
        self._nir, self._nir2, self._tester, self._assay = columns
        self._take_over()

    def _noise(self, n: int) -> tuple[Vector, Vector]:
        """Return relative and absolute noise of the noisy signals, (n, N_SENSOR_NORMALS)."""
        instruments, frame = self._g["instruments"], self.frame
        relative, absolute = np.zeros((2, n, N_SENSOR_NORMALS))
        known: Mapping[str, Noise] = {
            **self._feeders.noise(instruments),
            **self._blend.noise(instruments),
            **self._press.noise(instruments),
            **self._bins.noise(),
        }
        for tag, (part, fixed) in known.items():
            if tag in NOISY_FEEDER_TAGS:
                where = frame.feeder(tag)
            else:
                where = slice(frame.column(tag), frame.column(tag) + 1)
            relative[:, where] = np.reshape(part, (-1, 1))
            absolute[:, where] = np.reshape(fixed, (-1, 1))
        return relative, absolute

    def publish(self, lines: Lines, normals: Vector) -> None:
        """Write the frame of `lines.second`; normals (n, N_SENSOR_NORMALS)."""
        for signals in self._signals:
            signals.write(lines)
        self._system(lines)
        self._room(lines.surroundings)
        np.multiply(self._relative, normals, out=self._work)
        self._work += ONE
        self._noisy *= self._work
        np.multiply(self._absolute, normals, out=self._work)
        self._noisy += self._work
        if lines.effects.any_active:
            for instruments in (self._feeders, self._blend, self._bins):
                instruments.falsify(lines.effects)
        self._take_over()
        self.frame.publish(lines.second, lines.guard.accepted)
        self._arrivals(lines)

    def _take_over(self) -> None:
        self._blend.keep()
        self._press.keep()
        self.level, self.main_force, self.ejection = self._blend.level, self._press.main_force, self._press.ejection
        self.screw_speed = self._feeders.screw_speed.copy()
        self.gate_feedback = self._bins.gate_feedback

    def _room(self, suite: Surroundings) -> None:
        self._room_temperature[:] = self.temperature = suite.temperature_c
        self._room_humidity[:] = self.humidity = suite.humidity

    def _system(self, lines: Lines) -> None:
        second, sequence = lines.second, lines.sequence
        self._step_index[:] = second
        self._beat[:] = second % ROLL_OVER
        if lines.guard.changed:
            self._refused[:] = lines.guard.refused_total
        states = (lines.watchdog.remote, sequence.state, sequence.packml, sequence.interlock)
        if len(self._written) != len(states) or any(now is not before for now, before in zip(states, self._written)):
            self._written = states
            for column, value in zip(self._states, states):
                column[:] = value

    def _arrivals(self, lines: Lines) -> None:
        """Write what comes late: spectra's identity, results of tester and assay."""
        if lines.arrived is not None:
            self._spectrum(lines.arrived)
        if lines.arrived_2 is not None:
            scan = lines.arrived_2
            number = np.where(scan.status == STATUS_GOOD, float(scan.number), np.nan)
            self.frame.block(self._nir2, number[:, None], scan.taken, scan.status)
        for result in lines.laboratory.deliver(lines.second):
            columns = self._tester if result.kind == "tester" else self._assay
            self.frame.slow(result.line, columns, result.values, result.pulled)

    def _spectrum(self, scan: Scan) -> None:
        """Write what belongs to a spectrum, in the order of NIR_TAGS; one out of service has no number."""
        values, reference = np.zeros((scan.status.shape[0], len(self._nir))), scan.reference
        values[:, 0] = scan.number
        np.divide(self._g["nir"]["integration_time"], MS, out=values[:, 1])
        values[:, 2] = reference.number
        values[:, 3], values[:, 4] = INSTRUMENT_SERIAL, PROBE_ID
        np.multiply(reference.dark, PERCENT, out=values[:, 5])
        np.multiply(reference.energy, PERCENT, out=values[:, 6])
        values[scan.status == STATUS_BAD_OUT_OF_SERVICE] = np.nan
        self.frame.block(self._nir, values, scan.taken, scan.status)


SYSTEM = ("StepIndex", "HeartbeatPlant", "RefusedWrites", "CtrlMode", "LineState", "PackMLState", "Interlock")
