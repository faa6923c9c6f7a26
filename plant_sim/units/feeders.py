"""Four loss-in-weight feeders: hopper, screw, delivery, refill, and the scale under each. The loops are in the PLC."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import ACTIVE, API, N_EXTENTS, N_FEEDERS, TINY_KG, TOTAL, VOLUME, Flags, Vector, bounded

#: A 1 s reading is the mean of ten 10 Hz readings.
READINGS_A_SECOND = 10.0
#: The refill noise is that of a hopper of this size; smaller hoppers are hit less.
REFILL_NOISE_HOPPER_KG = 4.0


class FeederBank:
    """Physics of all feeders, (n_lines, 4).

    q = ff(m, rho) omega (1 + eta), ff = ffmax (1 - (1 - r) exp(-beta m)) rho / rho_ref (form recalled from Bascone
    2020); eta = AR(1) noise + random walk + screw line + bump that decays after a refill. Wrong below about a tenth
    of the hopper, where screws starve (here delivery just ends at zero).
    """

    def __init__(self, p: Columns) -> None:
        shape = p["feed_factor_max"].shape
        self._p = p
        self.mass: Vector = p["initial_fill"].copy()
        self.specific_volume: Vector = 1.0 / p["bulk_density"]
        self.volume: Vector = self.mass * self.specific_volume
        self.active: Vector = self.mass * p["purity"]
        self.supply_volume: Vector = self.specific_volume.copy()
        self.speed: Vector = np.zeros(shape)
        self.refilled: Vector = np.zeros(shape)
        self.dispensed: Vector = np.zeros(shape)
        self.delivered: Vector = np.zeros(shape)
        self._noise = np.zeros(shape)
        self._drift = np.zeros(shape)
        self._bump = np.zeros(shape)
        self._phase = np.zeros(shape)
        self._noise_keep = np.exp(-1.0 / p["flow_noise_time"])
        self._noise_in = p["flow_noise"] * np.sqrt(1.0 - self._noise_keep**2)
        self._bump_keep = np.exp(-1.0 / p["refill_bump_time"])
        self._lag = -np.expm1(-1.0 / p["drive_lag"])
        self._refill_rate = (p["refill_complete"] - p["refill_request"]) / p["refill_time"]
        self._bump_in = p["refill_bump"] / p["refill_time"] * 1.5
        self.scale = FeederScale(p, self.mass)

    def step(self, command: Vector, refilling: Flags, effects: FaultEffects, normals: Vector) -> Vector:
        """Advance one second; return what fell into the blender, (n_lines, N_EXTENTS).

        command (n_lines, 4) screw speed [rev/s]; refilling (n_lines, 4); normals (n_lines, 3, 4).
        """
        p = self._p
        reach = np.where(command > 0.0, p["screw_rate"], np.inf)  # a stop brakes, a start ramps
        self.speed = self.speed + bounded((command - self.speed) * self._lag, -reach, reach)
        self._noise = self._noise_keep * self._noise + self._noise_in * normals[:, 0]
        self._drift = self._drift + p["feed_factor_drift"] * normals[:, 1]
        self._bump = self._bump_keep * self._bump + np.where(refilling, self._bump_in, 0.0)
        self._phase = (self._phase + 2.0 * np.pi * self.speed) % (2.0 * np.pi)
        wobble = self._noise + self._drift + self._bump + p["screw_line"] * np.sin(self._phase)
        level = 1.0 - (1.0 - p["feed_factor_ratio"]) * np.exp(-p["level_coefficient"] * self.mass)
        density = self.mass / np.maximum(self.volume * p["bulk_density"], TINY_KG)
        flow = p["feed_factor_max"] * level * density * self.speed * np.maximum(1.0 + wobble, 0.0)
        flow = flow * effects.feeder_flow
        self.delivered = np.minimum(flow, self.mass)
        share = self.delivered / np.maximum(self.mass, TINY_KG)
        blend = self._deliver(share)
        added = np.where(refilling, self._refill_rate, 0.0)
        self._receive(added)
        self.scale.follow(added - self.delivered * effects.scale_sees, added, effects.scale_gain)
        return blend

    def _deliver(self, share: Vector) -> Vector:
        blend = np.zeros((share.shape[0], N_EXTENTS))
        active, volume = self.active * share, self.volume * share
        blend[:, API : API + N_FEEDERS] = self.delivered
        blend[:, TOTAL] = self.delivered.sum(axis=1)
        blend[:, ACTIVE] = active[:, 0]
        blend[:, VOLUME] = volume.sum(axis=1)
        self.mass = self.mass - self.delivered
        self.active = self.active - active
        self.volume = self.volume - volume
        self.dispensed = self.dispensed + self.delivered
        return blend

    def _receive(self, added: Vector) -> None:
        self.mass = self.mass + added
        self.volume = self.volume + added * self.supply_volume
        self.active = self.active + added * self._p["purity"]
        self.refilled = self.refilled + added

    def load_lot(self, i_line: int, i_feeder: int, density_factor: float) -> None:
        """The next material to be refilled has a bulk density of `density_factor` times the reference."""
        self.supply_volume[i_line, i_feeder] = self.specific_volume[i_line, i_feeder] / density_factor


class FeederScale:
    """What the load cell says. A span error acts on changes from its onset on: the reading does not jump."""

    def __init__(self, p: Columns, mass: Vector) -> None:
        self._gain = 1.0 + p["scale_span_error"]
        self._noise = p["scale_noise"] / np.sqrt(READINGS_A_SECOND)
        self._impact = p["refill_scale_noise"] * p["refill_complete"] / REFILL_NOISE_HOPPER_KG
        self._clean: Vector = mass * self._gain
        self.refilling = np.zeros(mass.shape, np.bool_)

    def follow(self, change_kg: Vector, added_kg: Vector, fault_gain: Vector) -> None:
        """Add what the cell felt this second."""
        self.refilling = added_kg > 0.0
        self._clean = self._clean + change_kg * self._gain * fault_gain

    def read(self, normals: Vector) -> Vector:
        """Return the net weight [kg] as displayed, (n_lines, 4)."""
        return self._clean + normals * np.where(self.refilling, self._impact, self._noise)
