"""`kilter check`: every fault of every configuration file at once, as a tree."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel

from hil.scenarios import read_scenario
from hil.scoreboard.plan import BoardFile
from hil.scoreboard.tuning import range_faults
from kilter.residence import residence_faults
from line.configuration import ControllerConfiguration, LineConfiguration, Scenario, load, near
from line.consistency import controller_faults, line_faults, recipe_faults, scenario_faults
from line.errors import ConfigurationFaults, Fault
from line.parameter_set import ParameterSet, load_controller, load_parameter_set
from line.recipe import Recipe, RecipeStatus
from line.tags import TagRegister, load_register
from plant_sim.faults import KNOWN_ELSEWHERE, known_faults
from plant_sim.parameters import PlantParameters

FOLDERS = ("line", "recipes", "controllers", "scenarios", "materials", "benchmark", "parameters")
Loaded = TypeVar("Loaded")
Model = TypeVar("Model", bound=BaseModel)


@dataclass
class Findings:
    """Faults found, and every file that could be read, by path."""

    faults: list[Fault] = field(default_factory=list)
    registers: dict[Path, TagRegister] = field(default_factory=dict)
    lines: dict[Path, LineConfiguration] = field(default_factory=dict)
    recipes: dict[Path, Recipe] = field(default_factory=dict)
    controllers: dict[Path, ControllerConfiguration] = field(default_factory=dict)
    scenarios: dict[Path, Scenario] = field(default_factory=dict)
    materials: dict[Path, PlantParameters] = field(default_factory=dict)
    boards: dict[Path, BoardFile] = field(default_factory=dict)
    parameters: dict[Path, ParameterSet] = field(default_factory=dict)
    n_files: int = 0

    def read(self, path: Path, reader: Callable[[Path], Loaded]) -> Loaded | None:
        """Return the file as `reader` makes it, or None with its faults noted."""
        self.n_files += 1
        try:
            return reader(path)
        except ConfigurationFaults as found:
            self.faults += found.faults
            return None


def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Configuration folders or single files.")] = None,
) -> None:
    """Check configuration: each file for itself and all against each other. Every fault is listed; exit 2 if there is one.

    A folder is laid out as configs/: line/, recipes/, controllers/, scenarios/, materials/, benchmark/, parameters/. A single
    file is checked with the rest of the folder that it belongs to.
    """
    findings = Findings()
    for path in paths or [Path("configs")]:
        _check_path(path, findings)
    if findings.faults:
        raise ConfigurationFaults(list(dict.fromkeys(findings.faults)))
    sys.stdout.write(f"{findings.n_files} files checked: no fault\n")


def check_folder(folder: Path) -> Findings:
    """Return what is found in one configuration folder."""
    findings = Findings()
    _check_path(folder, findings)
    return findings


def _check_path(path: Path, findings: Findings) -> None:
    if path.is_file():
        whole = check_folder(path.parent.parent) if path.parent.name in FOLDERS else None
        if whole is None:
            remedy = f"put it into one of {', '.join(f + '/' for f in FOLDERS)}: the folder says what it is"
            findings.faults.append(Fault(str(path), "file", "of no known kind", remedy))
            return
        findings.n_files += 1
        findings.faults += [fault for fault in whole.faults if Path(fault.file) == path]
        return
    found = sum(len(_files(path, name, kind)) for name in FOLDERS for kind in ("*.toml", "*.csv"))
    if not found:
        remedy = f"name a folder that holds {', '.join(f + '/' for f in FOLDERS)}"
        findings.faults.append(Fault(str(path), "folder", "no configuration file", remedy))
        return
    _read_all(path, findings)
    _cross_check(findings)


def _board_faults(board: BoardFile, known: Sequence[str], file: str) -> list[Fault]:
    """Return every scenario that a score board names and the folder does not hold, and every unknown setting it tunes."""
    named = [("quick.scenarios", board.quick.scenarios), ("full.scenarios", board.full.scenarios)]
    named.append(("tuning.scenarios", board.tuning.scenarios))
    named += [(f"aims.{aim.name}.scenarios", aim.scenarios) for aim in board.aims]
    absent = [Fault(file, key, name, near(name, known)) for key, names in named for name in names if name not in known]
    return absent + range_faults(board.tuning, file)


def _files(folder: Path, name: str, pattern: str = "*.toml") -> list[Path]:
    return sorted((folder / name).glob(pattern))


def _read_all(folder: Path, findings: Findings) -> None:
    for path in _files(folder, "line", "*.csv"):
        _keep(findings, path, load_register, findings.registers)
    _read_kind(folder, "line", LineConfiguration, findings, findings.lines)
    _read_kind(folder, "recipes", Recipe, findings, findings.recipes)
    for path in _files(folder, "parameters"):
        _keep(findings, path, load_parameter_set, findings.parameters)
    for path in _files(folder, "controllers"):
        _keep(findings, path, load_controller, findings.controllers)
    for path in _files(folder, "scenarios"):
        _keep_scenario(findings, path)
    _read_kind(folder, "materials", PlantParameters, findings, findings.materials)
    _read_kind(folder, "benchmark", BoardFile, findings, findings.boards)


def _read_kind(folder: Path, name: str, model: type[Model], findings: Findings, target: dict[Path, Model]) -> None:
    for path in _files(folder, name):
        _keep(findings, path, lambda p: load(p, model), target)


def _keep(findings: Findings, path: Path, reader: Callable[[Path], Loaded], target: dict[Path, Loaded]) -> None:
    loaded = findings.read(path, reader)
    if loaded is not None:
        target[path] = loaded


def _keep_scenario(findings: Findings, path: Path) -> None:
    """Note every fault of a scenario; one that fits the model is also checked against the line, faults or not."""
    read = findings.read(path, read_scenario)
    if read is not None:
        scenario, found = read
        findings.faults += found
        if scenario is not None:
            findings.scenarios[path] = scenario


def _cross_check(findings: Findings) -> None:
    """Check files against each other; what could not be read is left out (its own faults are listed)."""
    for path, board in findings.boards.items():
        findings.faults += _board_faults(board, [p.stem for p in _files(path.parent.parent, "scenarios")], str(path))
    alive = {path: recipe for path, recipe in findings.recipes.items() if recipe.status is not RecipeStatus.RETIRED}
    for line_path, line in findings.lines.items():
        findings.faults += line_faults(line, str(line_path))
        register_path = line_path.parent / line.tags
        register = findings.registers.get(register_path)
        if register is None:
            if not register_path.is_file():
                findings.faults.append(Fault(str(line_path), "tags", line.tags, "no such file beside it"))
            continue
        for path, recipe in alive.items():
            findings.faults += recipe_faults(recipe, line, register, str(path))
            findings.faults += residence_faults(line, recipe, str(line_path))
            for controller_path, controller in findings.controllers.items():
                findings.faults += controller_faults(controller, recipe, line, register, str(controller_path))
        by_id = {recipe.id: recipe for recipe in alive.values()}
        known = (*known_faults(), *KNOWN_ELSEWHERE)
        for path, scenario in findings.scenarios.items():
            findings.faults += scenario_faults(scenario, by_id, line, known, str(path))
