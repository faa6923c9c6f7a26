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
from plant_sim.surroundings.power import EXTRACTION, HVAC, VACUUM, Power
from plant_sim.surroundings.refill_vacuum import RefillVacuum
from plant_sim.surroundings.room_air import AIR_DENSITY, RoomAir

#: Seconds between two steps; steps between two of the room's air, and between two looks at what is slower than a minute.
STEP_S: Final = 10
STEPS_OF_AIR: Final = 3
STEPS_A_LOOK: Final = 6
#: Random numbers a step: the room's wander.
N_WANDER: Final = 2
KILO: Final = 1e-3


class Surroundings:
    """Surroundings of n lines. `step` every STEP_S seconds (the air every third); between two steps everything stands still.

    For others: `temperature_c`, `humidity` of the room (n,); `looked`: this step brought the slow states up to date, so
    that powder moves towards `moisture.equilibrium` by `moisture.share`; `refill_factor` (n,) on the refill rate;
    `power_kw` and `energy_kwh` (n, k) in the order of power.CONSUMERS; `extraction`, `vacuum`, `air`, `supply_m3_per_s`.
    """

    def __init__(self, groups: dict[str, Columns], feeder: Columns, seeds: Sequence[int]) -> None:
        p = groups["surroundings"]
        n = len(seeds)
        self._machine_heat, self._tablet_kg = p["machine_heat"], groups["content"]["tablet_mass"]
        self.power = Power(groups, feeder)
        self.air = RoomAir(p, groups["room"], float(STEP_S * STEPS_OF_AIR), self.power.machines_w * self._machine_heat)
        self.handler = AirHandler(p, self.air)
        self.moisture = PowderMoisture(p, feeder, float(STEP_S * STEPS_A_LOOK))
        self.extraction, self.vacuum = DustExtraction(p), RefillVacuum(p)
        self._handler_w = self.handler.power_w()
        self.power.watts[:, HVAC] = self._handler_w
        self._blowing: Vector = np.ones(n)
        self._stream = NormalStream(seeds, SURROUNDINGS, N_WANDER)
        self._made: Counts = np.zeros(n, np.int64)
        self._looked_made = self._made
        self._refilled_kg: Vector = np.zeros_like(feeder["screw_speed_max"])
        self._disturbed = self.looked = False
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
    def supply_m3_per_s(self) -> Vector:
        """(n,) supply air [m3/s]."""
        return self.air.air_kg_per_s / AIR_DENSITY * self._blowing

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
        self._steps += 1
        running = activity.on
        if effects.any_active or self._disturbed:
            running = self._disturb(activity, effects)
        if self._steps % STEPS_OF_AIR == 0:
            self.air.step(self.power.machines_w * self._machine_heat, self._stream.take().T)
        self.looked = self._steps % STEPS_A_LOOK == 0
        if self.looked:
            self._look(activity)
        self.extraction.run(running)
        lifted: Flags = np.any(activity.refilled_kg > self._refilled_kg, axis=1)
        self._refilled_kg = activity.refilled_kg.copy()
        self.vacuum.run(lifted)
        power = self.power
        per_s: Vector = (activity.tablets_made - self._made) / float(STEP_S)
        self._made = activity.tablets_made.copy()
        power.drives(activity, per_s)
        power.watts[:, VACUUM] = self.vacuum.power_w
        power.watts[:, EXTRACTION] = self.extraction.power_w
        power.watts[:, HVAC] = self._handler_w * self._blowing
        power.count(STEP_S)

    def _disturb(self, activity: Activity, effects: FaultEffects) -> Flags:
        """Give the units what faults do; return where the extraction runs. Without faults it changes no bit."""
        self._disturbed = effects.any_active
        supplied = ~effects.power_dip
        self._blowing = supplied.astype(np.float64)
        self.air.set_errors(effects.room_temperature_c, effects.room_humidity)
        self.air.set_flow(supplied)
        self.vacuum.set_leak(effects.vacuum_leak)
        self.extraction.set_free_share(effects.extraction)
        return activity.on & supplied

    def _look(self, activity: Activity) -> None:
        """Advance what is slower than a minute: weather, air handler, powder moisture, dust cake."""
        self.air.weather(self._steps * STEP_S)
        self._handler_w = self.handler.power_w()
        self.moisture.feel(self.air.shown_humidity)
        self.extraction.load((activity.tablets_made - self._looked_made) * self._tablet_kg)
        self._looked_made = activity.tablets_made.copy()
