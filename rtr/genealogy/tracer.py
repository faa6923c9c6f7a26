"""Follows the material of the line second by second and says what is known of the tablets being made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.modes import LineState
from line.recipe import Recipe
from line.records import EvidenceSource, QualityState, Reason
from line.samples import Snapshot
from line.tags import TagRegister
from rtr.genealogy.feeders import Feeders
from rtr.genealogy.probe import ProbeRoad
from rtr.genealogy.propagation import Flows, Line, Tracer
from rtr.genealogy.roads import Flags, RoadMap, Roads
from rtr.genealogy.tablet_mass import MapState, TabletMass
from sensing.verdict import SpectrumVerdict

#: Seconds without a snapshot that are bridged by holding the last flows; more are not evidence.
GAP_MAX_S = 2
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


class Tracer1s:
    """The frozen models of release in one object: feeders, line, probe, tablet mass.

    `residuals` collects (step, NIR - RTD at the probe [% LC]) of each spectrum that release used.
    """

    def __init__(self, recipe: Recipe, register: TagRegister, sensor_hash: str) -> None:
        self.recipe = recipe
        self.feeders = Feeders(recipe)
        self.mass = TabletMass(recipe.weight_map)
        self.probe = ProbeRoad(recipe.evidence, sensor_hash, register["NIR/Spectrum"].sample_s)
        self.line: Line | None = None
        self.road_map: RoadMap | None = None
        self.residuals: list[tuple[int, float]] = []
        self.press_kg = 0.0
        self._press_lost_s = 0
        self._stations: NDArray[np.float32] | None = None
        self._stations_step = -STATION_PERIOD_S

    def observe(
        self, snapshot: Snapshot, verdict: SpectrumVerdict | None, made: int, elapsed_s: int, look_ahead_s: int
    ) -> Seen:
        """Move the material by `elapsed_s` seconds and return what is known of the tablets `made` in them.

        After a gap of more than 2 s the tablets' mass is unknown and the feed was not weighed.
        """
        line, road_map = self._ready(snapshot)
        mass = self.mass.read(snapshot) if elapsed_s <= GAP_MAX_S else math.nan
        self._press(snapshot, made, elapsed_s, mass)
        fed = self.feeders.read(snapshot)
        tracers = fed.tracers(snapshot.step)
        if elapsed_s > GAP_MAX_S:
            tracers[Tracer.WEIGHED] = 0.0
        held = self.press_kg <= 0.0 and snapshot.value("Sys/LineState") != LineState.STARTING
        flows = Flows(fed.total_kg_per_s, self.press_kg, self._impeller(snapshot), snapshot.si("Hopper/Level"), held)
        for late in range(min(elapsed_s, GAP_STEPS_MAX) - 1, -1, -1):
            line.advance(snapshot.step - late, flows, tracers)
        if self.probe.see(snapshot.step, verdict, line) and verdict is not None:
            self._residual(verdict, line, road_map)
        ahead = line.look_ahead(look_ahead_s, self.press_kg)
        return self._judge(snapshot, road_map, road_map.read(line.die[None]), road_map.flags(road_map.read(ahead)), mass)

    def _ready(self, snapshot: Snapshot) -> tuple[Line, RoadMap]:
        if self.line is None or self.road_map is None:
            blender, hopper = (snapshot.si(tag) for tag in ("Blender/HoldUpMass", "Hopper/Level"))
            known = blender == blender and hopper == hopper
            self.line = Line(self.recipe.rtd, *((blender, hopper) if known else (self.recipe.rtd.blender_hold_up_kg, 0.0)))
            self.road_map = RoadMap(self.recipe, self.line)
        return self.line, self.road_map

    def _press(self, snapshot: Snapshot, made: int, elapsed_s: int, mass_mg: float) -> None:
        """Powder into the dies [kg/s]: counted tablets times mass; for up to 2 s without a counter the last value."""
        tablet_kg = 1e-6 * (mass_mg if mass_mg == mass_mg else self.recipe.product.tablet_mass_mg)
        if snapshot.good("Press/TabletsMade"):
            self.press_kg, self._press_lost_s = made * tablet_kg / max(elapsed_s, 1), 0
            return
        self._press_lost_s += 1
        turret = snapshot.si("Press/TurretSpeed")
        if self._press_lost_s > GAP_MAX_S and turret == turret:
            self.press_kg = turret * snapshot.register["Press/StationForce"].size * tablet_kg

    def _impeller(self, snapshot: Snapshot) -> float:
        speed = snapshot.si("Blender/ImpellerSpeed")
        return speed if speed == speed else self.recipe.rtd.blender_reference_speed_rpm / 60.0

    def _residual(self, verdict: SpectrumVerdict, line: Line, road_map: RoadMap) -> None:
        slugs = line.hopper.entered_between(verdict.step - 1, verdict.step)
        if slugs.stop == slugs.start:
            return
        passed = line.slugs()[slugs.start, 0]
        if passed[Tracer.WEIGHED] >= self.recipe.evidence.feeder_share_min:
            gap = (verdict.api_w_w - float(passed[Tracer.API] / passed[Tracer.KNOWN])) * road_map.to_pct
            self.residuals.append((verdict.step, gap))

    def _judge(self, snapshot: Snapshot, road_map: RoadMap, roads: Roads, ahead: Flags, mass: float) -> Seen:
        now = road_map.flags(roads)
        evidence, potency, uncertainty = road_map.rung(roads)
        deviation = 100.0 * (mass / self.recipe.product.tablet_mass_mg - 1.0)
        size = math.copysign(abs(deviation) + self.mass.doubt_pct, deviation)
        quality, reason = self._quality(now, evidence, potency, deviation)
        return Seen(
            roads, now, ahead, evidence, potency, uncertainty, mass, size, quality, reason, self._latest_stations(snapshot)
        )

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
