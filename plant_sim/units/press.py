"""The rotary press: every tablet is filled, compressed, ejected and weighed against the single-tablet window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ACTIVE, LUBRICANT, SHEAR, TINY_KG, TOTAL, VOLUME, Counts, Flags, Vector
from plant_sim.parameters import Variant
from plant_sim.streams import STATIONS, generator
from plant_sim.units.compaction import Tooling, heckel_solid_fraction, lubrication_factor, main_pressure, tensile_strength

#: Most tablets a second: 90 rpm x 36 stations.
MAX_TABLETS = 56
#: Normal numbers a tablet: fill, force sensor, micro-mixing, strength, chute.
NORMALS_A_TABLET = 5
#: Quantities spread over whole arrays (n_lines, MAX_TABLETS) once: broadcasting costs more than arithmetic.
WHOLE = (
    ("compaction", "elastic_recovery"),
    ("compaction", "force_span_error"),
    ("compaction", "force_sensor_noise"),
    ("strength", "tablet_sigma"),
    ("strength", "porosity_factor"),
    ("content", "micro_mixing_sigma"),
)


@dataclass
class Tablets:
    """The tablets compressed in one second; arrays (n_lines, MAX_TABLETS), meaningless where not `made`.

    Between `fill` and `finish` mass is what the die holds; content (active API, kg) is known after `finish`.
    """

    made: Flags
    count: Counts
    station: Counts
    counter: Counts
    mass_kg: Vector
    force_n: Vector
    force_read_n: Vector
    solid_fraction: Vector
    height_m: Vector
    strength_pa: Vector
    ejection_n: Vector
    content_kg: Vector
    rejected: Flags
    pressure_pa: Vector


class Press:
    """Dies and punches of n lines.

    W = rho_fill A H eta, eta = (1 - xi1 n_T/n_F + xi2 H/D) (1 - exp(-(r n_F/n_T)^2)): reduced-order form recalled from
    Bachawala/Gonzalez with a kinetic limit after the trend of Schomberg 2020; rho_fill follows the loose bulk density
    of the local blend and a slow Ornstein-Uhlenbeck wander.
    """

    def __init__(
        self,
        groups: dict[str, Columns],
        plug_free_blender_s: Vector,
        seeds: Sequence[int],
        n_stations: int,
        variant: Variant = "a",
    ) -> None:
        self._g, self.variant = groups, variant
        self.n_lines, self.n_stations = len(seeds), n_stations
        fill, comp = groups["fill"], groups["compaction"]
        self.diameter = comp["die_diameter"]
        self.area = np.pi * self.diameter**2 / 4.0
        self._slots = np.arange(MAX_TABLETS)
        self._rows = np.arange(self.n_lines)[:, None]
        self._punch_main, self._punch_fill = _punch_lengths(seeds, n_stations, comp["punch_length_sigma"])
        self.wander = np.zeros(self.n_lines)
        self._keep = np.exp(-1.0 / fill["within_run_time"])
        self._wander_in = fill["within_run_sigma"] * np.sqrt(1.0 - self._keep**2)
        self.angle = np.zeros(self.n_lines)
        self.made_total: Counts = np.zeros(self.n_lines, np.int64)
        self.station_force = np.zeros((self.n_lines, n_stations))
        self.station_mean, self.station_deviation = np.zeros(self.n_lines), np.zeros(self.n_lines)
        self.revolutions: Counts = np.zeros(self.n_lines, np.int64)
        self._start_pa = comp["main_force"] / self.area
        self._whole = {n: _whole(groups[g][n]) for g, n in WHOLE}
        self._recovery = 1.0 + self._whole["elastic_recovery"]
        self._span = 1.0 + self._whole["force_span_error"]
        self._fill_sigma = _whole(fill["tablet_sigma"])
        self._calibrate(plug_free_blender_s)

    def _calibrate(self, plug_free_blender_s: Vector) -> None:
        """Fix what the reference point fixes: fill density over bulk density, strength at zero porosity, shear."""
        g = self._g
        fill, comp, strength, frame = g["fill"], g["compaction"], g["strength"], g["feed_frame"]
        shares, densities = g["blend"]["share"], g["blend"]["bulk_density"]
        self._blend_density = 1.0 / (shares / densities).sum(axis=1)
        turret = g["plc"]["throughput"] / g["content"]["tablet_mass"] / self.n_stations
        self._efficiency_ref = self._efficiency(turret, frame["paddle_speed"], fill["depth_nominal"])
        self._packing = fill["density"] / self._efficiency_ref / self._blend_density
        self._lubricant_ref = shares[:, -1]
        frame_s = frame["hold_up"] / g["blender"]["reference_flow"]
        shear = g["blender"]["reference_speed"] * plug_free_blender_s + frame["paddle_speed"] * frame_s
        left = (1.0 - strength["lubrication_loss"] - (1.0 - strength["lubrication_share"])) / strength["lubrication_share"]
        self._lubrication_rate = -np.log(left) / (shear * self._lubricant_ref)
        pressure = comp["main_force"] / self.area
        solid = 1.0 - np.exp(-pressure / comp["yield_pressure"] - comp["heckel_intercept"])
        porosity = 1.0 - solid / (1.0 + comp["elastic_recovery"])
        nominal = strength["strength_nominal"] * np.exp(strength["porosity_factor"] * porosity)
        self._strength_zero = nominal / (1.0 - strength["lubrication_loss"])

    def _efficiency(self, turret: Vector, paddle: Vector, depth: Vector) -> Vector:
        fill = self._g["fill"]
        ratio = turret / paddle
        reduced = 1.0 - fill["turret_term"] * ratio + fill["depth_term"] * depth / self.diameter
        reach = fill["kinetic_speed_ratio"] / np.maximum(ratio, 1e-6)
        return reduced * -np.expm1(-(reach**2))

    def fill(
        self, powder: Vector, turret: Vector, depth_m: Vector, gap_m: Vector, effects: FaultEffects, normals: Vector
    ) -> Tablets:
        """Return this second's tablets, filled and compressed.

        powder (n_lines, N_EXTENTS) at the die; turret (n_lines,) rev/s; depth_m, gap_m (n_lines,) fill depth and main
        roller gap; normals (n_lines, 1 + NORMALS_A_TABLET x MAX_TABLETS), the first for the wander.
        """
        wander_normal, tablet_normals = normals[:, 0], normals[:, 1:].reshape(self.n_lines, NORMALS_A_TABLET, MAX_TABLETS)
        self.wander = self._keep * self.wander + self._wander_in * wander_normal
        count, station, made = self._stations(turret)
        mass = self._mass(powder, turret, depth_m, station, effects, tablet_normals[:, 0])
        room = powder[:, TOTAL]
        asked = np.where(made, mass, 0.0).sum(axis=1)
        mass = mass * np.where(asked > room, room / np.maximum(asked, TINY_KG), 1.0)[:, None]
        return self._compress(mass, gap_m, station, made, count, powder, effects, tablet_normals)

    def _stations(self, turret: Vector) -> tuple[Counts, Counts, Flags]:
        before = self.angle
        after = before + turret * self.n_stations
        first = np.floor(before).astype(np.int64)
        count = np.minimum(np.floor(after).astype(np.int64) - first, MAX_TABLETS)
        station = (first[:, None] + self._slots) % self.n_stations
        done = (first + count) // self.n_stations
        self.revolutions = self.revolutions + done
        self.angle = after - done * self.n_stations
        return count, station, self._slots < count[:, None]

    def _mass(
        self, powder: Vector, turret: Vector, depth_m: Vector, station: Counts, effects: FaultEffects, normals: Vector
    ) -> Vector:
        density = powder[:, TOTAL] / np.maximum(powder[:, VOLUME], TINY_KG)
        density = density * self._packing * (1.0 + self.wander) * effects.fill_density
        efficiency = self._efficiency(turret, self._g["feed_frame"]["paddle_speed"], depth_m)
        per_depth = (density * self.area * efficiency)[:, None]
        depth = depth_m[:, None] + self._punch_fill[self._rows, station]
        return per_depth * (depth * np.maximum(1.0 + self._fill_sigma * normals, 0.0))

    def _compress(
        self,
        mass: Vector,
        gap_m: Vector,
        station: Counts,
        made: Flags,
        count: Counts,
        powder: Vector,
        effects: FaultEffects,
        normals: Vector,
    ) -> Tablets:
        comp = self._g["compaction"]
        tool = Tooling(
            self.area[:, None],
            comp["press_stiffness"][:, None],
            comp["true_density"][:, None],
            (comp["yield_pressure"] * effects.yield_pressure)[:, None],
            comp["heckel_intercept"][:, None],
        )
        gap = gap_m[:, None] - self._punch_main[self._rows, station]
        pressure = main_pressure(mass, gap, tool, self._start_pa[:, None])
        force = pressure * tool.area
        read = force * (self._span + self._whole["force_sensor_noise"] * normals[:, 1])
        height_in_die = gap + force / tool.stiffness
        solid = heckel_solid_fraction(pressure, tool) / self._recovery
        strength, ejection = self._strength(solid, force, height_in_die, powder, normals[:, 3])
        counter = self.made_total[:, None] + 1 + self._slots
        self.made_total = self.made_total + count
        rows, columns = np.nonzero(made)
        self.station_force[rows, station[rows, columns]] = read[rows, columns]
        self._station_statistics()
        nothing = np.zeros(made.shape, np.bool_)
        return Tablets(
            made, count, station, counter, mass, force, read, solid, height_in_die * self._recovery, strength, ejection,
            np.zeros_like(mass), nothing, pressure,
        )  # fmt: skip

    def _station_statistics(self) -> None:
        self.station_mean = self.station_force.sum(axis=1) / self.n_stations
        off = self.station_force - self.station_mean[:, None]
        self.station_deviation = np.sqrt((off * off).sum(axis=1) / (self.n_stations - 1))

    def _strength(self, solid: Vector, force: Vector, height: Vector, powder: Vector, normals: Vector) -> tuple[Vector, Vector]:
        strength, ejection, comp = self._g["strength"], self._g["ejection"], self._g["compaction"]
        mass = np.maximum(powder[:, TOTAL], TINY_KG)
        lubricant = powder[:, LUBRICANT] / mass
        extent = lubricant * powder[:, SHEAR] / mass
        factor = lubrication_factor(strength["lubrication_share"], self._lubrication_rate, extent)
        zero = (self._strength_zero * factor)[:, None]
        spread = 1.0 + self._whole["tablet_sigma"] * normals
        sigma = tensile_strength(solid, zero, self._whole["porosity_factor"]) * spread
        relative = np.maximum(lubricant / self._lubricant_ref, 0.05)
        per_force = ejection["force_ratio"] * np.power(relative, ejection["lubricant_exponent"])
        height_ref = comp["main_height"] + comp["main_force"] / comp["press_stiffness"]
        return sigma, force * (per_force / height_ref)[:, None] * height

    def finish(self, tablets: Tablets, taken: Vector, normals: Vector, window_n: Vector, force_setpoint: Vector) -> None:
        """Share the material that left the feed frame, exactly, among the tablets, and judge each by its force.

        taken (n_lines, N_EXTENTS); normals (n_lines, MAX_TABLETS) micro-mixing; window_n half width of the window [N].
        """
        weights = np.where(tablets.made, tablets.mass_kg, 0.0)
        total = np.maximum(weights.sum(axis=1), TINY_KG)
        tablets.mass_kg = weights * (taken[:, TOTAL] / total)[:, None]
        mixing = np.maximum(1.0 + self._whole["micro_mixing_sigma"] * normals, 0.0)
        parts = tablets.mass_kg * mixing
        tablets.content_kg = parts * (taken[:, ACTIVE] / np.maximum(parts.sum(axis=1), TINY_KG))[:, None]
        off = np.abs(tablets.force_read_n - force_setpoint[:, None]) > window_n[:, None]
        tablets.rejected = tablets.made & off


def _whole(column: Vector) -> Vector:
    return np.repeat(column[:, None], MAX_TABLETS, axis=1)


def _punch_lengths(seeds: Sequence[int], n_stations: int, sigma_m: Vector) -> tuple[Vector, Vector]:
    """Return (main, fill) punch-length errors [m], (n_lines, n_stations), zero mean over the turret."""
    lengths = np.stack([generator(seed, STATIONS).standard_normal((2, n_stations)) for seed in seeds])
    lengths = (lengths - lengths.mean(axis=2, keepdims=True)) * sigma_m[:, None, None]
    return np.ascontiguousarray(lengths[:, 0]), np.ascontiguousarray(lengths[:, 1])


def plug_free_blender_s(blender: Columns) -> Vector:
    """Return the mean time in the blender's mixed part, where powder is sheared, at the reference point [s]."""
    return blender["hold_up"] / blender["reference_flow"] - blender["dead_time"]
