"""Figures of merit of one lot: from its record, and from the simulated plant's truth where there is one (else None)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.truth import read_truth
from hil.truth_kpis import truth_figures
from historian.frames import Frames
from historian.queries import RecordReader
from line.recipe import Recipe

TRUTH_FOLDER = "truth"
#: Material diverted for these reasons is planned; anything else diverted is an event.
PLANNED = frozenset({"START_UP", "THROUGHPUT_TRANSITION", "RUN_OUT_MATERIAL"})
#: Rungs that are no fallback: the line is not running, or the controller only watches.
NO_CONTROL = ("idle", "warm", "off")
#: Counter of the electric energy of all consumers [kWh].
ENERGY_COUNTER = "Utilities/EnergyTotal"
Figure = float | int | None


#: name -> (label, format, unit); the order in which people read them.
FIGURES: dict[str, tuple[str, str, str]] = {
    "mass_in_kg": ("mass in", "{:.3f}", "kg"),
    "mass_accepted_kg": ("accepted", "{:.3f}", "kg"),
    "mass_diverted_kg": ("diverted", "{:.3f}", "kg"),
    "mass_rejected_kg": ("rejected by the press", "{:.3f}", "kg"),
    "mass_sampled_kg": ("sampled", "{:.3f}", "kg"),
    "mass_start_up_kg": ("made before the first accepted tablet", "{:.3f}", "kg"),
    "mass_residual_pct": ("ledger residual (scales)", "{:.3f}", "%"),
    "mass_residual_truth_pct": ("ledger residual (truth)", "{:.2e}", "%"),
    "energy_kwh": ("electric energy, suite with air handling", "{:.1f}", "kWh"),
    "energy_kwh_per_kg_accepted": ("electric energy a kg accepted", "{:.2f}", "kWh/kg"),
    "parcels": ("parcels", "{:d}", ""),
    "parcels_unverified": ("parcels unverified", "{:d}", ""),
    "diverted_event_seconds": ("diverted for events", "{:d}", "s"),
    "diverted_unplanned_pct": ("diverted outside start-up, change and run-out", "{:.2f}", "%"),
    "potency_accepted_mean_pct_lc": ("accepted potency, predicted mean", "{:.2f}", "% LC"),
    "weight_accepted_mean_mg": ("accepted tablet mass, predicted mean", "{:.2f}", "mg"),
    "hardness_mean_n": ("hardness, tester mean", "{:.1f}", "N"),
    "acceptance_value": ("acceptance value (USP <905>)", "{:.2f}", ""),
    "mass_accepted_truth_kg": ("accepted (truth)", "{:.3f}", "kg"),
    "mass_diverted_truth_kg": ("diverted (truth)", "{:.3f}", "kg"),
    "mass_rejected_truth_kg": ("rejected by the press (truth)", "{:.3f}", "kg"),
    "mass_start_up_truth_kg": ("made before the first accepted tablet (truth)", "{:.3f}", "kg"),
    "accepted_outside_5_pct_kg": ("accepted in parcels beyond 95-105 % LC (truth)", "{:.3f}", "kg"),
    "accepted_outside_10_pct_kg": ("accepted in parcels beyond 90-110 % LC (truth)", "{:.3f}", "kg"),
    "diverted_within_5_pct_kg": ("diverted in parcels within 95-105 % LC (truth)", "{:.3f}", "kg"),
    "potency_error_mean_pct_lc": ("accepted potency error, mean (truth)", "{:+.3f}", "% LC"),
    "weight_error_mean_pct": ("accepted weight error, mean (truth)", "{:+.3f}", "%"),
    "potency_iae_pct_lc_min": ("potency IAE (truth)", "{:.2f}", "% LC min"),
    "weight_iae_pct_min": ("weight IAE (truth)", "{:.2f}", "% min"),
    "strength_iae_pct_min": ("strength IAE (truth)", "{:.2f}", "% min"),
    "nonconforming_seconds": ("nonconforming seconds made (truth)", "{:d}", "s"),
    "nonconforming_accepted_seconds": ("of these accepted (truth)", "{:d}", "s"),
    "nonconforming_made_tablets": ("out-of-limit tablets made (truth)", "{:d}", ""),
    "accepted_out_of_limit_tablets": ("out-of-limit tablets accepted (truth)", "{:d}", ""),
    "travel_ranges": ("travel of set-points, in normal ranges", "{:.2f}", ""),
    "decisions": ("decisions", "{:d}", ""),
    "decisions_held": ("decisions not valid (held)", "{:d}", ""),
    "decisions_fallback": ("decisions by a lower rung (ratio while filling, fallback)", "{:d}", ""),
    "solve_median_ms": ("solve time, median", "{:.1f}", "ms"),
    "solve_p99_ms": ("solve time, 99th percentile", "{:.1f}", "ms"),
    "solve_max_ms": ("solve time, longest", "{:.1f}", "ms"),
    "cycle_p99_ms": ("cycle time, 99th percentile", "{:.1f}", "ms"),
    "alarms": ("alarms raised", "{:d}", ""),
}


@dataclass(frozen=True)
class Kpis:
    """Figures of one lot; None where what is needed was not recorded or there is no truth.

    Names carry units. `..._truth_...` and out-of-limit, nonconforming and error figures come from the truth.
    Potency is concentration in % of the target; content (potency x mass) decides what conforms.
    Nonconforming second: truth mean content of the tablets made in it outside 90-110 % LC. Out-of-limit tablet: true content
    outside 85-115 % LC. Errors: mean of accepted tablets minus target. IAE: integral of |parcel mean - target| over
    the accepted seconds. Accepted outside 5 or 10 %: true mass of accepted tablets in parcels (one second) whose true mean
    content is that far from label claim; diverted within 5 %: what was thrown away in vain. Ledger residual: as release
    judged it, (scales in - containers - hold-up - chute) / scales in.
    Diverted event: diverted for another reason than start-up, throughput change or run-out.
    """

    figures: Mapping[str, Figure]

    @property
    def has_truth(self) -> bool:
        """True if a truth was there to compare with."""
        return self.figures.get("nonconforming_seconds") is not None

    def __getitem__(self, name: str) -> Figure:
        return self.figures[name]

    def body(self) -> dict[str, Figure]:
        """Return every figure by name, units in the names, rounded to nine decimals."""
        return {name: round(value, 9) if isinstance(value, float) else value for name, value in self.figures.items()}

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, value with unit) of every figure; `-` where there is none."""
        return [(label, _shown(self.figures[name], form, unit)) for name, (label, form, unit) in FIGURES.items()]


