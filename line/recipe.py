"""The recipe: one hashed, versioned object a product. It holds every number a verdict rests on; nothing has a default."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from line.canonical import content_hash

Positive = Field(gt=0)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecipeStatus(StrEnum):
    """Life of a recipe; only EFFECTIVE ones make lots for release."""

    DRAFT = "draft"
    APPROVED = "approved"
    EFFECTIVE = "effective"
    RETIRED = "retired"


class Range(_Strict):
    """Normal operating range inside the proven acceptable range, in the plant unit of the tag it belongs to."""

    unit: str
    proven_low: float
    normal_low: float
    normal_high: float
    proven_high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if not self.proven_low <= self.normal_low < self.normal_high <= self.proven_high:
            raise ValueError("limits are the wrong way round: need proven_low <= normal_low < normal_high <= proven_high")
        return self


class Component(_Strict):
    """One component of the blend: feeder that delivers it and registered mass fraction."""

    name: str = Field(min_length=1)
    feeder: int = Field(ge=1, le=4)
    fraction_w_w: float = Field(gt=0, lt=1)


class Product(_Strict):
    """What is made. Mass fractions sum to one; label claim = API fraction x tablet mass."""

    name: str = Field(min_length=1)
    label_claim_mg: float = Positive
    tablet_mass_mg: float = Positive
    target_pct_lc: float = Field(ge=85, le=115)
    hardness_target_n: float = Positive
    tensile_strength_target_mpa: float = Positive
    api: str
    components: tuple[Component, ...] = Field(min_length=2, max_length=4)

    @model_validator(mode="after")
    def _balance(self) -> Product:
        total = sum(c.fraction_w_w for c in self.components)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"component fractions sum to {total:.9f}, not to 1")
        fraction = [c.fraction_w_w for c in self.components if c.name == self.api]
        if len(fraction) != 1:
            raise ValueError(f"api {self.api!r} is not one of the components")
        if abs(fraction[0] * self.tablet_mass_mg - self.label_claim_mg) > 0.005 * self.label_claim_mg:
            raise ValueError("API fraction x tablet mass differs from the label claim by more than 0.5 %")
        return self


class Diversion(_Strict):
    """Limits on parcel means and the geometry of doubt.

    `rule` decides what is diverted around an excursion of potency. "window": everything that can hold material which
    scales (mean of ten seconds) or a spectrum saw outside `divert_limit_pct`, between the residence-time quantiles
    `window_tail` and 1 - `window_tail`, and `guard_s` on each side. "prediction": predicted parcel means outside
    `divert_limit_pct`, widened by `uncertainty_k` standard uncertainties, and `guard_s` on each side. "risk": parcels
    whose tablets are outside `tablet_limit_pct` with more than `risk_tablet_max` probability or whose mean is outside
    `divert_limit_pct` with more than `risk_parcel_max`, at any place where the gate may catch them; never less than
    the predicted means outside `divert_limit_pct`. `filter_gain` is the share of a spectrum's innovation that corrects
    what the scales say. `evidence_max_age_s` is how long a parcel may live on old evidence; `start_up_confirm_s` how long
    the prediction must be inside before accepting for the first time.
    """

    rule: Literal["window", "prediction", "risk"]
    action_limit_pct: float = Field(gt=0, le=25)
    divert_limit_pct: float = Field(gt=0, le=25)
    guard_s: float = Field(ge=0, le=600)
    uncertainty_k: float = Field(ge=0, le=10)
    window_tail: float = Field(gt=0, lt=0.5)
    tablet_limit_pct: float = Field(gt=0, le=25)
    risk_tablet_max: float = Field(gt=0, lt=0.5)
    risk_parcel_max: float = Field(gt=0, lt=0.5)
    filter_gain: float = Field(gt=0, lt=1)
    weight_divert_limit_pct: float = Field(gt=0, le=25)
    start_up_confirm_s: float = Field(ge=0, le=3600)
    run_out_hold_up_kg: float = Field(ge=0, le=10)
    evidence_max_age_s: float = Field(gt=0, le=3600)
    hold_max_s: float = Field(gt=0, le=86400)

    @model_validator(mode="after")
    def _ordered(self) -> Diversion:
        if self.action_limit_pct >= self.divert_limit_pct:
            raise ValueError("action limit must be below the divert limit")
        return self


class Evidence(_Strict):
    """When a parcel's potency counts as proven by NIR: share of its material (by RTD) under VALID spectra, longest
    bridge between VALID spectra, and how many (`bridge_valid_min`) of the last `bridge_window` must be VALID for one; and
    whether the feeder-based RTD prediction is an approved fallback, for how long at a stretch and for what share of a lot.

    `nir_correlation_s` is the integral correlation time of the error of single spectra, `feeder_share_min` the share
    of a parcel's material that must have been weighed in by usable scales for the RTD road to count."""

    nir_share_min: float = Field(gt=0, le=1)
    nir_correlation_s: float = Field(gt=0, le=600)
    feeder_share_min: float = Field(gt=0, le=1)
    bridge_max_s: float = Field(gt=0, le=600)
    bridge_valid_min: int = Field(ge=2, le=1000)
    bridge_window: int = Field(ge=2, le=1000)
    fallback_preapproved: bool
    fallback_max_s: float = Field(gt=0, le=86400)
    fallback_share_max: float = Field(ge=0, le=1)
    nir_rtd_gap_max_pct: float = Field(gt=0, le=50)

    @model_validator(mode="after")
    def _k_of_n(self) -> Evidence:
        if self.bridge_valid_min > self.bridge_window:
            raise ValueError(f"bridge_valid_min {self.bridge_valid_min} is more than bridge_window {self.bridge_window}")
        return self


