"""The doubt about residence times as a frozen set of lines, drawn once and hashed with the model they belong to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from line.recipe import ReleaseRtd

Array = NDArray[np.float64]
#: Lines that run beside the nominal one, and the seed by which what is drawn is shuffled against each other.
N_DRAWS, SHUFFLE_SEED = 16, 2026
#: What is drawn, each for itself: hold-up of the blender, plug share of the hopper (its level is measured), hold-up of the
#: feed frame.
BLENDER, HOPPER, FEED_FRAME = range(3)
DECIMALS = 9


def residence_draws(rtd: ReleaseRtd, n: int = N_DRAWS) -> Array:
    """Return factors of the blender's hold-up, the hopper's plug share and the feed frame's hold-up, (n, 3).

    Latin hypercube: each takes the n middle quantiles of a normal of mean 1 and the recipe's relative standard
    error, in shuffled order, scaled so that mean and standard deviation are exact. The same recipe gives the same bits.
    n >= 2. Errors: none. Wrong if the three errors are not independent (one tracer test of the whole line fixes a sum and
    leaves the parts less certain), and if the hopper's level is wrong by as much as a standard error.
    Source: McKay, Beckman & Conover (1979), Technometrics 21:239.
    """
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    quantiles /= np.sqrt(np.mean(quantiles**2))
    chance = np.random.Generator(np.random.PCG64(SHUFFLE_SEED))
    shuffled = np.column_stack([chance.permutation(quantiles) for _ in range(3)])
    return np.round(1.0 + rtd.relative_standard_error * shuffled, DECIMALS)
