"""What the simulated line is made of: every value with unit, source, reference and the range a plant may lie in."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from line.configuration import load
from plant_sim.instruments.parameters import (
    AssayParameters,
    FeedFrameProbeParameters,
    InstrumentParameters,
    NirParameters,
    ReleaseLaboratoryParameters,
    TesterParameters,
)
from plant_sim.quantities import Checked as _Checked
from plant_sim.quantities import Group as _Group
from plant_sim.quantities import Quantity
from plant_sim.quantities import in_unit as _unit
from plant_sim.surroundings.parameters import SurroundingsParameters

#: Two structures of the same line: other equations for compaction, lubrication, die filling and blending, same reference point.
Variant = Literal["a", "b"]
#: Draws stay inside this many standard deviations of the reference.
DRAW_LIMIT_SIGMA = 2.0


class FeederParameters(_Checked):
    """One loss-in-weight feeder and its material."""

    feed_factor_max: Quantity = _unit("g/rev")
    feed_factor_ratio: Quantity = _unit("-")
    level_coefficient: Quantity = _unit("1/kg")
    bulk_density: Quantity = _unit("g/cm3")
    flow_noise: Quantity = _unit("%")
    feed_factor_drift: Quantity = _unit("%/h^0.5")
    refill_bump: Quantity = _unit("%")
    refill_time: Quantity = _unit("s")
    refill_request: Quantity = _unit("kg")
    refill_complete: Quantity = _unit("kg")
    initial_fill: Quantity = _unit("kg")
    scale_noise: Quantity = _unit("g")
    scale_window: Quantity = _unit("s")
    scale_span_error: Quantity = _unit("%")
    purity: Quantity = _unit("%")
    starving_level: Quantity = _unit("kg")
    hopper_volume: Quantity = _unit("L")
    moisture_monolayer: Quantity = _unit("%")
    moisture_c: Quantity = _unit("-")
    moisture_k: Quantity = _unit("-")


class FeederSet(_Group):
    """The four feeders in their order on the line."""

    api: FeederParameters
    premix: FeederParameters
    lactose: FeederParameters
    lubricant: FeederParameters

    def each(self) -> tuple[FeederParameters, ...]:
        """Return the feeders 1..4."""
        return (self.api, self.premix, self.lactose, self.lubricant)


class FeederCommonParameters(_Checked):
    """What the four feeders share."""

    drive_lag: Quantity = _unit("s")
    screw_speed_max: Quantity = _unit("rpm")
    screw_rate: Quantity = _unit("rpm/s")
    flow_noise_time: Quantity = _unit("s")
    screw_line: Quantity = _unit("%")
    settle_time: Quantity = _unit("s")
    refill_bump_time: Quantity = _unit("s")
    refill_scale_noise: Quantity = _unit("g")
    torque_base: Quantity = _unit("%")
    torque_idle_share: Quantity = _unit("%")
    torque_jam: Quantity = _unit("%")
    refill_aeration: Quantity = _unit("%")
    refill_aeration_time: Quantity = _unit("s")
    screw_wear: Quantity = _unit("%/h")
    screw_age: Quantity = _unit("h")
    load_cell_drift: Quantity = _unit("g/h")
    size_feed_exponent: Quantity = _unit("-")
    size_noise_exponent: Quantity = _unit("-")
    lot_bulk_density_sigma: Quantity = _unit("%")
    lot_yield_sigma: Quantity = _unit("%")
    lot_size_sigma: Quantity = _unit("%")
    lot_moisture_sigma: Quantity = _unit("%")
    lot_purity_sigma: Quantity = _unit("%")


class BlenderParameters(_Checked):
    """Continuous blender: hold-up law and dead time."""

    hold_up: Quantity = _unit("kg")
    flow_exponent: Quantity = _unit("-")
    speed_exponent: Quantity = _unit("-")
    dead_time: Quantity = _unit("s")
    reference_flow: Quantity = _unit("kg/h")
    reference_speed: Quantity = _unit("rpm")
    speed_rate: Quantity = _unit("rpm/s")
    torque: Quantity = _unit("N m")
    load_cell_noise: Quantity = _unit("g")
    load_cell_span_error: Quantity = _unit("%")
    torque_speed_exponent: Quantity = _unit("-")
    torque_caking: Quantity = _unit("-")
    caking_time: Quantity = _unit("s")
    hold_back_time: Quantity = _unit("s")


class HopperParameters(_Checked):
    """Hopper and chute over the press."""

    level: Quantity = _unit("kg")
    plug_share: Quantity = _unit("-")
    level_noise: Quantity = _unit("%")
    level_span_error: Quantity = _unit("%")
    discharge_rate_max: Quantity = _unit("g/s")
    segregation: Quantity = _unit("%")
    moisture_limit: Quantity = _unit("%")
    moisture_effect: Quantity = _unit("-")


class FeedFrameParameters(_Checked):
    """Feed frame of the press."""

    hold_up: Quantity = _unit("kg")
    dead_time: Quantity = _unit("s")
    split: Quantity = _unit("-")
    paddle_speed: Quantity = _unit("rpm")
    hold_up_exponent: Quantity = _unit("-")
    mixing_exponent: Quantity = _unit("-")
    segregation: Quantity = _unit("%")


class DispersionParameters(_Checked):
    """Blender as a dispersive screw, hopper in funnel flow, feed frame with one tank: what variant "b" has instead."""

    hold_up: Quantity = _unit("kg")
    dead_mass: Quantity = _unit("kg")
    weir_exponent: Quantity = _unit("-")
    speed_exponent: Quantity = _unit("-")
    peclet: Quantity = _unit("-")
    mixing_exponent: Quantity = _unit("-")
    core_share: Quantity = _unit("-")
    core_flow: Quantity = _unit("-")
    outlet_share: Quantity = _unit("-")
    frame_dead_time: Quantity = _unit("s")


class FillParameters(_Checked):
    """Die filling."""

    density: Quantity = _unit("g/cm3")
    turret_term: Quantity = _unit("-")
    depth_term: Quantity = _unit("-")
    kinetic_speed_ratio: Quantity = _unit("-")
    within_run_sigma: Quantity = _unit("%")
    within_run_time: Quantity = _unit("s")
    tablet_sigma: Quantity = _unit("%")
    depth_nominal: Quantity = _unit("mm")
    underfill_spread: Quantity = _unit("-")


class CompactionParameters(_Checked):
    """Main and pre-compression."""

    die_diameter: Quantity = _unit("mm")
    true_density: Quantity = _unit("g/cm3")
    yield_pressure: Quantity = _unit("MPa")
    heckel_intercept: Quantity = _unit("-")
    press_stiffness: Quantity = _unit("kN/mm")
    main_height: Quantity = _unit("mm")
    elastic_recovery: Quantity = _unit("-")
    main_force: Quantity = _unit("kN")
    punch_length_sigma: Quantity = _unit("mm")
    force_sensor_noise: Quantity = _unit("%")
    force_span_error: Quantity = _unit("%")
    pre_force: Quantity = _unit("kN")
    air_pressure: Quantity = _unit("MPa")
    air_recovery: Quantity = _unit("-")
    air_strength_loss: Quantity = _unit("%")
    punch_wear: Quantity = _unit("um/h")
    punch_wear_sigma: Quantity = _unit("%")


class StrengthParameters(_Checked):
    """Tensile strength and lubrication."""

    strength_nominal: Quantity = _unit("MPa")
    porosity_factor: Quantity = _unit("-")
    lubrication_share: Quantity = _unit("-")
    lubrication_loss: Quantity = _unit("%")
    moisture_reference: Quantity = _unit("%")
    moisture_effect: Quantity = _unit("-")
    tablet_sigma: Quantity = _unit("%")


class EjectionParameters(_Checked):
    """Ejection force."""

    force_ratio: Quantity = _unit("-")
    lubricant_exponent: Quantity = _unit("-")
    sensor_noise: Quantity = _unit("%")


class PressVariantParameters(_Checked):
    """Constants of die filling, compaction and strength that only variant b uses."""

    initial_density: Quantity = _unit("-")
    compressibility: Quantity = _unit("-")
    kawakita_pressure: Quantity = _unit("MPa")
    critical_density: Quantity = _unit("-")
    fill_half_ratio: Quantity = _unit("-")


class ContentParameters(_Checked):
    """The product's dose and how evenly a single tablet gets it."""

    label_claim: Quantity = _unit("mg")
    tablet_mass: Quantity = _unit("mg")
    micro_mixing_sigma: Quantity = _unit("%")


