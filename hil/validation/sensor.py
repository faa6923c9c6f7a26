"""A soft sensor on a set it is calibrated from: its error and its intervals for batches that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hil.figures import Figure
from sensing.calibration import MAX_COMPONENTS
from sensing.conformal import LEVEL, IntervalStudy, study_intervals
from sensing.preprocessing import StandardNormalVariate
from sensing.spectra import CalibrationSet
from sensing.validation import CONFIDENCE, clustered_interval, nested_cross_validation, rms

#: What is asked of the open tablet set: RMSECV nested by batch [% w/w], width of intervals against Gaussian ones.
RMSECV_MAX_PCT, WIDTH_RATIO_MAX = 0.36, 1.10
#: Target content of the reference tablet [mass fraction]; what "of label claim" means here.
TARGET_W_W = 0.08
PERCENT = 100.0


@dataclass(frozen=True)
class SensorValidation:
    """What was found: the set, predictions (n,) for batches left out with the choice of components nested, intervals."""

    source: str
    data: CalibrationSet
    predictions: np.ndarray
    study: IntervalStudy
    seed: int

    @property
    def errors(self) -> np.ndarray:
        """Prediction minus reference (n,) [mass fraction]."""
        return np.asarray(self.predictions - self.data.api_w_w)

    def by_batch(self, values: np.ndarray) -> list[np.ndarray]:
        """Return values (n,) batch by batch."""
        return [values[self.data.groups == g] for g in range(len(self.data.batch_names))]


def validate_sensor(
    data: CalibrationSet, source: str, seed: int, progress: Callable[[str, int, int], None]
) -> SensorValidation:
    """Return the validation of SNV and PLS on a set. Errors: DataError for too few batches."""
    treated = StandardNormalVariate().apply(data.spectra)
    progress("intervals", 0, 1)
    study = study_intervals(
        treated, data.api_w_w, data.groups, MAX_COMPONENTS, seed, progress=lambda i, n: progress("intervals", i, n)
    )
    progress("batches left out in turn", 0, 1)
    predictions = nested_cross_validation(treated, data.api_w_w, data.groups, MAX_COMPONENTS).predictions
    return SensorValidation(source, data, predictions, study, seed)


def figures_of(found: SensorValidation, asked: bool) -> list[Figure]:
    """Return the figures; with `asked` those that the open tablet set must reach carry their limits."""
    return [*_error(found, asked), *_intervals(found, asked), *_inside_a_batch(found)]


def _error(found: SensorValidation, asked: bool) -> list[Figure]:
    low, high = clustered_interval(found.errors, found.data.groups, found.seed)
    n = len(found.data.batch_names)
    source = f"{found.source}: {n} batches left out in turn, choice of components nested"
    return [
        Figure(
            "rmsecv_by_batch", PERCENT * rms(found.errors), "% w/w",
            f"{source}; {PERCENT * CONFIDENCE:g} % interval, batches drawn anew", PERCENT * low, PERCENT * high,
            at_most=RMSECV_MAX_PCT if asked else None,
        ),
        Figure("rmsecv_of_label_claim", PERCENT * rms(found.errors) / TARGET_W_W, "% LC", source),
        Figure("bias", PERCENT * float(found.errors.mean()), "% w/w", source),
    ]  # fmt: skip


def _intervals(found: SensorValidation, asked: bool) -> list[Figure]:
    study, names = found.study, found.data.batch_names
    parts = "{} batches for training, {} for calibration, {} for test".format(*study.sizes)
    apart = f"{study.n_splits} splits: {parts}, none shared"
    crossed = f"{study.n_splits} splits: {study.sizes[2]} batches for test, the others left out in folds"
    figures = []
    for rule, source in (("pooled", apart), ("crossed", crossed), ("gaussian", apart), ("guaranteed", apart)):
        covered = study.coverage[rule]
        words = f"{source}; {PERCENT * CONFIDENCE:g} % interval, batches drawn anew"
        low, high = PERCENT * covered.low, PERCENT * covered.high
        figures.append(Figure(f"coverage_{rule}", PERCENT * covered.share, "%", words, low, high))
        if rule in ("pooled", "crossed"):
            worst = f"{source}; batch {names[covered.worst_batch]}"
            missed = max(low - PERCENT * LEVEL, PERCENT * LEVEL - high, 0.0)
            figures += [
                Figure(f"coverage_{rule}_misses_90_by", missed, "%", words, at_most=0.0 if asked else None),
                Figure(f"coverage_{rule}_worst_batch", PERCENT * covered.worst, "%", worst),
            ]
        figures.append(Figure(f"half_width_{rule}", PERCENT * study.widths[rule], "% w/w", f"{source}; mean"))
    limits = {"pooled": WIDTH_RATIO_MAX, "crossed": WIDTH_RATIO_MAX}
    for rule, source in (("pooled", apart), ("crossed", crossed), ("guaranteed", apart)):
        limit = limits.get(rule) if asked else None
        figures.append(Figure(f"width_{rule}_over_gaussian", study.ratios[rule], "1", f"{source}; mean", at_most=limit))
    return figures


def _inside_a_batch(found: SensorValidation) -> list[Figure]:
    """What the sensor sees of single tablets: spread of error against spread of content, and rank correlation."""
    from scipy.stats import spearmanr

    errors, contents = found.by_batch(found.errors), found.by_batch(found.data.api_w_w)
    predicted = found.by_batch(found.predictions)
    several = [i for i, batch in enumerate(contents) if batch.size > 2 and np.ptp(batch) > 0.0]
    ranks = np.array([spearmanr(predicted[i], contents[i]).statistic for i in several])
    source = f"{found.source}: inside {len(several)} batches"
    values = (
        ("batch_bias_sd", np.std([e.mean() for e in errors], ddof=1)),
        ("error_sd_inside_batch", np.sqrt(np.mean([errors[i].var(ddof=1) for i in several])) if several else np.nan),
        ("content_sd_inside_batch", np.sqrt(np.mean([contents[i].var(ddof=1) for i in several])) if several else np.nan),
    )
    median = float(np.median(ranks)) if several else float("nan")
    low, high = np.quantile(ranks, (0.25, 0.75)) if several else (np.nan, np.nan)
    return [
        *(Figure(name, PERCENT * float(value) / TARGET_W_W, "% LC", source) for name, value in values),
        Figure("rank_correlation_inside_batch", median, "1", f"{source}; median and quartiles", float(low), float(high)),
    ]
