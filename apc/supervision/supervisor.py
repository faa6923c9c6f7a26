"""The controller's guardian: estimates, asks the controller, checks every move, sheds and restores, never silent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apc.control.linear_rung import LinearRung
from apc.control.plc import hold_ratio
from apc.control.press_gains import press_gains
from apc.control.problem import Plan, Problem, Reading
from apc.control.static_rung import StaticRung
from apc.estimate import Estimate
from apc.observation import Observation
from apc.supervision.assembly import WITHOUT_ANALYSERS, ControllerName, believed_readings, build_parts
from apc.supervision.checks import MoveGate, Refusal
from apc.supervision.ladder import DIGITS, Ladder, Landing, Rung
from apc.supervision.limit_book import LimitBook, no_room
from apc.supervision.limit_words import LimitWords
from apc.supervision.measurements import MeasurementBoard
from apc.supervision.observer import Observer
from apc.supervision.question import ASKED_AGAIN, asked
from apc.supervision.shedding import SHED_AFTER, Shedding
from apc.supervision.tags import INPUT_TAGS, THROUGHPUT, TagLimits, recipe_inputs
from apc.supervision.tuned import tuned
from flowsheet.layout import N_FEEDERS, STEP_S
from line.configuration import ControllerConfiguration, LineConfiguration
from line.errors import SolverError
from line.modes import ControllerMode, ControlState, LineState, PlcMode
from line.recipe import Recipe
from line.records import Decision, Reason
from line.samples import Snapshot
from line.tags import TagRegister

Vector = NDArray[np.float64]

RUNNING = (LineState.STARTING, LineState.EXECUTE)


class Supervisor:
    """Makes one Decision every 5 s.

    Ladder (`ladder.Ladder`): the controller's plan -> linear -> static -> hold the last set-points (a Decision that is not
    valid). A lower rung is named, with the reason and words of every refusal above it. No valid decision for two periods:
    HOLD. Two valid ones in a row: CONTROL again. After any failure the controller starts cold. While the line fills, or
    after a stop, the ratio rung only follows the planned throughput.
    """

    def __init__(
        self,
        recipe: Recipe,
        line_configuration: LineConfiguration,
        controller_configuration: ControllerConfiguration,
        register: TagRegister,
        controller_name: ControllerName,
    ) -> None:
        controller_configuration = tuned(controller_configuration, controller_name)
        parts = build_parts(recipe, line_configuration, controller_configuration, register, controller_name)
        self._scaling, self._limits, self._objective = parts.scaling, parts.limits, parts.objective
        self.controller = parts.controller
        self._configuration = controller_configuration
        self._observer = Observer(parts.flowsheet, controller_configuration, register, parts.scaling)
        self._board = MeasurementBoard(parts.flowsheet.parameters, controller_configuration.noise)
        most, blocks = controller_configuration.max_iterations, controller_configuration.move_blocks
        self._book = LimitBook(parts.limits, parts.scaling, parts.objective.fractions, blocks)
        self._ladder = Ladder(MoveGate(parts.limits, most), parts.scaling)
        self.linear = LinearRung(parts.flowsheet, parts.objective, blocks, most, parts.limits.free)
        gains, believed = press_gains(parts.flowsheet.parameters), believed_readings(parts.flowsheet)
        self.static = StaticRung(parts.objective, gains, believed)
        self._shedding = Shedding()
        self._words, self._register = LimitWords(register, parts.scaling, parts.limits), register
        self._asked: dict[str, tuple[float, ...]] = {}
        self._lower = 0
        self._measured: dict[str, Reading] = {}
        self._in_force = recipe_inputs(recipe, recipe.setpoints[THROUGHPUT])
        self._flow: float | None = None
        self._planned = recipe.setpoints[THROUGHPUT]
        self._last: Problem | None = None
        self._authority = (0.0, math.inf)

    @property
    def state(self) -> ControlState:
        """CONTROL, HOLD (no valid decision for two periods) or LOCAL (the PLC, or nobody, asked us)."""
        return self._shedding.state

    @property
    def waits(self) -> str:
        """Why ON would be refused now: what the estimate lacks; empty if nothing, or if the controller needs none."""
        return "" if self.controller.name in WITHOUT_ANALYSERS else self._observer.waits

    @property
    def on_lower_rung(self) -> bool:
        """True while two decisions in a row or more were made below the controller's own rung."""
        return self._lower >= SHED_AFTER

    def change_limit(self, tag: str, low: float, high: float) -> str:
        """Take new limits of a set-point over [plant units]; return why not, in words, empty if taken (`LimitBook`)."""
        last = self._last
        asked = None if last is None else lambda limits: self._with_limits(last, limits)
        why = self._book.change(tag, low, high, self._planned, asked)
        if not why:
            self._limits = self._book.now
            self._ladder.gate = replace(self._ladder.gate, limits=self._limits)
            self._words = LimitWords(self._register, self._scaling, self._limits)
        return why

    def observe(self, snapshot: Snapshot) -> None:
        """Take one second in (cheap)."""
        self._observer.observe(snapshot)

    def decide(self, observation: Observation) -> Decision:
        """Return this period's decision; it never raises for anything that a measurement or a solver may do."""
        local = observation.snapshot.value("Sys/CtrlMode") != PlcMode.REMOTE
        self._asked = {}
        if observation.mode is ControllerMode.OFF:
            self._lower = 0
            self._observer.skip()
            self._observer.reset()
            self._board.reset()
            self.controller.reset()
            self._shedding.idle()
            return self._decision(observation, status="OFF", valid=False, rung="off", text="controller is OFF")
        self._in_force = self._scaling.in_force(observation.snapshot, self._in_force)
        estimate = self._observer.estimate(observation, self._in_force)
        self._measured = self._board.update(self._observer.readings, observation)
        if not self._observer.healthy:
            self._observer.reset()
            refusal = Refusal(Reason.INPUT_UNUSABLE, "the estimate is not finite; estimator restarted, holding last move")
            return self._refuse(observation, refusal, None)
        decision = self._control(observation, estimate)
        if observation.mode is ControllerMode.WARM or local:
            self._shedding.idle()
        return decision

    def _control(self, observation: Observation, estimate: Estimate) -> Decision:
        if observation.snapshot.value("Sys/LineState") not in RUNNING:
            self.controller.reset()
            self._flow, self._lower = None, 0
            text = "line is not running: set-points stay"
            valid = observation.mode is ControllerMode.ON
            self._shedding.valid()
            return self._decision(observation, status="IDLE", valid=valid, rung="idle", text=text, estimate=estimate)
        problem, api_range = self._problem(observation, estimate)
        contradiction = no_room(problem, self._scaling)
        if contradiction:
            refusal = Refusal(Reason.LIMITS_CONTRADICT, f"limits contradict each other: {contradiction}; holding last move")
            return self._refuse(observation, refusal, estimate)
        if self.controller.name in ASKED_AGAIN and estimate.ready:
            self._asked = asked(problem, self._book.narrowed)
        rungs = self._rungs(estimate)
        landing = self._ladder.descend(rungs, problem, self._in_force, api_range)
        if landing.plan is None:
            reason = landing.refusals[0][1].reason
            text = landing.refusals[0][1].text if len(rungs) == 1 else f"{landing.words}; holding last move"
            return self._refuse(observation, Refusal(reason, text), estimate)
        self._shedding.valid()
        self._lower = self._lower + 1 if landing.refusals else 0
        if landing.refusals:
            self.controller.reset()
        elif landing.rung in ASKED_AGAIN:
            self.linear.remember(problem)
        return self._applied(observation, landing, estimate)

    def _rungs(self, estimate: Estimate) -> list[Rung]:
        """Return the rungs below and with the controller's own; none has another's failure to share."""
        name = self.controller.name
        own = Rung(name, self.controller.plan)
        if name in WITHOUT_ANALYSERS:
            return [own]
        if not estimate.ready:
            self.controller.reset()
            return [Rung("ratio", lambda problem: hold_ratio(problem, self._objective.fractions))]
        static = Rung(self.static.name, self.static.plan)
        return [own, Rung(self.linear.name, self.linear.plan), static] if name in ASKED_AGAIN else [own, static]

    def _problem(self, observation: Observation, estimate: Estimate) -> tuple[Problem, tuple[float, float]]:
        """Return the problem in scaled inputs, and the range of the API set-point [kg/h] that the NIR may claim."""
        flow = self._planned_flow(observation)
        per_scaled = self._scaling.plant_per_scaled
        relative = flow / float(per_scaled[:N_FEEDERS].sum())
        before = self._scaling.scaled(self._in_force)
        self._authority = (0.0, math.inf)
        if self.controller.name not in WITHOUT_ANALYSERS:
            authority = self._configuration.nir_trim_limit_pct / 100.0 + estimate.feed_forward
            centre = 1.0 / (1.0 + estimate.confirmed_bias_api)
            least, most = min(float(relative.min()), float(before[1])), max(float(relative.max()), float(before[1]))
            self._authority = ((centre - authority) * least, (centre + authority) * most)
        nothing = np.zeros(0)
        bare = Problem(
            estimate.x, estimate.d_control, before, nothing, nothing, nothing, relative, 0.0, measured=self._measured
        )
        self._last = problem = self._with_limits(bare, self._limits)
        return problem, (float(problem.low[0] * per_scaled[0]), float(problem.high[0] * per_scaled[0]))

    def _with_limits(self, problem: Problem, limits: TagLimits) -> Problem:
        """Return the problem under these limits; the API's also inside the NIR's authority."""
        scaled, reference = self._scaling.scaled, float(self._scaling.plant_per_scaled[:N_FEEDERS].sum())
        low, high = scaled(limits.low), scaled(limits.high)
        low[0], high[0] = max(low[0], self._authority[0]), min(high[0], self._authority[1])
        least, most, rate = (float(value) / reference for value in limits.throughput)
        return replace(problem, low=low, high=high, rate=scaled(limits.rate), flow_rate=rate, flow_low=least, flow_high=most)

    def _planned_flow(self, observation: Observation) -> Vector:
        """Return the planned throughput (n,) [kg/h]: the steps of the plan, approached at the allowed rate."""
        low, high, rate = self._limits.throughput
        if self._flow is None:
            self._flow = float(self._in_force[:N_FEEDERS].sum())
        self._planned = observation.throughput_plan[0][1]
        times = observation.step + STEP_S * np.arange(self.controller.n_steps)
        wanted = np.full(len(times), observation.throughput_plan[0][1])
        for step, value in observation.throughput_plan[1:]:
            wanted[times >= step] = value
        wanted = np.clip(wanted, low, high)
        flow, now = np.empty(len(times)), self._flow
        for j, goal in enumerate(wanted.tolist()):
            now += min(max(goal - now, -rate), rate)
            flow[j] = now
        self._flow = float(flow[0])
        return flow

    def _applied(self, observation: Observation, landing: Landing, estimate: Estimate) -> Decision:
        plan, inputs = landing.plan, landing.inputs
        if plan is None:
            raise SolverError("nothing to apply", where="supervisor")
        moves = {INPUT_TAGS[i]: float(inputs[i]) for i in self._limits.free}
        moves[THROUGHPUT] = round(float(inputs[:N_FEEDERS].sum()), DIGITS)
        warm = observation.mode is ControllerMode.WARM
        rung = "warm" if warm else {"RECIPE": "recipe"}.get(plan.status, landing.rung)
        words = [landing.words, plan.text, f"clipped: {', '.join(self._observer.gated)}" if self._observer.gated else ""]
        if plan.status == "RATIO":
            words.append(f"not converged ({estimate.waits}): planned throughput only")
        return self._decision(
            observation,
            moves=moves,
            status=plan.status,
            valid=not warm,
            rung=rung,
            reason=landing.refusals[0][1].reason if landing.refusals else None,
            text="; ".join(word for word in words if word),
            plan=plan,
            estimate=estimate,
        )

    def _refuse(self, observation: Observation, refusal: Refusal, estimate: Estimate | None) -> Decision:
        self.controller.reset()
        self._flow, self._lower = None, 0
        self._shedding.failed()
        reason, text = refusal.reason, refusal.text
        if self._shedding.state is ControlState.HOLD:
            reason, text = Reason.NO_VALID_DECISION, f"HOLD: no valid decision for two periods; {text}"
        return self._decision(
            observation, status="REFUSED", valid=False, rung="hold", reason=reason, text=text, estimate=estimate
        )

    def _decision(
        self,
        observation: Observation,
        status: str,
        valid: bool,
        rung: str,
        text: str = "",
        reason: Reason | None = None,
        moves: dict[str, float] | None = None,
        plan: Plan | None = None,
        estimate: Estimate | None = None,
    ) -> Decision:
        named = dict(estimate.named) if estimate is not None else {}
        return Decision(
            step=observation.step,
            controller=self.controller.name,
            moves=moves or {},
            status=status,
            valid=valid,
            rung=rung,
            reason=reason,
            text=text,
            iterations=plan.iterations if plan else 0,
            cost=plan.cost if plan else math.nan,
            binding=plan.binding if plan else (),
            estimate=named,
            plan=dict(plan.predicted) if plan else {},
            limits=self._words.tell(plan.limits, plan.cost) if plan else (),
            asked=self._asked,
        )
