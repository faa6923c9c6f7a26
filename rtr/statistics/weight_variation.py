"""Weight variation, the other road of USP <905>: contents estimated from single weights and one assay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from line.errors import DataError
from rtr.statistics.uniformity import mean_and_s

Coat = Literal["none", "film", "other"]
DOSE_MIN_MG, SHARE_MIN, CONCENTRATION_RSD_MAX_PCT = 25.0, 0.25, 2.0


def estimated_contents(weights_mg: Sequence[float], assay_pct_lc: float) -> list[float]:
    """Return x_i = w_i A / mean(w) [% LC] of single weights [mg] and the assay A [% LC].

    Clause: <905> Weight Variation. Invariants: mean(x) = A, s(x) = A CV(w).
    Errors: DataError for fewer than two weights, a weight or assay that is not positive and finite.
    """
    weights = [float(w) for w in weights_mg]
    numbers = [*weights, float(assay_pct_lc)]
    if len(weights) < 2 or not all(math.isfinite(x) and x > 0 for x in numbers):
        raise DataError("weights and assay must be positive and finite", where="USP <905> weight variation")
    mean = math.fsum(weights) / len(weights)
    return [w * assay_pct_lc / mean for w in weights]


def variation_pct(weights_mg: Sequence[float]) -> float:
    """Return the relative standard deviation of single weights [%]."""
    mean, s = mean_and_s([float(w) for w in weights_mg])
    return 100.0 * s / mean


def route(coat: Coat, dose_mg: float, mass_mg: float, concentration_rsd_pct: float | None = None) -> str:
    """Return how a tablet is tested: `WV`, `CU` or `WV(W4 exception)`.

    Clause: <905> Table 1: uncoated or film-coated with at least 25 mg and 25 % of the mass -> WV, else CU; (W4): WV is
    also open if the concentration RSD is at most 2 % by validation data. Other coats -> CU.
    """
    if not (dose_mg > 0 and mass_mg >= dose_mg):
        raise DataError("dose must be positive and not above the tablet mass", where="USP <905> Table 1")
    if coat == "other":
        return "CU"
    if dose_mg >= DOSE_MIN_MG and dose_mg / mass_mg >= SHARE_MIN:
        return "WV"
    if concentration_rsd_pct is not None and concentration_rsd_pct <= CONCENTRATION_RSD_MAX_PCT:
        return "WV(W4 exception)"
    return "CU"
