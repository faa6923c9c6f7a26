"""What the line stands in: room, air handler, dust extraction, refill vacuum, electric consumers."""

from __future__ import annotations

from plant_sim.quantities import Checked, Quantity, in_unit


class SurroundingsParameters(Checked):
    """Air, dust, vacuum and power of one suite. Names by unit operation."""

    room_volume: Quantity = in_unit("m3")
    air_changes: Quantity = in_unit("1/h")
    infiltration: Quantity = in_unit("1/h")
    thermal_mass: Quantity = in_unit("-")
    people: Quantity = in_unit("-")
    person_heat: Quantity = in_unit("W")
    person_moisture: Quantity = in_unit("g/h")
    lighting: Quantity = in_unit("W")
    machine_heat: Quantity = in_unit("%")
    outdoor_temperature: Quantity = in_unit("degC")
    outdoor_swing: Quantity = in_unit("degC")
    outdoor_humidity: Quantity = in_unit("%")
    start_of_shift: Quantity = in_unit("h")
    control_gain: Quantity = in_unit("-")
    control_time: Quantity = in_unit("s")
    supply_lowest: Quantity = in_unit("degC")
    wander_temperature: Quantity = in_unit("degC")
    wander_humidity: Quantity = in_unit("%")
    wander_time: Quantity = in_unit("s")

    fresh_share: Quantity = in_unit("%")
    coil_temperature: Quantity = in_unit("degC")
    cooling_cop: Quantity = in_unit("-")
    heating_cop: Quantity = in_unit("-")
    heat_recovery: Quantity = in_unit("%")
    hvac_fan_pressure: Quantity = in_unit("Pa")
    hvac_fan_efficiency: Quantity = in_unit("%")

    moisture_time: Quantity = in_unit("h")
    store_humidity: Quantity = in_unit("%")

    dust_share: Quantity = in_unit("%")
    filter_area: Quantity = in_unit("m2")
    filter_cake: Quantity = in_unit("g/m2")
    cloth_resistance: Quantity = in_unit("Pa s/m")
    cake_resistance: Quantity = in_unit("1/s")
    filter_limit: Quantity = in_unit("Pa")
    pulse_residue: Quantity = in_unit("%")
    duct_diameter: Quantity = in_unit("mm")
    duct_length: Quantity = in_unit("m")
    duct_roughness: Quantity = in_unit("mm")
    duct_losses: Quantity = in_unit("-")
    duct_velocity: Quantity = in_unit("m/s")
    extraction_fan_pressure: Quantity = in_unit("Pa")
    extraction_fan_curve: Quantity = in_unit("Pa s2/m6")
    extraction_fan_efficiency: Quantity = in_unit("%")
    deduster_power: Quantity = in_unit("kW")

    lift_diameter: Quantity = in_unit("mm")
    lift_losses: Quantity = in_unit("-")
    saltation_velocity: Quantity = in_unit("m/s")
    pump_pressure: Quantity = in_unit("kPa")
    pump_curve: Quantity = in_unit("Pa s2/m6")
    pump_efficiency: Quantity = in_unit("%")
    pump_base_power: Quantity = in_unit("kW")

    feed_frame_power: Quantity = in_unit("kW")
    blender_base_power: Quantity = in_unit("kW")
    blender_efficiency: Quantity = in_unit("%")
    feeder_base_power: Quantity = in_unit("kW")
    feeder_load_power: Quantity = in_unit("kW")
    controls_power: Quantity = in_unit("kW")
