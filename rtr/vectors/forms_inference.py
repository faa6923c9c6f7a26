"""Forms of E2810, tolerance factors, dissolution, NIR diagnostics and residence time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from rtr.genealogy.funnel import TankCascade, attenuation, divert_pulse, tolerable
from rtr.statistics import batch_inference as e2810
from rtr.statistics import tolerance
from rtr.statistics.dissolution import judge_dissolution
from sensing import diagnostics

Given = Mapping[str, Any]
Answers = dict[str, Any]
MEANS_OF_TABLE = (92, 94, 95, 96, 97, 98, 99, 100, 101, 102, 104, 106)


def bound_parts(given: Given) -> Answers:
    """Lower bound on P(pass) at (mu, sigma) and its parts."""
    bound = e2810.pass_bound(given["mu"], given["sigma"])
    return {
        "P_S1": bound.p_stage_1, "P_C21": bound.p_stage_2_av, "P_C22_lower": bound.p_stage_2_range, "LBOUND": bound.bound,
    }  # fmt: skip


def plan_1_bound(given: Given) -> Answers:
    """Plan 1: lower bound for a sample."""
    bound = e2810.lower_bound_plan_1(given["ybar"], given["s"], given["n"], given["conf"])
    return {"lower_bound": bound, "sigma_upper": e2810.sigma_upper(given["s"], given["n"], given["conf"])}


def plan_1_limit(given: Given) -> Answers:
    """Plan 1: largest s at one mean; `s_max` as printed (two decimals), `s_max_computed` as computed."""
    limit = e2810.acceptance_limit_plan_1(given["ybar"], given["n"], given["conf"], given["LB"], given["T"])
    return {"s_max": round(limit, 2), "s_max_computed": limit}


def plan_1_table(given: Given) -> Answers:
    """Plan 1: largest s by mean."""
    limits = {
        str(mean): e2810.acceptance_limit_plan_1(float(mean), given["n"], given["conf"], given["LB"], given["T"])
        for mean in MEANS_OF_TABLE
    }
    return {"s_max_by_mean": limits}


def plan_2(given: Given) -> Answers:
    """Plan 2: overall sigma and its upper limit."""
    result = e2810.lower_bound_plan_2(
        100.0, given["sd_location_means"], given["sd_within"], given["L"], given["n"], given["conf"]
    )
    return {"sigma_hat": result.sigma_hat, "sigma_upper": result.sigma_upper}


def tolerance_factors(given: Given) -> Answers:
    """Howe, Natrella and exact factors for one n or several."""
    n, p, confidence = given["n"], given["p"], given["conf"]
    if isinstance(n, list):
        return {"k": [tolerance.two_sided_howe(m, p, confidence) for m in n]}
    howe, natrella = tolerance.two_sided_howe(n, p, confidence), tolerance.one_sided_natrella(n, p, confidence)
    exact = tolerance.one_sided_exact(n, p, confidence)
    return {"k": howe, "k2_howe": howe, "k1": exact, "k1_natrella": natrella, "k1_exact_noncentral_t": exact}


def dissolution(given: Given) -> Answers:
    """Verdict of <711> Acceptance Table 1."""
    return {"verdict": judge_dissolution(given["Q"], given["s1"], given["s2"], given["s3"]).value}


def t2_limits(given: Given) -> Answers:
    """T2 limits for each number of components: calibration spectra, new spectra, chi-square."""
    alpha, n, several = given["alpha"], given["n"], given["A"]
    components = several if isinstance(several, list) else [several]
    calibration = [diagnostics.t2_limit_calibration(alpha, n, a) for a in components]
    new = [diagnostics.t2_limit_new(alpha, n, a) for a in components]
    chi2 = [float(special.chdtri(a, alpha)) for a in components]
    if isinstance(several, list):
        return {"T2lim": calibration, "calibration": calibration, "new_sample": new, "chi2": chi2}
    return {"T2lim": calibration[0], "calibration": calibration[0], "new_sample": new[0], "chi2": chi2[0]}


def q_limit_box(given: Given) -> Answers:
    """Q limit by Box, with and without whole degrees of freedom."""
    values = np.asarray(given["Q_calibration"], dtype=np.float64)
    alpha = given["alpha"]
    return {
        "Qlim": diagnostics.chi2_limit_box(alpha, values),
        "Qlim_floor_dof": diagnostics.chi2_limit_box(alpha, values, whole_degrees=True),
    }


def q_limit_jackson(given: Given) -> Answers:
    """Q limit by Jackson and Mudholkar, for one alpha or several."""
    eigenvalues = np.asarray(given["residual_eigenvalues"], dtype=np.float64)
    alphas = given["alpha"]
    if isinstance(alphas, list):
        return {"Qlim": [diagnostics.q_limit_jackson_mudholkar(a, eigenvalues) for a in alphas]}
    return {"Qlim": diagnostics.q_limit_jackson_mudholkar(alphas, eigenvalues)}


def _cascade(given: Given) -> TankCascade:
    return TankCascade(given["tau"], given["n_tanks"], given["dead_time"])


def pulse_peak(given: Given) -> Answers:
    """Peak of a rectangular pulse and its time."""
    share, peak_s = attenuation(_cascade(given), given["d"])
    return {"peak": given["m"] * share, "t_peak": peak_s}


def pulse_diversion(given: Given) -> Answers:
    """What the prediction rule with guard and the window rule divert of a pulse."""
    found = divert_pulse(_cascade(given), given["m"], given["d"], given["limit"], given["guard"])
    return {
        "peak": found.peak,
        "t_peak": found.peak_s,
        "t_cross_up": found.up_s,
        "t_cross_down": found.down_s,
        "divert_from": found.from_s,
        "divert_to": found.to_s,
        "diverted_seconds": found.diverted_s,
        "window_rule_0p5pct_seconds": found.window_s,
    }


def funnel(given: Given) -> Answers:
    """Largest tolerable inlet deviation by duration."""
    return {"m_max": [tolerable(_cascade(given), d, given["limit"]) for d in given["durations"]]}


def quantiles(given: Given) -> Answers:
    """Quantiles of the exit-age distribution."""
    cascade, p = _cascade(given), given["p"]
    return {"t": [cascade.quantile_s(x) for x in p] if isinstance(p, list) else cascade.quantile_s(p)}
