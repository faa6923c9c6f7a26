"""Run a file of cases: pick the form by group and input keys, compute, compare every expected value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from line.errors import KilterError
from line.recipe import Recipe
from rtr.vectors import forms_disposition as lot
from rtr.vectors import forms_inference as inference
from rtr.vectors import forms_uniformity as uniform

#: Answers from a case's input and the recipe whose thresholds the lot rules take.
Compute = Callable[[Mapping[str, Any], Recipe], dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """One form: group, input keys that it must have, keys it may have, and what computes the answers."""

    group: str
    needs: frozenset[str]
    may: frozenset[str]
    compute: Compute


def _rules(group: str, needs: str, compute: Compute, may: str = "") -> Form:
    return Form(group, frozenset(needs.split()), frozenset(may.split()), compute)


def _form(group: str, needs: str, compute: Callable[[Mapping[str, Any]], dict[str, Any]], may: str = "") -> Form:
    return _rules(group, needs, lambda given, recipe: compute(given), may)


FORMS: tuple[Form, ...] = (
    _form("usp905", "T units10", uniform.units, may="units20"),
    _form("usp905", "T k mean n s", uniform.from_moments),
    _form("usp905", "AV_n30 T all_units_within_L2_range mean_gt_101_5", uniform.second_stage_value),
    _form("weight_variation", "T assay_percent_LC weights_mg", uniform.weights),
    _form("weight_variation", "cases", uniform.routes),
    _form("ep2947", "n", uniform.large_sample_row),
    _form("ep2947", "c2 k mu n sd", uniform.large_sample_quantiles, may="T"),
    _form("ep2947", "base c2 k replace_smallest_with", uniform.large_sample_replaced, may="T"),
    _form("ep2947_reconstructed", "n_range", uniform.large_sample_break_points),
    _form("large_n", "n", uniform.counting_limits),
    _form("large_n", "n p", uniform.counting_limit_at),
    _form("soft_sensor", "conc_pct sigma_e target_weight_mg weight_mg", uniform.predicted_contents),
    _form("e2810", "mu sigma", inference.bound_parts),
    _form("e2810", "conf n s ybar", inference.plan_1_bound),
    _form("e2810", "LB T conf n ybar", inference.plan_1_limit),
    _form("e2810", "LB T conf n", inference.plan_1_table),
    _form("e2810", "L conf n sd_location_means sd_within", inference.plan_2),
    _form("tolerance", "conf n p", inference.tolerance_factors),
    _form("usp711", "Q s1 s2 s3", inference.dissolution),
    _form("nir_diag", "A alpha n", inference.t2_limits),
    _form("nir_diag", "Q_calibration alpha", inference.q_limit_box),
    _form("nir_diag", "alpha residual_eigenvalues", inference.q_limit_jackson),
    _form("rtd", "d dead_time m n_tanks tau", inference.pulse_peak),
    _form("rtd", "d dead_time guard limit m n_tanks tau", inference.pulse_diversion),
    _form("rtd", "dead_time durations limit n_tanks tau", inference.funnel),
    _form("rtd", "dead_time n_tanks p tau", inference.quantiles),
    _rules("disposition", "mass_balance_ok model_valid open_exceptions rtrt", lot.complete),
    _rules("disposition", "end_product_test rtrt", lot.overridden),
    _rules("disposition", "fallback nir_valid_fraction", lot.fallback, may="fallback_preapproved fallback_valid"),
    _rules("disposition", "q q_lim t2 t2_lim", lot.spectrum),
    _rules("disposition", "diverted operator_request", lot.re_entry),
    _rules(
        "disposition", "accepted_kg diverted_kg fed_kg limit_percent other_kg samples_kg", lot.reconciliation
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Mismatch:
    """One value that is not as expected: where in `expected`, what was expected, what was computed."""

    case: str
    key: str
    expected: Any
    found: Any

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"case": self.case, "key": self.key, "expected": self.expected, "found": _plain(self.found)}


@dataclass(frozen=True)
class VectorRun:
    """Outcome of a file: cases that passed and failed, and every value that did not fit."""

    passed: int
    failed: int
    mismatches: tuple[Mismatch, ...]


def find_form(group: str, keys: Sequence[str]) -> Form | None:
    """Return the form of a group whose keys fit exactly (all needed, none unknown), or None."""
    given = set(keys)
    return next((f for f in FORMS if f.group == group and f.needs <= given and given <= f.needs | f.may), None)


def run_cases(cases: Sequence[Mapping[str, Any]], recipe: Recipe) -> VectorRun:
    """Run every case. A form or an expected key that is not known, or an error, counts as failed."""
    every: list[Mismatch] = []
    failed = 0
    for case in cases:
        found = check_case(case, recipe)
        every += found
        failed += bool(found)
    return VectorRun(len(cases) - failed, failed, tuple(every))


def check_case(case: Mapping[str, Any], recipe: Recipe) -> list[Mismatch]:
    """Return what does not fit in one case; empty if it passes."""
    name = str(case.get("id", "?"))
    form = find_form(str(case.get("group")), list(case.get("input", {})))
    if form is None:
        return [Mismatch(name, "form", f"{case.get('group')}: {sorted(case.get('input', {}))}", "unknown form")]
    if not case.get("expected"):
        return [Mismatch(name, "expected", "something", "nothing is expected")]
    try:
        answers = form.compute(case["input"], recipe)
    except KilterError as error:
        return [Mismatch(name, "input", case["expected"], error.line())]
    except (TypeError, ValueError, KeyError, ArithmeticError, AttributeError) as error:
        return [Mismatch(name, "input", case["expected"], f"{type(error).__name__}: {error}")]
    tolerance = case.get("tolerance", 0.0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance >= 0:
        return [Mismatch(name, "tolerance", "a number not below 0", tolerance)]
    return _compare(name, "", case["expected"], answers, float(tolerance))


def _compare(case: str, path: str, expected: Any, found: Any, tolerance: float) -> list[Mismatch]:
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            return [Mismatch(case, path, expected, found)]
        out: list[Mismatch] = []
        for key, value in expected.items():
            where = f"{path}.{key}".lstrip(".")
            out += _compare(case, where, value, found[key], tolerance) if key in found else [Mismatch(case, where, value, "?")]
        return out
    if isinstance(expected, list):
        if not isinstance(found, list | tuple) or len(found) != len(expected):
            return [Mismatch(case, path, expected, found)]
        pairs = enumerate(zip(expected, found, strict=True))
        return [m for i, (a, b) in pairs for m in _compare(case, f"{path}[{i}]", a, b, tolerance)]
    return [] if _same(expected, found, tolerance) else [Mismatch(case, path, expected, found)]


def _same(expected: Any, found: Any, tolerance: float) -> bool:
    """Numbers agree within the case's absolute tolerance (at least 1e-12 relative); all else must be equal."""
    numbers = isinstance(expected, int | float) and isinstance(found, int | float)
    if isinstance(expected, bool) or isinstance(found, bool) or not numbers:
        return type(expected) is type(found) and bool(expected == found)
    return math.isfinite(found) and abs(found - expected) <= max(tolerance, 1e-12 * abs(expected))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
