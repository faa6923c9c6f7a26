"""What the instruments are made of: noise, delay, drift of probes, signals, tester, assay and laboratory."""

from __future__ import annotations

from plant_sim.quantities import Checked, Quantity, in_unit


class NirParameters(Checked):
    """Near-infrared probe at the blender exit."""

    delay: Quantity = in_unit("s")
    interval: Quantity = in_unit("s")
    sampling_sigma: Quantity = in_unit("%")
    sampling_time: Quantity = in_unit("s")
    bias_sigma: Quantity = in_unit("%")
    bias_time: Quantity = in_unit("s")
    photon_noise: Quantity = in_unit("AU")
    scatter_sigma: Quantity = in_unit("%")
    offset_sigma: Quantity = in_unit("AU")
    temperature_effect: Quantity = in_unit("AU")
    fouling_rate: Quantity = in_unit("AU/h")
    lamp_rate: Quantity = in_unit("AU/h")
    integration_time: Quantity = in_unit("ms")
    path: Quantity = in_unit("-")
    bias_drift: Quantity = in_unit("%/h")
    reference_interval: Quantity = in_unit("min")
    reference_noise: Quantity = in_unit("%")
    dark_level: Quantity = in_unit("%")
    dark_doubling: Quantity = in_unit("degC")


class FeedFrameProbeParameters(Checked):
    """Second near-infrared probe, in the feed frame; `enabled` 0 or 1."""

    enabled: Quantity = in_unit("-")
    interval: Quantity = in_unit("s")
    delay: Quantity = in_unit("s")
    sampling_sigma: Quantity = in_unit("%")
    sampling_time: Quantity = in_unit("s")
    bias_sigma: Quantity = in_unit("%")
    bias_time: Quantity = in_unit("s")
    path: Quantity = in_unit("-")


class InstrumentParameters(Checked):
    """Noise of the signals that belong to no unit of their own (one standard deviation, relative)."""

    speed_noise: Quantity = in_unit("%")
    feeder_torque_noise: Quantity = in_unit("%")
    blender_torque_noise: Quantity = in_unit("%")
    srel_noise: Quantity = in_unit("%")
    pre_force_noise: Quantity = in_unit("%")
    power_noise: Quantity = in_unit("%")


class TesterParameters(Checked):
    """At-line tablet tester."""

    weight_noise: Quantity = in_unit("mg")
    thickness_noise: Quantity = in_unit("mm")
    hardness_noise: Quantity = in_unit("%")
    delay: Quantity = in_unit("s")


class AssayParameters(Checked):
    """At-line assay."""

    noise: Quantity = in_unit("%")
    delay: Quantity = in_unit("s")


class ReleaseLaboratoryParameters(Checked):
    """The laboratory that tests single tablets of the assay samples, hours later."""

    delay: Quantity = in_unit("h")
    every: Quantity = in_unit("-")
    day_bias: Quantity = in_unit("%")
    content_noise: Quantity = in_unit("%")
    weight_noise: Quantity = in_unit("mg")
