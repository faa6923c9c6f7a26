"""Two roads to the potency of the same tablets, with their honest doubt: spectra, and weighed feeders; and both together."""

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
    """Predictions for seconds of die filling, arrays of one shape (...). Potencies and standard uncertainties in % of label
    claim, NaN where a road has no value; shares in [0, 1]; `held_s` mean time the material stood still. `posterior`
    (..., n_draws): both roads together, in each draw of the residence times; `noise` its standard error inside a draw,
    without the shared bias."""

    nir: Array
    nir_uncertainty: Array
    nir_share: Array
    nir_seen: Array
    rtd: Array
    rtd_uncertainty: Array
    feeder_share: Array
    held_s: Array
    posterior: Array
    noise: Array


@dataclass(frozen=True)
class Flags:
    """Why tablets may not be accepted, all of one shape, of bool: one a second, or one a second and line."""

    outside: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    disagree: NDArray[np.bool_]
    held: NDArray[np.bool_]


class RoadMap:
    """Turns tracers into potencies and flags by the recipe's rules.

    Uncertainty, NIR: u^2 = g V + b^2/3 + d^2; V the mean squared standard error of the spectra in the material, g the
    share of it that mixing leaves (`Line.noise_gain`), b the recipe's bound of the shared bias (rectangular), d the
    standard deviation of the posterior over the draws of the line. RTD: u^2 = (v_r share_volumetric)^2 + b^2/3 + d^2, d
    over the draws of the scales. The posterior's noise inside a draw: g V where spectra prove, else that of the scales.
    Wrong if spectra err together for longer than `nir_correlation_s`: that is what assays and the other road are for.
    """

    def __init__(self, recipe: Recipe, line: Line) -> None:
        self.recipe = recipe
        self.to_pct = 100.0 / recipe.fraction(recipe.product.api)
        self.gain = line.noise_gain(recipe.evidence.nir_correlation_s)
        self.bias_variance = recipe.uniformity.shared_bias_pct**2 / 3.0
        self.volumetric_pct = 100.0 * recipe.rtd.volumetric_relative_standard_error
        self.scales, self.both, self.known = (
            line.columns.drawn(tracer) for tracer in (Tracer.API, Tracer.POSTERIOR, Tracer.KNOWN)
        )

    def read(self, tracers: Array) -> Roads:
        """Return both roads of tracers (..., columns) as `Line` gives them."""
        seen, known = tracers[..., Tracer.NIR_SEEN], tracers[..., Tracer.KNOWN]
        with np.errstate(invalid="ignore", divide="ignore"):
            nir = np.where(seen > 1e-3, tracers[..., Tracer.NIR_API] / seen, np.nan) * self.to_pct
            noise = self.gain * self.to_pct**2 * tracers[..., Tracer.NIR_VARIANCE] / np.maximum(seen, 1e-3)
            rtd = np.where(known > 1e-3, tracers[..., Tracer.API] / known, np.nan) * self.to_pct
            drawn = np.where(tracers[..., self.known] > 1e-3, tracers[..., self.known], np.nan)
            scales, both = (tracers[..., columns] / drawn * self.to_pct for columns in (self.scales, self.both))
        volumetric = (self.volumetric_pct * tracers[..., Tracer.VOLUMETRIC]) ** 2
        seen = np.clip(seen, 0.0, 1.0)
        return Roads(
            nir=nir,
            nir_uncertainty=np.sqrt(noise + self.bias_variance + both.var(axis=-1)),
            nir_share=np.clip(tracers[..., Tracer.NIR_VALID], 0.0, 1.0),
            nir_seen=seen,
            rtd=rtd,
            rtd_uncertainty=np.sqrt(volumetric + self.bias_variance + scales.var(axis=-1)),
            feeder_share=np.clip(tracers[..., Tracer.WEIGHED], 0.0, 1.0),
            held_s=tracers[..., Tracer.HELD_S],
            posterior=both,
            noise=np.sqrt(seen * noise + (1.0 - seen) * volumetric),
        )

    def has_nir(self, roads: Roads) -> NDArray[np.bool_]:
        """True where so much of the material was seen by spectra that their value counts."""
        return (roads.nir_seen >= self.recipe.evidence.nir_share_min) & np.isfinite(roads.nir)

    def has_rtd(self, roads: Roads) -> NDArray[np.bool_]:
        """True where so much of the material was weighed in that the scales' value counts."""
        return roads.feeder_share >= self.recipe.evidence.feeder_share_min

    def predicted_outside(self, roads: Roads) -> NDArray[np.bool_]:
        """The prediction rule: |potency - 100| + k u above the divert limit on either road."""
        k, limit = self.recipe.diversion.uncertainty_k, self.recipe.diversion.divert_limit_pct
        with np.errstate(invalid="ignore"):
            nir = np.abs(roads.nir - 100.0) + k * roads.nir_uncertainty > limit
            rtd = np.abs(roads.rtd - 100.0) + k * roads.rtd_uncertainty > limit
        return (nir & self.has_nir(roads)) | (rtd & self.has_rtd(roads))

    def flags(self, roads: Roads, outside: NDArray[np.bool_]) -> Flags:
        """Return the flags of the evidence, with what the rule of the recipe calls `outside`."""
        evidence = self.recipe.evidence
        has_rtd = self.has_rtd(roads)
        with np.errstate(invalid="ignore"):
            apart = np.abs(roads.nir - roads.rtd) > evidence.nir_rtd_gap_max_pct
        proven = (roads.nir_share >= evidence.nir_share_min) | (has_rtd & evidence.fallback_preapproved)
        return Flags(
            outside=outside,
            missing=~proven,
            disagree=apart & self.has_nir(roads) & has_rtd,
            held=roads.held_s > self.recipe.diversion.hold_max_s,
        )

    def filed(self, roads: Roads) -> Array:
        """Return the potency that stands for each parcel [% LC]: that of its rung, NaN without evidence."""
        by_nir, by_rtd = self._rungs(roads)
        return np.where(by_nir, roads.nir, np.where(by_rtd, roads.rtd, np.nan))

    def _rungs(self, roads: Roads) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        by_nir = (roads.nir_share >= self.recipe.evidence.nir_share_min) & np.isfinite(roads.nir)
        return by_nir, self.has_rtd(roads) & self.recipe.evidence.fallback_preapproved

    def rung(self, roads: Roads, i: int = 0) -> tuple[EvidenceSource, float, float]:
        """Return (rung of the evidence ladder, potency, standard uncertainty [% LC]) of line i: NIR > RTD > NONE."""
        by_nir, by_rtd = self._rungs(roads)
        if by_nir[i]:
            return EvidenceSource.NIR, float(roads.nir[i]), float(roads.nir_uncertainty[i])
        if by_rtd[i]:
            return EvidenceSource.RTD, float(roads.rtd[i]), float(roads.rtd_uncertainty[i])
        return EvidenceSource.NONE, math.nan, math.nan
