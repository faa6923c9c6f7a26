"""Two roads to the potency of the same tablets, with their honest doubt: spectra, and weighed feeders."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.recipe import Recipe
from line.records import EvidenceSource
from rtr.genealogy.propagation import Array, Line, Tracer


@dataclass(frozen=True)
class Roads:
    """Predictions for m seconds of die filling, all (m,). Potencies and standard uncertainties in % of label claim,
    NaN where a road has no value; shares in [0, 1]; `held_s` mean time the material stood still."""

    nir: Array
    nir_uncertainty: Array
    nir_share: Array
    nir_seen: Array
    rtd: Array
    rtd_uncertainty: Array
    feeder_share: Array
    held_s: Array


@dataclass(frozen=True)
class Flags:
    """Why tablets of m seconds may not be accepted, all (m,) of bool."""

    outside: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    disagree: NDArray[np.bool_]
    held: NDArray[np.bool_]


class RoadMap:
    """Turns tracers into potencies and flags by the recipe's rules.

    Uncertainty, NIR: u^2 = g V + b^2/3 + d^2; V the mean squared standard error of the spectra in the material, g the
    share of it that mixing leaves (`Line.noise_gain`), b the recipe's bound of the shared bias (rectangular), d half
    the spread between the copies of the line. RTD: u^2 = (v_r share_volumetric)^2 + b^2/3 + d^2.
    Wrong if spectra err together for longer than `nir_correlation_s`: that is what assays and the other road are for.
    """

    def __init__(self, recipe: Recipe, line: Line) -> None:
        self.recipe = recipe
        self.to_pct = 100.0 / recipe.fraction(recipe.product.api)
        self.gain = line.noise_gain(recipe.evidence.nir_correlation_s)
        self.bias_variance = recipe.uniformity.shared_bias_pct**2 / 3.0
        self.volumetric_pct = 100.0 * recipe.rtd.volumetric_relative_standard_error

    def read(self, tracers: Array) -> Roads:
        """Return both roads of tracers (m, 3 copies, N_TRACERS)."""
        seen = tracers[..., Tracer.NIR_SEEN]
        with np.errstate(invalid="ignore", divide="ignore"):
            nir = np.where(seen > 1e-3, tracers[..., Tracer.NIR_API] / seen, np.nan) * self.to_pct
            noise = self.gain * self.to_pct**2 * tracers[:, 0, Tracer.NIR_VARIANCE] / np.maximum(seen[:, 0], 1e-3)
            known = tracers[..., Tracer.KNOWN]
            rtd = np.where(known > 1e-3, tracers[..., Tracer.API] / known, np.nan) * self.to_pct
        volumetric = self.volumetric_pct * tracers[:, 0, Tracer.VOLUMETRIC]
        return Roads(
            nir=nir[:, 0],
            nir_uncertainty=np.sqrt(noise + self.bias_variance + half_spread(nir) ** 2),
            nir_share=np.clip(tracers[:, 0, Tracer.NIR_VALID], 0.0, 1.0),
            nir_seen=np.clip(seen[:, 0], 0.0, 1.0),
            rtd=rtd[:, 0],
            rtd_uncertainty=np.sqrt(volumetric**2 + self.bias_variance + half_spread(rtd) ** 2),
            feeder_share=np.clip(tracers[:, 0, Tracer.WEIGHED], 0.0, 1.0),
            held_s=tracers[:, 0, Tracer.HELD_S],
        )

    def flags(self, roads: Roads) -> Flags:
        """Return the flags of the prediction rule: |potency - 100| + k u above the divert limit on either road."""
        evidence, diversion = self.recipe.evidence, self.recipe.diversion
        has_nir = (roads.nir_seen >= evidence.nir_share_min) & np.isfinite(roads.nir)
        has_rtd = roads.feeder_share >= evidence.feeder_share_min
        k, limit = diversion.uncertainty_k, diversion.divert_limit_pct
        with np.errstate(invalid="ignore"):
            nir_outside = np.abs(roads.nir - 100.0) + k * roads.nir_uncertainty > limit
            rtd_outside = np.abs(roads.rtd - 100.0) + k * roads.rtd_uncertainty > limit
            apart = np.abs(roads.nir - roads.rtd) > evidence.nir_rtd_gap_max_pct
        proven = (roads.nir_share >= evidence.nir_share_min) | (has_rtd & evidence.fallback_preapproved)
        return Flags(
            outside=(nir_outside & has_nir) | (rtd_outside & has_rtd),
            missing=~proven,
            disagree=apart & has_nir & has_rtd,
            held=roads.held_s > diversion.hold_max_s,
        )

    def rung(self, roads: Roads, i: int = 0) -> tuple[EvidenceSource, float, float]:
        """Return (rung of the evidence ladder, potency, standard uncertainty [% LC]) of second i: NIR > RTD > NONE."""
        evidence = self.recipe.evidence
        if roads.nir_share[i] >= evidence.nir_share_min and math.isfinite(roads.nir[i]):
            return EvidenceSource.NIR, float(roads.nir[i]), float(roads.nir_uncertainty[i])
        if roads.feeder_share[i] >= evidence.feeder_share_min and evidence.fallback_preapproved:
            return EvidenceSource.RTD, float(roads.rtd[i]), float(roads.rtd_uncertainty[i])
        return EvidenceSource.NONE, math.nan, math.nan


def half_spread(values: Array) -> Array:
    """Return half the range over the copies (m, copies) -> (m,)."""
    return np.asarray((values.max(axis=1) - values.min(axis=1)) / 2.0)