def _shown(value: Figure, form: str, unit: str) -> str:
    return "-" if value is None else f"{form.format(value)} {unit}".rstrip()


def compute_kpis(folder: Path, truth_folder: Path | None = None) -> Kpis:
    """Return the figures of the lot in a run folder; truth from `truth_folder`, or from its `truth/` if left out.

    Raises RecordError or DataError if record or truth cannot be read.
    """
    truth = read_truth(truth_folder or folder / TRUTH_FOLDER)
    with RecordReader(folder) as reader:
        recipe = Recipe.model_validate(reader.meta["recipe"]) if "recipe" in reader.meta else None
        parcels = reader.parcels()
        figures: dict[str, Figure] = {}
        figures |= _ledger(reader.frames(), parcels)
        figures |= _parcel_figures(parcels)
        figures |= _controller_figures(reader, recipe)
        figures |= _verdict_figures(reader.verdict())
        figures["alarms"] = sum(1 for _, body in reader.alarms() if body.get("state") == "UNACKNOWLEDGED")
    if truth is not None and recipe is not None:
        figures |= truth_figures(truth, recipe)
    return Kpis({name: figures.get(name) for name in FIGURES})


def _last(frames: Frames, tag_id: str) -> float:
    """Last usable value of a tag, 0 where the line has none."""
    if tag_id not in frames.register.scalar_index:
        return 0.0
    column = frames.column(tag_id)
    usable = column[np.isfinite(column)]
    return float(usable[-1]) if usable.size else 0.0


