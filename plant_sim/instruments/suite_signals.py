"""Meters of the suite: air flows, pressures, electric power, every ten seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plant_sim.extents import Vector
from plant_sim.instruments.frame import ENERGY_TAG, METER_TAGS, Frame
from plant_sim.streams import METERS, NormalStream
from plant_sim.surroundings.power import FEED_FRAME
from plant_sim.surroundings.suite import Surroundings

#: Powers from here on, in the order of power.CONSUMERS without the press.
FIRST_POWER = 4
#: Standard deviation of a meter, relative.
METER_NOISE = 0.01
#: From SI (and kWh) to the unit of each tag.
PLANT_UNITS = np.array([3600.0, 1.0, 3600.0, 1e-3, *[1e-3] * 7, 1.0])


class SuiteSignals:
    """Writes the suite's meters of n lines: shown = true (1 + 0.01 z). The press has a meter of its own, once a second."""

    def __init__(self, frame: Frame, seeds: Sequence[int]) -> None:
        self._frame, self._columns = frame, frame.scalars((*METER_TAGS, ENERGY_TAG))
        self._stream = NormalStream(seeds, METERS, len(METER_TAGS))
        self._true: Vector = np.zeros((len(seeds), len(METER_TAGS) + 1))
        self._as_shown: Vector = self._true + PLANT_UNITS

    def write(self, second: int, suite: Surroundings) -> None:
        """Write the tags of `second`."""
        true, last = self._true, len(METER_TAGS)
        true[:, 0] = suite.supply_m3_per_s
        true[:, 1] = suite.extraction.filter_pa
        true[:, 2] = suite.extraction.flow_m3_per_s
        true[:, 3] = suite.vacuum.pressure_pa
        true[:, FIRST_POWER:last] = suite.power.watts[:, FEED_FRAME:]
        true[:, last] = suite.energy_kwh.sum(axis=1)
        self._as_shown[:, :last] = PLANT_UNITS[:last] * (1.0 + METER_NOISE * self._stream.take())
        self._frame.block(self._columns, true * self._as_shown, second)
