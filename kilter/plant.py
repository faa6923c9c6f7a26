"""`kilter plant`: the simulated plant as a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.folders import find_configs
from engine.wiring import load_files
from hil.calibration import measured_spectra, simulated_model
from hil.scenarios import load_scenario, shortened, split_beat_fault, with_fault
from hil.virtual_plant import build_plant
from kilter.demo import Fault, Minutes, Secrets, Seed, Spectra
from kilter.runner import ensure_secrets
from line.clock import SystemClock
from line.errors import DataError
from line.wire import WireMode
from plant_sim.wire.server import ServerSettings, run_server_process

app = typer.Typer(help="The simulated plant behind a secured OPC UA server.", no_args_is_help=True)


@app.command("serve")
def serve_plant(
    scenario: Annotated[str, typer.Option(help="Scenario by name or .toml path.")] = "demo",
    seed: Seed = 1,
    minutes: Minutes = None,
    fault: Fault = None,
    spectra: Spectra = None,
    host: Annotated[str, typer.Option(help="Address to bind; loopback by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 4840,
    mode: Annotated[
        WireMode, typer.Option(help="LOCKSTEP (the client steps the plant) or REALTIME (wall clock).")
    ] = WireMode.LOCKSTEP,
    secrets: Secrets = Path("secrets"),
    configs: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when the process that started it is gone.")] = False,
    truth: Annotated[Path | None, typer.Option(help="Folder for the plant's truth, written at the end.")] = None,
) -> None:
    """Serve the plant until it is told to end (Ctrl-C or SIGTERM). Prints one ready line with the endpoint."""
    clock = SystemClock()
    files = load_files(configs or find_configs(os.environ, Path.cwd()))
    plan, _ = split_beat_fault(shortened(with_fault(load_scenario(files.folder, scenario), fault), minutes))
    ensure_secrets(secrets, clock)
    plant = build_plant(files, plan, seed, measured_spectra(spectra, seed) if spectra else None)

    def announce(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def audit(kind: str, body: Mapping[str, Any]) -> None:
        sys.stderr.write(json.dumps({"utc": clock.utc().isoformat(), "audit": kind, **body}, default=str) + "\n")

    settings = ServerSettings(port=port, secrets=secrets, mode=mode, host=host)
    try:
        run_server_process(plant, files.register, settings, clock, announce=announce, audit=audit, stop_with_parent=with_parent)
    finally:
        if truth is not None:
            plant.write_truth(truth)


@app.command("sensor")
def simulated_sensor(
    out: Annotated[Path, typer.Option(help="File to write the soft sensor to.")],
    seed: Seed = 1,
) -> None:
    """Calibrate a soft sensor for the simulated probe, on spectra of another campaign, and write it as a hashed file."""
    if out.exists():
        raise DataError("the file is there already", where=str(out), what_now="Name another one: models are not overwritten.")
    model = simulated_model(load_files(find_configs(os.environ, Path.cwd())), seed)
    out.write_text(model.to_text(), encoding="utf-8")
    sys.stdout.write(f"{out}: model {model.id} {model.version}, SHA-256 {model.hash}\n")
