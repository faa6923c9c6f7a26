"""From one-second snapshots to what the filter reads once a decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.modes import FeederMode
from line.samples import Snapshot
from line.tags import TagRegister

Vector = NDArray[np.float64]

AVERAGED = (
    "Hopper/Level",
    "Blender/HoldUpMass",
    "Press/FillDepth",
    "Press/MainForceMean",
    "Press/TurretSpeed",
    "Blender/ImpellerSpeed",
    "Press/MainHeight",
    "Press/MainForceSetpoint",
    "Feeder1/Setpoint",
    "Feeder2/Setpoint",
    "Feeder3/Setpoint",
    "Feeder4/Setpoint",
)
FLOWS = tuple(f"Feeder{i}/MassFlow" for i in range(1, 5))
MODES = tuple(f"Feeder{i}/Mode" for i in range(1, 5))
#: Seconds after a refill during which the scale's slope still holds the refill.
BLIND_S = 12


@dataclass(frozen=True)
class Readings:
    """Means over one decision period, plant units, NaN where nothing usable was read.

    mean by tag; flows (4,) newest mass flows [kg/h], NaN while the scale is blind; stopped (4,) feeders standing still.
    """

    mean: dict[str, float]
    flows: Vector
    stopped: NDArray[np.bool_]


class ReadingAverager:
    """Collects snapshots between two decisions. Cheap: one vector addition a second."""

    def __init__(self, register: TagRegister) -> None:
        self._index = np.array([register.scalar_index[tag] for tag in AVERAGED])
        self._flow = np.array([register.scalar_index[tag] for tag in FLOWS])
        self._mode = np.array([register.scalar_index[tag] for tag in MODES])
        self._sum, self._count = np.zeros(len(AVERAGED)), np.zeros(len(AVERAGED))
        self._seeing = np.zeros(4)
        self._newest: Snapshot | None = None

    def add(self, snapshot: Snapshot) -> None:
        """Take one second in."""
        values = np.where(snapshot.quality[self._index] <= 1, snapshot.values[self._index], np.nan)
        usable = np.isfinite(values)
        self._sum[usable] += values[usable]
        self._count += usable
        gravimetric = snapshot.values[self._mode] == FeederMode.GRAVIMETRIC
        self._seeing = np.where(gravimetric, self._seeing + 1, 0.0)
        self._newest = snapshot

    def take(self) -> Readings:
        """Return what was collected and begin again. All NaN if nothing was."""
        with np.errstate(invalid="ignore"):
            mean = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        flows, stopped = np.full(4, np.nan), np.zeros(4, dtype=np.bool_)
        if self._newest is not None:
            good = self._newest.quality[self._flow] <= 1
            flows = np.where(good & (self._seeing >= BLIND_S), self._newest.values[self._flow], np.nan)
            stopped = self._newest.values[self._mode] == FeederMode.STOPPED
        self._sum[:], self._count[:] = 0.0, 0.0
        return Readings(dict(zip(AVERAGED, mean.tolist(), strict=True)), flows, stopped)
