"""One second of n lines: PLC, feeders, path, press, chute, probe, laboratory, in the order in which they act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.configuration import Geometry, Scenario
from line.errors import ConfigurationError
from line.modes import LineCommand, WeightLoop
from line.tags import TagRegister
from plant_sim.columns import Columns, feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_EXTENTS, TOTAL, TRACER, Flags, Vector
from plant_sim.faults import FaultTimeline, check_faults
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.instruments.feed_frame_probe import FeedFrameProbe
from plant_sim.instruments.frame import N_SENSOR_NORMALS, Frame
from plant_sim.instruments.laboratory import Laboratory, Sampling
from plant_sim.instruments.probe import Air, Probe, Scan
from plant_sim.instruments.sensors import Sensors
from plant_sim.instruments.spectrometer import Spectrometer
from plant_sim.instruments.suite_signals import SuiteSignals
from plant_sim.lots import LotSupply
from plant_sim.parameters import PlantParameters, Variant
from plant_sim.plc.feeder_loops import FeederLoops
from plant_sim.plc.interlocks import OVERLOADS, GateWatch, Signals, contact_bits
from plant_sim.plc.press_loops import PressLoops, PressSetpoints
from plant_sim.plc.sequence import STOPPED
from plant_sim.plc.sequence import Sequence as LineSequence
from plant_sim.plc.setpoints import SetpointGuard
from plant_sim.plc.watchdog import Watchdog
from plant_sim.streams import PROCESS, NormalStream
from plant_sim.surroundings.activity import Activity
from plant_sim.surroundings.moisture import stored_moisture
from plant_sim.surroundings.suite import STEP_S, Surroundings
from plant_sim.units.chute import Chute
from plant_sim.units.feeders import FeederBank
from plant_sim.units.path import build_path
from plant_sim.units.press import Press
from plant_sim.units.tablets import CHUTE, MAX_TABLETS, MIXING, NORMALS_A_TABLET, Tablets

GROUPS = (
    "blender", "hopper", "feed_frame", "fill", "compaction", "strength", "ejection", "content", "drive", "chute", "nir",
    "feed_frame_probe", "instruments", "tester", "assay", "release_laboratory", "room", "plc", "dispersion", "press_b",
    "surroundings",
)  # fmt: skip
FEEDER_NORMALS = 12
PRESS_NORMALS = 1 + NORMALS_A_TABLET * MAX_TABLETS


@dataclass(frozen=True)
class LineSetup:
    """One line of an ensemble: its parameters, seed of chance, seed of its station offsets, scenario, geometry, spectra."""

    parameters: PlantParameters
    seed: int
    plant_seed: int
    scenario: Scenario
    geometry: Geometry
    measured: MeasuredSpectra | None = None


class Lines:
    """n simulated lines in step. A line's numbers are the same alone or in company, bit for bit.

    Public state: `frame` (tags), `tablets` of the last second, `path`, `feeders`, `press`, `chute`, `sequence`,
    `effects`. `step` returns PLC events as (line, event) pairs.
    """

    def __init__(
        self,
        register: TagRegister,
        setups: Sequence[LineSetup],
        sampling: Sampling,
        weight_loop: WeightLoop = WeightLoop.FORCE,
    ) -> None:
        for setup in setups:
            check_faults(setup.scenario)
        self.register, self.n_lines = register, len(setups)
        plants, seeds = [s.parameters for s in setups], [s.seed for s in setups]
        self.variant = _one_variant(plants)
        self.groups = {name: group_columns(plants, name) for name in GROUPS}
        feeder = feeder_columns(plants)
        shares = np.array([p.plc.shares() for p in plants])
        self.groups["blend"] = Columns({"share": shares, "bulk_density": feeder["bulk_density"]})
        n_stations = register["Press/StationForce"].size
        self.second = 0
        self.tracer_kg, self._traced = np.zeros(self.n_lines), False
        self._build_physics(feeder, setups, seeds, n_stations)
        self._build_plc(feeder, weight_loop, n_stations, setups)
        self.laboratory = Laboratory(self.groups, sampling, seeds)
        self._build_probes(setups, seeds)
        self._normals = NormalStream(seeds, PROCESS, FEEDER_NORMALS + PRESS_NORMALS + N_SENSOR_NORMALS)
        self.sensors = Sensors(register, self.groups, feeder, int(weight_loop))
        self.suite_signals = SuiteSignals(self.sensors.frame, seeds)
        self.suite_signals.write(0, self.surroundings)
        self.sensors.publish(self, np.zeros((self.n_lines, N_SENSOR_NORMALS)))

    def _build_physics(self, feeder: Columns, setups: Sequence[LineSetup], seeds: Sequence[int], n_stations: int) -> None:
        groups = self.groups
        self.timeline = FaultTimeline([s.scenario for s in setups])
        self.effects: FaultEffects = self.timeline.effects
        self.feeders = FeederBank(feeder, stored_moisture(groups["surroundings"], feeder))
        self.surroundings = Surroundings(groups, feeder, seeds)
        self.lots = LotSupply([s.scenario for s in setups], [s.plant_seed for s in setups], feeder)
        self.path = build_path(groups, self.variant)
        plant_seeds = [s.plant_seed for s in setups]
        self.press = Press(groups, self.path.sheared_s, plant_seeds, n_stations, self.variant)
        self.chute = Chute(groups["chute"], [s.geometry for s in setups])
        self.feed = np.zeros((self.n_lines, N_EXTENTS))
        self.pressed = np.zeros((self.n_lines, N_EXTENTS))
        self.initial_kg = self.feeders.mass.copy()
        self.tablets: Tablets | None = None
        self.sampled: Flags = np.zeros((self.n_lines, MAX_TABLETS), np.bool_)
        self.new_revolution: Flags = np.zeros(self.n_lines, np.bool_)
        self.accepting: Flags = np.zeros(self.n_lines, np.bool_)

    def _build_plc(self, feeder: Columns, weight_loop: WeightLoop, n_stations: int, setups: Sequence[LineSetup]) -> None:
        plc, register = self.groups["plc"], self.register
        start = _start_setpoints(register, self.groups, [s.scenario for s in setups])
        self.guard = SetpointGuard(register, start)
        self.watchdog = Watchdog(self.n_lines)
        self.sequence = LineSequence(plc, self.n_lines)
        self.gate_watch = GateWatch(np.array([s.geometry.gate_switching.mean_s for s in setups]))
        self.reading = self.feeders.scale.read(np.zeros_like(self.feeders.mass), self.effects)
        self.feeder_loops = FeederLoops(feeder, plc, self.reading)
        self.press_loops = PressLoops(self.groups, n_stations, weight_loop)
        self._column = register.setpoint_index
        columns = [register.scalar_index[tag] for tag in register.setpoint_ids]
        self._factor = register.si_factor[columns]
        self.feeder_columns = [self._column[f"SP/Feeder{i}MassFlow"] for i in range(1, 5)]
        self._pressing: Flags | None = None
        self._paddle: Vector = np.zeros(self.n_lines)
        self._take_over_setpoints()

    def _build_probes(self, setups: Sequence[LineSetup], seeds: Sequence[int]) -> None:
        nir, frame = self.groups["nir"], self.groups["feed_frame_probe"]
        optics = Spectrometer(setups[0].parameters.bands, float(nir["temperature_effect"][0]))
        self.probe = Probe(nir, seeds, optics, [s.measured for s in setups])
        installed = bool((frame["enabled"] >= 0.5).any())
        self.frame_probe = FeedFrameProbe(frame, nir, seeds, optics) if installed else None
        self.arrived: Scan | None = None
        self.arrived_2: Scan | None = None

    @property
    def paddle(self) -> Vector:
        """(n,) paddle speed [rev/s]."""
        if self.sequence.pressing is not self._pressing:
            self._pressing = self.sequence.pressing
            self._paddle = np.where(self._pressing, self.groups["feed_frame"]["paddle_speed"], 0.0)
        return self._paddle

    @property
    def main_force_setpoint(self) -> Vector:
        """(n,) accepted main-force set-point [N]."""
        return self._press_setpoints.main_force

    @property
    def feeder_setpoints(self) -> Vector:
        """(n, 4) accepted mass-flow set-points [kg/s]; the same object until one of the line's set-points changes."""
        return self._feeder_setpoints

    def _take_over_setpoints(self) -> None:
        """Work out what the accepted set-points mean; not asked for while nothing but the heartbeat changes."""
        accepted, column = self.guard.accepted, self._column
        #: (n, m) accepted set-points, SI; all but the heartbeat are those of this second.
        self.setpoints = sp = accepted * self._factor
        self._feeder_setpoints = sp[:, self.feeder_columns]
        names = ("Throughput", "MainForce", "MainHeight", "HopperLevel", "ImpellerSpeed", "FillDepth")
        self._press_setpoints = PressSetpoints(*(sp[:, column[f"SP/{name}"]] for name in names))
        self._command = accepted[:, column["SP/LineCommand"]]
        self._asked = accepted[:, column["SP/AcceptRequest"]] == 1.0
        self._reject_window = self.groups["drive"]["reject_window"] * self.main_force_setpoint

    @property
    def frame(self) -> Frame:
        """The tag frame of the last second."""
        return self.sensors.frame

    def inject_tracer(self, amount: Vector) -> None:
        """Put a weightless marker into what the feeders deliver in the next second, (n,)."""
        self.tracer_kg, self._traced = amount.copy(), True

    def step(self, requested: Vector) -> list[tuple[int, dict[str, Any]]]:
        """Advance one second with the requested set-points (n, m), plant units, register's set-point order."""
        normals = self._normals.take()
        self.effects = self.timeline.at(self.second)
        events = self._control(requested)
        events += self._physics(normals)
        self.second += 1
        if self.second % STEP_S == 0:
            self._surround()
        self._look()
        self.reading = self.feeders.scale.read(normals[:, 8:FEEDER_NORMALS], self.effects)
        self.sensors.publish(self, normals[:, FEEDER_NORMALS + PRESS_NORMALS :])
        for _, event in events:
            event.setdefault("step", self.second)
        return events

    def _look(self) -> None:
        air = Air(self.sensors.temperature, self.sensors.humidity)
        self.arrived = self.probe.step(self.second, self.path.blender_exit, self.effects, air, self.sequence.pressing)
        if self.frame_probe is not None:
            self.arrived_2 = self.frame_probe.step(self.second, self.path.at_die, air, self.probe.references.newest)

    def _surround(self) -> None:
        """Let the suite feel what the line does, and show it."""
        sequence, loops, bank = self.sequence, self.press_loops, self.feeders
        doing = Activity(
            sequence.state != STOPPED, sequence.pressing, sequence.feeding, loops.turret, loops.impeller, self.paddle,
            bank.speed, self.press.made_total, self.path.blender[:, TOTAL], bank.refilled,
        )  # fmt: skip
        suite = self.surroundings
        suite.step(doing, self.effects)
        bank.vacuum = suite.refill_factor[:, None]
        if suite.looked:
            bank.hopper.exchange_water(suite.moisture.equilibrium, suite.moisture.share)
        self.suite_signals.write(self.second, self.surroundings)

    def _control(self, requested: Vector) -> list[tuple[int, dict[str, Any]]]:
        column = self._column
        beat, request = requested[:, column["SP/HeartbeatCtrl"]], requested[:, column["SP/RemoteRequest"]]
        events = self.watchdog.listen(beat, request, self.sequence.faults)
        events += self.guard.take(requested, self.watchdog.remote, self.sequence.moving, self.watchdog.taken)
        if self.guard.changed:
            self._take_over_setpoints()
        signals = Signals(
            self.sensors.level,
            self._press_setpoints.hopper_level,
            self.sensors.main_force,
            self.sensors.ejection,
            self.watchdog.tripped,
            self._contacts(),
        )
        events += self.sequence.step(self._command, signals)
        feeding = self.sequence.feeding
        events += self.feeder_loops.step(self._feeder_setpoints, feeding, self.reading, self.sensors.screw_speed)
        events += self.lots.serve(self.second, self.feeder_loops, self.feeders)
        pressing = self.sequence.pressing
        force = self.press.station_mean
        run = (pressing, self.sequence.steady, self.sequence.blending)
        if events:
            self.press_loops.recall((self.sequence.interlock & OVERLOADS) != 0)
        self.press_loops.step(self._press_setpoints, self.sensors.level, force, self.new_revolution, run, self.effects)
        self.accepting = self.watchdog.remote & pressing & self._asked
        return events

    def _contacts(self) -> NDArray[np.int64] | None:
        """Return the safety contacts and the gate's feedback as the interlocks see them; None while all is well."""
        effects, watch = self.effects, self.gate_watch
        if watch.calm and not effects.any_active:
            return None
        watch.look(self.accepting, self.sensors.gate_feedback > 0.5)
        bits = contact_bits(effects.press_stop, effects.guard_open, effects.e_stop, effects.power_dip, watch.odd)
        return bits if bits.any() else None

    def _physics(self, normals: Vector) -> list[tuple[int, dict[str, Any]]]:
        n, loops, effects = self.n_lines, self.press_loops, self.effects
        feeder_normals = normals[:, :FEEDER_NORMALS].reshape(n, 3, 4)
        feeders = self.feeder_loops
        self.feed = self.feeders.step(feeders.command, feeders.refilling, feeders.receiver_off, effects, feeder_normals)
        self.feed[:, TRACER] = self.tracer_kg
        if self._traced:
            self.tracer_kg, self._traced = np.zeros(n), False
        press_normals = normals[:, FEEDER_NORMALS : FEEDER_NORMALS + PRESS_NORMALS]
        before = self.press.revolutions
        tablets = self.press.fill(self.path.at_die, loops.turret, loops.fill_depth, loops.main_height, effects, press_normals)
        self.new_revolution = self.press.revolutions != before
        self.path.step(self.feed, tablets.drawn_kg, loops.impeller, self.paddle, effects)
        self.pressed += self.path.frame_exit
        each = press_normals[:, 1:].reshape(n, NORMALS_A_TABLET, MAX_TABLETS)
        window, force = self._reject_window, self.main_force_setpoint
        self.press.finish(tablets, self.path.frame_exit, effects, each[:, MIXING], window, force)
        self.sampled, events = self.laboratory.pull(self.second + 1, tablets, effects)
        events += self.laboratory.report(self.second + 1)
        self.chute.add(self.second, tablets, self.sampled, effects, each[:, CHUTE])
        self.chute.settle(self.second, self.accepting, effects)
        self.tablets = tablets
        return events


