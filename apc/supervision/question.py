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


def asked(problem: Problem) -> dict[str, tuple[float, ...]]:
    """Return what the configuration does not say of a problem: x, d, u_before, the API's range, the planned flow.

    A planned flow that does not change is one value. About 600 bytes.
    """
    flow = problem.flow[:1] if np.ptp(problem.flow) == 0.0 else problem.flow
    values = {
        "x": problem.x,
        "d": problem.d,
        "u_before": problem.u_before,
        "api": (problem.low[0], problem.high[0]),
        "flow": flow,
    }
    return {name: tuple(np.round(np.asarray(value, dtype=np.float64), DECIMALS).tolist()) for name, value in values.items()}


def question(body: Mapping[str, object], scaling: InputScaling, limits: TagLimits, n_steps: int) -> Problem:
    """Return the problem of a recorded `asked`. Raises RecordError if it is not whole.

    scaling and limits are those of the configuration that the run was made with.
    """
    arrays = {}
    for name, size in (*SIZES.items(), ("flow", None)):
        values = np.array(body.get(name, ()), dtype=np.float64)
        fits = values.ndim == 1 and (len(values) in (1, n_steps) if size is None else len(values) == size)
        if not fits or not np.isfinite(values).all():
            raise RecordError("what the controller was asked is not whole", where=f"decision, asked.{name}")
        arrays[name] = values
    low, high = scaling.scaled(limits.low), scaling.scaled(limits.high)
    low[0], high[0] = arrays["api"]
    reference = float(scaling.plant_per_scaled[:N_FEEDERS].sum())
    return Problem(
        x=arrays["x"],
        d=arrays["d"],
        u_before=arrays["u_before"],
        low=low,
        high=np.maximum(high, low + 1e-6),
        rate=scaling.scaled(limits.rate),
        flow=np.resize(arrays["flow"], n_steps),
        flow_rate=limits.throughput[2] / reference,
        flow_low=limits.throughput[0] / reference,
        flow_high=limits.throughput[1] / reference,
    )
