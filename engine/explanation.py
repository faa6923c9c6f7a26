"""Why the line was moved at one moment: the decision in force from the record, asked again to convergence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apc.control.problem import Plan, Problem
from apc.control.reasons import MoveExplainer, Reasons
from apc.supervision.assembly import ControlParts, build_parts
from apc.supervision.limit_words import LimitWords
from apc.supervision.question import ASKED_AGAIN, question
from apc.supervision.tags import INPUT_TAGS
from apc.supervision.tuned import tuned
from flowsheet.layout import INPUTS
from historian.queries import RecordReader
from line.canonical import content_hash
from line.configuration import ControllerConfiguration, LineConfiguration
from line.errors import RecordError
from line.recipe import Recipe
from line.records import plain

#: A move smaller than this share of its rate limit is not worth a word.
SMALL = 0.01


@dataclass(frozen=True)
class Explanation:
    """decision: its body; pulls by tag and wish, plant units; held: trajectories if nothing moved; alternative: without the
    dearest hard limit (None: none binds); why_not: why it could not be asked again, empty if it could."""

    decision: Mapping[str, Any]
    moves: Mapping[str, float]
    pulls: Mapping[str, Mapping[str, float]]
    held: Mapping[str, tuple[float, ...]]
    alternative: Mapping[str, Any] | None
    why_not: str = ""

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(
            {
                "decision": self.decision,
                "moves": self.moves,
                "pulls": self.pulls,
                "if_nothing_moved": self.held,
                "without_dearest_limit": self.alternative,
                "not_asked_again": self.why_not,
            }
        )


def decision_at(reader: RecordReader, at_s: int) -> dict[str, Any]:
    """Return the decision in force at a second. Raises RecordError if there is none."""
    found, step = None, -1
    for entry in reader.entries("decision", last_step=at_s):
        found, step = entry, entry.step
    if found is None or at_s > reader.last_step:
        raise RecordError(
            "no decision at that time",
            where=reader.folder.name,
            how_much=f"second {at_s}; the record ends at {reader.last_step}",
            what_now="Name a time inside the run.",
        )
    return {**found.json(), "step": step}


def explain(folder: Path, controller: ControllerConfiguration, at_s: int) -> Explanation:
    """Return why the line was moved at a second of a recorded run.

    Raises RecordError if there is no decision then, or the run's controller does not work from an estimate and a model.
    """
    with RecordReader(folder) as reader:
        decision = decision_at(reader, at_s)
        if decision["controller"] not in ASKED_AGAIN:
            raise RecordError(
                f"the controller of this run is {decision['controller']!r}: it plans nothing that could be asked again",
                where=reader.folder.name,
                what_now=f"Explain a run with --controller {' or '.join(ASKED_AGAIN)}.",
            )
        why_not = obstacle(reader.meta, controller, decision)
        if why_not:
            return Explanation(decision, {}, {}, {}, None, why_not)
        recipe = Recipe.model_validate(reader.meta["recipe"])
        line = LineConfiguration.model_validate(reader.meta["line"])
        own = tuned(controller, str(decision["controller"]))
        parts = build_parts(recipe, line, own, reader.register, "plc")
        return _asked_again(decision, parts, own, LimitWords(reader.register, parts.scaling, parts.limits))


def obstacle(meta: Mapping[str, Any], controller: ControllerConfiguration, decision: Mapping[str, Any]) -> str:
    """Return why a recorded decision cannot be asked again, empty if it can."""
    if not decision.get("asked"):
        return f"nothing was asked of the controller (rung {decision['rung']}): {decision['text'] or decision['status']}"
    if meta.get("controller_hash") != content_hash(controller.model_dump(mode="json")):
        return "the controller's configuration is not the run's any more; what follows is from the record alone"
    return ""


def _asked_again(
    decision: Mapping[str, Any], parts: ControlParts, controller: ControllerConfiguration, words: LimitWords
) -> Explanation:
    free, blocks = parts.limits.free, controller.move_blocks
    explainer = MoveExplainer(parts.flowsheet, parts.objective, blocks, controller.max_iterations, free)
    problem = question(decision["asked"], parts.scaling, parts.limits, explainer.n_steps)
    reasons = explainer.reasons(problem)
    before = parts.scaling.plant(problem.u_before)
    moves = {tag: float(decision["moves"][tag] - before[i]) for i, tag in enumerate(INPUT_TAGS) if tag in decision["moves"]}
    return Explanation(
        decision, moves, _pulls(reasons, parts), reasons.held, _alternative(explainer, problem, reasons, parts, words)
    )


def _pulls(reasons: Reasons, parts: ControlParts) -> dict[str, dict[str, float]]:
    """Return pulls by tag in plant units, of the inputs that move or are pulled at all."""
    found = {}
    for i, name in enumerate(INPUTS):
        if name not in reasons.pulls:
            continue
        size, small = parts.scaling.plant_per_scaled[i], SMALL * parts.limits.rate[i]
        pulls = {wish: float(value * size) for wish, value in reasons.pulls[name].items() if abs(value * size) > small}
        if pulls:
            found[INPUT_TAGS[i]] = pulls
    return found


def _alternative(
    explainer: MoveExplainer, problem: Problem, reasons: Reasons, parts: ControlParts, words: LimitWords
) -> dict[str, Any] | None:
    hard = [limit for limit in reasons.plan.limits if not limit.kind.startswith("soft")]
    if not hard:
        return None
    other = explainer.without(problem, hard[0]).plan
    told = words.tell((hard[0],), reasons.plan.cost)[0]
    apart = np.abs(parts.scaling.plant(other.u - reasons.plan.u)) > SMALL * parts.limits.rate
    return {
        "limit": told.body(),
        "cost": reasons.plan.cost,
        "cost_without": other.cost,
        "moves": _moves(reasons.plan, problem, parts),
        "moves_without": _moves(other, problem, parts),
        "differs": [INPUT_TAGS[i] for i in parts.limits.free if apart[i]],
        "broken": reasons.plan.text,
        "broken_without": other.text,
        "plan": dict(reasons.plan.predicted),
        "plan_without": dict(other.predicted),
    }


def _moves(plan: Plan, problem: Problem, parts: ControlParts) -> dict[str, float]:
    moves = parts.scaling.plant(plan.u - problem.u_before)
    return {INPUT_TAGS[i]: float(np.round(moves[i], 6)) for i in parts.limits.free}
