"""The limits of a plan in the words and units of the line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apc.supervision.tags import INPUT_TAGS, THROUGHPUT, InputScaling, TagLimits
from flowsheet.layout import INPUT, N_FEEDERS
from line.records import BindingLimit
from line.tags import TagRegister

OUTPUT_WORDS = {
    "potency_tablet": "potency of tablets",
    "potency_blend": "potency of the blend",
    "weight": "tablet weight",
    "hardness": "tablet hardness",
}
#: Share of a rate and of a bound whose worth is told.
TOLD_RATE, TOLD_BOUND = 0.1, 0.01


class LimitWords:
    """Turns a plan's limits (inputs scaled) into those of the record: tag, plant unit, one sentence each."""

    def __init__(self, register: TagRegister, scaling: InputScaling, limits: TagLimits) -> None:
        self._register, self._scaling, self._limits = register, scaling, limits

    def tell(self, limits: tuple[BindingLimit, ...], cost: float) -> tuple[BindingLimit, ...]:
        """Return the limits in plant units with their sentence; cost of the plan [-]."""
        return tuple(self._one(limit, cost) for limit in limits)

    def _one(self, limit: BindingLimit, cost: float) -> BindingLimit:
        if limit.kind.startswith("soft"):
            named = replace(limit, name=OUTPUT_WORDS.get(limit.name, limit.name))
            return replace(named, text=soft_words(named))
        tag, size = self._tag(limit.name)
        plant = replace(
            limit,
            name=tag,
            unit=self._register[tag].unit,
            value=limit.value * size,
            limit=limit.limit * size,
            multiplier=limit.multiplier / size,
            enough=limit.enough * size,
        )
        if tag == INPUT_TAGS[0] and limit.kind in ("upper", "lower") and not self._configured(plant):
            plant = replace(plant, kind=f"NIR authority {limit.kind}")
        return replace(plant, text=hard_words(plant, cost))

    def _tag(self, name: str) -> tuple[str, float]:
        if name in INPUT:
            i = INPUT[name]
            return INPUT_TAGS[i], float(self._scaling.plant_per_scaled[i])
        return THROUGHPUT, float(self._scaling.plant_per_scaled[:N_FEEDERS].sum())

    def _configured(self, limit: BindingLimit) -> bool:
        """Return whether the API's bound is the configured one, not the authority that the NIR has now."""
        return bool(np.isclose(limit.limit, (self._limits.low[0], self._limits.high[0]), rtol=1e-6).any())


def hard_words(limit: BindingLimit, cost: float) -> str:
    """Return `SP/MainForce rate up 0.08 kN a decision binds t+0..10 s; 10 % more room would save up to 0.4 of cost 3.2`."""
    rate = limit.kind.startswith("rate")
    unit = f"{limit.unit} a decision" if rate else limit.unit
    share = TOLD_RATE if rate else TOLD_BOUND
    saved = min(limit.multiplier * share * abs(limit.limit), max(cost, 0.0))
    text = f"{limit.name} {limit.kind} {limit.limit:.4g} {unit} binds {span_words(limit)}"
    text += f"; {100.0 * share:.0f} % more room would save up to {saved:.2g} of cost {cost:.3g}"
    return f"{text}; {limit.enough:.4g} {unit} would keep every soft limit" if np.isfinite(limit.enough) else text


def soft_words(limit: BindingLimit) -> str:
    """Return `tablet weight soft upper 183.6 mg broken by 0.4 t+20..60 s` or `... just kept ...`, with its price."""
    beyond = abs(limit.value - limit.limit)
    state = f"broken by {beyond:.2g}" if np.isfinite(limit.enough) else "just kept"
    text = f"{limit.name} {limit.kind} {limit.limit:.4g} {limit.unit} {state} {span_words(limit)}"
    return f"{text}; worth {limit.multiplier:.2g} a {limit.unit}"


def span_words(limit: BindingLimit) -> str:
    """Return when, in seconds ahead: `t+5 s` or `t+5..60 s`."""
    if limit.from_s == limit.to_s:
        return f"t+{limit.to_s:.0f} s"
    return f"t+{limit.from_s:.0f}..{limit.to_s:.0f} s"
