"""Recorded runs made without an engine: by the control model itself with other parameters, or by the simulated plant."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from apc.identification.guided import GuidedTest, plan_test
from apc.identification.recorded import PERIOD, SIGNALS, RecordedRun, Samples
from engine.wiring import load_files
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_D, OUTPUT
from gateway.inprocess import InProcessPort
from hil.guided import reach_of
from hil.virtual_plant import build_plant
from historian.frames import pack_frame
from historian.record import Record
from line.clock import ManualClock
from line.configuration import Scenario
from line.modes import FeederMode, LineCommand, LineState
from tests.control_parts import CONFIGS, flowsheet, parts

FLOWS = ("mass_flow_api", "mass_flow_premix", "mass_flow_lactose", "mass_flow_lubricant")
TESTER_S = 60


@lru_cache
def guided_test(minutes: float = 65.0, seed: int = 4) -> GuidedTest:
    return plan_test(flowsheet(), reach_of(parts("plc")), minutes, 1.0, seed)


def model_run(line: Flowsheet, seed: int = 1, noise: float = 1.0) -> RecordedRun:
    """The guided test played on the control model with other parameters; noise as of the instruments, times `noise`."""
    inputs, random = guided_test().inputs, np.random.default_rng(seed)
    n = len(inputs)
    x = np.array(line.step.mapaccum(n)(line.x_nominal, inputs.T, np.zeros((N_D, n))))
    y = np.array(line.outputs.map(n)(x, inputs.T, np.zeros((N_D, n))))

    def seconds(values: np.ndarray, error: float = 0.0) -> np.ndarray:
        return np.repeat(values, PERIOD) + noise * error * random.normal(size=n * PERIOD)

    def samples(output: str, error: float, every_s: int) -> np.ndarray:
        at = np.arange(every_s, n * PERIOD, every_s)
        values = np.interp(at, ends, y[OUTPUT[output]])
        return values + noise * error * random.normal(size=len(at))

    ends = PERIOD * np.arange(1, n + 1) - 1.0
    u = inputs.T * line.u_scale[:, None]
    signals = {tag: np.zeros(n * PERIOD) for tag in SIGNALS}
    for i, name in enumerate(FLOWS, start=1):
        flow = seconds(y[OUTPUT[name]])
        # the scale sees the mean of two periods: what the screw delivers is the set-point's
        speed = seconds(u[i - 1] * 3600.0)
        signals[f"Feeder{i}/MassFlow"], signals[f"Feeder{i}/ScrewSpeed"] = flow, speed
        signals[f"Feeder{i}/Mode"] = np.full(n * PERIOD, float(FeederMode.GRAVIMETRIC))
        signals[f"Feeder{i}/NetWeight"] = np.linspace(0.8, 0.4, n * PERIOD)
    signals["Sys/LineState"] = np.full(n * PERIOD, float(LineState.EXECUTE))
    signals["Blender/HoldUpMass"] = seconds(y[OUTPUT["hold_up_blender"]], 0.005)
    signals["Blender/ImpellerSpeed"] = seconds(u[7] * 60.0)
    signals["Hopper/Level"] = seconds(y[OUTPUT["level_hopper"]], 0.006)
    signals["SP/HopperLevel"] = seconds(u[6])
    signals["Press/TurretSpeed"] = seconds(y[OUTPUT["speed_turret"]])
    signals["Press/FillDepth"] = seconds(y[OUTPUT["fill_depth"]], 0.005)
    signals["Press/MainHeight"] = seconds(u[5] * 1e3)
    signals["Press/MainForceSetpoint"] = seconds(u[4] * 1e-3)
    signals["Press/MainForceMean"] = seconds(y[OUTPUT["force_main"]], 0.02)
    spectra = samples("potency_blend", 2.0, PERIOD) / 100.0 * line.parameters.fraction_api
    weight, hardness = samples("weight", 0.7, TESTER_S), samples("hardness", 1.0, TESTER_S)
    at = np.arange(TESTER_S, n * PERIOD, TESTER_S, dtype=float)
    p = line.parameters
    force, height = np.interp(at, ends, y[OUTPUT["force_main"]]) * 1e3, np.interp(at, ends, u[5])
    thickness = (height + force / p.press_stiffness) * (1.0 + p.elastic_recovery) * 1e3
    thickness = thickness + noise * 0.005 * random.normal(size=len(at))
    assay = samples("potency_tablet", 1.0, 900)
    return RecordedRun(
        "model", "0" * 64, np.arange(n * PERIOD, dtype=float), signals,
        Samples(np.arange(PERIOD, n * PERIOD, PERIOD, dtype=float), spectra[:, None]),
        Samples(at, np.column_stack([weight, thickness, hardness])),
        Samples(np.arange(900.0, n * PERIOD, 900.0), assay[:, None]),
    )  # fmt: skip


#: Throughput steps of the plant's run: second, kg/h.
STEPS = ((900, 22.0), (1500, 26.0), (2100, 20.0), (2700, 25.0))


def plant_lot(folder: Path, seed: int = 3, minutes: int = 55) -> Path:
    """Record the simulated plant under its PLC with throughput steps and force steps, no engine, no spectra."""
    files = load_files(CONFIGS)
    scenario = Scenario(name="steps", title="steps", minutes=minutes, throughput_kg_per_h=25)
    port = InProcessPort(build_plant(files, scenario, seed), files.register)
    recipe = files.recipe
    with Record.create(folder, {}, ManualClock(), register=files.register) as record:
        snapshot = port.open()
        port.write_moves({"SP/RemoteRequest": 1.0, "SP/HeartbeatCtrl": 1.0})
        flow = 25.0
        for second in range(60 * minutes):
            record.append_bytes("content", "frame", snapshot.step, pack_frame(snapshot))
            flow = dict(STEPS).get(second, flow)
            moves = {**recipe.setpoints, **recipe.feeder_setpoints(flow), "SP/Throughput": flow}
            moves["SP/MainForce"] = 6.2 + (0.5 if second // 700 % 2 else -0.5)
            moves["SP/LineCommand"] = float(LineCommand.START) if second == 3 else float(LineCommand.NONE)
            port.write_moves({**moves, "SP/RemoteRequest": 1.0, "SP/HeartbeatCtrl": float(snapshot.step + 1)})
            snapshot = port.read_snapshot()
        record.close(True)
    return folder
