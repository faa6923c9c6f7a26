"""Gravimetric loops of the four feeders: feed factor from the scale's slope, and the screw speed that it asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector, bounded
from plant_sim.plc.feeder_alarms import DeviationAlarm
from plant_sim.plc.feeder_modes import STOPPED, VOLUMETRIC, FeederModes
from plant_sim.plc.scale_slope import WINDOW_MIN_S, ScaleSlope
from plant_sim.plc.totaliser import Totaliser

Events = list[tuple[int, dict[str, Any]]]
#: Feed factor as a share of its start value that the loop may reach; its largest change in a second.
FEED_FACTOR_LOW, FEED_FACTOR_HIGH, CORRECTION_A_SECOND = 0.6, 1.6, 0.02
#: Deviation that is believed once its alarm lasts, as a share of the set-point; a flow that is gone is not.
LASTING_SHARE = 0.7
#: Set-point and flow [kg/s] are taken for at least this much where something is divided by them or compared with them.
LEAST_SETPOINT, LEAST_FLOW = 1e-6, 1e-7


class FeederLoops:
    """Level-1 control of all feeders, (n_lines, 4).

    Screw speed = (set-point - Kp r) / ff_hat; r = measured less expected slope over the same window; ff_hat integrates
    r / flow with time Ti and follows a stored curve of the level. Frozen while r is beyond the flow alarm, for a pulse or
    a bridge passes; a deviation that lasts is believed up to LASTING_SHARE of the set-point, or the loop would stay
    frozen for good after a rat-hole fell in. During refill and settling the speed follows ff_hat alone (volumetric).
    """

    def __init__(self, feeder: Columns, plc: Columns, reading: Vector) -> None:
        shape = reading.shape
        self._top = feeder["screw_speed_max"]
        self._rate = 1.0 / plc["gravimetric_time"][:, None]
        self._gain = plc["gravimetric_gain"][:, None]
        self._alarm = plc["flow_alarm"][:, None]
        self._known = plc["refill_array_share"][:, None] * (1.0 - feeder["feed_factor_ratio"])
        self._level_rate = -feeder["level_coefficient"]
        self._base = feeder["feed_factor_max"].copy()
        self._base_limits = (FEED_FACTOR_LOW * self._base, FEED_FACTOR_HIGH * self._base)
        # constants as arrays: a number would cost more than the operation
        self._none, self._one = np.zeros(shape), np.ones(shape)
        self._least_setpoint, self._least_flow = LEAST_SETPOINT * self._one, LEAST_FLOW * self._one
        self._correction_low, self._correction_high = -CORRECTION_A_SECOND * self._one, CORRECTION_A_SECOND * self._one
        self._slope = ScaleSlope(feeder["scale_window"], 2)
        self._expected = np.zeros(shape)
        # what is believed of a deviation [kg/s], worked out anew for other set-points
        self._asked: Vector | None = None
        self._believed = np.zeros(shape)
        self._modes = FeederModes(feeder, plc, shape)
        self._totaliser = Totaliser(reading)
        self._deviation = DeviationAlarm(plc, shape)
        self.reading = reading
        self.feed_factor: Vector = self._base.copy()
        self.mass_flow: Vector = np.zeros(shape)
        self.command: Vector = np.zeros(shape)

    @property
    def mode(self) -> Counts:
        """(n_lines, 4) FeederMode of each feeder."""
        return self._modes.mode

    @property
    def refilling(self) -> Flags:
        """(n_lines, 4) the refill valve is told to be open."""
        return self._modes.refilling

    @property
    def receiver_off(self) -> Flags:
        """(n_lines, 4) the overfill interlock stops the vacuum receiver."""
        return self._modes.overfilled

    @property
    def switched(self) -> bool:
        """A refill has started or ended in this second."""
        return self._modes.switched

    @property
    def started(self) -> Flags:
        """(n_lines, 4) a refill starts in this second."""
        return self._modes.started

    @property
    def ended(self) -> Flags:
        """(n_lines, 4) a refill ends in this second: complete, timed out, or the line stops."""
        return self._modes.ended

    @property
    def completed(self) -> Flags:
        """(n_lines, 4) a refill is complete in this second."""
        return self._modes.completed

    @property
    def total(self) -> Vector:
        """(n_lines, 4) kg dispensed by the scale: initial + refilled - net."""
        return self._totaliser.anchor - self.reading

    @property
    def loaded(self) -> Vector:
        """(n_lines, 4) kg that the last refill brought, by the scale."""
        return self._totaliser.loaded

    def step(self, setpoint: Vector, run: Flags, reading: Vector, speed: Vector) -> Events:
        """Take the scales' reading [kg] and measured speed [rev/s]; set `command` [rev/s] for set-points [kg/s].

        Returns alarms that come or go, as (line, event) pairs.
        """
        curve = self._one - self._known * np.exp(self._level_rate * np.maximum(reading, self._none))
        expected_flow = self._base * curve * speed
        modes = self._modes
        if self._totaliser.busy:
            self._totaliser.count(modes.mode, self.reading, reading, expected_flow)
        self.reading = reading
        events = modes.step(run, reading)
        if modes.switched:
            self._totaliser.note(modes.started)
        deviation, measuring = self._measure(reading, expected_flow)
        if setpoint is not self._asked:
            self._asked, self._believed = setpoint, self._alarm * np.maximum(setpoint, self._least_setpoint)
        believed = self._believed
        if self._deviation.any_lasting:
            alarm = np.where(self._deviation.lasting, LASTING_SHARE, self._alarm)
            believed = alarm * np.maximum(setpoint, self._least_setpoint)
        trusted = measuring & (np.abs(deviation) <= believed)
        if np.count_nonzero(trusted) < trusted.size:
            deviation = np.where(trusted, deviation, 0.0)
        correction = deviation / np.maximum(expected_flow, self._least_flow) * self._rate
        factor = self._one + bounded(correction, self._correction_low, self._correction_high)
        self._base = bounded(self._base * factor, *self._base_limits)
        self.feed_factor = self._base * curve
        wanted = setpoint - self._gain * deviation
        command = bounded(wanted / self.feed_factor, self._none, self._top)
        self.command = command if modes.all_running else np.where(run[:, None], command, 0.0)
        return events + self._deviation.watch(setpoint, self.mass_flow, measuring)

    def _measure(self, reading: Vector, expected_flow: Vector) -> tuple[Vector, Flags]:
        """Set `mass_flow`; return (measured less expected flow [kg/s], whether a feeder measures), (n_lines, 4) each."""
        modes, slope = self._modes, self._slope
        self._expected = self._expected + expected_flow
        falls = slope.add((reading, reading + self._expected), modes.restart)
        if modes.all_gravimetric and slope.full:
            self.mass_flow = falls[:, 0]
            return falls[:, 1], modes.gravimetric
        enough = slope.samples >= WINDOW_MIN_S
        seen = enough & (modes.mode != VOLUMETRIC)
        self.mass_flow = np.where(modes.mode == STOPPED, 0.0, np.where(seen, falls[:, 0], expected_flow))
        return falls[:, 1], modes.gravimetric & enough
