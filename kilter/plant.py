"""`kilter plant`: the simulated plant as a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.folders import find_configs
from engine.wiring import load_files
from hil.calibration import measured_spectra, simulated_model
from hil.scenarios import load_scenario, shortened, split_beat_fault, with_fault
from hil.validation.ensemble import LotPlan
from hil.validation.report import write_page
from hil.validation.suite import DataFiles, run_validation
from hil.virtual_plant import PlantChoice, build_plant
from kilter import data_sets
from kilter.demo import AsJson, Fault, Minutes, PlantSeed, PlantVariant, Secrets, Seed, Spectra, Variant
from kilter.figures import show_figures
from kilter.runner import ensure_secrets, stage_bar
from line.clock import SystemClock
from line.errors import DataError
from line.wire import WireMode
from plant_sim.checkpoint.durable_plant import DurablePlant
from plant_sim.plant import Plant
from plant_sim.wire.server import ServerSettings, run_server_process

app = typer.Typer(help="The simulated plant behind a secured OPC UA server.", no_args_is_help=True)


@app.command("serve")
def serve_plant(
    scenario: Annotated[str, typer.Option(help="Scenario by name or .toml path.")] = "demo",
    seed: Seed = 1,
    minutes: Minutes = None,
    fault: Fault = None,
    variant: Variant = PlantVariant.A,
    plant_seed: PlantSeed = None,
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
    state: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints: a plant that was killed goes on from its last answer.")
    ] = None,
) -> None:
    """Serve the plant until it is told to end (Ctrl-C or SIGTERM). Prints one ready line with the endpoint.

    With --state each second is on disk before it is answered; the same command after a kill goes on from there.
    """
    clock = SystemClock()
    files = load_files(configs or find_configs(os.environ, Path.cwd()))
    plan, _ = split_beat_fault(shortened(with_fault(load_scenario(files.folder, scenario), fault), minutes))
    ensure_secrets(secrets, clock)
    played = measured_spectra(spectra, seed) if spectra else None

    def build() -> Plant:
        return build_plant(files, plan, seed, played, PlantChoice(variant.value, plant_seed))

    plant = build() if state is None else DurablePlant(build, state)

    def announce(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def audit(kind: str, body: Mapping[str, Any]) -> None:
        sys.stderr.write(json.dumps({"utc": clock.utc().isoformat(), "audit": kind, **body}, default=str) + "\n")

    if isinstance(plant, DurablePlant):
        audit("state", {"folder": str(state), "resumed_at": plant.resumed_at})
    settings = ServerSettings(port=port, secrets=secrets, mode=mode, host=host)
    try:
        run_server_process(plant, files.register, settings, clock, announce=announce, audit=audit, stop_with_parent=with_parent)
    finally:
        if truth is not None:
            plant.write_truth(truth)
        if isinstance(plant, DurablePlant):
            plant.close()


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


@app.command("validate")
def validate(
    lots: Annotated[int, typer.Option(help="Simulated lots to compare with real batches.", min=8, max=5000)] = 200,
    minutes: Annotated[int, typer.Option(help="Length of a lot [min], start-up included.", min=20, max=720)] = 75,
    stops: Annotated[float, typer.Option("--stops-per-hour", help="Press stops; real presses 1.5-2.6.", min=0, max=20)] = 2.0,
    quick: Annotated[bool, typer.Option("--quick", help="16 lots of 30 min: for a look, not for a verdict.")] = False,
    seed: Seed = 1,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Folder for validation.md and its plots; ./docs if it is there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the simulated plant with published figures and 1,005 real batches. Exit 1 if a figure does not hold.

    Says of each figure whether it was used to choose parameters (fitted), repeats the model's arithmetic (verified) or was
    never used (predicted); only the last is validation. Takes some minutes.
    """
    batches = data_sets.find(data_sets.BATCHES, data).parent
    found = DataFiles(batches, data_sets.find(data_sets.YIELD_TABLE, data))
    plan = LotPlan(16, 30, stops, seed) if quick else LotPlan(lots, minutes, stops, seed)
    files = load_files(find_configs(os.environ, Path.cwd()))
    with stage_bar(Console(stderr=True)) as progress:
        validation = run_validation(files, found, plan, progress)
    folder = docs or (Path("docs") if Path("docs").is_dir() and not quick else None)
    written = [str(path) for path in write_page(validation, folder)] if folder is not None else []
    extra = {
        "kinds": {kind: {"hold": held, "of": total} for kind, (held, total) in validation.counts.items()},
        "ensemble": vars(plan),
        "written": written,
    }
    code = show_figures("Validation of the simulated plant", validation.figures, as_json, extra)
    if not as_json:
        for kind, (held, total) in validation.counts.items():
            sys.stdout.write(f"{kind}: {held} of {total} hold\n")
        sys.stdout.write("".join(f"written: {path}\n" for path in written))
    raise typer.Exit(code)
