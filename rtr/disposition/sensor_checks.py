"""Does the sensor deserve the trust this lot put in it: bias against assays, residual variance of its spectra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BLOCK_S = 60
BLOCK_MIN = 6
BLOCKS_MIN = 5


@dataclass(frozen=True)
class AssayPair:
    """One at-line assay and what release predicted for the same tablets, % of label claim."""

    sample_id: int
    counter_from: int
    counter_to: int
    assay_pct_lc: float
    nir_pct_lc: float
    rtd_pct_lc: float


@dataclass(frozen=True)
class SensorChecks:
    """Bias of the NIR road (mean of prediction minus assay) with its standard error, and residual variance of single
    spectra about the RTD road [(% LC)^2], each with the number of values; NaN if there are too few."""

    bias_pct: float
    bias_standard_error_pct: float
    n_assays: int
    residual_variance_pct2: float
    n_spectra: int


def bias(pairs: Sequence[AssayPair]) -> tuple[float, float, int]:
    """Return (mean difference NIR minus assay, its standard error, n). NaN without pairs; standard error NaN for n < 2."""
    gaps = [p.nir_pct_lc - p.assay_pct_lc for p in pairs]
    gaps = [gap for gap in gaps if math.isfinite(gap)]
    n = len(gaps)
    if n == 0:
        return math.nan, math.nan, 0
    mean = math.fsum(gaps) / n
    if n == 1:
        return mean, math.nan, 1
    return mean, math.sqrt(math.fsum((g - mean) ** 2 for g in gaps) / (n - 1) / n), n


def residual_variance(residuals: Sequence[tuple[int, float]]) -> tuple[float, int]:
    """Return (variance, n) of spectrum residuals (step, NIR - RTD at the probe [% LC]) about their 60 s means.

    Pooled within blocks of 60 s, so that slow differences (scale span, sensor bias) do not count: those are the bias
    check's. NaN with fewer than 5 blocks of 6 spectra. Wrong (too small, about 10 %) for errors correlated over 5 s.
    """
    blocks: dict[int, list[float]] = {}
    for step, value in residuals:
        if math.isfinite(value):
            blocks.setdefault(step // BLOCK_S, []).append(value)
    full = [np.array(values) for _, values in sorted(blocks.items()) if len(values) >= BLOCK_MIN]
    if len(full) < BLOCKS_MIN:
        return math.nan, sum(len(values) for values in blocks.values())
    squares = math.fsum(float(((v - v.mean()) ** 2).sum()) for v in full)
    freedom = sum(len(v) - 1 for v in full)
    return squares / freedom, sum(len(v) for v in full)


def check_sensor(pairs: Sequence[AssayPair], residuals: Sequence[tuple[int, float]]) -> SensorChecks:
    """Return both checks."""
    mean, error, n = bias(pairs)
    variance, n_spectra = residual_variance(residuals)
    return SensorChecks(mean, error, n, variance, n_spectra)
