"""The rotary press: every tablet is filled, compressed twice, ejected and judged by its force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ACTIVE, ONE, TINY, TINY_KG, TOTAL, YIELD, Counts, Vector
from plant_sim.parameters import Variant
from plant_sim.units.compaction import Compaction
from plant_sim.units.die_fill import DieFill
from plant_sim.units.punches import Punches
from plant_sim.units.station_forces import StationForces
from plant_sim.units.strength import Strength
from plant_sim.units.tablets import (
    FILL,
    FORCE,
    MAX_TABLETS,
    NORMALS_A_TABLET,
    STRENGTH,
    Tablets,
    Wide,
    slots_for,
    slots_in_use,
)

#: Seconds between two looks at the powder's own properties: they change over the feed frame's hold-up time of 50 s.
POWDER_EVERY_S = 4
#: Most stations that pass in a second.
TURN_MAX = np.array(MAX_TABLETS - 1e-6)


class Press:
    """The presses of n lines: dies, punches, rollers and force sensors, put together.

    Parts: `die_fill`, `punches`, `compaction`, `strength`, `station_forces`. Powder's own yield factor (its YIELD
    column over its mass; 1 where there is none) and faults multiply yield pressure: `yield_factor` (n,). `made_total`,
    `judged_bad` count tablets, `revolutions` turns of the turret. `sheared_s` (n,) is how long powder is sheared in the
    blender at the reference point.
    """

    def __init__(
        self,
        groups: dict[str, Columns],
        sheared_s: Vector,
        seeds: Sequence[int],
        n_stations: int,
        variant: Variant = "a",
    ) -> None:
        self.variant = variant
        self.n_lines, self.n_stations = len(seeds), n_stations
        turret = groups["plc"]["throughput"] / groups["content"]["tablet_mass"] / n_stations
        self.die_fill = DieFill(groups, turret, variant)
        self.punches = Punches(groups["compaction"], seeds, n_stations, turret)
        self.compaction = Compaction(groups, variant)
        self.strength = Strength(groups, self.compaction, _shear(groups, sheared_s), variant)
        self.station_forces = StationForces(groups["compaction"], n_stations)
        self._mixing = Wide(sigma=groups["content"]["micro_mixing_sigma"])
        self.area = self.compaction.area
        self.yield_factor: Vector = np.ones(self.n_lines)
        self.made_total: Counts = np.zeros(self.n_lines, np.int64)
        self.judged_bad: Counts = np.zeros(self.n_lines, np.int64)
        self.revolutions: Counts = np.zeros(self.n_lines, np.int64)
        self._turned: Vector = np.zeros(self.n_lines)
        self._passed: Counts = self.made_total.copy()
        self._first: Counts = self.made_total.copy()
        self._stations = np.array(float(n_stations))
        self._own_yield: Vector = np.ones(self.n_lines)
        self._age = 0

    @property
    def wander(self) -> Vector:
        """(n,) slow relative change of the packing in the dies."""
        return self.die_fill.wander

    @property
    def station_force(self) -> Vector:
        """(n, n_stations) newest force reading of each station [N]."""
        return self.station_forces.newest

    @property
    def station_mean(self) -> Vector:
        """(n,) mean of `station_force` [N]."""
        return self.station_forces.mean

    @property
    def station_deviation(self) -> Vector:
        """(n,) standard deviation of `station_force` over the turret [N]."""
        return self.station_forces.deviation

    def fill(
        self, powder: Vector, turret: Vector, depth_m: Vector, gap_m: Vector, effects: FaultEffects, normals: Vector
    ) -> Tablets:
        """Return this second's tablets, filled and compressed.

        powder (n_lines, N_EXTENTS) at the die; turret (n_lines,) rev/s; depth_m, gap_m (n_lines,) fill depth and main
        roller gap as displayed; normals (n_lines, 1 + NORMALS_A_TABLET x MAX_TABLETS), the first for the wander.
        """
        each = normals[:, 1:].reshape(self.n_lines, NORMALS_A_TABLET, MAX_TABLETS)
        first, count = self._turn(turret)
        n_slots = slots_for(count)
        flags, ones = slots_in_use(n_slots)
        self.punches.step(self.revolutions, effects)
        gap_offset, depth_offset = self.punches.at(first, n_slots)
        per_depth, scatter = self.die_fill.step(powder, turret, depth_m, effects, normals[:, 0])
        mass = each[:, FILL, :n_slots] * scatter[:, None]
        mass += ONE
        mass *= depth_offset + depth_m[:, None]
        mass *= per_depth[:, None]
        mass *= ones.take(count, axis=0)
        drawn = _limit(mass, powder[:, TOTAL])
        if self._age % POWDER_EVERY_S == 0:
            self._look(powder, effects)
        self._age += 1
        self.yield_factor = self._own_yield * effects.yield_pressure if effects.any_active else self._own_yield
        stroke = self.compaction.press(mass, gap_m, gap_offset, self.yield_factor, np.maximum(count, 1), effects)
        read = self.station_forces.read(stroke.force, each[:, FORCE, :n_slots], effects)
        self.station_forces.keep(read, first, count, effects)
        strength, ejection = self.strength.of(stroke, effects, each[:, STRENGTH, :n_slots])
        counter, made = self.made_total + 1, flags.take(count, axis=0)
        self.made_total = self.made_total + count
        return Tablets(
            made=made, count=count, first_station=first, first_counter=counter, mass_kg=mass, drawn_kg=drawn,
            pre_force_n=stroke.pre_force, pre_force_sum_n=stroke.pre_force_sum, force_n=stroke.force, force_read_n=read,
            pressure_pa=stroke.pressure, solid_fraction=stroke.solid_fraction, height_m=stroke.height,
            strength_pa=strength, ejection_n=ejection, content_kg=mass, judged_bad=made, rejected=made,
        )  # fmt: skip

    def _turn(self, turret: Vector) -> tuple[Counts, Counts]:
        """Turn the turret for a second; return (first station, number of tablets), (n,) each."""
        passed, first = self._passed, self._first
        self._turned = self._turned + np.minimum(turret * self._stations, TURN_MAX)
        self._passed = self._turned.astype(np.int64)
        self.revolutions, self._first = np.divmod(self._passed, self.n_stations)
        return first, self._passed - passed

    def _look(self, powder: Vector, effects: FaultEffects) -> None:
        """Take in the powder at the dies, (n, N_EXTENTS)."""
        self.strength.look(powder, effects)
        harder = powder[:, YIELD]
        self._own_yield = np.where(harder > 0.0, harder / np.maximum(powder[:, TOTAL], TINY_KG), 1.0)

    def finish(
        self, tablets: Tablets, taken: Vector, effects: FaultEffects, normals: Vector, window_n: Vector, force_setpoint: Vector
    ) -> None:
        """Share the material that left the feed frame, exactly, among the tablets, and judge each by its force.

        taken (n_lines, N_EXTENTS); normals (n_lines, MAX_TABLETS) micro-mixing; window_n half width of the window [N].
        A gate that does not move lets bad tablets go on.
        """
        mass = tablets.mass_kg
        n_slots = mass.shape[1]
        mass *= (taken[:, TOTAL] / np.maximum(tablets.drawn_kg, TINY))[:, None]
        parts = normals[:, :n_slots] * self._mixing.at(n_slots)["sigma"]
        parts += ONE
        parts *= mass
        parts *= (taken[:, ACTIVE] / np.maximum(np.add.reduce(parts, 1), TINY))[:, None]
        tablets.content_kg = parts
        off = np.abs(tablets.force_read_n - force_setpoint[:, None])
        bad = off > window_n[:, None]
        bad &= tablets.made
        tablets.judged_bad = tablets.rejected = bad
        tablets.any_bad = bool(np.count_nonzero(bad))
        if tablets.any_bad:
            self.judged_bad = self.judged_bad + np.add.reduce(bad, 1)
        if effects.any_active:
            tablets.rejected = bad & ~effects.reject_stuck[:, None]


def _shear(groups: dict[str, Columns], sheared_s: Vector) -> Vector:
    """Return the revolutions of impeller and paddles that powder sees at the reference point, (n,)."""
    blender, frame = groups["blender"], groups["feed_frame"]
    frame_s = frame["hold_up"] / blender["reference_flow"]
    return blender["reference_speed"] * sheared_s + frame["paddle_speed"] * frame_s


def _limit(mass: Vector, room: Vector) -> Vector:
    """Scale the dies of a line down, in place, where they ask for more powder than there is; return what they take, (n,)."""
    asked: Vector = np.add.reduce(mass, 1)
    short = asked > room
    if np.count_nonzero(short):
        mass *= np.where(short, room / np.maximum(asked, TINY_KG), 1.0)[:, None]
        asked = np.add.reduce(mass, 1)
    return asked
