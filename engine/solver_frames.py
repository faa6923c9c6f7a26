"""What passes between the engine and a solver's process: one line of JSON a message, every float to the last bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from apc.control.problem import Plan, Problem, Reading
from line.errors import SolverError
from line.records import BindingLimit

#: Longest message [bytes]: a plan has about 15 kB.
LONGEST = 4_000_000


def pack(body: Mapping[str, Any]) -> bytes:
    """Return a message as one line; NaN and infinities are kept, Python's repr keeps every bit of a float."""
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def unpack(message: bytes) -> dict[str, Any]:
    """Return a message's body. Raises SolverError if it is none."""
    try:
        body = json.loads(message)
    except ValueError as error:
        raise SolverError("the solver's process answered garbage", where="solver process") from error
    if not isinstance(body, dict):
        raise SolverError("the solver's process answered no table", where="solver process")
    return body


def problem_body(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON values."""
    values = {f.name: getattr(problem, f.name) for f in fields(problem) if f.name != "measured"}
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else float(value) for name, value in values.items()}
    return {**plain, "measured": {name: asdict(reading) for name, reading in problem.measured.items()}}


def problem_of(body: Mapping[str, Any]) -> Problem:
    """Return the problem of a body."""
    values: dict[str, Any] = {
        name: np.array(value, dtype=np.float64) if isinstance(value, list) else value for name, value in body.items()
    }
    return Problem(**{**values, "measured": {name: Reading(**reading) for name, reading in body["measured"].items()}})


def plan_body(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {**asdict(plan), "u": plan.u.tolist(), "predicted": {name: list(path) for name, path in plan.predicted.items()}}


def plan_of(body: Mapping[str, Any]) -> Plan:
    """Return the plan of a body; what is in it is judged by the ladder. Raises SolverError if it has not a plan's form."""
    try:
        return Plan(
            **{
                **body,
                "u": np.array(body["u"], dtype=np.float64),
                "binding": tuple(body["binding"]),
                "predicted": {name: tuple(path) for name, path in body["predicted"].items()},
                "limits": tuple(BindingLimit(**limit) for limit in body["limits"]),
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SolverError("the solver's process answered no plan", where="solver process", how_much=str(error)[:120]) from error


def error_body(error: SolverError) -> dict[str, str]:
    """Return an error as JSON values."""
    return {"what": error.what, "where": error.where, "how_much": error.how_much, "what_now": error.what_now}
