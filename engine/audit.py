"""Recorded moves held against the converged solution of the same problem: do-mpc as an auditor, offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apc.control.dompc import DoMpcController
from apc.supervision.assembly import build_parts
from apc.supervision.question import ASKED_AGAIN, question
from apc.supervision.tags import INPUT_TAGS, InputScaling, TagLimits
from apc.supervision.tuned import tuned
from engine.explanation import obstacle
from historian.queries import RecordReader
from line.configuration import ControllerConfiguration, LineConfiguration
from line.errors import RecordError, SolverError
from line.recipe import Recipe
from line.records import plain


@dataclass(frozen=True)
class Audited:
    """One decision: the largest difference between its move and the converged one as a share of the rate limit, and the
    set-point where it is; what the converged solver said (`Solve_Succeeded`, or why there is nothing to compare with)."""

    step: int
    share: float
    tag: str
    said: str
    iterations: int

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


def audit(folder: Path, configuration: ControllerConfiguration, n: int, progress: Callable[[int, int], None]) -> list[Audited]:
    """Return the audit of n decisions, evenly spread over those that the controller's own plan moved.

    Each is asked as it was recorded (state, disturbances, limits, planned flow) and solved by IPOPT to convergence, every
    step free, from a cold start: half a minute to build, then seconds each. Raises RecordError if the lot holds none, or was
    made with another controller file.
    """
    with RecordReader(folder) as reader:
        bodies = [{**entry.json(), "step": entry.step} for entry in reader.entries("decision")]
        chosen = [b for b in bodies if b.get("asked") and b["rung"] in (*ASKED_AGAIN, "warm") and b["moves"]]
        if not chosen:
            raise RecordError(
                "no decision that could be asked again",
                where=folder.name,
                what_now=f"Audit a lot of {' or '.join(ASKED_AGAIN)}.",
            )
        why_not = obstacle(reader.meta, configuration, chosen[0])
        if why_not:
            raise RecordError(why_not, where=folder.name, what_now="Audit with the configuration of the run.")
        line, recipe = LineConfiguration.model_validate(reader.meta["line"]), Recipe.model_validate(reader.meta["recipe"])
        configuration = tuned(configuration, chosen[0]["controller"])
        parts = build_parts(recipe, line, configuration, reader.register, "plc")
    n_steps, free = sum(configuration.move_blocks), parts.limits.free
    progress(0, n)
    auditor = DoMpcController(parts.flowsheet, parts.objective, n_steps, configuration.max_iterations, free)
    found = []
    picked = np.unique(np.linspace(0, len(chosen) - 1, min(n, len(chosen))).round().astype(int))
    for done, index in enumerate(picked.tolist(), start=1):
        found.append(_one(chosen[index], auditor, parts.scaling, parts.limits, n_steps))
        progress(done, len(picked))
    return found


def _one(
    decision: Mapping[str, Any], auditor: DoMpcController, scaling: InputScaling, limits: TagLimits, n_steps: int
) -> Audited:
    problem, step = question(decision["asked"], scaling, limits, n_steps), int(decision["step"])
    auditor.reset()
    try:
        plan = auditor.plan(problem)
    except SolverError as error:
        return Audited(step, float("nan"), "", error.line(), 0)
    wanted = scaling.plant(plan.u)
    shares = {
        INPUT_TAGS[i]: abs(float(decision["moves"][INPUT_TAGS[i]] - wanted[i])) / float(limits.rate[i])
        for i in limits.free
        if INPUT_TAGS[i] in decision["moves"]
    }
    tag = max(shares, key=lambda name: shares[name])
    return Audited(step, shares[tag], tag, plan.status, plan.iterations)
