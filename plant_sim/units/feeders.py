"""Four loss-in-weight feeders: screws, delivery and refill, over a hopper and on a scale. The loops are in the PLC."""

from __future__ import annotations

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import VOLUME, Flags, Vector, bounded
from plant_sim.units.feeder_hopper import FeederHoppers, LotProperties
from plant_sim.units.feeder_scale import FeederScale
from plant_sim.units.feeder_wear import ScrewWear

#: Wear, creep and the effect of particle size are brought up to date this often.
SLOW_S = 10
#: A refill brings its bump in over its own length and loses part of it meanwhile.
BUMP_GAIN = 1.5
#: What is left of a refill's bump below this share of the flow is forgotten.
FORGOTTEN = 1e-9
#: Below this speed [rev/s] a motor's torque fades.
STANDING = 1e-3


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
        self.delivered: Vector = np.zeros(shape)
        self.torque: Vector = np.zeros(shape)
        self.standing: Vector = np.zeros(shape)
        self._hollow = False
        #: (n_lines, 1) what the refill vacuum reaches of its design, 0..; the surroundings write it.
        self.vacuum: Vector = np.ones((shape[0], 1))
        self._turns = np.zeros(shape)
        self._second = 0
        # constants as arrays: a number would cost more than the operation
        self._none, self._one = np.zeros(shape), np.ones(shape)
        self._moving, self._angle = self._one / STANDING, 2.0 * np.pi * self._one
        self._lag = -np.expm1(-1.0 / p["drive_lag"])
        self._screw_rate, self._braking = p["screw_rate"], -p["screw_rate"]
        self._screw_line, self._full_screw = p["screw_line"], p["feed_factor_max"]
        self._starving_soon = p["starving_level"] + 2.0 * SLOW_S * p["feed_factor_max"] * p["screw_speed_max"]
        self._near_starving = True
        self._level_share = 1.0 - p["feed_factor_ratio"]
        self._level_rate = -p["level_coefficient"]
        self._refill_rate = (p["refill_complete"] - p["refill_request"]) / p["refill_time"]
        self._torque_idle = p["torque_base"] * p["torque_idle_share"]
        self._torque_load = p["torque_base"] - self._torque_idle
        self._build_disturbances(p, shape)
        self._bring_up_to_date()

    def _build_disturbances(self, p: Columns, shape: tuple[int, ...]) -> None:
        self._noise, self._drift = np.zeros(shape), np.ones(shape)  # the walk starts from the feed factor itself
        self._noise_keep = np.exp(-1.0 / p["flow_noise_time"])
        self._noise_reference = p["flow_noise"] * np.sqrt(1.0 - self._noise_keep**2)
        self._bump = np.zeros((shape[0], 2, shape[1]))  # densification, aeration
        self._bumpy = False
        self._bump_keep = np.exp(-1.0 / np.stack((p["refill_bump_time"], p["refill_aeration_time"]), axis=1))
        a_refill = p["refill_complete"] - p["refill_request"]
        self._bump_in = BUMP_GAIN * np.stack((p["refill_bump"], -p["refill_aeration"]), axis=1) / a_refill[:, None]

    @property
    def mass(self) -> Vector:
        """(n_lines, 4) kg in the hoppers."""
        return self.hopper.mass

    @property
    def volume(self) -> Vector:
        """(n_lines, 4) m3 in the hoppers, loose."""
        return self.hopper.held(VOLUME)

    @property
    def dispensed(self) -> Vector:
        """(n_lines, 4) kg delivered since the start."""
        return self._p["initial_fill"] + self.refilled - self.hopper.mass

    def step(self, command: Vector, valve: Flags, receiver_off: Flags, effects: FaultEffects, normals: Vector) -> Vector:
        """Advance one second; return what fell into the blender, (n_lines, N_EXTENTS).

        command (n_lines, 4) screw speed [rev/s]; valve (n_lines, 4) the refill valve is told to be open; receiver_off
        (n_lines, 4) the vacuum receiver is told to stop; normals (n_lines, 3, 4), of which two are used here.
        """
        faulty = effects.any_active
        if faulty:
            self._turn_hampered(command, effects)
        else:
            self._turn(command, self._lag)
            self._collapse()
        wobble = self._disturb(normals, effects)
        mass = self.hopper.mass
        flowing = self._flowing(mass, effects) if faulty else mass
        level = self._one - self._level_share * np.exp(self._level_rate * flowing)
        load = self._fullness * level * np.maximum(wobble, self._none)
        if faulty or self._near_starving:
            load = load * self._starving(flowing)
        if faulty:
            load = load * effects.feed_factor * effects.feeder_flow
        self.torque = (self._torque_idle + self._torque_load * load) * np.minimum(self.speed * self._moving, self._one)
        if faulty:
            self.torque = np.where(effects.screw_jam & (command > 0.0), self._p["torque_jam"], self.torque)
        self.delivered = np.minimum(load * self._full_screw * self.speed, flowing)
        blend = self.hopper.deliver(self.delivered)
        self._refill(valve, receiver_off, effects)
        self._second += 1
        if self._second % SLOW_S == 0:
            self._age()
        return blend

    def load_lot(self, i_line: int, i_feeder: int, lot: LotProperties, slot: int) -> None:
        """Refill a feeder from now on with another lot; see FeederHoppers.load."""
        self.hopper.load(i_line, i_feeder, lot, slot)

    def _turn(self, command: Vector, lag: Vector) -> None:
        fall = self._braking
        if np.count_nonzero(command) < command.size:
            fall = np.where(command > 0.0, fall, -np.inf)  # a stop brakes, a start ramps
        self.speed = self.speed + bounded((command - self.speed) * lag, fall, self._screw_rate)
        self._turns = self._turns + self.speed

    def _turn_hampered(self, command: Vector, effects: FaultEffects) -> None:
        p, before = self._p, self._turns
        command = np.minimum(command, p["screw_speed_max"] * effects.drive_limit)
        command = np.where(effects.power_dip[:, None], 0.0, command)
        self._turn(command, -np.expm1(-1.0 / (p["drive_lag"] * effects.drive_slow)))
        self.speed = np.where(effects.screw_jam, 0.0, self.speed)
        self._turns = np.where(effects.screw_jam, before, self._turns)

    def _disturb(self, normals: Vector, effects: FaultEffects) -> Vector:
        """Return the flow over that of an undisturbed screw, (n_lines, 4)."""
        fresh = normals[:, :2] * self._random
        if effects.any_active:
            fresh[:, 0] *= effects.flow_noise
        self._noise = self._noise_keep * self._noise + fresh[:, 0]
        self._drift = self._drift + fresh[:, 1]
        wobble = self._noise + self._drift + self._screw_line * np.sin(self._angle * self._turns)
        if self._bumpy:
            self._bump = self._bump * self._bump_keep
            wobble = wobble + self._bump[:, 0] + self._bump[:, 1]
        return wobble

    def _starving(self, flowing: Vector) -> Vector:
        x = np.minimum(flowing / self._p["starving_level"], 1.0)
        return x * (2.0 - x)

    def _flowing(self, mass: Vector, effects: FaultEffects) -> Vector:
        """Return the mass that takes part, (n_lines, 4): what once stands around a rat-hole stands until it falls in."""
        self.standing = np.maximum(self.standing, effects.rat_hole * mass) * (effects.rat_hole > 0.0)
        self._hollow = True
        return np.maximum(mass - self.standing, 0.0)

    def _collapse(self) -> None:
        """Let what stood fall in: no fault is left."""
        if self._hollow:
            self.standing, self._hollow = np.zeros_like(self.standing), False

    def _refill(self, valve: Flags, receiver_off: Flags, effects: FaultEffects) -> None:
        """Open the valves for what the receivers bring, at most what has room; tell the scales what they feel."""
        opened, sees, gain = valve, self.delivered, None
        if effects.any_active:
            opened = (valve | effects.refill_stuck_open) & ~effects.refill_blocked & ~receiver_off
            sees, gain = self.delivered * effects.scale_sees, effects.scale_gain
        if not np.count_nonzero(opened):
            self.scale.feel(-sees, None, gain)
            return
        rate, factor, purity = self._refill_rate * self.vacuum, None, None
        if effects.any_active:
            rate, factor, purity = rate * effects.refill_rate, effects.refill_bump, effects.supply_purity
        room = (self._p["hopper_volume"] - self.volume) * self._p["bulk_density"]
        added = np.where(opened, np.minimum(rate, np.maximum(room, 0.0)), 0.0)
        self.hopper.receive(added, purity)
        self.refilled = self.refilled + added
        self._bump = self._bump + self._bump_in * (added if factor is None else added * factor)[:, None]
        self._bumpy = True
        self._bring_up_to_date()
        self.scale.feel(added - sees, opened, gain)

    def _age(self) -> None:
        self._near_starving = bool(np.count_nonzero(self.hopper.mass < self._starving_soon))
        self.wear.turn(SLOW_S, self.speed)
        self.scale.creep(SLOW_S)
        if self._bumpy:
            self._bump = np.where(np.abs(self._bump) < FORGOTTEN, 0.0, self._bump)
            self._bumpy = bool(np.count_nonzero(self._bump))
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Work out what changes slowly: how full a revolution is in a full hopper, amplitude of the random parts."""
        p, size = self._p, self.hopper.size
        density = self.hopper.density / p["bulk_density"]
        self._fullness = density * self.wear.factor * np.power(size, p["size_feed_exponent"])
        noise = self._noise_reference * np.power(size, p["size_noise_exponent"])
        self._random = np.stack((noise, p["feed_factor_drift"]), axis=1)
