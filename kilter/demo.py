"""`kilter demo` and `kilter simulate`: a shift on the simulated line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hil.virtual_plant import PlantChoice
from kilter.runner import Request, launch


class PlantVariant(StrEnum):
    """Structures of the simulated line."""

    A = "a"
    B = "b"


Seed = Annotated[int, typer.Option(help="One seed repeats the run, value for value.", min=0, max=2**31 - 1)]
Minutes = Annotated[float | None, typer.Option(help="Cut the shift to so many simulated minutes.", min=1, max=1440)]
Fault = Annotated[
    str | None,
    typer.Option(
        help="Put this fault in the place of the 30 s API interruption: none, heartbeat_loss, or a name of "
        "kilter scenarios list --faults (nir_outage, density_step, press_stop, ...)."
    ),
]
Variant = Annotated[
    PlantVariant, typer.Option(help="Structure of the plant: a, or b (the same line by other equations, unknown to the model).")
]
PlantSeed = Annotated[
    int | None, typer.Option(help="Another plant of the design: draws its parameters. Left out: --seed.", min=0, max=2**31 - 1)
]
Controller = Annotated[
    str,
    typer.Option(
        help="plc (vendor loops only), ratio (feeders paced by the scales), pid (cascade), pid+kalman (the same on the "
        "estimate), lmpc (linear predictive), nmpc (predictive) or dompc (do-mpc, slow)."
    ),
]
Spectra = Annotated[Path | None, typer.Option(help="CSV of measured spectra: the probe plays batches the model never saw.")]
Sensor = Annotated[Path | None, typer.Option(help="Model file to judge spectra by; left out: calibrated anew by --seed.")]
Challenger = Annotated[Path | None, typer.Option(help="Model file that judges the same spectra in shadow, for the record.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the lots.")]
Secrets = Annotated[Path, typer.Option(help="Folder of certificates and passwords; made on first use.")]
Lot = Annotated[str | None, typer.Option(help="Lot name; a name in use gets a new suffix.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def demo(
    seed: Seed = 1,
    minutes: Minutes = None,
    fault: Fault = None,
    variant: Variant = PlantVariant.A,
    plant_seed: PlantSeed = None,
    controller: Controller = "nmpc",
    spectra: Spectra = None,
    runs: Runs = Path("runs"),
    secrets: Secrets = Path("secrets"),
    lot: Lot = None,
    as_json: AsJson = False,
) -> None:
    """Watch a shift: 60 simulated minutes over secured OPC UA, with a verdict and a report at the end.

    Start-up, refills of every feeder, a load-cell span error on the API feeder, a lot change, a 30 s interruption
    of the API, a throughput change and the run-out. Takes about a minute and a half.
    """
    plant = PlantChoice(variant.value, plant_seed)
    request = Request("demo", seed, controller, runs, secrets, lot, minutes, fault, spectra, as_json=as_json, plant=plant)
    raise typer.Exit(launch(request))


def simulate(
    scenario: Annotated[str, typer.Option(help="Name of a file in configs/scenarios, or a path ending in .toml.")] = "demo",
    seed: Seed = 1,
    minutes: Minutes = None,
    fault: Fault = None,
    variant: Variant = PlantVariant.A,
    plant_seed: PlantSeed = None,
    controller: Controller = "nmpc",
    spectra: Spectra = None,
    sensor: Sensor = None,
    challenger: Challenger = None,
    runs: Runs = Path("runs"),
    lot: Lot = None,
    as_json: AsJson = False,
) -> None:
    """Run a scenario in one process without sockets: same plant, same engine, same values, faster."""
    request = Request(
        scenario, seed, controller, runs, Path("secrets"), lot, minutes, fault, spectra, sockets=False, as_json=as_json,
        model_file=sensor, challenger_file=challenger, plant=PlantChoice(variant.value, plant_seed),
    )  # fmt: skip
    raise typer.Exit(launch(request))
