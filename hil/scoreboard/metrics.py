"""What a run is worth: a dozen figures, all but three from the plant's truth, less is better in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hil.kpis import Kpis
from hil.truth import Truth
from line.recipe import Recipe


class Prices(BaseModel):
    """Prices of the economic cost. Accepted mass beyond 90-110 % pays both penalties."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    material_eur_per_kg: float = Field(ge=0)
    outside_5_pct_eur_per_kg: float = Field(ge=0)
    outside_10_pct_eur_per_kg: float = Field(ge=0)
    electricity_eur_per_kwh: float = Field(ge=0)
    carbon_kg_per_kwh: float = Field(ge=0)
    carbon_eur_per_kg: float = Field(ge=0)


@dataclass(frozen=True)
class Metric:
    """How a figure is shown, and what it is."""

    label: str
    unit: str
    form: str
    meaning: str


METRICS: dict[str, Metric] = {
    "potency_iae_pct_lc_min": Metric("potency IAE", "% LC min", "{:.2f}", "integral of |mean potency of a second - target|"),
    "weight_iae_pct_min": Metric("weight IAE", "% min", "{:.2f}", "integral of |mean tablet mass of a second / target - 1|"),
    "strength_iae_pct_min": Metric("strength IAE", "% min", "{:.1f}", "integral of |mean tensile strength / target - 1|"),
    "outside_5_pct_kg": Metric("accepted beyond 5 %", "kg", "{:.3f}", "accepted mass in parcels beyond 95-105 % LC"),
    "diverted_kg": Metric("diverted", "kg", "{:.2f}", "mass of diverted tablets, start-up with it"),
    "start_up_kg": Metric("start-up", "kg", "{:.2f}", "mass of tablets made before the first accepted one"),
    "travel_ranges": Metric("travel", "ranges", "{:.2f}", "sum of |change| of set-points over their normal ranges"),
    "energy_kwh": Metric("energy", "kWh", "{:.2f}", "electric energy of the suite with air handling"),
    "refused": Metric("decisions refused", "", "{:.1f}", "decisions without a valid move while the controller was asked"),
    "solve_p99_ms": Metric("decision p99", "ms", "{:.1f}", "99th percentile of the decision on the wall, other load with it"),
    "tracking_cost": Metric("tracking cost", "", "{:.0f}", "what all controllers strive for, on the truth: docs/control.md"),
    "cost_eur": Metric("economic cost", "EUR", "{:.2f}", "J: material thrown away, mass accepted wrongly, energy and carbon"),
}


def run_metrics(
    truth: Truth, kpis: Kpis, recipe: Recipe, from_s: int, prices: Prices, tracking: float
) -> dict[str, float | None]:
    """Return every metric of one run by name; None where the run has none (nothing was decided, no energy meter)."""
    values: dict[str, float | None] = {**made_errors(truth, recipe, from_s), "tracking_cost": tracking}
    values |= {
        "outside_5_pct_kg": kpis["accepted_outside_5_pct_kg"],
        "diverted_kg": kpis["mass_diverted_truth_kg"],
        "start_up_kg": kpis["mass_start_up_truth_kg"],
        "travel_ranges": kpis["travel_ranges"],
        "energy_kwh": kpis["energy_kwh"],
        "refused": kpis["decisions_held"],
        "solve_p99_ms": kpis["solve_p99_ms"],
        "cost_eur": economic_cost(kpis.figures, prices),
    }
    return {name: None if values[name] is None else float(values[name] or 0.0) for name in METRICS}


def made_errors(truth: Truth, recipe: Recipe, from_s: int) -> dict[str, float | None]:
    """Return the three integrals over every second from `from_s` in which tablets were made, accepted or not.

    So a controller cannot look better by having its worst seconds diverted. Equation: sum over seconds of |error| / 60.
    """
    product = recipe.product
    seconds, potency = truth.by_second(truth.content_pct_lc * product.tablet_mass_mg / truth.mass_mg)
    _, mass = truth.by_second(truth.mass_mg)
    _, strength = truth.by_second(truth.strength_mpa)
    late = seconds >= from_s
    return {
        "potency_iae_pct_lc_min": float(np.abs(potency[late] - product.target_pct_lc).sum() / 60.0),
        "weight_iae_pct_min": float(100.0 * np.abs(mass[late] / product.tablet_mass_mg - 1.0).sum() / 60.0),
        "strength_iae_pct_min": float(100.0 * np.abs(strength[late] / product.tensile_strength_target_mpa - 1.0).sum() / 60.0),
    }


def economic_cost(figures: Mapping[str, float | int | None], prices: Prices) -> float | None:
    """Return J [EUR]; None if a term is not known.

    J = c_material (diverted + rejected) + c_5 accepted beyond 5 % + c_10 accepted beyond 10 % + (c_el + k_CO2 c_CO2) energy.
    Wrong where prices are: all of them are estimates. Wear of drives and the value of time are not in it.
    """
    diverted, rejected = figures["mass_diverted_truth_kg"], figures["mass_rejected_truth_kg"]
    beyond_5, beyond_10 = figures["accepted_outside_5_pct_kg"], figures["accepted_outside_10_pct_kg"]
    energy = figures["energy_kwh"]
    if diverted is None or rejected is None or beyond_5 is None or beyond_10 is None or energy is None:
        return None
    waste = prices.material_eur_per_kg * (diverted + rejected)
    wrong = prices.outside_5_pct_eur_per_kg * beyond_5 + prices.outside_10_pct_eur_per_kg * beyond_10
    carbon = prices.carbon_kg_per_kwh * prices.carbon_eur_per_kg
    return float(waste + wrong + (prices.electricity_eur_per_kwh + carbon) * energy)
