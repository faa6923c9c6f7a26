"""The load cells under the feeders: what they feel of the powder, and what else they feel."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Flags, Vector

#: A 1 s reading is the mean of ten 10 Hz readings.
READINGS_A_SECOND = 10.0
#: The refill noise is that of a hopper of this size; smaller hoppers are hit less.
REFILL_NOISE_HOPPER_KG = 4.0
#: Pressure in vent and connector lifts the hopper in half-waves of this period [s].
PULSE_PERIOD_S = 20


class FeederScale:
    """Net weight of n lines x 4 feeders as displayed.

    A span error acts on changes from its onset on: the reading does not jump. Beside white noise the cell creeps, takes a
    thing laid on it for powder, and feels half-waves of pressure. Wrong for steps within a second (no filter is modelled).
    """

    def __init__(self, p: Columns, mass: Vector) -> None:
        self._gain = 1.0 + p["scale_span_error"]
        self._creep = p["load_cell_drift"]
        self._quiet = p["scale_noise"] / np.sqrt(READINGS_A_SECOND)
        self._impact = p["refill_scale_noise"] * p["refill_complete"] / REFILL_NOISE_HOPPER_KG
        self._noise = self._quiet
        self._clean: Vector = mass * self._gain
        self._shown: Vector = self._clean.copy()
        self._second = 0

    def feel(self, change_kg: Vector, refilling: Flags | None, fault_gain: Vector | None) -> None:
        """Add what the cells felt this second, (n, 4) kg; refilling (n, 4) or None: nobody is refilled."""
        gain = self._gain if fault_gain is None else self._gain * fault_gain
        self._clean = self._clean + change_kg * gain
        self._noise = self._quiet if refilling is None else np.where(refilling, self._impact, self._quiet)
        self._second += 1

    def creep(self, seconds: float) -> None:
        """Let the load cells drift for some seconds."""
        self._clean = self._clean + self._creep * seconds

    def read(self, normals: Vector, effects: FaultEffects) -> Vector:
        """Return the net weight [kg] as displayed, (n, 4)."""
        if effects.any_active:
            return self._read_disturbed(normals, effects)
        self._shown = self._clean + normals * self._noise
        return self._shown

    def _read_disturbed(self, normals: Vector, effects: FaultEffects) -> Vector:
        self._clean = self._clean + effects.scale_drift_kg_per_s
        wave = max(float(np.sin(2.0 * np.pi * (self._second % PULSE_PERIOD_S) / PULSE_PERIOD_S)), 0.0)
        resting = effects.scale_offset_kg + effects.scale_pulse_kg * wave
        seen = self._clean + normals * (self._noise * effects.scale_noise) + resting
        self._shown = np.where(effects.scale_stuck, self._shown, seen)
        return self._shown
