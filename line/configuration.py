"""Configuration files: the line itself, the controller's limits, scenarios. TOML in, strict models out, all faults at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from line.errors import ConfigurationFaults, Fault
from line.tuning import HorizonTuning, Tuning

Model = TypeVar("Model", bound=BaseModel)
MAX_FILE_BYTES = 1 << 20


class SeveralFaults(ValueError):
    """What a validator of a whole model found, each item as (key, value, remedy); `validate` lists them one by one."""

    def __init__(self, items: Sequence[tuple[str, str, str]]) -> None:
        self.items = tuple(items)
        super().__init__("; ".join(f"{key}: {remedy}" for key, _, remedy in self.items))


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Position(_Strict):
    """Transport time from the place before it: mean and spread (standard deviation) [s]."""

    mean_s: float = Field(ge=0, le=600)
    spread_s: float = Field(ge=0, le=60)
    source: str = Field(min_length=1)


class Geometry(_Strict):
    """Registered positions: when material at the probe, in the die, at ejection and at the gate is the same material."""

    probe_from_blender_exit: Position
    ejection_from_die: Position
    gate_from_ejection: Position
    gate_switching: Position


class Feeder(_Strict):
    """One feeder as installed."""

    number: int = Field(ge=1, le=4)
    component: str
    refill_request_kg: float = Field(gt=0)
    refill_complete_kg: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Feeder:
        if self.refill_request_kg >= self.refill_complete_kg:
            raise ValueError("refill_request_kg must be below refill_complete_kg")
        return self


class LineConfiguration(_Strict):
    """A line as installed."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    tags: str
    cycle_s: Literal[1]
    decision_every: int = Field(ge=1, le=60)
    n_stations: int = Field(ge=1, le=200)
    feeders: tuple[Feeder, ...] = Field(min_length=1, max_length=4)
    geometry: Geometry
    t95_slowest_s: float = Field(gt=0, le=3600)


class MoveLimit(_Strict):
    """Bounds and rate of one manipulated variable, plant units; `rate_per_decision` is the largest move a decision."""

    tag: str
    unit: str
    low: float
    high: float
    rate_per_decision: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> MoveLimit:
        if not self.low < self.high:
            raise ValueError(f"limits are the wrong way round: low {self.low} is not below high {self.high}")
        return self


class ModelParameter(_Strict):
    """One value of the control model: value in `unit`, where it is from, and the range in which it may be believed.

    `source`: measured (identified from runs, then with the 95 % `interval`), registered (drawing, recipe, PLC setting),
    paper or estimate.
    """

    value: float
    unit: str
    source: Literal["measured", "registered", "paper", "estimate"]
    reference: str = Field(min_length=3)
    low: float
    high: float
    interval: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> ModelParameter:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} is outside {self.low}..{self.high}")
        return self


class SoftLimit(_Strict):
    """A limit of an output that may be broken at a price: half width around its target [%], price of 1 % beyond it."""

    half_width_pct: float = Field(gt=0, le=100)
    penalty: float = Field(gt=0)


class ControllerConfiguration(_Strict):
    """What the predictive controller may do and what it strives for, and the model it believes in.

    `parameters` names the set in `parameters/` that fills `model` (parameters of the control model by name), the noise of
    instruments and `step_gains` (output, input: measured over modelled); `soft_limits` by output, the dearest goes last;
    `noise` the estimator's standard deviations by name (unit in the name); `tuning` one table a controller that has
    settings of its own, by the controller's name; `estimator` which one believes, `horizon` the settings of `mhe`;
    `converged_pct` how well an output must be known (1 sigma, % of nominal) before the estimate may move the line.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    horizon_s: float = Field(gt=0, le=7200)
    move_blocks: tuple[int, ...] = Field(min_length=1, max_length=60)
    moves: tuple[MoveLimit, ...] = Field(min_length=1, max_length=16)
    nir_trim_limit_pct: float = Field(gt=0, le=20)
    weights: dict[str, float]
    move_suppression: dict[str, float]
    max_iterations: int = Field(ge=1, le=10000)
    soft_limits: dict[str, SoftLimit] = Field(default_factory=dict)
    noise: dict[str, float] = Field(default_factory=dict)
    estimator: Literal["kalman", "mhe"] = "kalman"
    converged_pct: dict[str, float] = Field(default_factory=lambda: {"potency_tablet": 0.75, "weight": 0.6})
    horizon: HorizonTuning = Field(default_factory=HorizonTuning)
    tuning: Tuning = Field(default_factory=Tuning)
    parameters: str = ""
    model: dict[str, ModelParameter] = Field(default_factory=dict)
    step_gains: dict[str, dict[str, float]] = Field(default_factory=dict)


class OperatorAction(_Strict):
    """What the person at the line does: at_s, an action and its value."""

    at_s: int = Field(ge=0, le=604800)
    action: Literal["throughput", "run_out", "mode", "hold", "resume"]
    value: float | str


class PlantFault(_Strict):
    """What happens to the simulated plant: a named fault, its onset, length and severity (meaning depends on the fault)."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    at_s: int = Field(ge=0, le=604800)
    duration_s: int | None = Field(default=None, gt=0, le=604800)
    severity: float | None = None
    target: str | None = None


