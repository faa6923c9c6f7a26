"""The bench: one scenario against a plant in this process, in a process of its own, or behind any endpoint."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from apc.supervision.assembly import ControllerName
from apc.supervision.supervisor import Supervisor
from engine.line import Line
from engine.shift import ShiftEnd, run_shift
from engine.solver_process import SOLVES, SolverProcess
from engine.wiring import Guided, LineFiles, Shape, build_line
from gateway.inprocess import InProcessPort
from gateway.port import OpcUaPort
from hil.calibration import measured_model, measured_spectra, simulated_model, split_measured
from hil.scenarios import split_beat_fault
from hil.virtual_plant import REFERENCE_PLANT, PlantChoice, build_plant, start_plant
from historian.ports import SqliteCommandQueue, SqliteLiveFrames
from historian.record import Record
from line.canonical import content_hash
from line.clock import WallClock
from line.configuration import Scenario
from line.modes import ControllerMode
from line.ports import PlantPort
from line.wire import WireMode
from plant_sim.plant import Plant
from sensing.model import SoftSensorModel, load_model
from sensing.soft_sensor import SoftSensor

#: Simulated seconds a commit may hold: one in real time, sixty in accelerated runs.
COMMIT_EVERY_S = {WireMode.REALTIME: 1, WireMode.LOCKSTEP: 60}
#: Seconds a lost link is waited for; a stepped plant does not go on by itself, so there is nothing to wait for.
PATIENCE_S = {WireMode.REALTIME: 60.0, WireMode.LOCKSTEP: 0.0}


@dataclass(frozen=True)
class BenchOptions:
    """What to run.

    `endpoint` None: a plant of our own, in this process unless `sockets`; `scenario_arguments` are the words by which
    the plant's process builds the same scenario; `spectra` a measured set that the probe plays; `model_file` a soft
    sensor to use instead of one calibrated for the simulated probe, `challenger_file` one that judges in shadow;
    `plant` which plant it is, if it is our own; `guided` a guided test in the controller's place; `solver_process`: the
    solver runs in a process that can be killed; `oracle` changes the line knowing the plant that is in this process.
    """

    scenario: Scenario
    seed: int
    controller: ControllerName
    run_folder: Path
    secrets: Path
    mode: ControllerMode = ControllerMode.ON
    sockets: bool = True
    endpoint: str | None = None
    spectra: Path | None = None
    scenario_arguments: tuple[str, ...] = ()
    model_file: Path | None = None
    challenger_file: Path | None = None
    wire_mode: WireMode = WireMode.LOCKSTEP
    plant: PlantChoice = REFERENCE_PLANT
    guided: Guided | None = None
    solver_process: bool = False
    oracle: Callable[[LineFiles, Plant, Line], None] | None = None


@dataclass(frozen=True)
class BenchResult:
    """What came out: the shift's end, the two hashes, the folder of the simulated plant's truth (None: there is none)."""

    end: ShiftEnd
    content_hash: str
    record_hash: str
    truth_folder: Path | None
    wall_s: float


def run_bench(
    files: LineFiles, options: BenchOptions, clock: WallClock, progress: Callable[[int, int, Line], None]
) -> BenchResult:
    """Run one scenario and return what came out; the record is closed whatever happens."""
    began_s = clock.monotonic_s()
    plant_scenario, frozen = split_beat_fault(options.scenario)
    truth = None if options.endpoint else options.run_folder / "truth"
    with ExitStack() as stack:
        connect, plant = _plant(files, options, plant_scenario, truth, clock, stack)
        model, challenger = _model(files, options), _challenger(options)
        wall = {
            "lot": options.run_folder.name, "endpoint": options.endpoint, "sockets": options.sockets,
            **environment(), **_plant_facts(options),
        }  # fmt: skip
        meta = _meta(files, options, model) | ({"challenger_hash": challenger.hash} if challenger else {})
        record = stack.enter_context(Record.create(options.run_folder, meta, clock, register=files.register, wall=wall))
        live = stack.enter_context(SqliteLiveFrames(options.run_folder))
        queue = stack.enter_context(SqliteCommandQueue(options.run_folder))
        commit_s, patience_s = COMMIT_EVERY_S[options.wire_mode], PATIENCE_S[options.wire_mode]
        shape = Shape(options.scenario, options.controller, options.mode, commit_s, patience_s, frozen, options.guided)
        line = build_line(files, connect(), model, shape, record, clock, live, queue)
        line.probe.challenger = SoftSensor(challenger) if challenger is not None else None
        if options.solver_process and options.controller in SOLVES and isinstance(line.supervisor, Supervisor):
            line.supervisor.controller = stack.enter_context(SolverProcess(files, line.supervisor.controller, clock))
        if options.oracle is not None and plant is not None:
            options.oracle(files, plant, line)
        end = run_shift(line, int(options.scenario.minutes * 60), options.seed, progress)
        record.close(end.complete, end.why)
        hashes = record.content_hash, record.record_hash
    wall_s = clock.monotonic_s() - began_s
    return BenchResult(end, *hashes, truth, wall_s)


def environment() -> dict[str, str]:
    """Return host, system and package versions: they belong to the wall stream."""
    packages = ("casadi", "do-mpc", "numpy", "scipy", "asyncua", "pydantic", "scikit-learn", "kilter")
    versions = {name: metadata.version(name) for name in packages}
    return {"host": platform.node(), "system": platform.platform(), "python": platform.python_version(), **versions}


def _model(files: LineFiles, options: BenchOptions) -> SoftSensorModel:
    if options.model_file is not None:
        return load_model(options.model_file.read_text(encoding="utf-8"))
    if options.spectra is None:
        return simulated_model(files, options.seed)
    part, _ = split_measured(options.spectra.read_text(encoding="utf-8"), options.seed)
    return measured_model(files, part, options.seed)


def _challenger(options: BenchOptions) -> SoftSensorModel | None:
    return load_model(options.challenger_file.read_text(encoding="utf-8")) if options.challenger_file is not None else None


def _meta(files: LineFiles, options: BenchOptions, model: SoftSensorModel) -> dict[str, object]:
    guided = options.guided
    test = {"guided_test": {"moves": len(guided.test.inputs), "budget": dict(guided.terms.budget)}} if guided else {}
    return {
        **test,
        "seed": options.seed,
        "controller": "steptest" if guided else options.controller,
        "scenario": options.scenario.model_dump(mode="json"),
        "recipe": files.recipe.model_dump(mode="json"),
        "recipe_hash": files.recipe.hash,
        "line": files.configuration.model_dump(mode="json"),
        "line_hash": content_hash(files.configuration.model_dump(mode="json")),
        "controller_hash": content_hash(files.controller.model_dump(mode="json")),
        "sensor_hash": model.hash,
    }


def _plant_facts(options: BenchOptions) -> dict[str, object]:
    """Which simulated plant was lent: a fact of the test, not of the lot, so that an endpoint gives the same content."""
    if options.endpoint is not None:
        return {}
    return {"plant_variant": options.plant.variant, "plant_seed": options.plant.seed(options.seed)}


def _plant(
    files: LineFiles, options: BenchOptions, scenario: Scenario, truth: Path | None, clock: WallClock, stack: ExitStack
) -> tuple[Callable[[], PlantPort], Plant | None]:
    """Start the plant; return what connects to it, and the plant itself if it is in this process.

    A process of its own gets ready while the sensor is calibrated.
    """
    secrets, mode = options.secrets, options.wire_mode
    if options.endpoint is not None:
        endpoint = options.endpoint
        return lambda: OpcUaPort(endpoint, files.register, secrets, clock, mode=mode), None
    if not options.sockets:
        measured = measured_spectra(options.spectra, options.seed) if options.spectra else None
        plant = build_plant(files, scenario, options.seed, measured, options.plant)
        if truth is not None:
            stack.callback(plant.write_truth, truth)
        return lambda: InProcessPort(plant, files.register), plant
    process = start_plant(_plant_arguments(files, options, truth), options.run_folder / "plant.log")
    stack.callback(process.stop)
    return lambda: OpcUaPort(process.endpoint(), files.register, secrets, clock, mode=mode), None


def _plant_arguments(files: LineFiles, options: BenchOptions, truth: Path | None) -> list[str]:
    arguments = [*options.scenario_arguments, "--seed", str(options.seed), "--port", "0", "--with-parent"]
    arguments += ["--secrets", str(options.secrets), "--configs", str(files.folder), "--truth", str(truth)]
    arguments += ["--variant", options.plant.variant, "--plant-seed", str(options.plant.seed(options.seed))]
    if options.spectra is not None:
        arguments += ["--spectra", str(options.spectra)]
    return arguments
