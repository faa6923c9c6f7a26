"""From a calibration set to a model with limits, a range and an honest error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from line.errors import DataError
from sensing.conformal import LEVEL, half_width
from sensing.diagnostics import chi2_limit_box, spectral_match, t2_and_q, t2_limit_new
from sensing.model import Limits, Performance, Presentation, SoftSensorModel, significant
from sensing.pls import Matrix, PlsFit, Vector, coefficients, fit_pls
from sensing.preprocessing import StandardNormalVariate, Step, apply_steps
from sensing.spectra import CalibrationSet
from sensing.validation import (
    COMPONENTS_RULE,
    CONFIDENCE,
    Groups,
    batch_folds,
    choose_components,
    clustered_interval,
    errors_by_components,
    nested_cross_validation,
    rms,
)

MAX_COMPONENTS = 8
#: One false alarm in a thousand in-control spectra: an hour has 720.
ALPHA = 0.001
#: A window is taken for covered within these multiples of what calibration showed.
SPREAD_FACTOR = 2.0
#: Absorbance above the calibration's highest [AU] at which the detector is taken to see no light.
SATURATION_MARGIN_AU = 1.0
T2_FORMULA = "larger of A(n-1)(n+1)/(n(n-A)) F(A, n-A) and g chi2(h)"
Q_FORMULA = "g chi2(h), g = v/2m, h = 2m^2/v"


def calibrate(
    data: CalibrationSet,
    *,
    model_id: str,
    version: str = "1",
    instrument: str = "",
    seed: int = 0,
    preprocessing: Sequence[Step] = (StandardNormalVariate(),),
    max_components: int = MAX_COMPONENTS,
    alpha: float = ALPHA,
    in_control: Matrix | None = None,
) -> SoftSensorModel:
    """Return a PLS model with its number of components by rule and its error by nested cross-validation.

    data: at least max_components + 2 batches. in_control (m, p) [AU]: independent spectra of the line in control, on
    which the T2 and Q limits are set (better); left out, they are set on the calibration's own batches, each judged by
    a model that did not see it. `seed` fixes the bootstrap. Errors: DataError.
    Wrong where operation shows states (temperature, lots, probes) that the calibration did not.
    """
    _check(data, max_components, alpha, in_control)
    treated, y, groups = apply_steps(preprocessing, data.spectra), data.api_w_w, data.groups
    a = choose_components(errors_by_components(treated, y, groups, max_components), groups)
    fit = fit_pls(treated, y, a)
    if in_control is None:
        diagnostics, set_on = _held_out_diagnostics(treated, y, groups, a), "calibration batches left out in turn"
    else:
        diagnostics = _diagnose(fit, apply_steps(preprocessing, np.asarray(in_control, dtype=np.float64)))
        set_on = f"{len(in_control)} independent in-control spectra"
    weights, loadings, loadings_y = significant(fit.weights), significant(fit.loadings), significant(fit.loadings_y)
    return SoftSensorModel(
        id=model_id,
        version=version,
        instrument=instrument,
        preprocessing=tuple(preprocessing),
        axis=data.axis,
        mean=significant(fit.mean_x),
        mean_y=significant(fit.mean_y),
        weights=weights,
        loadings=loadings,
        loadings_y=loadings_y,
        coefficients=significant(coefficients(weights, loadings, loadings_y)),
        score_variances=significant(fit.scores.var(axis=0, ddof=1)),
        limits=_limits(*diagnostics, alpha, y.size, a, set_on),
        presentation=presentation_of(data.spectra),
        performance=_performance(treated, y, groups, max_components, seed),
        range_low_w_w=significant(y.min()),
        range_high_w_w=significant(y.max()),
        n_spectra=int(y.size),
        n_batches=len(data.batch_names),
        seed=seed,
        calibration_set_hash=data.hash,
    )


def _check(data: CalibrationSet, max_components: int, alpha: float, in_control: Matrix | None) -> None:
    n_batches = len(data.batch_names)
    if max_components < 1 or n_batches < max_components + 2:
        raise DataError(
            "fewer batches than the components asked for need",
            where="calibration set",
            how_much=f"{n_batches} batches, at least {max_components + 2} for {max_components} components",
            what_now="Measure more batches or allow fewer components; nothing was written.",
        )
    wrong = in_control is not None and (np.ndim(in_control) != 2 or np.shape(in_control)[1] != data.axis.size)
    if not 0.0 < alpha < 1.0 or wrong or (in_control is not None and not np.all(np.isfinite(in_control))):
        raise DataError(
            "the operating limits cannot be set",
            where="calibration",
            how_much=f"alpha {alpha}, in-control spectra {np.shape(in_control) if in_control is not None else 'none'}",
            what_now=f"Give alpha between 0 and 1 and finite spectra of {data.axis.size} points.",
        )


def _diagnose(fit: PlsFit, treated: Matrix) -> tuple[Vector, Vector, Vector]:
    """Return T2, Q and what is missing to a perfect match, (n,) each."""
    t2, q = t2_and_q(treated - fit.mean_x, fit.rotations, fit.loadings, fit.scores.var(axis=0, ddof=1))
    return t2, q, 1.0 - spectral_match(treated, fit.mean_x)


def _held_out_diagnostics(treated: Matrix, y: Vector, groups: Groups, n_components: int) -> tuple[Vector, Vector, Vector]:
    t2, q, unlike = np.empty(y.size), np.empty(y.size), np.empty(y.size)
    for test in batch_folds(groups):
        t2[test], q[test], unlike[test] = _diagnose(fit_pls(treated[~test], y[~test], n_components), treated[test])
    return t2, q, unlike


def _limits(t2: Vector, q: Vector, unlike: Vector, alpha: float, n: int, n_components: int, set_on: str) -> Limits:
    by_f = t2_limit_new(alpha, n, n_components)
    return Limits(
        alpha=alpha,
        t2=significant(max(by_f, chi2_limit_box(alpha, t2))),
        q=significant(chi2_limit_box(alpha, q)),
        match_min=significant(1.0 - chi2_limit_box(alpha, unlike)),
        set_on=set_on,
        t2_formula=T2_FORMULA,
        q_formula=Q_FORMULA,
    )


def presentation_of(spectra: Matrix) -> Presentation:
    """Return what a covered, clean window looks like, from raw spectra (n, p) [AU] of one probe."""
    level, spread = spectra.mean(axis=1), spectra.std(axis=1, ddof=1)
    margin = float(np.ptp(level))
    values = (
        level.min() - margin,
        level.max() + margin,
        spread.min() / SPREAD_FACTOR,
        spread.max() * SPREAD_FACTOR,
        spectra.max() + SATURATION_MARGIN_AU,
    )
    return Presentation(*(significant(value) for value in values))


def _performance(treated: Matrix, y: Vector, groups: Groups, max_components: int, seed: int) -> Performance:
    nested = nested_cross_validation(treated, y, groups, max_components)
    errors = nested.predictions - y
    low, high = clustered_interval(errors, groups, seed)
    return Performance(
        rmsecv_w_w=significant(rms(errors)),
        rmsecv_low_w_w=significant(low),
        rmsecv_high_w_w=significant(high),
        confidence=CONFIDENCE,
        bias_w_w=significant(errors.mean()),
        components_rule=COMPONENTS_RULE,
        components_by_fold=nested.components_by_fold,
        interval_level=LEVEL,
        interval_half_width_w_w=significant(half_width(errors, groups)),
    )


def split_batches(data: CalibrationSet, n_holdout: int, seed: int) -> tuple[CalibrationSet, CalibrationSet]:
    """Return (calibration part, held-out part): whole batches, one from each of n_holdout strata of mean content, by seed.

    The batches with the lowest and the highest mean stay in the calibration part, so that its range covers the other.
    Errors: DataError for fewer than n_holdout + 2 batches.
    """
    groups, names = data.groups, data.batch_names
    if n_holdout < 1 or len(names) < n_holdout + 2:
        raise DataError(
            "the set cannot be split by batch",
            where="calibration set",
            how_much=f"{len(names)} batches, {n_holdout} to hold out",
            what_now="Hold out fewer: two batches more than those are needed.",
        )
    means = np.array([data.api_w_w[groups == g].mean() for g in range(len(names))])
    inner = np.argsort(means, kind="stable")[1:-1]
    chance = np.random.default_rng(seed)
    chosen = [int(chance.choice(stratum)) for stratum in np.array_split(inner, n_holdout)]
    held_out = np.isin(groups, chosen)
    return data.subset(~held_out), data.subset(held_out)