class LotLoad(_Strict):
    """Loading of a raw-material lot into a feeder's supply: it arrives with the next refill after at_s.

    Properties: bulk density, compressibility (yield pressure), particle size (d50) and purity (active content) as
    deviations from the reference material [%], moisture [% w/w]. One that is not given is the reference's, or that of a
    lot drawn by its name if `properties` is "drawn".
    """

    at_s: int = Field(ge=0, le=604800)
    feeder: int = Field(ge=1, le=4)
    lot: str = Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")
    bulk_density_pct: float | None = Field(default=None, ge=-50, le=50)
    compressibility_pct: float | None = Field(default=None, ge=-50, le=50)
    particle_size_pct: float | None = Field(default=None, ge=-80, le=200)
    moisture_w_w: float | None = Field(default=None, ge=0, le=20)
    purity_pct: float | None = Field(default=None, ge=-100, le=20)
    properties: Literal["given", "drawn"] = "given"


class Expectation(_Strict):
    """A band that a figure of merit of the scenario must keep, and where the band is from."""

    figure: str = Field(pattern=r"^[a-z0-9_]+$")
    at_least: float | None = None
    at_most: float | None = None
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _asks(self) -> Expectation:
        if self.at_least is None and self.at_most is None:
            raise ValueError("an expectation needs at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("limits are the wrong way round: at_least is above at_most")
        return self


class Scenario(_Strict):
    """A shift: how long, what the operator does, what happens to the plant, what is expected of the line."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    minutes: float = Field(gt=0, le=1440)
    throughput_kg_per_h: float = Field(gt=0, le=60)
    operator: tuple[OperatorAction, ...] = ()
    faults: tuple[PlantFault, ...] = ()
    lots: tuple[LotLoad, ...] = ()
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _inside(self) -> Scenario:
        onsets = [(f"operator.{i}.at_s", item.at_s) for i, item in enumerate(self.operator)]
        onsets += [(f"faults.{i}.at_s", item.at_s) for i, item in enumerate(self.faults)]
        onsets += [(f"lots.{i}.at_s", item.at_s) for i, item in enumerate(self.lots)]
        late = late_onsets(onsets, self.minutes)
        if late:
            raise SeveralFaults(late)
        return self


def late_onsets(onsets: Sequence[tuple[str, int]], minutes: float) -> list[tuple[str, str, str]]:
    """Return (key, value, remedy) of every onset (key, second) that is not before the end of a shift of `minutes`."""
    end_s = minutes * 60
    return [(key, f"{at} s", f"onset at {at} s is not before the end at {end_s:g} s") for key, at in onsets if at >= end_s]


def near(word: str, known: Sequence[str]) -> str:
    """Return a remedy that names near matches of an unknown word."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(sorted(known)[:12])}"


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as a dictionary. Raises ConfigurationFaults (missing, too large, not TOML)."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationFaults([Fault(str(path), "file", f"{path.stat().st_size} bytes", "keep it below 1 MiB")])
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationFaults([Fault(str(path), "file", "unreadable", f"{error.strerror}: name a TOML file")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationFaults([Fault(str(path), "file", "not TOML", str(error))]) from error


def load(path: Path, model: type[Model]) -> Model:
    """Return the file as a strict model. Raises ConfigurationFaults with every fault: key, value found, remedy."""
    return validate(read_toml(path), model, str(path))


def validate(content: dict[str, Any], model: type[Model], file: str) -> Model:
    """Return `content` as a strict model; see `load`."""
    content = {key: value for key, value in content.items() if key not in ("schema", "$schema")}
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = [fault for item in _first_causes(error.errors()) for fault in _faults(file, item, model)]
        raise ConfigurationFaults(found) from error


def _first_causes(items: Sequence[Any]) -> list[Any]:
    """Leave out the 'too short' of a list whose own items have faults: pydantic counts the good ones only."""
    places = [tuple(item["loc"]) for item in items]
    return [
        item
        for item, place in zip(items, places, strict=True)
        if item["type"] != "too_short" or not any(len(p) > len(place) and p[: len(place)] == place for p in places)
    ]


def _faults(file: str, item: Any, model: type[BaseModel]) -> list[Fault]:
    several = item.get("ctx", {}).get("error")
    if isinstance(several, SeveralFaults):
        return [Fault(file, key, value, remedy) for key, value, remedy in several.items]
    return [_fault(file, item, model)]


def _fault(file: str, item: Any, model: type[BaseModel]) -> Fault:
    key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    shown = repr(item["input"])
    if item["type"] == "missing":
        return Fault(file, key, "missing", "write it: there is no default")
    if item["type"] == "extra_forbidden":
        known = list(model.model_fields) if len(item["loc"]) == 1 else []
        return Fault(file, key, shown[:60], f"unknown key; {near(str(item['loc'][-1]), known) if known else 'remove it'}")
    value = "this table" if isinstance(item["input"], dict) else shown[:60]
    return Fault(file, key, value, item["msg"].removeprefix("Value error, "))
