"""What one line's measurements say of the movement of its material in one second: feed, press, level, tablet mass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from line.modes import LineState
from line.recipe import Recipe
from line.samples import Snapshot
from rtr.genealogy.feeders import Feeders
from rtr.genealogy.propagation import Array, Tracer
from rtr.genealogy.tablet_mass import TabletMass

#: Seconds without a snapshot that are bridged by holding the last flows; more are not evidence.
GAP_MAX_S = 2
#: Spread of tablet masses [%] that is assumed while the press does not tell.
SPREAD_UNKNOWN_PCT = 1.5


@dataclass(frozen=True)
class Reading:
    """One second of one line, SI: `fed` tracers of what the feeders delivered, `feed_kg_per_s` how much; material to the
    dies, impeller, hopper level (NaN if unknown); tablet mass [mg] and the spread of single masses [%] of it, NaN or
    assumed if unknown; `held` while material stands."""

    fed: Array
    feed_kg_per_s: float
    press_kg_per_s: float
    impeller_rev_per_s: float
    hopper_kg: float
    mass_mg: float
    spread_pct: float
    held: bool


class Front:
    """Feeders, press and tablet mass of one line, second by second, with what is held while a value is missing."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.feeders = Feeders(recipe)
        self.mass = TabletMass(recipe.weight_map)
        self.press_kg = 0.0
        self._press_lost_s = 0

    def read(self, snapshot: Snapshot, made: int, elapsed_s: int) -> Reading:
        """Return what a snapshot says of the `elapsed_s` seconds before it, in which `made` tablets were pressed.

        After a gap of more than 2 s the tablets' mass is unknown and the feed was not weighed.
        """
        mass = self.mass.read(snapshot) if elapsed_s <= GAP_MAX_S else math.nan
        self._press(snapshot, made, elapsed_s, mass)
        fed = self.feeders.read(snapshot)
        tracers = fed.tracers(snapshot.step)
        if elapsed_s > GAP_MAX_S:
            tracers[Tracer.WEIGHED] = 0.0
        held = self.press_kg <= 0.0 and snapshot.value("Sys/LineState") != LineState.STARTING
        spread = snapshot.value("Press/SREL") / self.recipe.weight_map.gain_force
        return Reading(
            tracers, fed.total_kg_per_s, self.press_kg, self._impeller(snapshot), snapshot.si("Hopper/Level"), mass,
            spread if spread > 0.0 else SPREAD_UNKNOWN_PCT, held,
        )  # fmt: skip

    def deviation_pct(self, mass_mg: float) -> float:
        """Return how far a tablet mass is from the target [%]."""
        return 100.0 * (mass_mg / self.recipe.product.tablet_mass_mg - 1.0)

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


def hold_ups(snapshot: Snapshot, recipe: Recipe) -> tuple[float, float]:
    """Return hold-ups of blender and hopper [kg] at the first sight; the registered ones if either is unknown."""
    blender, hopper = (snapshot.si(tag) for tag in ("Blender/HoldUpMass", "Hopper/Level"))
    return (blender, hopper) if np.isfinite(blender) and np.isfinite(hopper) else (recipe.rtd.blender_hold_up_kg, 0.0)