class Sampling(_Strict):
    """The at-line tester and assay plan, and the draw for uniformity of dosage units."""

    tester_interval_s: float = Positive
    tester_n: int = Field(ge=1, le=100)
    assay_interval_s: float = Positive
    assay_n: int = Field(ge=1, le=100)
    udu_n_stage_1: Literal[10]
    udu_n_stage_2: Literal[20]


class Uniformity(_Strict):
    """USP <905> in this recipe: L1, L2, rounding policy, and what predictions of unit contents do not carry.

    `residual_variance_estimate_pct2` ((% LC)^2): variance of single tablets about their predictions in validation
    (micro-mixing and model error), with its degrees of freedom; it is used at its upper `residual_variance_confidence`
    bound. `shared_bias_pct` (% LC): bound of a bias common to all units, applied once in the unfavourable direction.
    """

    l1: float = Positive
    l2: float = Positive
    rounding: Literal["compendial", "none"]
    residual_variance_estimate_pct2: float = Field(ge=0)
    residual_variance_degrees: int = Field(ge=1, le=100_000)
    residual_variance_confidence: float = Field(ge=0.5, lt=1)
    shared_bias_pct: float = Field(ge=0)

    @property
    def residual_variance_pct2(self) -> float:
        """Return the upper bound that is used, s^2 nu / chi2(1 - confidence; nu), one-sided. Wrong for errors not normal."""
        from scipy.special import chdtri

        degrees = self.residual_variance_degrees
        return self.residual_variance_estimate_pct2 * degrees / float(chdtri(degrees, self.residual_variance_confidence))


class Slices(_Strict):
    """From `from_h` hours of accepted production on, the lot is judged by so many slices of so many tablets."""

    from_h: float = Field(ge=0, le=1000)
    n_slices: int = Field(ge=2, le=1000)
    n_units: int = Field(ge=2, le=30)


class LotDesign(_Strict):
    """The lot's statistical design (ASTM E2810 sampling plan 2), fixed before the lot is made.

    `slice_gap_kg`: slices lie at least so many kg of tablets apart, what the press makes in the line's t95, or they
    would repeat each other; `confidence` and `lower_bound` of E2810; `slices` by length of the lot, rising from 0 h.
    """

    slice_gap_kg: float = Field(gt=0, le=100)
    confidence: float = Field(ge=0.5, lt=1)
    lower_bound: float = Field(ge=0.5, lt=1)
    slices: tuple[Slices, ...] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _rising(self) -> LotDesign:
        starts = [row.from_h for row in self.slices]
        if starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
            raise ValueError(f"slices must start at 0 h and rise: from_h is {starts}")
        return self

    def slices_for(self, hours: float) -> Slices:
        """Return the row for a lot with so many hours between its first and last accepted tablet."""
        return [row for row in self.slices if row.from_h <= hours][-1]


class DispositionRules(_Strict):
    """Thresholds of R1-R8. No default: a missing one is a fault of the recipe."""

    assay_low_pct: float = Positive
    assay_high_pct: float = Positive
    weight_low_pct: float = Positive
    weight_high_pct: float = Positive
    hardness_low_n: float = Positive
    hardness_high_n: float = Positive
    trending_assay_slope_pct_per_h: float = Positive
    unverified_share_max: float = Field(ge=0, le=1)
    ledger_gap_max_pct: float = Positive
    bin_gap_max_pct: float = Positive
    diverted_share_max: float = Field(gt=0, le=1)
    divert_events_max_per_h: float = Positive
    sensor_bias_max_pct: float = Positive
    sensor_residual_variance_max_pct2: float = Positive

    @model_validator(mode="after")
    def _ordered(self) -> DispositionRules:
        for low, high, name in (
            (self.assay_low_pct, self.assay_high_pct, "assay"),
            (self.weight_low_pct, self.weight_high_pct, "weight"),
            (self.hardness_low_n, self.hardness_high_n, "hardness"),
        ):
            if not low < high:
                raise ValueError(f"{name} limits are the wrong way round: {low} is not below {high}")
        return self