class DriveParameters(_Checked):
    """Drives, reject window and power of the press."""

    turret_speed_min: Quantity = _unit("rpm")
    turret_speed_max: Quantity = _unit("rpm")
    turret_rate: Quantity = _unit("rpm/s")
    fill_rate: Quantity = _unit("mm/s")
    fill_resolution: Quantity = _unit("mm")
    height_rate: Quantity = _unit("mm/s")
    encoder_noise: Quantity = _unit("mm")
    power_idle: Quantity = _unit("kW")
    power_per_speed: Quantity = _unit("kW/rpm")
    compaction_work: Quantity = _unit("J")
    reject_window: Quantity = _unit("%")


class ChuteParameters(_Checked):
    """Container scales behind the gate."""

    accepted_scale_span_error: Quantity = _unit("%")
    scale_noise: Quantity = _unit("g")


class RoomParameters(_Checked):
    """Air of the compression suite."""

    temperature: Quantity = _unit("degC")
    humidity: Quantity = _unit("%")


class PlcParameters(_Checked):
    """Tuning and trips of the PLC, and the set-points it starts with."""

    gravimetric_time: Quantity = _unit("s")
    gravimetric_gain: Quantity = _unit("-")
    flow_alarm: Quantity = _unit("%")
    refill_array_share: Quantity = _unit("%")
    refill_timeout_share: Quantity = _unit("%")
    refill_retry: Quantity = _unit("s")
    overfill_share: Quantity = _unit("%")
    feeder_low_share: Quantity = _unit("%")
    deviation_limit: Quantity = _unit("%")
    deviation_time: Quantity = _unit("s")
    level_time: Quantity = _unit("s")
    level_integral_time: Quantity = _unit("s")
    level_filter: Quantity = _unit("s")
    force_gain: Quantity = _unit("-")
    force_to_weight: Quantity = _unit("-")
    force_dead_band: Quantity = _unit("%")
    hopper_high: Quantity = _unit("kg")
    hopper_low: Quantity = _unit("kg")
    hopper_empty: Quantity = _unit("kg")
    force_trip: Quantity = _unit("kN")
    ejection_trip: Quantity = _unit("N")
    throughput: Quantity = _unit("kg/h")
    share_api: Quantity = _unit("%")
    share_premix: Quantity = _unit("%")
    share_lactose: Quantity = _unit("%")
    share_lubricant: Quantity = _unit("%")

    def shares(self) -> tuple[float, float, float, float]:
        """Return the mass fractions of feeders 1..4."""
        return (self.share_api.si, self.share_premix.si, self.share_lactose.si, self.share_lubricant.si)


