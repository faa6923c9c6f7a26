"""Feeders: how much a screw turn delivers at how much is in the hopper, from net weight and screw speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apc.identification.fit import Fit, Labels, Unknown, Vector, fit
from apc.identification.recorded import FEEDERS, RecordedRun

#: Seconds over which a hopper's loss of weight is compared with its screw's turns.
WINDOW_S = 60
#: Relative error of one such loss that the fit starts from [-]; the spread found replaces it.
LOSS_ERROR = 0.01
#: Seconds of a record that share their error: the feed factor drifts.
BLOCK_S = 600
PARAMETERS = ("factor_max", "factor_ratio", "level_coefficient")


def feed_factor(level: Vector, factor_max: float, factor_ratio: float, level_coefficient: float) -> Vector:
    """Return the feed factor (n,) [kg/rev] at net weights `level` (n,) [kg].

    Equation: ff = ff_max (1 - (1 - ratio) exp(-beta level)), [kg/rev], [-], [1/kg]. Wrong during and just after a
    refill. Source: Garcia-Munoz et al. 2018, Bascone et al. 2020 (form recalled).
    """
    return factor_max * (1.0 - (1.0 - factor_ratio) * np.exp(-level_coefficient * level))


def fit_feeder(runs: Sequence[RecordedRun], feeder: int) -> Fit:
    """Return the curve of one feeder (0..3) over runs: factor_max [kg/rev], factor_ratio [-], level_coefficient [1/kg].

    Each window of WINDOW_S in which the scale sees its flow: loss of net weight / turns = feed factor at the mean
    level. Raises DataError if there are too few windows.
    """
    level, factor, blocks = _windows(runs, feeder)
    middle = float(np.median(factor)) if factor.size else 1e-3
    span = max(float(np.ptp(level)), 1e-3) if level.size else 1.0
    unknowns = [
        Unknown("factor_max", 1.1 * middle, 0.8 * middle, 1.6 * middle),
        Unknown("factor_ratio", 0.8, 0.5, 0.999),
        Unknown("level_coefficient", 0.6 / span, 0.05 / span, 4.0 / span),
    ]
    return fit(lambda v: (factor / feed_factor(level, *v.tolist()) - 1.0) / LOSS_ERROR, unknowns, blocks)


def _windows(runs: Sequence[RecordedRun], feeder: int) -> tuple[Vector, Vector, Labels]:
    levels, factors, blocks = [], [], []
    for number, run in enumerate(runs):
        weight, speed = (run.signals[f"{FEEDERS[feeder]}/{what}"] for what in ("NetWeight", "ScrewSpeed"))
        good = run.seeing(feeder) & np.isfinite(weight) & np.isfinite(speed) & (speed > 0)
        for first in range(0, len(weight) - WINDOW_S, WINDOW_S):
            here = slice(first, first + WINDOW_S)
            if not good[here].all():
                continue
            at = np.arange(WINDOW_S) - (WINDOW_S - 1) / 2.0
            slope = float(at @ weight[here]) / float(at @ at)
            factors.append(-slope / (float(speed[here].mean()) / 60.0))
            levels.append(float(weight[here].mean()))
            blocks.append(1000 * number + first // BLOCK_S)
    return np.array(levels), np.array(factors), np.array(blocks, dtype=np.int64)
