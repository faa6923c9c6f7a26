"""`kilter run --config FILE`: the engine against an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel, ConfigDict, Field

from apc.supervision.assembly import ControllerName
from kilter.runner import Request, launch
from kilter.sensor_registry import effective_model
from line.configuration import load
from line.errors import ConfigurationFaults, Fault
from line.wire import WireMode


class RunConfiguration(BaseModel):
    """What `kilter run` needs: where the plant is, what is made, with which soft sensor, for how long.

    Paths are relative to the configuration file. The soft sensor must be effective today in the registry (`kilter sensor
    approve`), its file as it was registered; a `challenger` judges the same spectra in shadow, for the record alone.
    `controller_mode` is the mode at the start: WARM plans and writes nothing until an operator says ON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    endpoint: str = Field(pattern=r"^opc\.tcp://[^\s/]+(/\S*)?$", max_length=200)
    wire_mode: WireMode
    scenario: str
    recipe: str
    controller: ControllerName
    controller_mode: Literal["OFF", "WARM", "ON"]
    soft_sensor: Path
    sensor_registry: Path
    challenger: Path | None = None
    secrets: Path
    runs: Path
    lot: str
    minutes: float = Field(gt=0, le=1440)
    seed: int = Field(ge=0, description="seeds the draw of units for uniformity of dosage units")


def run(
    config: Annotated[Path, typer.Option(help="TOML file: endpoint, recipe, soft sensor, lot.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Run the engine against an OPC UA endpoint: a simulated plant of its own, or a line's PLC.

    The scenario gives only what the operator plans (throughput, run-out); faults in it are ignored by a real plant.
    """
    wanted = load(config, RunConfiguration)
    base = config.resolve().parent
    model = base / wanted.soft_sensor
    challenger = base / wanted.challenger if wanted.challenger is not None else None
    asked = {"soft_sensor": model, "challenger": challenger}
    remedy = "no such file: make one with kilter sensor calibrate"
    faults = [Fault(str(config), key, str(path), remedy) for key, path in asked.items() if path and not path.is_file()]
    if faults:
        raise ConfigurationFaults(faults)
    effective_model(model, base / wanted.sensor_registry)
    request = Request(
        wanted.scenario,
        wanted.seed,
        wanted.controller,
        base / wanted.runs,
        base / wanted.secrets,
        lot=wanted.lot,
        minutes=wanted.minutes,
        endpoint=wanted.endpoint,
        as_json=as_json,
        mode=wanted.controller_mode,
        model_file=model,
        challenger_file=challenger,
        wire_mode=wanted.wire_mode,
        recipe=wanted.recipe,
    )
    raise typer.Exit(launch(request))