def _one_variant(plants: Sequence[PlantParameters]) -> Variant:
    """Return the variant that all lines share. Raises ConfigurationError if they do not."""
    found = sorted({plant.variant for plant in plants})
    if len(found) > 1:
        raise ConfigurationError(
            "lines of different variants cannot run in step",
            where="Lines",
            how_much=f"variants {', '.join(found)}",
            what_now="Build one ensemble for each variant.",
        )
    return found[0]


def _start_setpoints(register: TagRegister, groups: dict[str, Columns], scenarios: Sequence[Scenario]) -> Vector:
    """Return the set-points the PLC holds before anybody speaks, (n, m) plant units."""
    n = len(scenarios)
    throughput = np.array([s.throughput_kg_per_h for s in scenarios]) / 3600.0
    known: dict[str, Vector] = {
        "SP/Throughput": throughput,
        "SP/MainForce": np.full(n, float(np.round(groups["compaction"]["main_force"][0], 1))),
        "SP/MainHeight": groups["compaction"]["main_height"],
        "SP/HopperLevel": groups["hopper"]["level"],
        "SP/ImpellerSpeed": groups["blender"]["reference_speed"],
        "SP/FillDepth": groups["fill"]["depth_nominal"],
    }
    for i in range(4):
        known[f"SP/Feeder{i + 1}MassFlow"] = throughput * groups["blend"]["share"][:, i]
    start = np.zeros((n, len(register.setpoint_ids)))
    for j, tag in enumerate(register.setpoint_ids):
        if tag in known:
            start[:, j] = np.round(known[tag] / register.si_factor[register.scalar_index[tag]], 9)
    start[:, register.setpoint_index["SP/LineCommand"]] = float(LineCommand.NONE)
    return start
