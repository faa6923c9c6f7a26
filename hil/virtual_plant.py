"""The simulated plant as a run needs it: built from configuration and seed, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from engine.wiring import LineFiles
from line.configuration import Scenario
from line.errors import CommunicationError, ConfigurationFaults, Fault
from plant_sim.instruments.calibration import MeasuredSpectra
from plant_sim.parameters import PlantParameters, draw_parameters, load_parameters
from plant_sim.plant import Plant, PlantSetup

STOP_WITHIN_S = 20.0
#: Structure of the line -> its file of parameters.
MATERIALS = {"a": "reference-line.toml", "b": "reference-line-b.toml"}


@dataclass(frozen=True)
class PlantChoice:
    """Which plant: its structure ("a", or "b" with other equations for the same line), and the seed that its parameters and
    punches are drawn by (None: the seed of the run)."""

    variant: str = "a"
    plant_seed: int | None = None

    def seed(self, run_seed: int) -> int:
        """Return the seed that the plant is drawn by in a run of `run_seed`."""
        return run_seed if self.plant_seed is None else self.plant_seed


#: The plant that a run gets if nobody chooses another.
REFERENCE_PLANT = PlantChoice()


def reference_plant(files: LineFiles, variant: str = "a") -> PlantParameters:
    """Return the parameters of the reference line in one of its structures. Raises ConfigurationFaults."""
    if variant not in MATERIALS:
        raise ConfigurationFaults([Fault("--variant", "variant", variant, f"one of {', '.join(MATERIALS)}")])
    return load_parameters(files.folder / "materials" / MATERIALS[variant])


def build_plant(
    files: LineFiles,
    scenario: Scenario,
    seed: int,
    measured: MeasuredSpectra | None = None,
    choice: PlantChoice = REFERENCE_PLANT,
) -> Plant:
    """Return a plant whose parameters are drawn by the plant seed from the ranges around the reference line."""
    plant_seed = choice.seed(seed)
    sampling = files.recipe.sampling
    setup = PlantSetup(
        register=files.register,
        parameters=draw_parameters(reference_plant(files, choice.variant), plant_seed),
        seed=seed,
        plant_seed=plant_seed,
        scenario=scenario,
        tester_interval_s=int(sampling.tester_interval_s),
        tester_n=sampling.tester_n,
        assay_interval_s=int(sampling.assay_interval_s),
        assay_n=sampling.assay_n,
        geometry=files.configuration.geometry,
        measured_spectra=measured,
    )
    return Plant(setup)


@dataclass(frozen=True)
class PlantProcess:
    """A plant in a process of its own: how to reach it, how to end it."""

    process: subprocess.Popen[str]
    log: IO[str]

    def endpoint(self) -> str:
        """Wait for the plant's ready line and return its endpoint.

        Raises CommunicationError with the plant's last line if it ended before it was ready.
        """
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if line.strip():
            return str(json.loads(line)["endpoint"])
        self.process.kill()
        self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or ["no message"])[-1]
        raise CommunicationError("the plant did not start", where="kilter plant serve", how_much=last)

    def stop(self) -> None:
        """Ask the plant to end (it writes its truth then) and wait; kill it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.log.close()


def start_plant(arguments: list[str], log_file: Path) -> PlantProcess:
    """Start `kilter plant serve` with `arguments`; its messages and audit lines go to `log_file`."""
    command = [sys.executable, "-m", "kilter", "plant", "serve", *arguments]
    log = log_file.open("w+", encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments, no shell
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True
    )
    return PlantProcess(process, log)
