"""Figures of merit that only the simulated plant's truth can tell: what was made, accepted and diverted, and how good."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.truth import ACCEPTED, Truth
from line.recipe import Recipe
from plant_sim.units.chute import Destination

#: Parcel means outside these are nonconforming; single units outside UNIT_LIMITS are out of limit (% LC).
PARCEL_LIMITS, UNIT_LIMITS = (90.0, 110.0), (85.0, 115.0)
#: Parcel means outside these call for action (% LC).
ACTION_LIMITS = (95.0, 105.0)
MG = 1e-6
Figure = float | int | None


def _outside(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values < limits[0]) | (values > limits[1])


def truth_figures(truth: Truth, recipe: Recipe) -> dict[str, Figure]:
    """Return every figure that needs the truth, by name (see hil.kpis.Kpis)."""
    target_mg, target_pct = recipe.product.tablet_mass_mg, recipe.product.target_pct_lc
    accepted = truth.destination == ACCEPTED
    seconds, content = truth.by_second(truth.content_pct_lc)
    concentration = truth.content_pct_lc * target_mg / truth.mass_mg
    _, potency = truth.by_second(concentration)
    _, mass = truth.by_second(truth.mass_mg)
    wrong = _outside(content, PARCEL_LIMITS)
    taken = np.isin(seconds, np.unique(truth.second[accepted]))
    unit_wrong = _outside(truth.content_pct_lc, UNIT_LIMITS)
    error_mg = _mean(truth.mass_mg[accepted] - target_mg)
    error_pct_lc = _mean(concentration[accepted] - target_pct)
    return {
        "potency_error_mean_pct_lc": error_pct_lc,
        "weight_error_mean_pct": None if error_mg is None else 100 * error_mg / target_mg,
        "potency_iae_pct_lc_min": float(np.abs(potency[taken] - target_pct).sum() / 60),
        "weight_iae_pct_min": float(100 * np.abs(mass[taken] / target_mg - 1).sum() / 60),
        "strength_iae_pct_min": _strength_iae(truth, recipe, taken),
        "nonconforming_seconds": int(wrong.sum()),
        "nonconforming_accepted_seconds": int((wrong & taken).sum()),
        "nonconforming_made_tablets": int(unit_wrong.sum()),
        "accepted_out_of_limit_tablets": int((unit_wrong & accepted).sum()),
        "mass_residual_truth_pct": _truth_residual(truth),
        **_masses(truth),
    }


def _masses(truth: Truth) -> dict[str, Figure]:
    """True masses by destination, and of accepted and diverted tablets by the mean content of their parcel (one second)."""
    by_second = np.bincount(truth.second) if truth.second.size else np.zeros(1, dtype=np.int64)
    total = np.bincount(truth.second, weights=truth.content_pct_lc, minlength=by_second.size)
    parcel = (total / np.maximum(by_second, 1))[truth.second]
    accepted, diverted = truth.destination == ACCEPTED, truth.destination == int(Destination.DIVERTED)
    first = int(np.argmax(accepted)) if accepted.any() else truth.second.size

    def kg(which: NDArray[np.bool_]) -> float:
        return float(truth.mass_mg[which].sum() * MG)

    return {
        "mass_accepted_truth_kg": kg(accepted),
        "mass_diverted_truth_kg": kg(diverted),
        "mass_rejected_truth_kg": kg(truth.destination == int(Destination.REJECTED)),
        "mass_start_up_truth_kg": float(truth.mass_mg[:first].sum() * MG),
        "accepted_outside_5_pct_kg": kg(accepted & _outside(parcel, ACTION_LIMITS)),
        "accepted_outside_10_pct_kg": kg(accepted & _outside(parcel, PARCEL_LIMITS)),
        "diverted_within_5_pct_kg": kg(diverted & ~_outside(parcel, ACTION_LIMITS)),
    }


def _strength_iae(truth: Truth, recipe: Recipe, taken: NDArray[np.bool_]) -> float:
    _, strength = truth.by_second(truth.strength_mpa)
    return float(100 * np.abs(strength[taken] / recipe.product.tensile_strength_target_mpa - 1).sum() / 60)


def _truth_residual(truth: Truth) -> float | None:
    """Largest mass residual of any second, in % of the mass fed until the end."""
    residual, fed = truth.series.get("mass_residual_kg"), truth.series.get("mass_in_kg")
    if residual is None or fed is None or not fed.size or fed[-1] <= 0:
        return None
    return float(100 * np.abs(residual).max() / fed[-1])


def _mean(values: Any) -> float | None:
    """Mean of what is finite, None if nothing is."""
    array = np.array(values, dtype=np.float64)
    usable = array[np.isfinite(array)]
    return float(usable.mean()) if usable.size else None
