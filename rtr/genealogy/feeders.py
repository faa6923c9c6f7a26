"""What the feeders put into the blender, by their scales: the start of the RTD road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from line.modes import FeederMode
from line.recipe import Recipe
from line.samples import Snapshot
from rtr.genealogy.propagation import N_TRACERS, Array, Tracer

FEED_FACTOR_FILTER_S = 20.0
PLAUSIBLE_SHARE = 0.2
VOLUMETRIC_MAX_S = 60
LOST_MAX_S = 2
RANGE_TOLERANCE = 0.03
SCREW_MIN_REV_PER_S = 0.02


@dataclass(frozen=True)
class Fed:
    """Feed of one second: total [kg/s], API mass fraction, whether all of it was weighed, whether the API feeder ran
    on screw speed alone."""

    total_kg_per_s: float
    api_w_w: float
    weighed: bool
    volumetric: bool

    def tracers(self, step: int) -> Array:
        """Return the tracers of this material, (N_TRACERS,)."""
        values = np.zeros(N_TRACERS)
        values[Tracer.API], values[Tracer.WEIGHED] = self.api_w_w, float(self.weighed)
        values[Tracer.VOLUMETRIC], values[Tracer.ENTRY_S] = float(self.volumetric), float(step)
        values[Tracer.KNOWN] = 1.0
        return values


class FeederRoad:
    """Mass flow of one feeder: by scale while the scale sees, else by last feed factor times screw speed.

    The feed factor is a measurement of the last gravimetric seconds (first-order filter), used only while the scale is
    blind; seconds more than 20 % off set-point do not enter it.
    """

    def __init__(self, number: int) -> None:
        self.prefix = f"Feeder{number}/"
        self.feed_factor_kg_per_rev = float("nan")
        self.flow_kg_per_s = 0.0
        self.blind_s = 0
        self.lost_s = 0

    def read(self, snapshot: Snapshot) -> tuple[float, bool, bool]:
        """Return (flow [kg/s], weighed, volumetric) of this second.

        Not weighed: scale value lost for more than 2 s, mode unknown, or volumetric for more than 60 s.
        """
        mode = snapshot.value(self.prefix + "Mode")
        if mode == FeederMode.STOPPED:
            self.flow_kg_per_s, self.blind_s, self.lost_s = 0.0, 0, 0
            return 0.0, True, False
        if mode == FeederMode.GRAVIMETRIC and snapshot.good(self.prefix + "MassFlow"):
            self._by_scale(snapshot)
            return self.flow_kg_per_s, True, False
        self._by_screw(snapshot)
        if mode in (FeederMode.VOLUMETRIC, FeederMode.REFILL):
            self.blind_s += 1
            return self.flow_kg_per_s, self.blind_s <= VOLUMETRIC_MAX_S, True
        self.lost_s += 1
        return self.flow_kg_per_s, self.lost_s <= LOST_MAX_S, True

    def _by_scale(self, snapshot: Snapshot) -> None:
        self.blind_s = self.lost_s = 0
        self.flow_kg_per_s = max(snapshot.si(self.prefix + "MassFlow"), 0.0)
        setpoint, screw = snapshot.si(self.prefix + "Setpoint"), snapshot.si(self.prefix + "ScrewSpeed")
        if screw > SCREW_MIN_REV_PER_S and abs(self.flow_kg_per_s - setpoint) <= PLAUSIBLE_SHARE * setpoint:
            now = self.flow_kg_per_s / screw
            known = self.feed_factor_kg_per_rev
            self.feed_factor_kg_per_rev = known + (now - known) / FEED_FACTOR_FILTER_S if known == known else now

    def _by_screw(self, snapshot: Snapshot) -> None:
        by_screw = self.feed_factor_kg_per_rev * snapshot.si(self.prefix + "ScrewSpeed")
        setpoint = snapshot.si(self.prefix + "Setpoint")
        if by_screw == by_screw:
            self.flow_kg_per_s = by_screw
        elif setpoint == setpoint:
            self.flow_kg_per_s = setpoint


class Feeders:
    """All feeders of a recipe as one stream."""

    def __init__(self, recipe: Recipe) -> None:
        components = recipe.product.components
        self.roads = [FeederRoad(c.feeder) for c in components]
        self.api = next(i for i, c in enumerate(components) if c.name == recipe.product.api)
        self.api_w_w = recipe.fraction(recipe.product.api)
        low, high = recipe.rtd.throughput_min_kg_per_h, recipe.rtd.throughput_max_kg_per_h
        self.low_kg_per_s = low * (1.0 - RANGE_TOLERANCE) / 3600.0
        self.high_kg_per_s = high * (1.0 + RANGE_TOLERANCE) / 3600.0

    def read(self, snapshot: Snapshot) -> Fed:
        """Return what was fed this second. Weighed only if every feeder is and the total is in the validated range.

        Without any flow the fraction is the last one: no mass carries it.
        """
        readings = [road.read(snapshot) for road in self.roads]
        total = sum(flow for flow, _, _ in readings)
        if total > 0.0:
            self.api_w_w = readings[self.api][0] / total
        # an interruption of the API feeder takes the total down by its share: still the validated regime
        inside = self.low_kg_per_s <= total + self.api_missing(readings, snapshot) <= self.high_kg_per_s
        weighed = inside and all(ok for _, ok, _ in readings)
        return Fed(total, self.api_w_w, weighed, readings[self.api][2])

    def api_missing(self, readings: list[tuple[float, bool, bool]], snapshot: Snapshot) -> float:
        """Return how far the API flow is below its set-point [kg/s], not negative."""
        setpoint = snapshot.si(self.roads[self.api].prefix + "Setpoint")
        return max(setpoint - readings[self.api][0], 0.0) if setpoint == setpoint else 0.0
