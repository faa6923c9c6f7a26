"""The tag frame: what the plant says each second, plant units, in the register's scalar order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from line.errors import ConfigurationFaults, Fault
from line.quality import STATUS_BAD_WAITING_FOR_INITIAL_DATA, STATUS_GOOD
from line.tags import TagRegister
from plant_sim.extents import Numbers, Vector

FEEDER_TAGS = (
    "Setpoint", "MassFlow", "NetWeight", "Totalizer", "ScrewSpeed", "DriveCommand", "FeedFactor", "Mode", "RefillRequest",
    "Torque",
)  # fmt: skip
NIR_TAGS = ("NIR/SpectrumId", "NIR/IntegrationTime", "NIR/ReferenceId", "NIR/InstrumentSerial", "NIR/ProbeId")
TESTER_TAGS = ("SampleId", "CounterFrom", "CounterTo", "PulledStep", "WeightMean", "ThicknessMean", "HardnessMean")
ASSAY_TAGS = ("SampleId", "CounterFrom", "CounterTo", "PulledStep", "PotencyMean")
SINGLE_TAGS = (
    "Sys/StepIndex", "Sys/HeartbeatPlant", "Sys/CtrlMode", "Sys/LineState", "Sys/Interlock", "Sys/RefusedWrites",
    "Blender/ImpellerSpeed", "Blender/HoldUpMass", "Blender/Torque", "Hopper/Level", "FeedFrame/PaddleSpeed",
    "Press/TurretSpeed", "Press/FillDepth", "Press/MainHeight", "Press/MainForceSetpoint", "Press/MainForceMean", "Press/SREL",
    "Press/PreForceMean", "Press/EjectionForce", "Press/WeightLoop", "Press/RevolutionId", "Press/TabletsMade",
    "Press/TabletsRejected", "Diverter/Position", "Diverter/TabletsAccepted", "Diverter/TabletsDiverted",
    "Diverter/TabletsSampled", "Bin/AcceptedMass", "Bin/DivertedMass", "Bin/RejectedMass", "Bin/SampledMass",
    "Utilities/RoomTemperature", "Utilities/RoomHumidity", "Utilities/PressPower",
)  # fmt: skip
ARRAY_TAGS = ("NIR/Spectrum", "NIR/Axis", "Press/StationForce")


class Frame:
    """Values, statuses and source steps of n lines, (n, n_scalars). Tags without a value yet: NaN and Bad."""

    def __init__(self, register: TagRegister, n_lines: int) -> None:
        feeders = [f"Feeder{i}/{name}" for name in FEEDER_TAGS for i in range(1, 5)]
        slow = [*NIR_TAGS, *(f"Tester/{n}" for n in TESTER_TAGS), *(f"Assay/{n}" for n in ASSAY_TAGS)]
        _require(register, [*feeders, *slow, *SINGLE_TAGS], ARRAY_TAGS)
        self.register = register
        index = register.scalar_index
        self._single = np.array([index[tag] for tag in SINGLE_TAGS])
        self._feeders = np.array([index[tag] for tag in feeders])
        self._setpoints = np.array([index[tag] for tag in register.setpoint_ids])
        self._fast = np.concatenate((self._single, self._feeders, self._setpoints))
        self._room = np.array([index["Utilities/RoomTemperature"], index["Utilities/RoomHumidity"]])
        n = len(register.scalar_ids)
        self.values: Vector = np.full((n_lines, n), np.nan)
        self.statuses = np.full((n_lines, n), STATUS_BAD_WAITING_FOR_INITIAL_DATA, np.uint32)
        self.source_steps = np.zeros((n_lines, n), np.int64)
        self.statuses[:, self._fast] = STATUS_GOOD

    def fast(self, second: int, single: Sequence[Numbers], feeders: Sequence[Numbers], setpoints: Vector) -> None:
        """Write what is new each second: `single` in the order of SINGLE_TAGS, `feeders` of FEEDER_TAGS (n, 4) each."""
        self.values[:, self._single] = np.array(single).T
        self.values[:, self._feeders] = np.concatenate(feeders, axis=1)
        self.values[:, self._setpoints] = setpoints
        self.source_steps[:, self._fast] = second

    def slow(self, i_line: int, tags: Sequence[str], values: Sequence[float], source: int, status: int = STATUS_GOOD) -> None:
        """Write values of one line that arrive with a delay; a Bad status keeps no number."""
        columns = [self.register.scalar_index[tag] for tag in tags]
        self.values[i_line, columns] = values
        self.statuses[i_line, columns] = status
        self.source_steps[i_line, columns] = source


def _require(register: TagRegister, scalars: Sequence[str], arrays: Sequence[str]) -> None:
    missing = [t for t in scalars if t not in register.scalar_index] + [t for t in arrays if t not in register.array_ids]
    if missing:
        raise ConfigurationFaults([Fault("tag register", tag, "missing", "the plant publishes this tag") for tag in missing])
