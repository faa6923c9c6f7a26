"""The reference configuration as the tests of flowsheet and apc use it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from apc.control.problem import Problem
from apc.supervision.assembly import ControlParts, build_parts, known_parameters
from flowsheet.assembly import Flowsheet, build_flowsheet
from flowsheet.layout import N_D, N_U, OUTPUTS
from flowsheet.parameters import FlowsheetParameters, flowsheet_parameters
from line.configuration import ControllerConfiguration, LineConfiguration, load
from line.parameter_set import load_controller
from line.recipe import Recipe
from line.tags import TagRegister, load_register

CONFIGS = Path(__file__).parent.parent / "configs"


@lru_cache
def recipe() -> Recipe:
    return load(CONFIGS / "recipes/reference-18mg.toml", Recipe)


@lru_cache
def line() -> LineConfiguration:
    return load(CONFIGS / "line/reference.toml", LineConfiguration)


@lru_cache
def configuration() -> ControllerConfiguration:
    return load_controller(CONFIGS / "controllers/nmpc.toml")


@lru_cache
def register() -> TagRegister:
    return load_register(CONFIGS / "line/tags.csv")


@lru_cache
def parameters() -> FlowsheetParameters:
    return flowsheet_parameters(configuration().model, known_parameters(recipe(), line()))


@lru_cache
def flowsheet() -> Flowsheet:
    return build_flowsheet(parameters())


def perturbed(**factors: float) -> Flowsheet:
    """Another line: the named parameters times a factor."""
    values = parameters().model_dump()
    return build_flowsheet(FlowsheetParameters.model_validate({**values, **{k: values[k] * f for k, f in factors.items()}}))


@lru_cache
def parts(name: str = "nmpc") -> ControlParts:
    return build_parts(recipe(), line(), configuration(), register(), name)  # type: ignore[arg-type]


def problem(n_steps: int, **changes: Any) -> Problem:
    """A problem at the reference point; keyword arguments replace fields."""
    p, scaled = parts(), parts().scaling.scaled
    values: dict[str, Any] = {
        "x": steady(flowsheet()),
        "d": np.zeros(N_D),
        "u_before": np.ones(N_U),
        "low": scaled(p.limits.low),
        "high": scaled(p.limits.high),
        "rate": scaled(p.limits.rate),
        "flow": np.ones(n_steps),
        "flow_rate": 0.004,
    }
    return Problem(**{**values, **changes})


def steady(model: Flowsheet, u: Any = None, d: Any = None, n_steps: int = 500) -> np.ndarray:
    """The scaled state after `n_steps` of constant inputs."""
    u = np.ones(N_U) if u is None else u
    d = np.zeros(N_D) if d is None else d
    x = model.x_nominal
    for _ in range(n_steps):
        x = np.array(model.step(x, u, d)).ravel()
    return x


def outputs(model: Flowsheet, x: Any, u: Any = None, d: Any = None) -> dict[str, float]:
    u = np.ones(N_U) if u is None else u
    d = np.zeros(N_D) if d is None else d
    return dict(zip(OUTPUTS, np.array(model.outputs(x, u, d)).ravel().tolist(), strict=True))
