"""Wiring: from configuration files and a port to a line that can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apc.identification.guided import GuidedTest
from apc.supervision.assembly import ControllerName, build_parts
from apc.supervision.guided_test import GuidedTestRun, Terms
from apc.supervision.supervisor import Supervisor
from engine.alarms import AlarmBoard
from engine.desk import Desk
from engine.journal import Journal
from engine.line import Line
from engine.probe import Probe
from line.clock import WallClock
from line.configuration import ControllerConfiguration, LineConfiguration, Scenario, load
from line.errors import ConfigurationError
from line.modes import ControllerMode
from line.parameter_set import load_controller
from line.ports import CommandQueue, LiveFrames, PlantPort, Recorder
from line.recipe import Recipe
from line.tags import TagRegister, load_register
from rtr.release import ReleaseEngine
from sensing.model import SoftSensorModel
from sensing.soft_sensor import SoftSensor


@dataclass(frozen=True)
class LineFiles:
    """The configuration a lot is made with."""

    folder: Path
    register: TagRegister
    configuration: LineConfiguration
    recipe: Recipe
    controller: ControllerConfiguration


def load_files(folder: Path, recipe: str = "reference-18mg", line: str = "reference", controller: str = "nmpc") -> LineFiles:
    """Return the configuration of a folder laid out as `configs/`. Raises ConfigurationFaults."""
    configuration = load(folder / "line" / f"{line}.toml", LineConfiguration)
    return LineFiles(
        folder,
        load_register(folder / "line" / configuration.tags),
        configuration,
        load(folder / "recipes" / f"{recipe}.toml", Recipe),
        load_controller(folder / "controllers" / f"{controller}.toml"),
    )


@dataclass(frozen=True)
class Guided:
    """A guided test in the controller's place: the moves, when they begin, what quality may do."""

    test: GuidedTest
    terms: Terms


@dataclass(frozen=True)
class Shape:
    """What a run is: scenario, controller by name, its mode, how often to commit, how long a
    lost link is waited for, an injected beat loss (from, to), and a guided test instead of the controller."""

    scenario: Scenario
    controller_name: ControllerName
    mode: ControllerMode = ControllerMode.ON
    commit_every_s: int = 1
    patience_s: float = 0.0
    frozen_beat: tuple[int, int] | None = None
    guided: Guided | None = None


def build_line(
    files: LineFiles,
    port: PlantPort,
    model: SoftSensorModel,
    shape: Shape,
    recorder: Recorder,
    clock: WallClock,
    live: LiveFrames | None = None,
    queue: CommandQueue | None = None,
) -> Line:
    """Return the wired line; nothing moves until `run_shift`. Raises ConfigurationError for another product's sensor."""
    if model.id != files.recipe.soft_sensor:
        raise ConfigurationError(
            f"soft sensor {model.id!r} is not the recipe's",
            where=f"recipe {files.recipe.id}",
            how_much=f"it names {files.recipe.soft_sensor!r}",
            what_now="Use that model, or change the recipe under change control.",
        )
    recipe, configuration, register = files.recipe, files.configuration, files.register
    setpoints = {**recipe.setpoints, **recipe.feeder_setpoints(shape.scenario.throughput_kg_per_h)}
    setpoints["SP/Throughput"] = shape.scenario.throughput_kg_per_h
    supervisor = _supervisor(files, shape)
    desk = Desk(shape.scenario, queue, clock, shape.mode, setpoints, shape.frozen_beat)
    desk.change_limit = supervisor.change_limit
    return Line(
        port=port,
        register=register,
        configuration=configuration,
        recipe=recipe,
        clock=clock,
        probe=Probe(SoftSensor(model)),
        desk=desk,
        supervisor=supervisor,
        withheld=shape.guided is not None and shape.guided.terms.diverts,
        release=ReleaseEngine(recipe, configuration, register, model.hash),
        journal=Journal(recorder, live, AlarmBoard(recipe.evidence.bridge_max_s), shape.commit_every_s),
        patience_s=shape.patience_s,
    )


def _supervisor(files: LineFiles, shape: Shape) -> Supervisor | GuidedTestRun:
    recipe, configuration, controller = files.recipe, files.configuration, files.controller
    if shape.guided is None:
        return Supervisor(recipe, configuration, controller, files.register, shape.controller_name)
    parts = build_parts(recipe, configuration, controller, files.register, "plc")
    return GuidedTestRun(parts, controller.max_iterations, shape.guided.test, shape.guided.terms)
