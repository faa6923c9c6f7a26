"""`kilter schema`: JSON schemas of the configuration files, for editors that check while one types."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from hil.scoreboard.plan import BoardFile
from line.configuration import ControllerConfiguration, LineConfiguration, Scenario
from line.errors import ConfigurationError
from line.parameter_set import ParameterSet
from line.recipe import Recipe
from plant_sim.parameters import PlantParameters

#: Schema file name -> model. The first line of each configuration file names its schema.
MODELS: dict[str, type[BaseModel]] = {
    "line": LineConfiguration,
    "recipe": Recipe,
    "controller": ControllerConfiguration,
    "scenario": Scenario,
    "material": PlantParameters,
    "benchmark": BoardFile,
    "parameters": ParameterSet,
}


def schema_text(model: type[BaseModel]) -> str:
    """Return a model's JSON schema as it is stored."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def schema(
    folder: Annotated[Path, typer.Argument(help="Folder of the schemas.")] = Path("configs/schema"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a stored schema differs from the code.")
    ] = False,
) -> None:
    """Write the JSON schema of every kind of configuration file."""
    if check:
        _compare(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in MODELS.items():
            (folder / f"{name}.json").write_text(schema_text(model), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError("a schema cannot be written", where=str(folder), how_much=str(error)) from error
    sys.stdout.write(f"{len(MODELS)} schemas in {folder}\n")


def _compare(folder: Path) -> None:
    different = [name for name, model in MODELS.items() if _stored(folder / f"{name}.json") != schema_text(model)]
    for name in different:
        sys.stdout.write(f"{folder / name}.json differs from the code: run `kilter schema {folder}`\n")
    if different:
        raise typer.Exit(1)
    sys.stdout.write(f"{len(MODELS)} schemas in {folder} equal the code's\n")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