class Band(_Group):
    """One Gaussian absorption band of a pure component."""

    component: Literal["api", "premix", "lactose", "lubricant", "water"]
    centre_per_cm: float = Field(gt=3000, lt=13000)
    width_per_cm: float = Field(gt=1, lt=2000)
    height_au: float = Field(gt=0, lt=20)
    source: Literal["measured", "paper", "estimate"]


class PlantParameters(_Group):
    """Everything one simulated line is made of; `variant` chooses which equations the line obeys."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    variant: Variant = "a"
    feeders: FeederSet
    feeder_common: FeederCommonParameters
    blender: BlenderParameters
    hopper: HopperParameters
    feed_frame: FeedFrameParameters
    dispersion: DispersionParameters
    fill: FillParameters
    compaction: CompactionParameters
    strength: StrengthParameters
    ejection: EjectionParameters
    press_b: PressVariantParameters
    content: ContentParameters
    drive: DriveParameters
    chute: ChuteParameters
    nir: NirParameters
    feed_frame_probe: FeedFrameProbeParameters
    instruments: InstrumentParameters
    tester: TesterParameters
    assay: AssayParameters
    release_laboratory: ReleaseLaboratoryParameters
    room: RoomParameters
    surroundings: SurroundingsParameters
    plc: PlcParameters
    bands: tuple[Band, ...] = Field(min_length=5)


def load_parameters(path: Path) -> PlantParameters:
    """Return the parameters of a TOML file. Raises ConfigurationFaults naming every fault: key, value, remedy."""
    return load(path, PlantParameters)


def draw_parameters(nominal: PlantParameters, plant_seed: int) -> PlantParameters:
    """Return another plant of the same design.

    Each quantity with a `sigma` is drawn from a normal around its reference, cut at 2 sigma and at low..high. Each
    has a generator of its own (plant seed and its path), so that a parameter added later changes no other draw.
    """
    return nominal.model_copy(update=_drawn_fields(nominal, plant_seed, ""))


def _drawn_fields(group: BaseModel, plant_seed: int, path: str) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for name in type(group).model_fields:
        item, here = getattr(group, name), f"{path}.{name}"
        if isinstance(item, Quantity):
            if item.sigma is not None:
                drawn[name] = item.model_copy(update={"value": _draw(item, item.sigma, plant_seed, here)})
        elif isinstance(item, BaseModel):
            drawn[name] = item.model_copy(update=_drawn_fields(item, plant_seed, here))
    return drawn


def _draw(quantity: Quantity, sigma: float, plant_seed: int, path: str) -> float:
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([plant_seed, zlib.crc32(path.encode())])))
    z = float(generator.standard_normal())
    z = math.copysign(min(abs(z), DRAW_LIMIT_SIGMA), z)
    return min(max(quantity.value + sigma * z, quantity.low), quantity.high)