class ReleaseRtd(_Strict):
    """Frozen residence-time parameters of release: holds-ups and tanks, validated throughput range, uncertainty.

    Blender: dead time and tanks in series, mean scales as hold-up / flow with hold-up ~ flow^a speed^-b. Hopper:
    plug-flow share of its hold-up and one tank. Feed frame: dead time and two unequal tanks. Dead times are at the
    reference flow (fixed plug hold-up). `feeder_lag_s` is the age of a scale's mass flow (half its slope window),
    `volumetric_relative_standard_error` the doubt about a flow while its scale is blind (refill).
    """

    id: str = Field(min_length=1)
    blender_hold_up_kg: float = Positive
    blender_reference_flow_kg_per_h: float = Positive
    blender_reference_speed_rpm: float = Positive
    blender_flow_exponent: float = Field(ge=0, le=1)
    blender_speed_exponent: float = Field(ge=0, le=2)
    blender_dead_time_s: float = Field(ge=0)
    blender_n_tanks: int = Field(ge=1, le=20)
    hopper_plug_share: float = Field(ge=0, le=1)
    feed_frame_hold_up_kg: float = Positive
    feed_frame_dead_time_s: float = Field(ge=0)
    feed_frame_tank_split: float = Field(gt=0, lt=1)
    relative_standard_error: float = Field(ge=0, lt=1)
    feeder_lag_s: float = Field(ge=0, le=60)
    volumetric_relative_standard_error: float = Field(ge=0, lt=1)
    throughput_min_kg_per_h: float = Positive
    throughput_max_kg_per_h: float = Positive
    source: str = Field(min_length=1)


class WeightMap(_Strict):
    """Frozen static map from main force to tablet mass: d ln W = d ln F / gain_force + gain_height d ln h + gain_speed d ln n.

    A tester sample off by up to `valid_gap_pct` leaves the map valid, by up to `invalid_gap_pct` widens its doubt, beyond
    makes it invalid. Two-sided CUSUM of the gaps over the lot with `cusum_allowance_pct` a sample: above
    `cusum_limit_pct` the map is invalid for the rest of the lot.
    """

    id: str = Field(min_length=1)
    mass_mg: float = Positive
    force_kn: float = Positive
    height_mm: float = Positive
    gain_force: float = Positive
    gain_height: float
    speed_rpm: float = Positive
    gain_speed: float
    valid_gap_pct: float = Positive
    invalid_gap_pct: float = Positive
    cusum_allowance_pct: float = Positive
    cusum_limit_pct: float = Positive
    source: str = Field(min_length=1)


class LotDefinition(_Strict):
    """ICH Q13: a lot by run time, by quantity of input or by quantity of output."""

    by: Literal["run_time", "input", "output"]
    value: float = Positive
    unit: Literal["min", "kg"]


class Recipe(_Strict):
    """One product on one line, stored whole in every lot it makes.

    `setpoints` are the registered starting set-points by tag id (plant units); each lies inside its normal range.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    status: RecipeStatus
    product: Product
    lot: LotDefinition
    setpoints: dict[str, float]
    ranges: dict[str, Range]
    diversion: Diversion
    evidence: Evidence
    sampling: Sampling
    uniformity: Uniformity
    design: LotDesign
    rules: DispositionRules
    rtd: ReleaseRtd
    weight_map: WeightMap
    soft_sensor: str = Field(min_length=1)

    @model_validator(mode="after")
    def _setpoints_inside(self) -> Recipe:
        for tag, value in self.setpoints.items():
            if tag not in self.ranges:
                raise ValueError(f"set-point {tag} has no range: write [ranges.{tag!r}]")
            if not self.ranges[tag].normal_low <= value <= self.ranges[tag].normal_high:
                raise ValueError(f"set-point {tag} {value:g} is outside its normal range")
        return self

    def feeder_setpoints(self, throughput_kg_per_h: float) -> dict[str, float]:
        """Return the mass-flow set-points [kg/h] by tag id at a total throughput [kg/h], at the registered ratios."""
        return {f"SP/Feeder{c.feeder}MassFlow": c.fraction_w_w * throughput_kg_per_h for c in self.product.components}

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form: one digit changed anywhere changes it."""
        return content_hash(self.model_dump(mode="json"))

    def fraction(self, component: str) -> float:
        """Return the registered mass fraction of a component."""
        return next(c.fraction_w_w for c in self.product.components if c.name == component)
