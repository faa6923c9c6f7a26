"""How noisy instruments are, as the estimator counts it: a white error at every period of 5 s."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from apc.identification.fit import Estimated, Vector, robust_sigma
from apc.identification.recorded import FEEDERS, PERIOD, RecordedRun
from flowsheet.parameters import FlowsheetParameters

#: Residuals whose mean is taken together: long against an instrument's own correlation.
TOGETHER = 12
#: Means beyond this many robust standard deviations are gross errors.
GROSS_SIGMA = 5.0
COMPONENTS = ("api", "premix", "lactose", "lubricant")


def white_equivalent(name: str, parts: Sequence[Vector], together: int = TOGETHER) -> Estimated | None:
    """Return the standard deviation of a white sequence whose means over `together` residuals scatter as these do.

    parts: residuals (k,) a run, NaN where missing, each less its own mean. None if fewer than 8 means exist. Interval:
    chi-square with as many degrees as means. A correlated error counts more than its own standard deviation, which is
    what a filter that believes it white must be told. Source: batch means (Schmeiser, Oper. Res. 30 (1982) 556).
    """
    from scipy.special import chdtri

    means = []
    for part in parts:
        good = part[np.isfinite(part)]
        n = len(good) // together
        if n:
            means.append((good - good.mean())[: n * together].reshape(n, together).mean(axis=1))
    scatter = np.concatenate(means) if means else np.zeros(0)
    if scatter.size < 8:
        return None
    near = scatter[np.abs(scatter) <= GROSS_SIGMA * robust_sigma(scatter)]
    sigma = math.sqrt(together) * float(near.std(ddof=1))
    degrees = scatter.size - 1
    low, high = (sigma * math.sqrt(degrees / float(chdtri(degrees, tail))) for tail in (0.025, 0.975))
    return Estimated(name, sigma, low, high)


def from_differences(name: str, parts: Sequence[Vector]) -> Estimated | None:
    """Return the standard deviation of the white part of slow signals: second differences over the root of six."""
    doubled = [np.diff(part, 2) / math.sqrt(6.0) for part in parts if len(part) > 2]
    return white_equivalent(name, doubled, 1)


def from_samples(name: str, parts: Sequence[Vector]) -> Estimated | None:
    """Return the standard deviation of rare samples from one to the next over the root of two: a slow drift is no noise."""
    return white_equivalent(name, [np.diff(part[np.isfinite(part)]) / math.sqrt(2.0) for part in parts], 1)


def signal_noise(runs: Sequence[RecordedRun], p: FlowsheetParameters) -> list[Estimated]:
    """Return what level, hold-up and the feeders' scales scatter while the line makes tablets."""
    found: list[Estimated | None] = []
    for name, tag in (("measured_level_kg", "Hopper/Level"), ("measured_hold_up_kg", "Blender/HoldUpMass")):
        found.append(from_differences(name, [_where(run.periods(run.signals[tag]), run) for run in runs]))
    for i, component in enumerate(COMPONENTS):
        nominal = p.fractions[i] * p.reference_flow * 3600.0
        parts = [100.0 * _scale_error(run, i) / nominal for run in runs]
        found.append(white_equivalent(f"measured_flow_{component}_pct", parts, 1))
    return [e for e in found if e is not None]


def _scale_error(run: RecordedRun, feeder: int) -> Vector:
    """Return (n // 5,) the scale's newest flow less what the screw delivered in the period [kg/h]."""
    n = len(run.seconds) // PERIOD
    read = np.where(run.seeing(feeder), run.signals[f"{FEEDERS[feeder]}/MassFlow"], np.nan)
    newest = read[PERIOD - 1 : n * PERIOD : PERIOD]
    return _where(newest - run.periods(run.flows()[:, feeder]), run)


def _where(values: Vector, run: RecordedRun) -> Vector:
    return np.where(run.periods(run.since_start()) > 60, values, np.nan)
