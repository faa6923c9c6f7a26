"""The suite around the lines: air, powder moisture, dust extraction, refill vacuum and power, every ten seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Counts, Flags, Vector
from plant_sim.streams import SURROUNDINGS, NormalStream
from plant_sim.surroundings.activity import Activity
from plant_sim.surroundings.dust_extraction import DustExtraction
from plant_sim.surroundings.hvac import AirHandler
from plant_sim.surroundings.moisture import PowderMoisture
from plant_sim.surroundings.power import EXTRACTION, FEED_FRAME, HVAC, VACUUM, Power
from plant_sim.surroundings.refill_vacuum import RefillVacuum
from plant_sim.surroundings.room_air import AIR_DENSITY, RoomAir

#: Seconds between two steps, and steps between two looks at the air handler's power and the weather.
STEP_S: Final = 10
STEPS_A_LOOK: Final = 6
#: Tags in the order of `signals`.
SURROUNDING_TAGS: Final = (
    "Utilities/RoomTemperature", "Utilities/RoomHumidity", "Utilities/SupplyAirFlow", "Utilities/FilterPressureDrop",
    "Utilities/ExtractionAirFlow", "Utilities/VacuumPressure", "Utilities/FeedFramePower", "Utilities/BlenderPower",
    "Utilities/FeederPower", "Utilities/VacuumPower", "Utilities/ExtractionPower", "Utilities/HvacPower",
    "Utilities/ControlsPower", "Utilities/EnergyTotal",
)  # fmt: skip
#: Random numbers a step: the room's wander, then one a meter.
N_WANDER, N_METERS = 2, 11
#: Columns of `signals` with the noise of a meter, and those that are power.
METERED, METERED_WATTS = slice(2, 13), slice(6, 13)
METER_NOISE: Final = 0.01
PERCENT, PER_HOUR, KILO = 100.0, 3600.0, 1e-3


class Surroundings:
    """Surroundings of n lines. `step` every STEP_S seconds; between two steps everything stands still.

    For others: `temperature_c`, `humidity` of the room (n,); `moisture.content` (n, 4) of the feeders' powder and
    `moisture.supply` of what the next refill brings; `refill_factor` (n,) on the refill rate; `power_kw` (n, k) and
    `energy_kwh` (n, k) in the order of power.CONSUMERS; `extraction`, `vacuum`, `air`. `signals()` for the frame.
    """

    def __init__(self, groups: dict[str, Columns], feeder: Columns, seeds: Sequence[int]) -> None:
        p = groups["surroundings"]
        n = len(seeds)
        self._machine_heat, self._tablet_kg = p["machine_heat"], groups["content"]["tablet_mass"]
        self.power = Power(groups, feeder)
        self.air = RoomAir(p, groups["room"], float(STEP_S), self.power.machines_w * self._machine_heat)
        self.handler = AirHandler(p, self.air)
        self.moisture = PowderMoisture(p, feeder, float(STEP_S))
        self.extraction, self.vacuum = DustExtraction(p, float(STEP_S)), RefillVacuum(p)
        self.power.watts[:, HVAC] = self.handler.power_w()
        self.extraction.step(np.zeros(n), np.zeros(n, np.bool_), None)
        self._stream = NormalStream(seeds, SURROUNDINGS, N_WANDER + N_METERS)
        self._meters: Vector = np.zeros((n, N_METERS))
        self._signals: Vector = np.zeros((n, len(SURROUNDING_TAGS)))
        self._made: Counts = np.zeros(n, np.int64)
        self._refilled_kg: Vector = np.zeros_like(feeder["screw_speed_max"])
        self._disturbed = False
        self._steps = 0

    @property
    def temperature_c(self) -> Vector:
        """(n,) room temperature [degC]."""
        return self.air.shown_c

    @property
    def humidity(self) -> Vector:
        """(n,) relative humidity of the room [-]."""
        return self.air.shown_humidity

    @property
    def refill_factor(self) -> Vector:
        """(n,) factor on the feeders' refill rate, 1 with a tight vacuum line."""
        return self.vacuum.refill_factor

    @property
    def power_kw(self) -> Vector:
        """(n, k) power of each consumer [kW]."""
        return self.power.watts * KILO

    @property
    def energy_kwh(self) -> Vector:
        """(n, k) energy of each consumer since the start [kWh]."""
        return self.power.energy_kwh

    def step(self, activity: Activity, effects: FaultEffects) -> None:
        """Advance STEP_S seconds, the line having done `activity`."""
        normals = self._stream.take()
        self._meters = normals[:, N_WANDER:]
        self._steps += 1
        running, supplied, free = activity.on, None, None
        if effects.any_active or self._disturbed:
            self._disturb(effects)
            supplied, free = ~effects.power_dip, effects.extraction
            running = running & supplied
        made, added_kg = activity.tablets_made - self._made, activity.refilled_kg - self._refilled_kg
        self._made, self._refilled_kg = activity.tablets_made.copy(), activity.refilled_kg.copy()
        per_s = made / STEP_S
        if self._steps % STEPS_A_LOOK == 0:
            self.air.weather(self._steps * STEP_S)
        self.air.step(self.power.machines_w * self._machine_heat, normals[:, :N_WANDER].T, supplied)
        self.moisture.step(self.air.shown_humidity, activity.feeders_kg, added_kg)
        self.extraction.step(per_s * self._tablet_kg, running, free)
        lifting = (added_kg > 0.0).any(axis=1)
        self.vacuum.step(lifting)
        self._consume(activity, per_s, running, lifting, supplied)

    def _disturb(self, effects: FaultEffects) -> None:
        self.air.set_targets(effects.room_temperature_c, effects.room_humidity)
        self.vacuum.set_leak(effects.vacuum_leak)
        self._disturbed = effects.any_active

    def _consume(self, activity: Activity, per_s: Vector, running: Flags, lifting: Flags, supplied: Flags | None) -> None:
        power = self.power
        power.drives(activity, per_s)
        power.watts[:, VACUUM] = self.vacuum.power_w(lifting)
        power.watts[:, EXTRACTION] = self.extraction.power_w(running)
        if self._steps % STEPS_A_LOOK == 0 or supplied is not None:
            power.watts[:, HVAC] = self.handler.power_w() if supplied is None else self.handler.power_w() * supplied
        power.count(STEP_S)

    def signals(self) -> Vector:
        """Return what the suite's instruments show, (n, 14) plant units, in the order of SURROUNDING_TAGS."""
        shown, watts = self._signals, self.power.watts
        shown[:, 0] = self.air.shown_c
        shown[:, 1] = self.air.shown_humidity * PERCENT
        shown[:, 2] = self.air.air_kg_per_s * (PER_HOUR / AIR_DENSITY)
        shown[:, 3] = self.extraction.filter_pa
        shown[:, 4] = self.extraction.flow_m3_per_s * PER_HOUR
        shown[:, 5] = self.vacuum.pressure_pa * KILO
        shown[:, METERED_WATTS] = watts[:, FEED_FRAME:] * KILO
        shown[:, METERED] *= 1.0 + METER_NOISE * self._meters
        shown[:, -1] = self.power.energy_kwh.sum(axis=1)
        return shown
