"""What the instruments show: true states with noise and span errors, written into the tag frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from line.quality import STATUS_BAD_OUT_OF_SERVICE
from line.tags import TagRegister
from plant_sim.columns import Columns
from plant_sim.extents import TOTAL, Numbers, Vector
from plant_sim.instruments.frame import ASSAY_TAGS, NIR_TAGS, TESTER_TAGS, Frame
from plant_sim.instruments.probe import INSTRUMENT_SERIAL, PROBE_ID, REFERENCE_ID, Scan
from plant_sim.plc.sequence import STOPPED
from plant_sim.units.chute import ACCEPTED, DIVERTED, REJECTED, SAMPLED

if TYPE_CHECKING:
    from plant_sim.lines import Lines

#: Numbers a second: screw speed 4, torque 4, container scales 4, then single ones.
N_SENSOR_NORMALS = 27
SPEED_NOISE, TORQUE_NOISE, BLENDER_TORQUE_NOISE, SREL_NOISE, POWER_NOISE = 0.002, 0.02, 0.03, 0.05, 0.01
#: Room air wanders with this time constant [s] and these standard deviations [degC, fraction].
ROOM_TIME_S, ROOM_SIGMA_C, ROOM_SIGMA_RH = 1800.0, 0.3, 0.02
#: Numbers are counted up to here and start again.
ROLL_OVER = 1_000_000_000
KG_PER_H, RPM, PERCENT, KN, MM, KW = 3600.0, 60.0, 100.0, 1e-3, 1e3, 1e-3


class Sensors:
    """Instruments of n lines. Keeps, in SI, what the PLC's interlocks and loops read next second."""

    def __init__(self, register: TagRegister, groups: dict[str, Columns], feeder: Columns, weight_loop: int) -> None:
        n = groups["plc"]["force_gain"].shape[0]
        self.frame = Frame(register, n)
        self._g, self._feeder = groups, feeder
        self._weight_loop = np.full(n, float(weight_loop))
        self._none = np.zeros(n)
        self.level, self.main_force, self.ejection = np.zeros(n), np.zeros(n), np.zeros(n)
        self.screw_speed = np.zeros((n, 4))
        self.temperature, self.humidity = groups["room"]["temperature"].copy(), groups["room"]["humidity"].copy()
        self._air = np.zeros((2, n))
        self._keep = float(np.exp(-1.0 / ROOM_TIME_S))

    def publish(self, lines: Lines, normals: Vector) -> None:
        """Write the frame of `lines.second`; normals (n, N_SENSOR_NORMALS)."""
        single = normals[:, 12:].T
        feeders = self._feeders(lines, normals)
        self._room(single[0], single[1])
        line = [*self._system(lines), *self._blender(lines, single[2:6]), *self._press(lines, single[6:])]
        line += self._containers(lines, normals[:, 8:12])
        line += [self.temperature, self.humidity * PERCENT, self._power(lines, single[14])]
        self.frame.fast(lines.second, line, feeders, lines.guard.accepted)
        if lines.arrived is not None:
            self._spectrum(lines.arrived)
        for result in lines.laboratory.deliver(lines.second):
            names = TESTER_TAGS if result.kind == "tester" else ASSAY_TAGS
            head = "Tester" if result.kind == "tester" else "Assay"
            values = [result.values[name] for name in names]
            self.frame.slow(result.line, [f"{head}/{name}" for name in names], values, result.pulled)

    def _feeders(self, lines: Lines, normals: Vector) -> list[Numbers]:
        loops, bank, p = lines.feeder_loops, lines.feeders, self._feeder
        self.screw_speed = bank.speed * (1.0 + SPEED_NOISE * normals[:, :4])
        top = p["screw_speed_max"]
        load = bank.delivered / np.maximum(p["feed_factor_max"] * bank.speed, 1e-9)
        torque = p["torque_base"] * (0.4 + 0.6 * np.minimum(load, 2.0)) * (bank.speed > 1e-3)
        return [
            np.where(lines.sequence.feeding[:, None], lines.setpoints[:, lines.feeder_columns], 0.0) * KG_PER_H,
            loops.mass_flow * KG_PER_H,
            lines.reading,
            np.maximum(loops.total, 0.0),
            np.maximum(self.screw_speed, 0.0) * RPM,
            loops.command / top * PERCENT,
            loops.feed_factor * top * KG_PER_H,
            loops.mode.astype(np.float64),
            (lines.reading < p["refill_request"]) * 1.0,
            torque * (1.0 + TORQUE_NOISE * normals[:, 4:8]) * PERCENT,
        ]

    def _room(self, z_temperature: Vector, z_humidity: Vector) -> None:
        fresh = np.sqrt(1.0 - self._keep**2)
        self._air = self._keep * self._air + fresh * np.stack((z_temperature, z_humidity))
        room = self._g["room"]
        self.temperature = room["temperature"] + ROOM_SIGMA_C * self._air[0]
        self.humidity = room["humidity"] + ROOM_SIGMA_RH * self._air[1]

    def _system(self, lines: Lines) -> list[Numbers]:
        second = self._none + float(lines.second)
        return [
            second,
            second % ROLL_OVER,
            lines.watchdog.remote * 1.0,
            lines.sequence.state * 1.0,
            lines.sequence.interlock * 1.0,
            lines.guard.refused_total * 1.0,
        ]

    def _blender(self, lines: Lines, z: Vector) -> list[Numbers]:
        p, hopper = self._g["blender"], self._g["hopper"]
        held, impeller = lines.path.blender[:, TOTAL], lines.press_loops.impeller
        torque = p["torque"] * held / p["hold_up"] * np.sqrt(impeller / p["reference_speed"])
        level = lines.path.hopper[:, TOTAL] * (1.0 + hopper["level_span_error"])
        self.level = level * (1.0 + hopper["level_noise"] * z[3])
        signals: list[Numbers] = [
            impeller * (1.0 + SPEED_NOISE * z[0]) * RPM,
            held * (1.0 + p["load_cell_span_error"]) + p["load_cell_noise"] * z[1],
            torque * (1.0 + BLENDER_TORQUE_NOISE * z[2]),
            self.level,
            lines.paddle * RPM,
        ]
        return signals

    def _press(self, lines: Lines, z: Vector) -> list[Numbers]:
        tablets, loops, comp = lines.tablets, lines.press_loops, self._g["compaction"]
        pre = self._none
        self.main_force, self.ejection = self._none, self._none
        if tablets is not None:
            weight = tablets.made / np.maximum(tablets.count, 1)[:, None]
            self.main_force = (tablets.force_read_n * weight).sum(axis=1)
            noise = 1.0 + self._g["ejection"]["sensor_noise"] * z[1]
            self.ejection = (tablets.ejection_n * weight).sum(axis=1) * noise
            mass = tablets.mass_kg.sum(axis=1) / np.maximum(tablets.count, 1)
            relative = mass / self._g["content"]["tablet_mass"]
            pre = comp["pre_force"] * np.power(relative, comp["pre_exponent"]) * (1.0 + SPEED_NOISE * z[2])
        press = lines.press
        srel = press.station_deviation / np.maximum(press.station_mean, 1.0) * (press.revolutions > 0)
        encoder = self._g["drive"]["encoder_noise"]
        return [
            loops.turret * RPM,
            (loops.fill_depth + encoder * z[3]) * MM,
            (loops.main_height + encoder * z[4]) * MM,
            lines.main_force_setpoint * KN,
            self.main_force * KN,
            np.minimum(srel * (1.0 + SREL_NOISE * z[0]) * PERCENT, 50.0) * (self.main_force > 0.0),
            pre * KN,
            self.ejection,
            self._weight_loop,
            lines.press.revolutions * 1.0,
            lines.press.made_total * 1.0,
            lines.chute.counts[:, REJECTED] * 1.0,
        ]

    def _containers(self, lines: Lines, normals: Vector) -> list[Numbers]:
        chute = lines.chute
        scales = chute.weigh(normals)
        signals: list[Numbers] = [chute.open * 1.0]
        signals += [chute.counts[:, d] * 1.0 for d in (ACCEPTED, DIVERTED, SAMPLED)]
        return signals + [scales[:, i] for i in range(4)]

    def _power(self, lines: Lines, z: Vector) -> Vector:
        drive = self._g["drive"]
        n = self._none if lines.tablets is None else lines.tablets.count
        on = (lines.sequence.state != STOPPED) * 1.0
        watts = drive["power_idle"] * (0.3 + 0.7 * on) + drive["power_per_speed"] * lines.press_loops.turret
        return (watts + drive["compaction_work"] * n) * (1.0 + POWER_NOISE * z) * KW

    def _spectrum(self, scan: Scan) -> None:
        integration = self._g["nir"]["integration_time"] * 1e3
        for line in range(scan.status.shape[0]):
            status = int(scan.status[line])
            values: Sequence[float] = (
                float(scan.number), float(integration[line]), REFERENCE_ID, INSTRUMENT_SERIAL, PROBE_ID,
            )  # fmt: skip
            if status == STATUS_BAD_OUT_OF_SERVICE:
                values = [np.nan] * len(NIR_TAGS)
            self.frame.slow(line, NIR_TAGS, values, scan.taken, status)
