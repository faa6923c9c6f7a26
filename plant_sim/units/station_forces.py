"""The force sensor of the press: what it reads for each tablet, and the newest reading of each station."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Counts, Vector
from plant_sim.units.tablets import Wide


class StationForces:
    """Readings of n lines: `newest` (n, n_stations) [N], their `mean` and `deviation` (n,) over the turret.

    Reading = force x (1 + span error) x gain + noise in proportion to force. A stuck sensor repeats its last mean.
    """

    def __init__(self, compaction: Columns, n_stations: int) -> None:
        n = compaction["main_force"].shape[0]
        self._gain, self._noise = 1.0 + compaction["force_span_error"], compaction["force_sensor_noise"]
        self._n_stations = n_stations
        self._stations, self._freedom = np.array(float(n_stations)), np.array(n_stations - 1.0)
        self._lines = np.arange(n)[:, None]
        self._wide = Wide(gain=self._gain, noise=self._noise)
        # row f: slot that holds each station when station f is in the first slot
        self._slots: Counts = (np.arange(n_stations) - np.arange(n_stations)[:, None]) % n_stations
        self.newest: Vector = np.zeros((n, n_stations))
        self.mean: Vector = np.zeros(n)
        self.deviation: Vector = np.zeros(n)

    def read(self, force: Vector, normals: Vector, effects: FaultEffects) -> Vector:
        """Return what the sensor reads of `force` (n, m)."""
        wide = self._wide.at(force.shape[1])
        if not effects.any_active:
            reading = normals * wide["noise"]
            reading += wide["gain"]
            reading *= force
            return reading
        reading = normals * (self._noise * effects.force_noise)[:, None]
        reading += (self._gain * effects.force_gain)[:, None]
        reading *= force
        return np.where(effects.force_stuck[:, None], self.mean[:, None], reading)

    def keep(self, reading: Vector, first_station: Counts, count: Counts, effects: FaultEffects) -> None:
        """Keep the newest reading of each station; `reading` (n, m) belongs to stations from first_station (n,) on."""
        slot, most, n_slots = self._slots.take(first_station, axis=0), count[:, None], reading.shape[1]
        for turn in range(-(-n_slots // self._n_stations)):
            if turn:
                slot = slot + self._n_stations
            new = slot < most
            if effects.any_active:
                new &= ~effects.force_stuck[:, None]
            here = np.minimum(slot, n_slots - 1)
            if self._lines.size > 1:
                here += self._lines * n_slots
            np.copyto(self.newest, reading.take(here), where=new)
        self.mean = np.add.reduce(self.newest, 1) / self._stations
        off = self.newest - self.mean[:, None]
        off *= off
        self.deviation = np.sqrt(np.add.reduce(off, 1) / self._freedom)
