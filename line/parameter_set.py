"""A set of the controller's parameters as identification proposes it: versioned, hashed, with the runs it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from line.canonical import content_hash
from line.configuration import ControllerConfiguration, ModelParameter, load, near
from line.errors import ConfigurationFaults, Fault

FOLDER = "parameters"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SourceRun(_Strict):
    """A run that a set was identified from: its lot, its content hash, its length [s]."""

    lot: str
    content_hash: str
    seconds: int = Field(gt=0)


class FeedFactor(_Strict):
    """Feed factor max (1 - (1 - ratio) exp(-coefficient m)) [g/rev] over the net weight m, level_low..level_high [kg]."""

    max_g_per_rev: float = Field(gt=0)
    ratio: float = Field(gt=0, le=1)
    coefficient_per_kg: float = Field(gt=0)
    level_low_kg: float
    level_high_kg: float


class Gain(_Strict):
    """How much larger a measured step response is than the model's, with its 95 % interval [-]."""

    factor: float
    low: float
    high: float


class ParameterSet(_Strict):
    """Parameters of the control model and noise of its instruments.

    `hash` is that of everything else: a set that was changed by hand is refused. `based_on`: hash of the set that was in
    force before; `runs` what it was identified from; `kept`: parameter -> why these runs did not identify it; `noise`
    standard deviations by their names in the controller's file; `step_gains` by output, then input.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    hash: str
    based_on: str
    made_by: str
    runs: tuple[SourceRun, ...] = ()
    model: dict[str, ModelParameter] = Field(min_length=1)
    noise: dict[str, float] = Field(default_factory=dict)
    kept: dict[str, str] = Field(default_factory=dict)
    feed_factors: dict[str, FeedFactor] = Field(default_factory=dict)
    step_gains: dict[str, dict[str, Gain]] = Field(default_factory=dict)

    @property
    def true_hash(self) -> str:
        """SHA-256 of the canonical form without `hash` itself."""
        return content_hash(self.model_dump(mode="json", exclude={"hash"}))

    def sealed(self) -> ParameterSet:
        """Return the set with its own hash."""
        return self.model_copy(update={"hash": self.true_hash})


def load_parameter_set(path: Path) -> ParameterSet:
    """Return a set. Raises ConfigurationFaults: unreadable, not the model's form, changed since it was made."""
    found = load(path, ParameterSet)
    if found.hash != found.true_hash:
        remedy = f"the content was changed since (it is {found.true_hash[:16]} now): restore the file, or identify again"
        raise ConfigurationFaults([Fault(str(path), "hash", found.hash[:16], remedy)])
    return found


def load_controller(path: Path) -> ControllerConfiguration:
    """Return a controller's file with the parameter set that it names, `../parameters/NAME.toml`, filled in.

    Raises ConfigurationFaults of either file; a model in both is a fault. The set's noise takes the place of the file's.
    """
    controller = load(path, ControllerConfiguration)
    if not controller.parameters:
        return controller
    file = path.parent.parent / FOLDER / f"{controller.parameters}.toml"
    if not file.is_file():
        known = [other.stem for other in sorted(file.parent.glob("*.toml"))]
        remedy = f"no such set in {file.parent}; {near(controller.parameters, known)}"
        raise ConfigurationFaults([Fault(str(path), "parameters", repr(controller.parameters), remedy)])
    found = load_parameter_set(file)
    if controller.model:
        remedy = f"the model's parameters come from {found.id}: remove the table here"
        raise ConfigurationFaults([Fault(str(path), "model", f"{len(controller.model)} values", remedy)])
    return with_set(controller, found)


def with_set(controller: ControllerConfiguration, found: ParameterSet) -> ControllerConfiguration:
    """Return a controller's configuration with a set's model, noise and step gains in the place of its own."""
    gains = {output: {i: g.factor for i, g in row.items()} for output, row in found.step_gains.items()}
    noise = {**controller.noise, **found.noise}
    return controller.model_copy(update={"model": found.model, "noise": noise, "step_gains": gains})


def set_text(found: ParameterSet) -> str:
    """Return a set as TOML, in the form that `load_parameter_set` reads."""
    body = found.model_dump(mode="json", exclude_none=True)
    lines = [
        "#:schema ../schema/parameters.json",
        "# Written by kilter identify: do not change it by hand, its hash would not hold.",
    ]
    lines += [f"{key} = {_word(body[key])}" for key in ("id", "version", "hash", "based_on", "made_by")]
    for run in body["runs"]:
        lines += ["", "[[runs]]", *(f"{key} = {_word(value)}" for key, value in run.items())]
    for table in ("model", "noise", "kept", "feed_factors"):
        lines += _table(table, body[table])
    for output, row in body["step_gains"].items():
        lines += _table(f"step_gains.{output}", row)
    return "\n".join(lines) + "\n"


def _table(name: str, body: Mapping[str, Any]) -> list[str]:
    return ["", f"[{name}]", *(f"{_key(key)} = {_word(value)}" for key, value in body.items())] if body else []


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _word(key)


def _word(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_word(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_word(item) for item in value) + "]"
    return repr(value)
