"""The force sensor of the press: what it reads for each tablet, and the newest reading of each station."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Counts, Vector


class StationForces:
    """Readings of n lines: `newest` (n, n_stations) [N], their `mean` and `deviation` (n,) over the turret.

    Reading = force x (1 + span error) x gain + noise in proportion to force. A stuck sensor repeats its last mean.
    """

    def __init__(self, compaction: Columns, n_stations: int) -> None:
        n = compaction["main_force"].shape[0]
        self._gain, self._noise = 1.0 + compaction["force_span_error"], compaction["force_sensor_noise"]
        self._n_stations = n_stations
        self._rows = np.arange(n)[:, None]
        self._stations = np.arange(n_stations)
        self.newest: Vector = np.zeros((n, n_stations))
        self.mean: Vector = np.zeros(n)
        self.deviation: Vector = np.zeros(n)

    def read(self, force: Vector, normals: Vector, effects: FaultEffects) -> Vector:
        """Return what the sensor reads of `force` (n, m)."""
        gain, noise = self._gain, self._noise
        if effects.any_active:
            gain, noise = gain * effects.force_gain, noise * effects.force_noise
        factor = normals * noise[:, None]
        factor += gain[:, None]
        factor *= force
        if effects.any_active and effects.force_stuck.any():
            factor = np.where(effects.force_stuck[:, None], self.mean[:, None], factor)
        return factor

    def keep(self, reading: Vector, first_station: Counts, count: Counts, effects: FaultEffects) -> None:
        """Keep the newest reading of each station; `reading` (n, m) belongs to stations from first_station (n,) on."""
        slot = (self._stations - first_station[:, None]) % self._n_stations
        again = slot + self._n_stations
        slot = np.where(again < count[:, None], again, slot)
        new = slot < count[:, None]
        if effects.any_active:
            new = new & ~effects.force_stuck[:, None]
        values = reading[self._rows, np.minimum(slot, reading.shape[1] - 1)]
        self.newest = np.where(new, values, self.newest)
        self.mean = self.newest.sum(axis=1) / self._n_stations
        off = self.newest - self.mean[:, None]
        off *= off
        self.deviation = np.sqrt(off.sum(axis=1) / (self._n_stations - 1))
