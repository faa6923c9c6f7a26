"""Calibration transfer: a model for a second probe, from spectra of the same samples on both, or from its own references."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from line.errors import DataError
from sensing.calibration import presentation_of
from sensing.model import SoftSensorModel, significant
from sensing.pls import Matrix, Vector
from sensing.preprocessing import DirectStandardisation, apply_steps
from sensing.spectra import CalibrationSet
from sensing.validation import batch_folds, clustered_interval, rms

BATCHES_MIN = 5
AXIS_TOLERANCE_PER_CM = 0.5


@dataclass(frozen=True)
class Transfer:
    """A transferred model and what it is worth on batches that its transfer did not see, in mass fractions.

    `before`: RMSEP of the old model on the second probe's spectra; `after` with its interval over batches; `n_components`
    of the standardisation (0: slope and bias).
    """

    model: SoftSensorModel
    before: float
    after: float
    after_low: float
    after_high: float
    n_components: int
    n_batches: int


def direct_standardisation(first: Matrix, second: Matrix, n_components: int) -> DirectStandardisation:
    """Return the step that makes raw spectra of the second probe look like the first's; both (n, p) of the same samples.

    Equation: x' = m1 + d + (d V)(S^-1 U' D1 - V'), d = x - m2, with D2 = U S V' truncated to n_components. What lies
    outside the samples' space passes unchanged, so that Q still sees what is new. Wrong outside the range of the samples.
    Source: Wang, Veltkamp, Kowalski, Anal. Chem. 63 (1991) 2750 (its projection alone would blind Q).
    """
    mean_first, mean_second = first.mean(axis=0), second.mean(axis=0)
    u, s, vt = np.linalg.svd(second - mean_second, full_matrices=False)
    known, basis = u[:, :n_components] / s[:n_components], vt[:n_components]
    change = known.T @ (first - mean_first) - basis
    return DirectStandardisation(significant(mean_first), significant(mean_second), significant(basis), significant(change))


def transfer_spectra(
    model: SoftSensorModel, first: CalibrationSet, second: CalibrationSet, *, instrument: str, version: str
) -> Transfer:
    """Return the model with direct standardisation in front; rows of both sets are the same samples in the same order.

    The number of components is the one with the least error of batches left out in turn. Errors: DataError for other
    samples, another axis, or fewer than 5 batches.
    """
    _check(model, second)
    same = first.batches == second.batches and first.spectra.shape == second.spectra.shape
    if not same or not np.allclose(first.api_w_w, second.api_w_w, rtol=0.0, atol=1e-9):
        _refuse("the two tables do not hold the same samples in the same order", f"{first.api_w_w.size}, {second.api_w_w.size}")
    most = min(len(second.batch_names) - 2, 10)
    errors = {a: _left_out_standardised(model, first, second, a) for a in range(1, most + 1)}
    best = min(errors, key=lambda a: rms(errors[a]))
    step = direct_standardisation(first.spectra, second.spectra, best)
    moved = replace(model, preprocessing=(step, *model.preprocessing))
    return _transferred(model, moved, second, errors[best], best, instrument, version)


def transfer_slope_bias(model: SoftSensorModel, second: CalibrationSet, *, instrument: str, version: str) -> Transfer:
    """Return the model with its prediction corrected by slope and bias on the second probe's spectra and references.

    Equation: y' = b0 + b1 y by least squares. Wrong where the probes differ by more than a straight line of the content:
    T2 and Q, which stay as they were, then say so. Errors: as above.
    """
    _check(model, second)
    errors = np.empty(second.api_w_w.size)
    for test in batch_folds(second.groups):
        line = _line(model, second.spectra[~test], second.api_w_w[~test])
        errors[test] = _predict(_bent(model, *line), second.spectra[test]) - second.api_w_w[test]
    bent = _bent(model, *_line(model, second.spectra, second.api_w_w))
    return _transferred(model, bent, second, errors, 0, instrument, version)


def _left_out_standardised(model: SoftSensorModel, first: CalibrationSet, second: CalibrationSet, a: int) -> Vector:
    errors = np.empty(second.api_w_w.size)
    for test in batch_folds(second.groups):
        step = direct_standardisation(first.spectra[~test], second.spectra[~test], a)
        errors[test] = _predict(model, step.apply(second.spectra[test])) - second.api_w_w[test]
    return errors


def _predict(model: SoftSensorModel, spectra: Matrix) -> Vector:
    return np.asarray(model.mean_y + (apply_steps(model.preprocessing, spectra) - model.mean) @ model.coefficients)


def _line(model: SoftSensorModel, spectra: Matrix, y: Vector) -> tuple[float, float]:
    predicted = _predict(model, spectra)
    centred = predicted - predicted.mean()
    slope = float(centred @ y / (centred @ centred))
    return float(y.mean()) - slope * float(predicted.mean()), slope


def _bent(model: SoftSensorModel, bias: float, slope: float) -> SoftSensorModel:
    return replace(
        model,
        mean_y=significant(bias + slope * model.mean_y),
        loadings_y=significant(slope * model.loadings_y),
        coefficients=significant(slope * model.coefficients),
    )


def _transferred(
    old: SoftSensorModel, moved: SoftSensorModel, second: CalibrationSet, errors: Vector, a: int, instrument: str, version: str
) -> Transfer:
    """Name the new model; its error is the larger of the old one's and of the batches left out, its interval in proportion."""
    low, high = clustered_interval(errors, second.groups, old.seed)
    known = old.performance
    wider = max(rms(errors) / known.rmsecv_w_w, 1.0)
    performance = replace(
        known,
        rmsecv_w_w=significant(known.rmsecv_w_w * wider),
        rmsecv_low_w_w=significant(known.rmsecv_low_w_w * wider),
        rmsecv_high_w_w=significant(max(known.rmsecv_high_w_w * wider, high)),
        bias_w_w=significant(errors.mean()),
        interval_half_width_w_w=significant(known.interval_half_width_w_w * wider),
    )
    model = replace(
        moved,
        version=version,
        instrument=instrument,
        derived_from=old.hash,
        calibration_set_hash=second.hash,
        presentation=presentation_of(second.spectra),
        performance=performance,
    )
    before = rms(_predict(old, second.spectra) - second.api_w_w)
    return Transfer(model, before, rms(errors), low, high, a, len(second.batch_names))


def _check(model: SoftSensorModel, second: CalibrationSet) -> None:
    axis = second.axis
    if axis.shape != model.axis.shape or np.abs(axis - model.axis).max() > AXIS_TOLERANCE_PER_CM:
        _refuse("the spectra are on another axis than the model", f"{axis.size} points, model {model.axis.size}")
    if len(second.batch_names) < BATCHES_MIN or math.isclose(float(np.ptp(second.api_w_w)), 0.0):
        _refuse("too few batches or one content only", f"{len(second.batch_names)} batches, at least {BATCHES_MIN}")


def _refuse(what: str, how_much: str) -> NoReturn:
    raise DataError(what, where="calibration transfer", how_much=how_much, what_now="Measure the same samples on both probes.")
