"""A controller's tuning: a table of named numbers with bounds, checked whole before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from line.configuration import ControllerConfiguration, near
from line.errors import ConfigurationFaults, Fault

Tuning = TypeVar("Tuning", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RatioTuning(_Strict):
    """Feed-forward ratio: time constant of the flows' filter [s]; deviations of the other feeders' common factor
    below `dead_band_pct` [%] are left to the gravimetric loops."""

    flow_filter_s: float = Field(ge=0, le=300)
    dead_band_pct: float = Field(ge=0, le=20)


class PidTuning(RatioTuning):
    """Cascade. Potency: gain [% of set-point a % of potency], reset time [s], tracking time of anti-windup [s], filter
    of what the analyser sees and the model does not [s]. Weight and hardness: time in which a lasting error falls to
    37 % [s], the longest gap between results that counts whole [s]."""

    potency_gain: float = Field(ge=0, le=10)
    potency_reset_s: float = Field(gt=0, le=3600)
    potency_tracking_s: float = Field(gt=0, le=3600)
    potency_filter_s: float = Field(ge=0, le=1800)
    weight_time_s: float = Field(gt=0, le=7200)
    hardness_time_s: float = Field(gt=0, le=7200)
    sample_gap_s: float = Field(gt=0, le=1800)


class LinearTuning(_Strict):
    """Linear predictive control: filters of the output bias: NIR and level time constants [s], share of a tester
    result [-]; filter of the measured flows [s]."""

    potency_filter_s: float = Field(ge=0, le=1800)
    level_filter_s: float = Field(ge=0, le=1800)
    tester_share: float = Field(gt=0, le=1)
    flow_filter_s: float = Field(ge=0, le=300)


def read_tuning(configuration: ControllerConfiguration, name: str, form: type[Tuning]) -> Tuning:
    """Return the table `[tuning."name"]` of a configuration. Raises ConfigurationFaults with every fault of it."""
    file, key = f"controller {configuration.id}", f"tuning.{name}"
    table: Mapping[str, float] | None = configuration.tuning.get(name)
    if table is None:
        known = list(configuration.tuning)
        remedy = f"write it: --controller {name} has no default; {near(name, known)}" if known else "write it"
        raise ConfigurationFaults([Fault(file, key, "missing", remedy)])
    try:
        return form.model_validate(dict(table))
    except ValidationError as error:
        faults = [_fault(file, key, dict(item), form) for item in error.errors()]
        raise ConfigurationFaults(faults) from error


def _fault(file: str, key: str, item: dict[str, object], form: type[BaseModel]) -> Fault:
    place = item["loc"]
    name = str(place[0]) if isinstance(place, tuple) and place else "?"
    where = f"{key}.{name}"
    if item["type"] == "missing":
        return Fault(file, where, "missing", "write it: there is no default")
    if item["type"] == "extra_forbidden":
        return Fault(file, where, repr(item["input"]), f"unknown; {near(name, list(form.model_fields))}")
    return Fault(file, where, repr(item["input"]), str(item["msg"]))
