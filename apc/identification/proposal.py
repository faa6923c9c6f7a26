"""From what was identified to a new parameter set: what was not identified is taken over and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apc.identification.fit import Estimated, Fit
from apc.identification.identify import Identification
from apc.identification.noise import COMPONENTS
from apc.identification.recorded import FEEDERS, RecordedRun
from flowsheet.parameters import unit_of
from line.configuration import ModelParameter
from line.parameter_set import FeedFactor, Gain, ParameterSet, SourceRun
from line.units import from_si

#: Significant digits that are written: more would say more than was measured.
DIGITS = 6


@dataclass(frozen=True)
class Origin:
    """What a proposal starts from: id and version of the new set, hash and content of the one in force, who made it."""

    id: str
    version: str
    based_on: str
    model: Mapping[str, ModelParameter]
    made_by: str


def propose(
    origin: Origin,
    found: Identification,
    runs: Sequence[RecordedRun],
    step_gains: Mapping[str, Mapping[str, Gain]] | None = None,
    with_noise: bool = False,
) -> ParameterSet:
    """Return the new set, sealed: identified values with intervals, all others as they were, and why.

    with_noise: the noise of analysers and tester goes into the set and takes the place of the controller's file's.
    A value outside its range in force does not occur: the fits are bounded by it.
    """
    fits = [found.fits[block] for block in ("mixing", "press") if block in found.fits]
    estimated = {e.name: e for fit in fits for e in fit.estimated}
    model = {name: _parameter(name, old, found, estimated.get(name)) for name, old in origin.model.items()}
    kept = {name: why for fit in fits for name, why in fit.kept.items()}
    feeders = {c: f"feeder_{c}" for c in COMPONENTS if f"feeder_{c}" in found.fits}
    kept |= {f"{block}.{n}": why for block in feeders.values() for n, why in found.fits[block].kept.items()}
    kept |= dict(found.failed)
    return ParameterSet(
        id=origin.id, version=origin.version, hash="", based_on=origin.based_on, made_by=origin.made_by,
        runs=tuple(SourceRun(lot=r.name, content_hash=r.content_hash, seconds=len(r.seconds)) for r in runs),
        model=model, kept=kept,
        noise={e.name: significant(e.value) for e in found.noise if with_noise},
        feed_factors={c: _curve(found.fits[block], i, runs) for i, (c, block) in enumerate(feeders.items())},
        step_gains={output: dict(row) for output, row in (step_gains or {}).items()},
    ).sealed()  # fmt: skip


def significant(value: float) -> float:
    """Return a value rounded to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _parameter(name: str, old: ModelParameter, found: Identification, estimated: Estimated | None) -> ModelParameter:
    unit = unit_of(name)
    if estimated is not None:
        low, high = (significant(from_si(v, unit)) for v in (estimated.low, estimated.high))
        value = significant(from_si(estimated.value, unit))
        return old.model_copy(
            update={"value": value, "source": "measured", "reference": "least squares over runs", "interval": (low, high)}
        )
    if name in found.settings and old.low <= from_si(found.settings[name], unit) <= old.high:
        value = significant(from_si(found.settings[name], unit))
        return old.model_copy(update={"value": value, "source": "measured", "reference": "mean reading of runs"})
    return old


def _curve(fit: Fit, feeder: int, runs: Sequence[RecordedRun]) -> FeedFactor:
    weights = np.concatenate([run.signals[f"{FEEDERS[feeder]}/NetWeight"][run.seeing(feeder)] for run in runs])
    low, high = np.nanquantile(weights, [0.01, 0.99]).tolist()
    return FeedFactor(
        max_g_per_rev=significant(1e3 * fit.values["factor_max"]),
        ratio=significant(fit.values["factor_ratio"]),
        coefficient_per_kg=significant(fit.values["level_coefficient"]),
        level_low_kg=significant(low),
        level_high_kg=significant(high),
    )
