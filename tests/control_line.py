"""A line made of the control model itself with other parameters: closed loop of supervisor and model, through snapshots."""

from __future__ import annotations

from collections import deque

import numpy as np

from apc.observation import Observation
from apc.supervision.supervisor import Supervisor
from flowsheet.assembly import Flowsheet
from flowsheet.layout import DEVIATION, N_D, OUTPUT, STEP_S
from line.modes import ControllerMode
from line.records import Decision
from line.samples import Snapshot
from sensing.verdict import SpectrumVerdict, Validity
from tests.control_parts import configuration, line, recipe, register
from tests.frames import frame

SETPOINTS = ("SP/Feeder1MassFlow", "SP/Feeder2MassFlow", "SP/Feeder3MassFlow", "SP/Feeder4MassFlow",
             "SP/MainForce", "SP/MainHeight", "SP/HopperLevel", "SP/ImpellerSpeed")  # fmt: skip
PERIOD = int(STEP_S)


def supervisor(name: str = "nmpc") -> Supervisor:
    return Supervisor(recipe(), line(), configuration(), register(), name)  # type: ignore[arg-type]


class ModelLine:
    """Steps a model every 5 s; NIR and assay speak of 5 and 120 s ago; `noise` relative standard deviation of readings."""

    def __init__(self, model: Flowsheet, seed: int = 1, noise: float = 0.0, nir_bias: float = 0.0) -> None:
        self.model, self.random, self.noise, self.nir_bias = model, np.random.default_rng(seed), noise, nir_bias
        self.x, self.d = model.x_nominal.copy(), np.zeros(N_D)
        self.setpoints = dict(zip(SETPOINTS, (2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0), strict=True))
        self.step, self.history = 0, deque(maxlen=60)
        self.scale = model.u_scale / np.array([1 / 3600] * 4 + [1e3, 1e-3, 1.0, 1 / 60])
        self.values: dict[str, float] = {}
        self.breaks: dict[int, float] = {}

    def u(self) -> np.ndarray:
        return np.array(list(self.setpoints.values())) / self.scale

    def advance(self) -> Snapshot:
        for feeder, deviation in self.breaks.items():
            self.x[DEVIATION.start + feeder] = deviation
        self.x = np.array(self.model.step(self.x, self.u(), self.d)).ravel()
        self.step += PERIOD
        y = np.array(self.model.outputs(self.x, self.u(), self.d)).ravel()
        self.history.append(y)
        self.values = self._read(y)
        return frame(self.step, self.values)

    def _noisy(self, value: float) -> float:
        return float(value * (1.0 + self.noise * self.random.normal()))

    def _read(self, y: np.ndarray) -> dict[str, float]:
        at = {name: float(y[i]) for name, i in OUTPUT.items()}
        values = {
            "Hopper/Level": self._noisy(at["level_hopper"]),
            "Blender/HoldUpMass": self._noisy(at["hold_up_blender"]),
            "Press/FillDepth": self._noisy(at["fill_depth"]),
            "Press/MainForceMean": self._noisy(at["force_main"]),
            "Press/TurretSpeed": at["speed_turret"],
            "Press/MainHeight": self.setpoints["SP/MainHeight"],
            "Press/MainForceSetpoint": self.setpoints["SP/MainForce"],
            "Blender/ImpellerSpeed": self.setpoints["SP/ImpellerSpeed"],
            **self.setpoints,
        }
        for i, name in enumerate(("api", "premix", "lactose", "lubricant"), start=1):
            values[f"Feeder{i}/Setpoint"] = self.setpoints[f"SP/Feeder{i}MassFlow"]
            values[f"Feeder{i}/MassFlow"] = self._noisy(at[f"mass_flow_{name}"])
        return values

    def verdict(self) -> SpectrumVerdict | None:
        if len(self.history) < 2:
            return None
        potency = self._noisy(float(self.history[-2][OUTPUT["potency_blend"]])) * (1.0 + self.nir_bias)
        return SpectrumVerdict(
            self.step - PERIOD, self.step, potency * 0.0008, 0.0024, 1.0, 9.0, 1.0, 9.0, Validity.VALID, "", "test", "0"
        )

    def assay(self) -> dict[str, float]:
        age = 24
        potency = self._noisy(float(self.history[-1 - age][OUTPUT["potency_tablet"]]))
        return {"Assay/PotencyMean": potency, "Assay/PulledStep": float(self.step - age * PERIOD)}

    def tester(self) -> dict[str, float]:
        age = 12
        y = self.history[-1 - age]
        pulled = float(self.step - age * PERIOD)
        weight, hardness = self._noisy(float(y[OUTPUT["weight"]])), self._noisy(float(y[OUTPUT["hardness"]]))
        return {"Tester/WeightMean": weight, "Tester/HardnessMean": hardness, "Tester/PulledStep": pulled}

    def obey(self, decision: Decision) -> None:
        if decision.valid:
            self.setpoints.update({k: v for k, v in decision.moves.items() if k in self.setpoints})


def run(
    plant: ModelLine,
    control: Supervisor,
    n: int,
    *,
    assay_every: int = 0,
    tester_every: int = 0,
    plan: tuple[tuple[int, float], ...] = ((0, 25.0),),
    mode: ControllerMode = ControllerMode.ON,
) -> list[Decision]:
    """Close the loop for n decisions; assay and tester every so many of them."""
    decisions = []
    for _ in range(n):
        snapshot = plant.advance()
        count = plant.step // PERIOD
        assay = bool(assay_every) and count >= 40 and count % assay_every == 0
        tester = bool(tester_every) and count >= 40 and count % tester_every == 0
        late = {**(plant.assay() if assay else {}), **(plant.tester() if tester else {})}
        for _second in range(PERIOD):
            control.observe(snapshot)
        seen = frame(plant.step, {**plant.values, **late}) if late else snapshot
        now = tuple(p for p in plan if p[0] <= plant.step)[-1:]
        ahead = tuple(p for p in plan if p[0] > plant.step)
        observation = Observation(plant.step, seen, plant.verdict(), tester, assay, now + ahead, mode)
        decisions.append(control.decide(observation))
        plant.obey(decisions[-1])
    return decisions


def truth(plant: ModelLine, name: str) -> float:
    return float(plant.history[-1][OUTPUT[name]])
