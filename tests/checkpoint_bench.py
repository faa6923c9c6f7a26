"""A shift whose inputs depend on the second alone, so that it can be cut anywhere; run as a process, it waits to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from line.configuration import LotLoad, PlantFault
from line.samples import StepResult
from plant_sim.checkpoint.durable_plant import DurablePlant
from plant_sim.plant import Plant
from tests.plant_bench import HOLD, RESUME, plant, register

FAULTS = (PlantFault(name="press_stop", at_s=90, duration_s=20), PlantFault(name="density_step", at_s=200))
LOTS = (LotLoad(at_s=30, feeder=1, lot="A2", bulk_density_pct=2.0), LotLoad(at_s=400, feeder=2, lot="B2", bulk_density_pct=1.0))
COMMANDS = {2: 1.0, 120: RESUME, 260: HOLD, 270: RESUME}


def build(seed: int = 1) -> Plant:
    return plant(faults=FAULTS, lots=LOTS, seed=seed)


def inputs(k: int, start: np.ndarray) -> np.ndarray:
    """The set-points of second k: a wandering impeller, commands, and now and then one that is refused."""
    values, index = start.copy(), register().setpoint_index
    values[index["SP/HeartbeatCtrl"]] = k + 1
    values[index["SP/RemoteRequest"]] = values[index["SP/AcceptRequest"]] = 1.0
    values[index["SP/LineCommand"]] = COMMANDS.get(k, 0.0)
    values[index["SP/ImpellerSpeed"]] = 250.0 + 10.0 * np.sin(k / 20.0)
    if k % 50 == 10:
        values[index["SP/MainForce"]] = float("nan")
    return values


def start_values(one: Plant | DurablePlant) -> np.ndarray:
    return one.initial().values[[register().scalar_index[tag] for tag in register().setpoint_ids]].copy()


def run(one: Plant | DurablePlant, until: int) -> list[StepResult]:
    start, results = start_values(one), []
    while one.k < until:
        results.append(one.step(one.k, 7 * one.k, inputs(one.k, start)))
    return results


def main() -> None:
    """Run in the folder given until killed; say each second that was answered."""
    durable = DurablePlant(build, Path(sys.argv[1]), state_every_s=int(sys.argv[2]))
    start = start_values(durable)
    while True:
        durable.step(durable.k, 7 * durable.k, inputs(durable.k, start))
        sys.stdout.write(f"{durable.k}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