def _ledger(frames: Frames, parcels: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    if not frames.steps.size:
        return {}
    feeders = [tag for tag in frames.register.scalar_ids if tag.endswith("/Totalizer")]
    mass_in = sum(_last(frames, tag) for tag in feeders)
    out = {name: _last(frames, f"Bin/{name.title()}Mass") for name in ("accepted", "diverted", "rejected", "sampled")}
    figures: dict[str, Figure] = {f"mass_{name}_kg": value for name, value in out.items()}
    figures["mass_in_kg"] = mass_in
    figures["mass_start_up_kg"] = _start_up_mass(parcels)
    tester = frames.column("Tester/HardnessMean")[_news(frames, "Tester/SampleId")]
    figures["hardness_mean_n"] = _mean(tester)
    return figures | energy_figures(frames, out["accepted"])


def energy_figures(frames: Frames, accepted_kg: float) -> dict[str, Figure]:
    """Return what the energy counter moved within the record; nothing without a counter, or if it was set back."""
    if ENERGY_COUNTER not in frames.register.scalar_index:
        return {}
    counter = frames.column(ENERGY_COUNTER)
    counter = counter[np.isfinite(counter)]
    if not counter.size or counter[-1] < counter[0]:
        return {}
    energy = float(counter[-1] - counter[0])
    return {"energy_kwh": energy, "energy_kwh_per_kg_accepted": energy / accepted_kg if accepted_kg > 0 else None}


def _news(frames: Frames, tag_id: str) -> NDArray[np.int64]:
    """Rows at which a rolling number moved: a new sample was reported."""
    numbers = np.nan_to_num(frames.column(tag_id), nan=-1.0)
    moved = np.flatnonzero(np.diff(numbers, prepend=0.0) > 0)
    return moved.astype(np.int64)


def _start_up_mass(parcels: Sequence[Mapping[str, Any]]) -> float | None:
    mass_kg = 0.0
    for parcel in parcels:
        if parcel["accepted"]:
            return mass_kg
        mass_kg += _mass_kg(parcel, "made")
    return None


def _mass_kg(parcel: Mapping[str, Any], count: str) -> float:
    return float(parcel[count]) * float(parcel["tablet_mass_mg"] or 0.0) * 1e-6


def divert_reasons(parcels: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the reason of each parcel's diverted part, empty where nothing was diverted.

    A parcel that conforms and lost some tablets while the gate moved belongs to the diversion beside it.
    """
    reasons = [str(p["reason"]) if p["diverted"] else "" for p in parcels]
    rows = range(len(reasons))
    for order, step in ((rows, -1), (reversed(rows), 1)):
        for i in order:
            j = i + step
            if reasons[i] == "CONFORMS" and 0 <= j < len(reasons) and reasons[j]:
                reasons[i] = reasons[j]
    return reasons


def _parcel_figures(parcels: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    total_kg = sum(_mass_kg(p, "made") for p in parcels)
    reasons = divert_reasons(parcels)
    events = [p for p, reason in zip(parcels, reasons, strict=True) if reason and reason not in PLANNED]
    accepted = [p for p in parcels if p["accepted"]]
    weights = [p["accepted"] for p in accepted]
    return {
        "parcels": len(parcels),
        "parcels_unverified": sum(1 for p in parcels if p["quality"] == "UNVERIFIED"),
        "diverted_event_seconds": len(events),
        "diverted_unplanned_pct": 100 * sum(_mass_kg(p, "diverted") for p in events) / total_kg if total_kg > 0 else None,
        "potency_accepted_mean_pct_lc": _mean([p["potency_pct_lc"] for p in accepted], weights),
        "weight_accepted_mean_mg": _mean([p["tablet_mass_mg"] for p in accepted], weights),
    }


def _mean(values: Any, weights: Any = None) -> float | None:
    """Weighted mean of what is finite, None if nothing is."""
    array = np.array(values, dtype=np.float64)
    weight = np.ones_like(array) if weights is None else np.array(weights, dtype=np.float64)
    usable = np.isfinite(array)
    return float(np.average(array[usable], weights=weight[usable])) if weight[usable].sum() > 0 else None


def _controller_figures(reader: RecordReader, recipe: Recipe | None) -> dict[str, Figure]:
    decisions = reader.decisions()
    lower = [d for d in decisions if d["valid"] and d["rung"] not in (d["controller"], *NO_CONTROL)]
    timing = [body for _, body in reader.bodies("timing")]
    solve = [t["solve_ms"] for t in timing if t.get("solve_ms") is not None]
    cycle = [t["cycle_ms"] for t in timing if t.get("cycle_ms") is not None]
    return {
        "decisions": len(decisions),
        "decisions_held": sum(1 for d in decisions if not d["valid"]),
        "decisions_fallback": len(lower),
        "solve_median_ms": _quantile(solve, 0.5),
        "solve_p99_ms": _quantile(solve, 0.99),
        "solve_max_ms": _quantile(solve, 1.0),
        "cycle_p99_ms": _quantile(cycle, 0.99),
        "travel_ranges": _travel(reader, recipe) if recipe is not None else None,
    }


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(np.array(values, dtype=np.float64), share)) if values else None


def _travel(reader: RecordReader, recipe: Recipe) -> float:
    """Sum of |change| of every set-point over the width of its normal range."""
    total = 0.0
    for _, body in reader.bodies("move"):
        for tag_id, new in body.get("new", {}).items():
            old = body.get("old", {}).get(tag_id)
            limits = recipe.ranges.get(tag_id)
            if old is not None and new is not None and limits is not None:
                total += abs(new - old) / (limits.normal_high - limits.normal_low)
    return total


def _verdict_figures(verdict: Mapping[str, Any] | None) -> dict[str, Figure]:
    value = (verdict or {}).get("acceptance_value")
    residual = (verdict or {}).get("ledger", {}).get("residual_pct")
    return {
        "acceptance_value": float(value) if value is not None else None,
        "mass_residual_pct": float(residual) if residual is not None else None,
    }
