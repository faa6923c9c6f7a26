"""What a controller was asked, small enough for the record, and the same problem again from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from apc.control.problem import Problem
from apc.supervision.tags import InputScaling, TagLimits
from flowsheet.layout import N_D, N_FEEDERS, N_U, N_X
from line.errors import RecordError

#: Controllers whose decisions can be asked again: they work from the estimate alone.
ASKED_AGAIN = ("nmpc", "dompc")
#: Decimals kept of scaled values: a hundredth of the smallest rate limit is a thousand times larger.
DECIMALS = 7
SIZES = {"x": N_X, "d": N_D, "u_before": N_U, "api": 2}
NARROWED = {"low": N_U, "high": N_U, "total": 2}


def asked(problem: Problem, narrowed: bool = False) -> dict[str, tuple[float, ...]]:
    """Return what the configuration does not say of a problem: x, d, u_before, the API's range, the planned flow.

    A planned flow that does not change is one value; limits of their own are told if an operator narrowed them. About
    600 bytes.
    """
    flow = problem.flow[:1] if np.ptp(problem.flow) == 0.0 else problem.flow
    values = {
        "x": problem.x,
        "d": problem.d,
        "u_before": problem.u_before,
        "api": (problem.low[0], problem.high[0]),
        "flow": flow,
    }
    if narrowed:
        values |= {"low": problem.low, "high": problem.high, "total": (problem.flow_low, problem.flow_high)}
    return {name: tuple(np.round(np.asarray(value, dtype=np.float64), DECIMALS).tolist()) for name, value in values.items()}


def question(body: Mapping[str, object], scaling: InputScaling, limits: TagLimits, n_steps: int) -> Problem:
    """Return the problem of a recorded `asked`. Raises RecordError if it is not whole.

    scaling and limits are those of the configuration that the run was made with.
    """
    arrays = {}
    told = {name: size for name, size in NARROWED.items() if name in body}
    for name, size in (*SIZES.items(), *told.items(), ("flow", None)):
        values = np.array(body.get(name, ()), dtype=np.float64)
        fits = values.ndim == 1 and (len(values) in (1, n_steps) if size is None else len(values) == size)
        if not fits or not np.isfinite(values).all():
            raise RecordError("what the controller was asked is not whole", where=f"decision, asked.{name}")
        arrays[name] = values
    reference = float(scaling.plant_per_scaled[:N_FEEDERS].sum())
    low, high = arrays.get("low", scaling.scaled(limits.low)), arrays.get("high", scaling.scaled(limits.high))
    total = arrays.get("total", np.array(limits.throughput[:2]) / reference)
    low[0], high[0] = arrays["api"]
    if (low > high).any():
        raise RecordError("what the controller was asked contradicts itself", where="decision, asked.api")
    return Problem(
        x=arrays["x"],
        d=arrays["d"],
        u_before=arrays["u_before"],
        low=low,
        high=high,
        rate=scaling.scaled(limits.rate),
        flow=np.resize(arrays["flow"], n_steps),
        flow_rate=limits.throughput[2] / reference,
        flow_low=float(total[0]),
        flow_high=float(total[1]),
    )
