"""Forms of the uniformity group: <905>, weight variation, 2.9.47, Large-N, content from concentration and weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from scipy import special

from rtr.statistics import large_samples
from rtr.statistics import uniformity as udu
from rtr.statistics.weight_variation import estimated_contents, route, variation_pct

Given = Mapping[str, Any]
Answers = dict[str, Any]
#: AV and decision words use the unrounded AV.
ROUNDING: udu.Rounding = "none"


def stage_terms(stage: udu.StageResult) -> Answers:
    """Return the terms of one stage by the names that vectors use."""
    terms: Answers = {
        "n": stage.n,
        "k": stage.k,
        "mean": stage.mean,
        "s": stage.s,
        "M": stage.m_ref,
        "AV": stage.acceptance_value,
        "AV_rounded": stage.acceptance_value_rounded,
    }
    if math.isfinite(stage.low):
        terms |= {"lo": stage.low, "hi": stage.high, "n_outside_L2": stage.n_outside}
    return terms


def result_terms(result: udu.UniformityResult) -> Answers:
    """Return verdict, reasons and the terms of the stages that were computed."""
    terms: Answers = {"verdict": result.verdict.value, "fail_reasons": list(result.fail_reasons)}
    terms["s1"] = stage_terms(result.stage_1)
    if result.stage_2 is not None:
        terms["s2"] = stage_terms(result.stage_2)
    return terms


def units(given: Given) -> Answers:
    """Both stages from single contents."""
    return result_terms(udu.judge(given["units10"], given.get("units20"), given["T"], rounding=ROUNDING))


def from_moments(given: Given) -> Answers:
    """M, AV and the decision from mean and s of n units."""
    n, value = given["n"], udu.acceptance_value(given["mean"], given["s"], given["n"], given["T"])
    passes = udu.conforms(value, udu.L1, ROUNDING)
    words = ("PASS_S1" if passes else "CONTINUE_S2") if n == udu.N_STAGE_1 else ("PASS_S2" if passes else "FAIL")
    if udu.acceptability_constant(n) != given["k"]:
        words = "K_NOT_OF_THE_CHAPTER"
    return {"M": udu.reference_value(given["mean"], given["T"]), "AV": value, "decision": words}


def second_stage_value(given: Given) -> Answers:
    """M, range of single units and decision from the AV of 30 units whose mean is above 101.5."""
    m_ref = udu.reference_value(115.0, given["T"]) if given["mean_gt_101_5"] else math.nan
    low, high = udu.unit_range(m_ref)
    good = udu.conforms(given["AV_n30"], udu.L1, ROUNDING) and given["all_units_within_L2_range"]
    return {"M": m_ref, "lo": low, "hi": high, "decision": "PASS_S2" if good else "FAIL"}


def weights(given: Given) -> Answers:
    """Contents from single weights and an assay, and their verdict."""
    contents = estimated_contents(given["weights_mg"], given["assay_percent_LC"])
    mean = math.fsum(contents) / len(contents)
    return result_terms(udu.judge(contents, None, given["T"], rounding=ROUNDING)) | {
        "estimated_contents": contents,
        "check_mean_equals_assay": math.isclose(mean, given["assay_percent_LC"], rel_tol=1e-12),
        "cv_weight_percent": variation_pct(given["weights_mg"]),
    }


def routes(given: Given) -> Answers:
    """Weight variation or content uniformity, by coat, dose and mass."""
    return {
        "route": [route(c["coat"], c["dose_mg"], c["mass_mg"], c.get("conc_rsd_percent")) for c in given["cases"]],
    }


def _quantile_data(n: int, mu: float, sd: float) -> list[float]:
    return [mu + sd * float(special.ndtri((i - 0.5) / n)) for i in range(1, n + 1)]


def _alternative_1(contents: list[float], given: Given) -> Answers:
    row = large_samples.Row(len(contents), given["k"], given["c2"])
    result = large_samples.alternative_1(contents, row, given.get("T", 100.0))
    return {
        "n": result.n, "mean": result.mean, "s": result.s, "M": result.m_ref, "AV": result.acceptance_value,
        "n_outside_L2": result.n_outside, "ok": result.ok,
    }  # fmt: skip


def large_sample_quantiles(given: Given) -> Answers:
    """Alternative 1 on deterministic normal quantiles x_i = mu + sd PhiInv((i - 0.5) / n)."""
    return _alternative_1(_quantile_data(given["n"], given["mu"], given["sd"]), given)


def large_sample_replaced(given: Given) -> Answers:
    """As above with the smallest contents replaced."""
    base, new = given["base"], list(given["replace_smallest_with"])
    contents = sorted(_quantile_data(base["n"], base["mu"], base["sd"]))
    return _alternative_1(new + contents[len(new) :], given)


def large_sample_row(given: Given) -> Answers:
    """k and c2 of the table for n units: the reconstruction, which gives back every published row."""
    row = large_samples.reconstructed_table(max(given["n"], large_samples.N_MIN)).row(given["n"])
    return {"k": row.k, "c2": row.c2}


def large_sample_break_points(given: Given) -> Answers:
    """Break points of the reconstructed k between two numbers of units, keyed by the number of units."""
    low, high = given["n_range"]
    found: dict[str, float] = {}
    before = large_samples.reconstructed_k(low - 1) if low > large_samples.N_MIN else None
    for n in range(low, high + 1):
        k = large_samples.reconstructed_k(n)
        if k != before:
            found[str(n)] = k
        before = k
    return {"k_from_n": found}


def counting_limits(given: Given) -> Answers:
    """Limits of Large-N and Modified Large-N."""
    n = given["n"]
    return {"large_n_c": large_samples.large_n_limit(n), "modified_large_n_c": large_samples.modified_large_n_limit(n)}


def counting_limit_at(given: Given) -> Answers:
    """Limit of Large-N at a stated share."""
    return {"c": large_samples.large_n_limit(given["n"], given["p"])}


def predicted_contents(given: Given) -> Answers:
    """Contents from concentration and weight; AV as predicted, and with the residual variance added."""
    target, sigma = given["target_weight_mg"], given["sigma_e"]
    contents = [c * w / target for c, w in zip(given["conc_pct"], given["weight_mg"], strict=True)]
    inflated = udu.stage(contents, residual_variance=sigma * sigma)
    return {
        "contents": contents,
        "udu": result_terms(udu.judge(contents, rounding=ROUNDING)),
        "s_inflated": inflated.s,
        "AV_inflated": inflated.acceptance_value,
    }
