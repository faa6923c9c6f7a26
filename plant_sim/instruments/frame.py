"""The tag frame: what the plant says each second, plant units, in the register's scalar order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from line.errors import ConfigurationFaults, Fault
from line.quality import STATUS_BAD_WAITING_FOR_INITIAL_DATA, STATUS_GOOD
from line.tags import TagRegister
from plant_sim.extents import Counts, Vector

#: Fast signals with a draw of their own, in the order of a second's draws: four a feeder name, one a tag.
NOISY_FEEDER_TAGS = ("ScrewSpeed", "Torque")
NOISY_TAGS = (
    "Bin/AcceptedMass", "Bin/DivertedMass", "Bin/RejectedMass", "Bin/SampledMass", "Utilities/RoomTemperature",
    "Utilities/RoomHumidity", "Blender/ImpellerSpeed", "Blender/HoldUpMass", "Blender/Torque", "Hopper/Level", "Press/SREL",
    "Press/EjectionForce", "Press/PreForceMean", "Press/FillDepth", "Press/MainHeight", "FeedFrame/PaddleSpeed",
    "Press/TurretSpeed", "Press/MainForceMean", "Utilities/PressPower",
)  # fmt: skip
#: Fast signals without: counts, states, commands, and what carries its noise already.
EXACT_FEEDER_TAGS = (
    "Setpoint", "MassFlow", "NetWeight", "Totalizer", "DriveCommand", "FeedFactor", "Mode", "RefillRequest",
)  # fmt: skip
EXACT_TAGS = (
    "Sys/StepIndex", "Sys/HeartbeatPlant", "Sys/CtrlMode", "Sys/LineState", "Sys/PackMLState", "Sys/Interlock",
    "Sys/RefusedWrites",
    "Press/MainForceSetpoint", "Press/WeightLoop", "Press/RevolutionId", "Press/TabletsMade", "Diverter/Position",
    "Diverter/TabletsAccepted", "Diverter/TabletsDiverted", "Press/TabletsRejected", "Diverter/TabletsSampled",
)  # fmt: skip
#: All fast tags that are not a feeder's.
SINGLE_TAGS = NOISY_TAGS + EXACT_TAGS
FEEDER_TAGS = NOISY_FEEDER_TAGS + EXACT_FEEDER_TAGS
NIR_TAGS = (
    "NIR/SpectrumId", "NIR/IntegrationTime", "NIR/ReferenceId", "NIR/InstrumentSerial", "NIR/ProbeId", "NIR/DarkLevel",
    "NIR/ReferenceEnergy",
)  # fmt: skip
NIR2_TAGS = ("NIR2/SpectrumId",)
TESTER_TAGS = (
    "Tester/SampleId", "Tester/CounterFrom", "Tester/CounterTo", "Tester/PulledStep", "Tester/WeightMean",
    "Tester/ThicknessMean", "Tester/HardnessMean",
)  # fmt: skip
ASSAY_TAGS = ("Assay/SampleId", "Assay/CounterFrom", "Assay/CounterTo", "Assay/PulledStep", "Assay/PotencyMean")
#: Meters of the suite, every ten seconds, in the order of their draws; the last counts pulses and has no noise.
METER_TAGS = (
    "Utilities/SupplyAirFlow", "Utilities/FilterPressureDrop", "Utilities/ExtractionAirFlow", "Utilities/VacuumPressure",
    "Utilities/FeedFramePower", "Utilities/BlenderPower", "Utilities/FeederPower", "Utilities/VacuumPower",
    "Utilities/ExtractionPower", "Utilities/ControlsPower", "Utilities/HvacPower",
)  # fmt: skip
ENERGY_TAG = "Utilities/EnergyTotal"
#: Tags that come when they come.
SLOW_TAGS = NIR_TAGS + NIR2_TAGS + TESTER_TAGS + ASSAY_TAGS
ARRAY_TAGS = ("NIR/Spectrum", "NIR/Axis", "NIR2/Spectrum", "Press/StationForce")
N_SENSOR_NORMALS = 4 * len(NOISY_FEEDER_TAGS) + len(NOISY_TAGS)


class Frame:
    """Values, statuses and source steps of n lines, (n, n_scalars). Tags without a value yet: NaN and Bad.

    `signals` (n, n_signals) are the fast signals in SI, filled anew each second and then published: the noisy ones
    first (`N_SENSOR_NORMALS` columns, in the order of the draws). `column` and `feeder` say where each stands.
    """

    def __init__(self, register: TagRegister, n_lines: int) -> None:
        order = [*_four(NOISY_FEEDER_TAGS), *NOISY_TAGS, *EXACT_TAGS, *_four(EXACT_FEEDER_TAGS)]
        _require(register, [*order, *METER_TAGS, ENERGY_TAG, *SLOW_TAGS], ARRAY_TAGS)
        self.register = register
        index = register.scalar_index
        self._position = {tag: i for i, tag in enumerate(order)}
        columns = [index[tag] for tag in order]
        fast = [*columns, *(index[tag] for tag in register.setpoint_ids)]
        n = len(register.scalar_ids)
        late = sorted(set(range(n)) - set(fast))
        # values in the order signals, set-points, what comes when it comes; `_place` says where each scalar stands in it
        self._place = np.argsort([*fast, *late])
        self._shown: Vector = np.full((n_lines, n), np.nan)
        self._plant_units = self._shown[:, : len(order)]
        self._setpoints = self._shown[:, len(order) : len(fast)]
        self._fast = np.zeros((n_lines, n), np.bool_)
        self._fast[:, fast] = True
        self._unit = register.si_factor[columns]
        #: Where blocks of tags stand in `values` and in `_shown`, by first tag and number.
        self._blocks: dict[tuple[int, int], tuple[slice | list[int], Counts]] = {}
        self.signals: Vector = np.zeros((n_lines, len(order)))
        self.values: Vector = np.full((n_lines, n), np.nan)
        self.statuses = np.full((n_lines, n), STATUS_BAD_WAITING_FOR_INITIAL_DATA, np.uint32)
        self.source_steps = np.zeros((n_lines, n), np.int64)
        self.statuses[self._fast] = STATUS_GOOD

    def column(self, tag: str) -> int:
        """Return where a fast tag stands in `signals`."""
        return self._position[tag]

    def feeder(self, name: str) -> slice:
        """Return where the four feeders' tags of this name stand in `signals`."""
        start = self._position[f"Feeder1/{name}"]
        return slice(start, start + 4)

    def scalars(self, tags: Sequence[str]) -> list[int]:
        """Return the register's positions of tags."""
        return [self.register.scalar_index[tag] for tag in tags]

    def publish(self, second: int, setpoints: Vector) -> None:
        """Write `signals` [SI] and the accepted set-points (n, m) [plant units] as the values of this second."""
        np.divide(self.signals, self._unit, out=self._plant_units)
        self._setpoints[:] = setpoints
        self._shown.take(self._place, axis=1, out=self.values, mode="clip")
        np.copyto(self.source_steps, second, where=self._fast)

    def block(
        self, columns: Sequence[int], values: Vector, second: int, status: NDArray[np.uint32] | int = STATUS_GOOD
    ) -> None:
        """Write values (n, k) [plant units] of all lines at `scalars(tags)`, measured at `second`; status (n,) or one."""
        key = (columns[0], len(columns))
        if key not in self._blocks:
            self._blocks[key] = (_as_slice(list(columns)), self._place[list(columns)])
        where, place = self._blocks[key]
        self.values[:, where] = values
        self._shown[:, place] = values
        self.statuses[:, where] = status if isinstance(status, int) else status[:, None]
        self.source_steps[:, where] = second

    def slow(
        self, i_line: int, columns: Sequence[int], values: Sequence[float], source: int, status: int = STATUS_GOOD
    ) -> None:
        """Write values of one line that arrive with a delay, at `scalars(tags)`."""
        self.values[i_line, columns] = values
        self._shown[i_line, self._place[columns]] = values
        self.statuses[i_line, columns] = status
        self.source_steps[i_line, columns] = source


def _four(names: Sequence[str]) -> list[str]:
    return [f"Feeder{i}/{name}" for name in names for i in range(1, 5)]


def _as_slice(columns: list[int]) -> slice | list[int]:
    """Return columns that follow one another as a slice, which copies faster."""
    runs = columns == list(range(columns[0], columns[0] + len(columns)))
    return slice(columns[0], columns[0] + len(columns)) if runs else columns


def _require(register: TagRegister, scalars: Sequence[str], arrays: Sequence[str]) -> None:
    missing = [t for t in scalars if t not in register.scalar_index] + [t for t in arrays if t not in register.array_ids]
    if missing:
        raise ConfigurationFaults([Fault("tag register", tag, "missing", "the plant publishes this tag") for tag in missing])
