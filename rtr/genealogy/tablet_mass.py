"""Tablet mass from main force: a frozen static map, checked against each tester sample, never corrected in the lot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from line.recipe import WeightMap
from line.samples import Snapshot

LOST_MAX_S = 2


class MapState(StrEnum):
    """VALID may be used; WIDENED with the gap added to its doubt; INVALID makes tablets UNVERIFIED."""

    VALID = "VALID"
    WIDENED = "WIDENED"
    INVALID = "INVALID"


@dataclass(frozen=True)
class MapCheck:
    """One tester sample against the map: sample and predicted mean mass [mg], gap and CUSUM of gaps [%] of the prediction."""

    sample_id: int
    counter_from: int
    counter_to: int
    sample_mg: float
    predicted_mg: float
    gap_pct: float
    cusum_pct: float
    state: MapState


def mass_from_force(weight_map: WeightMap, force_kn: float, height_mm: float, speed_rpm: float) -> float:
    """Return the mean tablet mass [mg] at main force [kN], main roller height [mm] and turret speed [rpm].

    Equation: ln W/W0 = ln(F/F0) / gain_force + gain_height ln(h/h0) + gain_speed ln(n/n0). Wrong when yield pressure or
    porosity at rest change: then force and height hold and mass moves (8 % of yield pressure: 1.7 %), which only the
    tester sees. Errors: none; NaN for force, height or speed that is not positive.
    """
    if not (force_kn > 0.0 and height_mm > 0.0 and speed_rpm > 0.0):
        return math.nan
    log_mass = math.log(force_kn / weight_map.force_kn) / weight_map.gain_force
    log_mass += weight_map.gain_height * math.log(height_mm / weight_map.height_mm)
    log_mass += weight_map.gain_speed * math.log(speed_rpm / weight_map.speed_rpm)
    return weight_map.mass_mg * math.exp(log_mass)


def _good(snapshot: Snapshot, tag: str) -> float:
    return snapshot.value(tag) if snapshot.good(tag) else math.nan


class TabletMass:
    """The map with its state. Values that are missing for at most 2 s are the last ones; then mass is unknown.

    `cusum_pct` (above, below): what gaps to tester samples have added up to since the lot began.
    """

    def __init__(self, weight_map: WeightMap) -> None:
        self.map = weight_map
        self.state = MapState.VALID
        self.gap_pct = 0.0
        self.cusum_pct = (0.0, 0.0)
        self.checks: list[MapCheck] = []
        self.mass_mg = math.nan
        self._lost_s = 0
        self._sample_id = -1

    def read(self, snapshot: Snapshot) -> float:
        """Return the mean tablet mass [mg] of this second, NaN if unknown. Only GOOD values count."""
        signals = _good(snapshot, "Press/MainForceMean"), _good(snapshot, "Press/MainHeight"), self._speed(snapshot)
        mass = mass_from_force(self.map, *signals)
        if mass == mass:
            self.mass_mg, self._lost_s = mass, 0
        else:
            self._lost_s += 1
        return self.mass_mg if self._lost_s <= LOST_MAX_S else math.nan

    def stations(self, snapshot: Snapshot) -> NDArray[np.float32] | None:
        """Return the masses [mg] of the last revolution's tablets by station, or None if there are none this second."""
        sample = snapshot.arrays.get("Press/StationForce")
        height, speed = snapshot.value("Press/MainHeight"), self._speed(snapshot)
        if sample is None or sample.quality > 1 or not (height > 0.0 and speed > 0.0):
            return None
        force = sample.values[sample.values > 0.0]
        if len(force) == 0:
            return None
        scale = self.map.mass_mg * (height / self.map.height_mm) ** self.map.gain_height
        scale *= (speed / self.map.speed_rpm) ** self.map.gain_speed
        return (scale * (force / self.map.force_kn) ** (1.0 / self.map.gain_force)).astype(np.float32)

    def _speed(self, snapshot: Snapshot) -> float:
        """Return the turret speed [rpm]; the map's own where it has no effect, so that a lost reading loses no mass."""
        return _good(snapshot, "Press/TurretSpeed") if self.map.gain_speed else self.map.speed_rpm

    @property
    def doubt_pct(self) -> float:
        """What must be added to the deviation of a mass [%]: the gap of the last check while WIDENED."""
        return abs(self.gap_pct) if self.state is MapState.WIDENED else 0.0

    def new_sample(self, snapshot: Snapshot) -> tuple[int, int, int, float] | None:
        """Return (id, counter from, counter to, mean mass [mg]) of a tester sample not seen before, or None."""
        tags = ("Tester/SampleId", "Tester/CounterFrom", "Tester/CounterTo", "Tester/WeightMean")
        if not all(snapshot.good(tag) for tag in tags):
            return None
        sample_id, first, last, mass = (snapshot.value(tag) for tag in tags)
        if int(sample_id) == self._sample_id or sample_id < 1:
            return None
        self._sample_id = int(sample_id)
        return int(sample_id), int(first), int(last), mass

    def check(self, sample: tuple[int, int, int, float], predicted_mg: float) -> MapCheck | None:
        """Compare a tester sample with the map's mean for the same tablets; None if they have no prediction.

        Frozen rule of the recipe: |gap| <= valid_gap VALID; <= invalid_gap WIDENED; above INVALID, until a later sample
        is inside again. A CUSUM above its limit is INVALID for the rest of the lot: small gaps that keep one direction
        are a map that has moved (Page, Biometrika 41 (1954) 100).
        """
        sample_id, first, last, mass = sample
        if not (predicted_mg > 0.0 and mass > 0.0):
            return None
        self.gap_pct = 100.0 * (mass / predicted_mg - 1.0)
        self._accumulate()
        size = abs(self.gap_pct)
        if self.drifted or size > self.map.invalid_gap_pct:
            self.state = MapState.INVALID
        else:
            self.state = MapState.VALID if size <= self.map.valid_gap_pct else MapState.WIDENED
        found = MapCheck(sample_id, first, last, mass, predicted_mg, self.gap_pct, max(self.cusum_pct), self.state)
        self.checks.append(found)
        return found

    @property
    def drifted(self) -> bool:
        """True once the CUSUM has passed its limit in this lot."""
        return max(self.cusum_pct) > self.map.cusum_limit_pct

    def _accumulate(self) -> None:
        """Add the gap to both sums, each less the allowance and never below zero; past the limit they stand still.

        A gap counts as `invalid_gap_pct` at most: one wrong sample is the gap rule's business.
        """
        if not self.drifted:
            above, below = self.cusum_pct
            gap = math.copysign(min(abs(self.gap_pct), self.map.invalid_gap_pct), self.gap_pct)
            allowance = self.map.cusum_allowance_pct
            self.cusum_pct = max(above + gap - allowance, 0.0), max(below - gap - allowance, 0.0)
