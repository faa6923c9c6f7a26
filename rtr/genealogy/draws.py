"""The doubt about residence times as a frozen set of lines: draws of the hold-ups, hashed with the model they belong to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from line.recipe import ReleaseRtd

Array = NDArray[np.float64]
#: Lines that run beside the nominal one, and the seed by which their hold-ups are shuffled against each other.
N_DRAWS, SHUFFLE_SEED = 16, 2026
#: Hold-ups that are drawn, each for itself.
BLENDER, HOPPER, FEED_FRAME = range(3)
DECIMALS = 9


def residence_draws(rtd: ReleaseRtd, n: int = N_DRAWS) -> Array:
    """Return factors of the hold-ups of blender, hopper and feed frame, (n, 3).

    Latin hypercube: each hold-up takes the n middle quantiles of a normal of mean 1 and the recipe's relative standard
    error, in shuffled order, scaled so that mean and standard deviation are exact. The same recipe gives the same bits.
    n >= 2. Errors: none. Wrong if the errors of the three hold-ups are not independent: one tracer test of the whole
    line fixes their sum and leaves the parts less certain than their standard errors say.
    Source: McKay, Beckman & Conover (1979), Technometrics 21:239.
    """
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    quantiles /= np.sqrt(np.mean(quantiles**2))
    chance = np.random.Generator(np.random.PCG64(SHUFFLE_SEED))
    shuffled = np.column_stack([chance.permutation(quantiles) for _ in range(3)])
    return np.round(1.0 + rtd.relative_standard_error * shuffled, DECIMALS)
