"""The guided test in the controller's place: planned set-points through the same gate, and back to the recipe if it must."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apc.identification.guided import GuidedTest
from apc.observation import Observation
from apc.supervision.assembly import ControlParts
from apc.supervision.checks import Candidate, MoveGate
from apc.supervision.ladder import DIGITS
from apc.supervision.tags import INPUT_TAGS, THROUGHPUT
from flowsheet.layout import N_FEEDERS
from line.modes import ControllerMode, ControlState, LineState
from line.records import Decision, Reason
from line.samples import Snapshot

NAME = "steptest"
#: Weight of the newest spectrum in the mean that a budget is compared with.
SPECTRUM_SHARE = 0.1
#: Standard error of what is compared with a budget [% of target]: mean of spectra, tester means; twice that is no evidence.
WATCH_ERROR: Mapping[str, float] = {"potency_tablet": 0.7, "weight": 0.45, "hardness": 1.6}


@dataclass(frozen=True)
class Terms:
    """When a test begins (seconds of tablets before it), and how far quality may go: output -> % of `targets`; an empty
    budget: everything is diverted."""

    warm_s: int
    budget: Mapping[str, float]
    targets: Mapping[str, float]

    @property
    def diverts(self) -> bool:
        """True if no tablet of the test may be accepted."""
        return not self.budget


class GuidedTestRun:
    """Plays a GuidedTest on a running line (`engine.line.Line.supervisor`).

    Before and after it, and once a measured quality has left the budget, the recipe's set-points hold: walked back to at
    the allowed rates. A set-point that the gate refuses ends the test too.
    """

    state = ControlState.CONTROL
    on_lower_rung = False
    waits = ""

    def __init__(self, parts: ControlParts, max_iterations: int, test: GuidedTest, terms: Terms) -> None:
        self._parts, self._test, self._terms = parts, test, terms
        self._gate = MoveGate(parts.limits, max_iterations)
        self._recipe = parts.objective.recipe
        self._in_force = parts.scaling.plant(self._recipe)
        self._since, self._row = 0, 0
        self._spectra = math.nan
        self.ended = ""

    def change_limit(self, tag: str, low: float, high: float) -> str:
        """Return why not: a test keeps the limits that it was planned inside."""
        return f"{tag} {low:g}..{high:g}: a guided test keeps the limits that it was planned inside"

    def observe(self, snapshot: Snapshot) -> None:
        """Take one second in: count how long tablets have been made."""
        making = snapshot.value("Sys/LineState") == LineState.EXECUTE
        self._since = self._since + 1 if making else 0

    def decide(self, observation: Observation) -> Decision:
        """Return this period's set-points."""
        self._in_force = self._parts.scaling.in_force(observation.snapshot, self._in_force)
        if observation.mode is not ControllerMode.ON:
            return self._decision(observation, "OFF", None, "guided test waits: mode is not ON")
        self._watch(observation)
        if self._since == 0:
            return self._decision(observation, "IDLE", None, "guided test waits: the line makes no tablets")
        if self._since < self._terms.warm_s:
            left = self._terms.warm_s - self._since
            return self._apply(observation, self._home(), f"guided test begins in {left} s")
        n = len(self._test.inputs)
        if self._row >= n or self.ended:
            return self._apply(observation, self._home(), self.ended or "guided test is over: recipe set-points")
        self._row += 1
        return self._apply(
            observation, self._recipe * self._test.inputs[self._row - 1], f"guided test, move {self._row} of {n}"
        )

    @property
    def done(self) -> bool:
        """True once every planned move has been made."""
        return self._row >= len(self._test.inputs)

    def _home(self) -> np.ndarray:
        """Return the next scaled set-points on the way back to the recipe: the slowest input sets the pace of all."""
        before, limits = self._parts.scaling.scaled(self._in_force), self._parts.limits
        gap = self._recipe - before
        rate = self._parts.scaling.scaled(limits.rate)
        paces = [abs(g) / r for g, r in zip(gap.tolist(), rate.tolist(), strict=True) if r > 0]
        flow = float((self._parts.scaling.plant(gap))[:N_FEEDERS].sum())
        pace = max(*paces, abs(flow) / limits.throughput[2], 1.0)
        home: np.ndarray = before + gap / pace
        return home

    def _watch(self, observation: Observation) -> None:
        """End the test if a measured quality is beyond its budget by more than its instrument may be wrong."""
        terms, snapshot = self._terms, observation.snapshot
        if self.ended or terms.diverts or self._since < terms.warm_s:
            return
        measured: dict[str, float] = {}
        if observation.nir is not None and observation.nir.valid:
            potency = 100.0 * observation.nir.api_w_w / self._parts.flowsheet.parameters.fraction_api
            step = SPECTRUM_SHARE * (potency - self._spectra)
            self._spectra = potency if math.isnan(self._spectra) else self._spectra + step
            measured["potency_tablet"] = self._spectra
        if observation.tester_new:
            measured["weight"] = snapshot.value("Tester/WeightMean")
            measured["hardness"] = snapshot.value("Tester/HardnessMean")
        for name, value in measured.items():
            off = 100.0 * (value / terms.targets[name] - 1.0)
            if abs(off) > terms.budget[name] + 2.0 * WATCH_ERROR[name]:
                budget = terms.budget[name]
                self.ended = f"guided test ended: {name} measured {off:+.1f} % off, budget {budget:g} %; back to the recipe"

    def _apply(self, observation: Observation, scaled: np.ndarray, text: str) -> Decision:
        inputs = np.round(self._parts.scaling.plant(scaled), DIGITS)
        api = (float(self._parts.limits.low[0]), float(self._parts.limits.high[0]))
        refusal = self._gate.refusal(Candidate("RECIPE", inputs, 0), self._in_force, api)
        if refusal is not None:
            self.ended = self.ended or f"guided test ended: {refusal.text}"
            return self._decision(observation, "REFUSED", None, refusal.text, refusal.reason)
        return self._decision(observation, "RECIPE", inputs, text)

    def _decision(
        self, observation: Observation, status: str, inputs: np.ndarray | None, text: str, reason: Reason | None = None
    ) -> Decision:
        moves = {}
        if inputs is not None:
            moves = {INPUT_TAGS[i]: float(inputs[i]) for i in self._parts.limits.free}
            moves[THROUGHPUT] = round(float(inputs[:N_FEEDERS].sum()), DIGITS)
        return Decision(
            step=observation.step, controller=NAME, moves=moves, status=status, valid=status in ("RECIPE", "IDLE"),
            rung=NAME if inputs is not None else "idle", reason=reason, text=text, iterations=0, cost=math.nan, binding=(),
            estimate={}, plan={},
        )  # fmt: skip
