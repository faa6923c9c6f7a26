"""What the faults in force do to the physics, one array entry a line. Neutral values mean: no fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from plant_sim.extents import N_FEEDERS, Flags, Vector


@dataclass(frozen=True)
class Effect:
    """One way a fault can reach the physics: its neutral value (a bool for a flag), one a line or one a feeder, meaning."""

    neutral: float | bool
    each_feeder: bool
    meaning: str


_FEEDER: dict[str, tuple[float | bool, str]] = {
    "feeder_flow": (1.0, "factor on delivery that the loop cannot answer: bridge, blocked outlet"),
    "feed_factor": (1.0, "factor on the feed factor: worn or caked screws"),
    "flow_noise": (1.0, "factor on the 1 s flow noise: lumps, cohesion"),
    "rat_hole": (0.0, "share of the hopper that stands still around a rat-hole"),
    "screw_jam": (False, "the screws do not turn"),
    "drive_slow": (1.0, "factor on the drive's lag"),
    "drive_limit": (1.0, "factor on the highest screw speed"),
    "torque": (1.0, "factor on motor torque"),
    "scale_gain": (1.0, "factor on weight changes the scale reports: span error"),
    "scale_sees": (1.0, "share of the delivery the scale feels: stiff vent or connector"),
    "scale_drift_kg_per_s": (0.0, "creep of the load cell"),
    "scale_offset_kg": (0.0, "weight resting on the feeder: a tool, a hand, a hose"),
    "scale_pulse_kg": (0.0, "amplitude of pressure pulses in vent and connector, 20 s period"),
    "scale_noise": (1.0, "factor on scale noise: vibration"),
    "scale_stuck": (False, "the reading does not change any more"),
    "refill_blocked": (False, "the refill valve stays shut"),
    "refill_stuck_open": (False, "the refill valve stays open: overfilled"),
    "refill_bump": (1.0, "factor on the densification by a refill"),
    "refill_rate": (1.0, "factor on the refill rate: weak vacuum"),
    "supply_purity": (1.0, "factor on the active content of what is refilled: wrong or weak material"),
}
_LINE: dict[str, tuple[float | bool, str]] = {
    "fill_density": (1.0, "factor on the density of powder in the dies"),
    "yield_pressure": (1.0, "factor on yield pressure"),
    "strength": (1.0, "factor on tensile strength at equal solid fraction"),
    "lubrication_rate": (1.0, "factor on the rate at which shear costs strength"),
    "ejection_friction": (1.0, "factor on die-wall friction: sticking, worn die bores"),
    "punch_offset_m": (0.0, "length error of the punch pair in station 7"),
    "tip_wear_m": (0.0, "shortening of all punches"),
    "height_offset_m": (0.0, "main roller gap differs from what is displayed: bearing, thermal growth"),
    "force_gain": (1.0, "factor on what the force sensor reports"),
    "force_noise": (1.0, "factor on the noise of the force sensor"),
    "force_stuck": (False, "the force reading does not change any more"),
    "fill_stuck": (False, "the fill cam does not move"),
    "paddle_speed": (1.0, "factor on paddle speed"),
    "turret_speed": (1.0, "factor on the turret speed reached: slipping or tired drive"),
    "pre_force": (1.0, "factor on pre-compression force"),
    "segregation": (0.0, "relative amplitude of API segregation in the hopper as it empties and fills"),
    "hold_back": (0.0, "share of the blender that stands still: caking"),
    "impeller_speed": (1.0, "factor on the impeller speed reached: belt slip"),
    "blender_torque": (1.0, "factor on blender torque: bearing"),
    "blender_offset_kg": (0.0, "offset of the blender's load cells"),
    "hopper_bridge": (1.0, "factor on the hopper's discharge rate"),
    "level_offset_kg": (0.0, "offset of the level sensor"),
    "level_stuck": (False, "the level reading does not change any more"),
    "press_stop": (False, "the press stops: jam"),
    "guard_open": (False, "a guard is open"),
    "e_stop": (False, "the emergency stop is pressed"),
    "power_dip": (False, "supply voltage too low: every drive drops out"),
    "reject_stuck": (False, "the single-tablet reject gate does not move: bad tablets go on"),
    "gate_stuck": (0.0, "diverter: 0 free, 1 stuck at accept, 2 stuck at divert"),
    "gate_slow_s": (0.0, "extra switching time of the diverter"),
    "gate_feedback_wrong": (False, "the diverter reports the other position"),
    "chute_slow": (1.0, "factor on transport time behind the press: clogged deduster"),
    "nir_out": (False, "spectrometer out of service"),
    "nir_bias": (0.0, "relative error of what the probe sees of the API"),
    "nir_fouling_au": (0.0, "film on the window"),
    "nir_lamp_au": (0.0, "lamp ageing: tilt"),
    "nir_noise": (1.0, "factor on photon noise"),
    "nir_shift_per_cm": (0.0, "shift of the wavenumber axis"),
    "nir_frozen": (False, "the same spectrum again and again"),
    "tester_weight": (1.0, "factor on the tester's weights"),
    "tester_hardness": (1.0, "factor on the tester's hardness"),
    "tester_out": (False, "the tester gives no result"),
    "assay_gain": (1.0, "factor on the assay"),
    "assay_late_s": (0.0, "extra delay of assay results"),
    "sample_swap": (False, "assay results carry the counters of the sample before"),
    "bin_scale": (1.0, "factor on what the accepted-bin scale adds"),
    "room_temperature_c": (0.0, "offset of room temperature"),
    "room_humidity": (0.0, "offset of relative humidity (fraction)"),
    "extraction": (1.0, "factor on free area of the dust filter: 1 clean, towards 0 blocked"),
    "vacuum_leak": (0.0, "leak area over the refill line's area"),
}

#: Every effect by name.
EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {name: Effect(neutral, True, text) for name, (neutral, text) in _FEEDER.items()}
    | {name: Effect(neutral, False, text) for name, (neutral, text) in _LINE.items()}
)


class FaultEffects:
    """Factors, offsets and flags that the units read each second: arrays (n, 4) for feeders, (n,) for the line.

    `names` and meanings: EFFECTS. A new mechanism is one more row there and one more annotation here. `any_active`
    tells whether any line has a fault in force, so that a unit may skip what only faults need.
    """

    feeder_flow: Vector
    feed_factor: Vector
    flow_noise: Vector
    rat_hole: Vector
    screw_jam: Flags
    drive_slow: Vector
    drive_limit: Vector
    torque: Vector
    scale_gain: Vector
    scale_sees: Vector
    scale_drift_kg_per_s: Vector
    scale_offset_kg: Vector
    scale_pulse_kg: Vector
    scale_noise: Vector
    scale_stuck: Flags
    refill_blocked: Flags
    refill_stuck_open: Flags
    refill_bump: Vector
    refill_rate: Vector
    supply_purity: Vector
    fill_density: Vector
    yield_pressure: Vector
    strength: Vector
    lubrication_rate: Vector
    ejection_friction: Vector
    punch_offset_m: Vector
    tip_wear_m: Vector
    height_offset_m: Vector
    force_gain: Vector
    force_noise: Vector
    force_stuck: Flags
    fill_stuck: Flags
    paddle_speed: Vector
    turret_speed: Vector
    pre_force: Vector
    segregation: Vector
    hold_back: Vector
    impeller_speed: Vector
    blender_torque: Vector
    blender_offset_kg: Vector
    hopper_bridge: Vector
    level_offset_kg: Vector
    level_stuck: Flags
    press_stop: Flags
    guard_open: Flags
    e_stop: Flags
    power_dip: Flags
    reject_stuck: Flags
    gate_stuck: Vector
    gate_slow_s: Vector
    gate_feedback_wrong: Flags
    chute_slow: Vector
    nir_out: Flags
    nir_bias: Vector
    nir_fouling_au: Vector
    nir_lamp_au: Vector
    nir_noise: Vector
    nir_shift_per_cm: Vector
    nir_frozen: Flags
    tester_weight: Vector
    tester_hardness: Vector
    tester_out: Flags
    assay_gain: Vector
    assay_late_s: Vector
    sample_swap: Flags
    bin_scale: Vector
    room_temperature_c: Vector
    room_humidity: Vector
    extraction: Vector
    vacuum_leak: Vector

    def __init__(self, n_lines: int) -> None:
        self.n_lines = n_lines
        self.any_active = False
        for name, effect in EFFECTS.items():
            shape = (n_lines, N_FEEDERS) if effect.each_feeder else (n_lines,)
            setattr(self, name, np.full(shape, effect.neutral))

    def clear(self, i_line: int) -> None:
        """Take all faults off one line."""
        for name, effect in EFFECTS.items():
            getattr(self, name)[i_line] = effect.neutral
