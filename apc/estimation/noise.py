"""The estimator's standard deviations: named in the configuration, turned into covariances here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flowsheet.layout import (
    BLENDER,
    CELLS,
    DEVIATION,
    FEED_FRAME,
    FILL_DEPTH,
    FLOW_LAST,
    LEVEL,
    N_TANKS,
    N_X,
)
from line.configuration import near
from line.errors import ConfigurationFaults, Fault

Vector = NDArray[np.float64]

FEEDERS = ("api", "premix", "lactose", "lubricant")
BIASES = ("bias_api", "bias_premix", "bias_lactose", "bias_lubricant", "bias_yield_pressure", "bias_density",
          "bias_strength", "bias_hold_up", "bias_nir")  # fmt: skip
N_BIAS = len(BIASES)
_BIAS_NOISE = ("bias_api", "bias_feeder", "bias_feeder", "bias_lubricant", "bias_yield_pressure", "bias_density",
               "bias_strength", "bias_hold_up", "bias_nir")  # fmt: skip
NAMES = (
    *(f"process_{kind}_{f}_pct" for kind in ("deviation", "flow") for f in FEEDERS),
    *(f"process_{kind}_pct" for kind in ("mass", "composition", "level", "fill_depth")),
    "prior_composition_pct",
    *(f"{kind}_{name}_pct" for kind in ("process", "prior") for name in dict.fromkeys(_BIAS_NOISE)),
    *(f"measured_flow_{f}_pct" for f in FEEDERS),
    "measured_level_kg", "measured_hold_up_kg", "measured_fill_depth_mm", "measured_force_pct", "measured_nir_pct",
    "measured_weight_pct", "measured_hardness_pct", "measured_assay_pct", "gate_sigma",
)  # fmt: skip


def check_noise(noise: Mapping[str, float], file: str = "controller") -> None:
    """Raise ConfigurationFaults that list every missing, unknown or non-positive value."""
    faults = [Fault(file, f"noise.{n}", "missing", "write it: there is no default") for n in NAMES if n not in noise]
    faults += [Fault(file, f"noise.{n}", str(v), f"unknown; {near(n, NAMES)}") for n, v in noise.items() if n not in NAMES]
    faults += [Fault(file, f"noise.{n}", str(v), "must be above 0") for n, v in noise.items() if not v > 0]
    if faults:
        raise ConfigurationFaults(faults)


def _fractions(noise: Mapping[str, float], names: list[str]) -> Vector:
    return np.array([noise[name] / 100.0 for name in names])


def process_covariance(noise: Mapping[str, float]) -> Vector:
    """Return (N_X + 9, N_X + 9) the noise of one period. Masses move with their contents, so that noise mixes nothing."""
    n = N_X + N_BIAS
    q = np.zeros((n, n))
    for kind, where in (("deviation", DEVIATION), ("flow", FLOW_LAST)):
        values = _fractions(noise, [f"process_{kind}_{f}_pct" for f in FEEDERS])
        q[where, where] = np.diag(values**2)
    mass, composition = noise["process_mass_pct"] / 100.0, noise["process_composition_pct"] / 100.0
    for j in range(N_TANKS):
        tank = slice(BLENDER.start + 4 * j, BLENDER.start + 4 * j + 4)
        q[tank, tank] = mass**2 + np.diag([0.0, 1.0, 1.0, 1.0]) * composition**2
    q[LEVEL, LEVEL] = (noise["process_level_pct"] / 100.0) ** 2
    q[FILL_DEPTH, FILL_DEPTH] = (noise["process_fill_depth_pct"] / 100.0) ** 2
    q[N_X:, N_X:] = np.diag(_fractions(noise, [f"process_{b}_pct" for b in _BIAS_NOISE]) ** 2)
    return q


def prior_covariance(noise: Mapping[str, float]) -> Vector:
    """Return (N_X + 9, N_X + 9) the doubt at the start: contents that nobody measured, biases as configured."""
    n = N_X + N_BIAS
    p, composition = np.zeros((n, n)), noise["prior_composition_pct"] / 100.0
    p[DEVIATION, DEVIATION] = np.eye(4) * 0.02**2
    for j in range(N_TANKS):
        tank = slice(BLENDER.start + 4 * j, BLENDER.start + 4 * j + 4)
        p[tank, tank] = 0.1**2 + np.diag([0.0, 1.0, 1.0, 1.0]) * composition**2
    p[LEVEL, LEVEL] = 0.1**2
    p[CELLS, CELLS] = np.eye(CELLS.stop - CELLS.start) * composition**2
    p[FEED_FRAME, FEED_FRAME] = np.eye(FEED_FRAME.stop - FEED_FRAME.start) * composition**2
    p[FILL_DEPTH, FILL_DEPTH] = 0.05**2
    p[N_X:, N_X:] = np.diag(_fractions(noise, [f"prior_{b}_pct" for b in _BIAS_NOISE]) ** 2)
    return p
