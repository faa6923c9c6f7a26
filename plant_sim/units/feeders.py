"""Four loss-in-weight feeders: screws, delivery and refill, over a hopper and on a scale. The loops are in the PLC."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import TINY_KG, Flags, Vector, bounded
from plant_sim.units.feeder_hopper import FeederHoppers, LotProperties
from plant_sim.units.feeder_scale import FeederScale
from plant_sim.units.feeder_wear import ScrewWear

#: Wear, creep and the effect of particle size are brought up to date this often.
SLOW_S = 10
#: A refill brings its bump in over its own length and loses part of it meanwhile.
BUMP_GAIN = 1.5
#: Rows of the flow's disturbances.
NOISE, DRIFT, BUMP, AERATION = 0, 1, 2, 3
#: Below this speed [rev/s] a motor shows no torque; its load counts up to this multiple of the full screw.
STANDING, LOAD_MAX = 1e-3, 2.0


class FeederBank:
    """Physics of all feeders, (n_lines, 4).

    q = ffmax g(m) (rho / rho_ref) s(m) w omega (1 + eta), g = 1 - (1 - r) exp(-beta m) (form recalled from Bascone 2020);
    s = x (2 - x), x = m / m_low below m_low: starving screws; w: wear and particle size, d^a. eta = AR(1) noise, growing as
    d^b with the relative d50 d, + random walk + densification by a refill - its aeration (both decay) + screw line
    (structure: AIChE 2021 paper 185a). m is the mass that flows: a rat-hole leaves a share of the hopper standing.
    Torque = base + load per revolution + jam. Wrong for a hopper that empties as a plug, and within a revolution.
    moisture (n_lines, 4): water of the material as received [kg/kg].
    """

    def __init__(self, p: Columns, moisture: Vector) -> None:
        shape = p["feed_factor_max"].shape
        self._p = p
        self.hopper = FeederHoppers(p, moisture)
        self.scale = FeederScale(p, self.hopper.mass)
        self.wear = ScrewWear(p)
        self.speed: Vector = np.zeros(shape)
        self.refilled: Vector = np.zeros(shape)
        self.dispensed: Vector = np.zeros(shape)
        self.delivered: Vector = np.zeros(shape)
        self.torque: Vector = np.zeros(shape)
        self.standing: Vector = np.zeros(shape)
        #: (n_lines, 1) what the refill vacuum reaches of its design, 0..; written by the surroundings.
        self.vacuum: Vector = np.ones((shape[0], 1))
        self._turns = np.zeros(shape)
        self._second = 0
        self._lag = -np.expm1(-1.0 / p["drive_lag"])
        self._level_share = 1.0 - p["feed_factor_ratio"]
        self._level_rate = -p["level_coefficient"]
        self._refill_rate = (p["refill_complete"] - p["refill_request"]) / p["refill_time"]
        self._torque_idle = p["torque_base"] * p["torque_idle_share"]
        self._torque_load = p["torque_base"] - self._torque_idle
        self._build_disturbances(p, shape)
        self._bring_up_to_date()

    def _build_disturbances(self, p: Columns, shape: tuple[int, ...]) -> None:
        n = shape[0]
        self._disturbance = np.zeros((n, 4, 4))
        noise_keep, one = np.exp(-1.0 / p["flow_noise_time"]), np.ones(shape)
        bump_keep, aeration_keep = np.exp(-1.0 / p["refill_bump_time"]), np.exp(-1.0 / p["refill_aeration_time"])
        self._keep = np.stack((noise_keep, one, bump_keep, aeration_keep), axis=1)
        self._noise_in = p["flow_noise"] * np.sqrt(1.0 - noise_keep**2)
        a_refill = p["refill_complete"] - p["refill_request"]
        self._bump_in = BUMP_GAIN * np.stack((p["refill_bump"], -p["refill_aeration"]), axis=1) / a_refill[:, None]

    @property
    def mass(self) -> Vector:
        """(n_lines, 4) kg in the hoppers."""
        return self.hopper.mass

    @property
    def volume(self) -> Vector:
        """(n_lines, 4) m3 in the hoppers, loose."""
        return self.hopper.volume

    def step(self, command: Vector, valve: Flags, receiver_off: Flags, effects: FaultEffects, normals: Vector) -> Vector:
        """Advance one second; return what fell into the blender, (n_lines, N_EXTENTS).

        command (n_lines, 4) screw speed [rev/s]; valve (n_lines, 4) the refill valve is told to be open; receiver_off
        (n_lines, 4) the vacuum receiver is told to stop; normals (n_lines, 3, 4), of which two are used here.
        """
        faulty = effects.any_active
        self._turn(command, effects)
        eta = self._disturb(normals, effects)
        mass = self.hopper.mass
        flowing = self._flowing(mass, effects) if faulty else mass
        load = self._load(mass, flowing, eta)
        if faulty:
            load = load * effects.feed_factor * effects.feeder_flow
        flow = self._p["feed_factor_max"] * load * self.speed
        self._feel_torque(load, effects)
        share = np.minimum(flow, flowing) / np.maximum(mass, TINY_KG)
        self.delivered, blend = self.hopper.deliver(share)
        self.dispensed = self.dispensed + self.delivered
        self._refill(valve, receiver_off, effects)
        self._second += 1
        if self._second % SLOW_S == 0:
            self._age()
        return blend

    def load_lot(self, i_line: int, i_feeder: int, lot: LotProperties, slot: int) -> None:
        """Refill a feeder from now on with another lot; see FeederHoppers.load."""
        self.hopper.load(i_line, i_feeder, lot, slot)

    def _turn(self, command: Vector, effects: FaultEffects) -> None:
        lag = self._lag
        if effects.any_active:
            p = self._p
            lag = -np.expm1(-1.0 / (p["drive_lag"] * effects.drive_slow))
            command = np.minimum(command, p["screw_speed_max"] * effects.drive_limit)
            command = np.where(effects.power_dip[:, None], 0.0, command)
        rate = self._p["screw_rate"]
        fall = np.where(command > 0.0, -rate, -np.inf)  # a stop brakes, a start ramps
        speed = self.speed + bounded((command - self.speed) * lag, fall, rate)
        self.speed = np.where(effects.screw_jam, 0.0, speed) if effects.any_active else speed
        self._turns = self._turns + self.speed

    def _disturb(self, normals: Vector, effects: FaultEffects) -> Vector:
        rows = self._disturbance * self._keep
        noise = self._noise * effects.flow_noise if effects.any_active else self._noise
        rows[:, NOISE] += noise * normals[:, 0]
        rows[:, DRIFT] += self._p["feed_factor_drift"] * normals[:, 1]
        self._disturbance = rows
        line = self._p["screw_line"] * np.sin(2.0 * np.pi * self._turns)
        return rows[:, NOISE] + rows[:, DRIFT] + rows[:, BUMP] + rows[:, AERATION] + line

    def _load(self, mass: Vector, flowing: Vector, eta: Vector) -> Vector:
        """Return the mass a revolution brings, relative to ffmax, (n_lines, 4)."""
        level = 1.0 - self._level_share * np.exp(self._level_rate * flowing)
        density = mass / np.maximum(self.hopper.volume, TINY_KG)
        load = self._per_density * density * level * np.maximum(1.0 + eta, 0.0)
        low = self._p["starving_level"]
        if np.count_nonzero(flowing < low):
            x = np.minimum(flowing / low, 1.0)
            load = load * (x * (2.0 - x))
        return load

    def _flowing(self, mass: Vector, effects: FaultEffects) -> Vector:
        """Return the mass that takes part, (n_lines, 4): a rat-hole keeps the share standing that it had at its onset."""
        here = effects.rat_hole > 0.0
        fresh = np.where(self.standing > 0.0, self.standing, effects.rat_hole * mass)
        self.standing = np.where(here, fresh, 0.0)
        return np.maximum(mass - self.standing, 0.0)

    def _feel_torque(self, load: Vector, effects: FaultEffects) -> None:
        felt = self._torque_idle + self._torque_load * np.minimum(load, LOAD_MAX)
        self.torque = felt * (self.speed > STANDING)
        if effects.any_active:
            jam = effects.screw_jam & ~effects.power_dip[:, None]
            self.torque = np.where(jam, self._p["torque_jam"], self.torque)

    def _refill(self, valve: Flags, receiver_off: Flags, effects: FaultEffects) -> None:
        change = -self.delivered
        if not effects.any_active:
            opened = valve
        else:
            change = change * effects.scale_sees
            opened = (valve | effects.refill_stuck_open) & ~effects.refill_blocked & ~receiver_off
        if not np.count_nonzero(opened):
            self.scale.feel(change, None, effects.scale_gain if effects.any_active else None)
            return
        added = self._added(opened, effects)
        self.hopper.receive(added, effects.supply_purity if effects.any_active else None)
        self.refilled = self.refilled + added
        bump = added * effects.refill_bump if effects.any_active else added
        self._disturbance[:, BUMP:] += self._bump_in * bump[:, None]
        self.scale.feel(change + added, opened, effects.scale_gain if effects.any_active else None)

    def _added(self, opened: Flags, effects: FaultEffects) -> Vector:
        """Return kg that fall in this second, (n_lines, 4): what the receiver brings, at most what has room."""
        rate = self._refill_rate * self.vacuum
        if effects.any_active:
            rate = rate * effects.refill_rate
        room = (self._p["hopper_volume"] - self.hopper.volume) * self._p["bulk_density"]
        return np.where(opened, np.minimum(rate, np.maximum(room, 0.0)), 0.0)

    def _age(self) -> None:
        self.wear.turn(SLOW_S, self.speed)
        self.scale.creep(SLOW_S)
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Work out what changes slowly: feed factor a unit of density, amplitude of the noise."""
        p, size = self._p, self.hopper.size
        self._per_density = self.wear.factor * np.power(size, p["size_feed_exponent"]) / p["bulk_density"]
        self._noise = self._noise_in * np.power(size, p["size_noise_exponent"])
