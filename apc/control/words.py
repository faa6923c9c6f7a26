"""What a plan says in words: which limits bind, which soft limits it will break, by how much and when."""

from __future__ import annotations

import numpy as np

from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Problem, Vector
from flowsheet.layout import INPUTS, STEP_S

#: Distance [scaled] below which a limit counts as binding.
TOUCH = 1e-5


def binding_words(u: Vector, problem: Problem, free: Vector) -> tuple[str, ...]:
    """Return the hard limits that the next inputs (N_U,) touch: `force_main upper`, `mass_flow_api rate up`."""
    found = []
    for i in free:
        name, move = INPUTS[i], u[i] - problem.u_before[i]
        for word, gap in (
            ("upper", problem.high[i] - u[i]),
            ("lower", u[i] - problem.low[i]),
            ("rate up", problem.rate[i] - move),
            ("rate down", problem.rate[i] + move),
        ):
            if gap < TOUCH:
                found.append(f"{name} {word}")
    return tuple(found)


def violation_words(error: Vector, objective: Objective) -> str:
    """Return soft limits that the prediction breaks, dearest first; error (n, 6) in % of target.

    `potency_blend upper 105 by 0.8 at t+35 s; ...`; empty if none is broken.
    """
    words = []
    for output, (half_width, _) in sorted(objective.soft.items(), key=lambda item: -item[1][1]):
        beyond = np.abs(error[:, output]) - half_width
        worst = int(np.argmax(beyond))
        if beyond[worst] <= 0.05:
            continue
        side, sign = ("upper", 1.0) if error[worst, output] > 0 else ("lower", -1.0)
        target = objective.targets[output]
        limit = target * (1.0 + sign * half_width / 100.0)
        amount = beyond[worst] * target / 100.0
        words.append(f"{CONTROLLED[output]} {side} {limit:.4g} by {amount:.2g} at t+{(worst + 1) * STEP_S:.0f} s")
    return "; ".join(words)


def trajectories(error: Vector, objective: Objective) -> dict[str, tuple[float, ...]]:
    """Return predicted outputs at every twelfth step (a minute), plant units."""
    values = objective.targets * (1.0 + error[::12] / 100.0)
    return {name: tuple(float(v) for v in values[:, i].round(4)) for i, name in enumerate(CONTROLLED[:4])}
