"""Follows the material of the line second by second and says what is known of the tablets being made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from line.recipe import Recipe
from line.records import EvidenceSource, QualityState, Reason
from line.samples import Snapshot
from line.tags import TagRegister
from rtr.genealogy.follower import Follower, Sight
from rtr.genealogy.front import Front, hold_ups
from rtr.genealogy.propagation import Tracer
from rtr.genealogy.risk import Masses, Risk
from rtr.genealogy.roads import Flags, Roads
from rtr.genealogy.tablet_mass import MapState, TabletMass
from sensing.verdict import SpectrumVerdict

#: Upper limit of missing seconds that are stepped through; a longer gap leaves the rest of the line unknown anyway.
GAP_STEPS_MAX = 1800
STATION_PERIOD_S = 3


@dataclass(frozen=True)
class Seen:
    """What is known of the tablets made in one second and of those to come."""

    roads: Roads
    now: Flags
    ahead: Flags
    evidence: EvidenceSource
    potency_pct_lc: float
    potency_uncertainty_pct_lc: float
    mass_mg: float
    mass_deviation_pct: float
    quality: QualityState
    reason: Reason
    station_mass_mg: NDArray[np.float32] | None
    risk: Risk | None


class Tracer1s:
    """The frozen models of release for one line: feeders, line, probe, tablet mass.

    `residuals` collects (step, NIR - RTD at the probe [% LC]) of each spectrum that release used.
    """

    def __init__(self, recipe: Recipe, register: TagRegister, sensor_hash: str) -> None:
        self.recipe = recipe
        self.front = Front(recipe)
        self.residuals: list[tuple[int, float]] = []
        self.follower: Follower | None = None
        self._sensor = sensor_hash, register["NIR/Spectrum"].sample_s
        self._fallback_s = 0
        self._stations: NDArray[np.float32] | None = None
        self._stations_step = -STATION_PERIOD_S

    @property
    def mass(self) -> TabletMass:
        """The weight map and its state."""
        return self.front.mass

    @property
    def press_kg(self) -> float:
        """Material into the dies [kg/s] of the last second."""
        return self.front.press_kg

    @property
    def foreign(self) -> int:
        """Spectra so far that another sensor model judged."""
        return self.follower.probes[0].foreign if self.follower is not None else 0

    def observe(
        self, snapshot: Snapshot, verdict: SpectrumVerdict | None, made: int, elapsed_s: int, look_ahead_s: int
    ) -> Seen:
        """Move the material by `elapsed_s` seconds and return what is known of the tablets `made` in them."""
        if self.follower is None:
            self.follower = Follower(self.recipe, *self._sensor, [hold_ups(snapshot, self.recipe)])
        reading = self.front.read(snapshot, made, elapsed_s)
        used = self.follower.advance(snapshot.step, [reading], [verdict], min(elapsed_s, GAP_STEPS_MAX))
        if used[0] and verdict is not None:
            self._residual(verdict, self.follower)
        deviation = self.front.deviation_pct(reading.mass_mg)
        masses = Masses(*(np.array([x]) for x in (deviation, self.mass.doubt_pct, reading.spread_pct)))
        sight = self.follower.look(masses, look_ahead_s, reading.press_kg_per_s)
        return self._judge(snapshot, self.follower, sight, reading.mass_mg, deviation, elapsed_s if made else 0)

    def _residual(self, verdict: SpectrumVerdict, follower: Follower) -> None:
        slugs = follower.line.hopper.entered_between(verdict.step - 1, verdict.step)
        if slugs.stop == slugs.start:
            return
        passed = follower.line.hopper.values[slugs.start, 0]
        if passed[Tracer.WEIGHED] >= self.recipe.evidence.feeder_share_min:
            gap = (verdict.api_w_w - float(passed[Tracer.API] / passed[Tracer.KNOWN])) * follower.road_map.to_pct
            self.residuals.append((verdict.step, gap))

    def _judge(
        self, snapshot: Snapshot, follower: Follower, sight: Sight, mass: float, deviation: float, pressed_s: int
    ) -> Seen:
        road_map, roads = follower.road_map, sight.now
        now, ahead = road_map.flags(roads, sight.outside), road_map.flags(sight.ahead, sight.outside_ahead)
        evidence, potency, uncertainty = road_map.rung(roads)
        if self._fallback_spent(evidence, pressed_s):
            evidence, potency, uncertainty = EvidenceSource.NONE, math.nan, math.nan
            now = replace(now, missing=np.ones_like(now.missing))
        size = math.copysign(abs(deviation) + self.mass.doubt_pct, deviation)
        quality, reason = self._quality(now, evidence, potency, deviation)
        return Seen(
            roads, now, ahead, evidence, potency, uncertainty, mass, size, quality, reason, self._latest_stations(snapshot),
            sight.risk,
        )  # fmt: skip

    def _fallback_spent(self, evidence: EvidenceSource, pressed_s: int) -> bool:
        """True once tablets have rested on the fallback for longer than the recipe allows; NIR begins anew."""
        if evidence is EvidenceSource.NIR:
            self._fallback_s = 0
        elif evidence is EvidenceSource.RTD:
            self._fallback_s += pressed_s
        return evidence is EvidenceSource.RTD and self._fallback_s > self.recipe.evidence.fallback_max_s

    def _quality(
        self, now: Flags, evidence: EvidenceSource, potency: float, mass_deviation: float
    ) -> tuple[QualityState, Reason]:
        """NONCONFORM if a prediction is outside its limit; UNVERIFIED if something is not known; else CONFORM."""
        diversion = self.recipe.diversion
        if abs(potency - 100.0) > diversion.divert_limit_pct:
            return QualityState.NONCONFORM, Reason.POTENCY_OUTSIDE
        if abs(mass_deviation) > diversion.weight_divert_limit_pct:
            return QualityState.NONCONFORM, Reason.WEIGHT_OUTSIDE
        unknown = mass_deviation != mass_deviation or self.mass.state is MapState.INVALID
        if evidence is EvidenceSource.NONE or unknown:
            return QualityState.UNVERIFIED, Reason.EVIDENCE_MISSING
        if bool(now.disagree[0]):
            return QualityState.UNVERIFIED, Reason.EVIDENCE_DISAGREES
        if bool(now.held[0]):
            return QualityState.UNVERIFIED, Reason.HELD_TOO_LONG
        return QualityState.CONFORM, Reason.CONFORMS

    def _latest_stations(self, snapshot: Snapshot) -> NDArray[np.float32] | None:
        stations = self.mass.stations(snapshot)
        if stations is not None:
            self._stations, self._stations_step = stations, snapshot.step
        return self._stations if snapshot.step - self._stations_step <= STATION_PERIOD_S else None


def mean_known(values: Sequence[float]) -> float:
    """Return the mean of the finite values, NaN without any."""
    known = [v for v in values if math.isfinite(v)]
    return math.fsum(known) / len(known) if known else math.nan
