"""The cascade that a control system would have: potency by NIR, weight and hardness by the tester, feeders in ratio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from apc.control.loops import ProportionalIntegral, SampledIntegral
from apc.control.objective import CONTROLLED, Objective
from apc.control.press_gains import PressGains
from apc.control.problem import Plan, Problem, Reading, Vector
from apc.control.ratio import FlowRatio
from apc.control.reach import limit_words, reachable
from apc.control.smith import KEPT, SmithPredictor
from flowsheet.layout import INPUT, INPUTS, N_FEEDERS, N_TANKS, STEP_S, blender_tank_mass
from flowsheet.parameters import FlowsheetParameters
from line.tuning import PidTuning

API, FORCE, HEIGHT = INPUT["mass_flow_api"], INPUT["force_main"], INPUT["height_main"]
#: Total flows [relative] between which the blender's time constant is scaled.
FLOW_LOW, FLOW_HIGH = 0.3, 2.0
Believed = Callable[[Problem], Mapping[str, Reading]]


class PotencyLoop:
    """API set-point by NIR: PI on a Smith predictor that is driven by what the scales saw flow in.

    | argument | shape | first sample | last sample |
    | actual flows | (4,) scaled | period that ended now | the same |
    | answer v | scalar | API set-point over planned flow, minus 1 | the same |

    With `believed` potency (a state estimate of now) there is no dead time left to compensate: PI alone.
    """

    def __init__(self, p: FlowsheetParameters, fractions: Vector, target: float, tuning: PidTuning) -> None:
        self._p, self._fractions, self._target = p, fractions, target
        self._tank_s = blender_tank_mass(p) / p.reference_flow
        self._smith = SmithPredictor(N_TANKS, p.blender_dead_time, tuning.potency_filter_s)
        self._pi = ProportionalIntegral(tuning.potency_gain, tuning.potency_reset_s, tuning.potency_tracking_s)
        self.reset()

    def reset(self) -> None:
        """The next call starts without a bump: what is made now is believed to be on target."""
        self._smith.reset()
        self._pi.reset()
        self.potency = 1.0

    def answer(self, actual: Vector, measured: Mapping[str, Reading], applied: float, believed: bool) -> float:
        """Return the API's trim v; applied: the one in force."""
        nir = measured.get("potency_blend")
        if believed and nir is not None:
            self.potency = nir.value / self._target
        else:
            self.potency = self._predict(actual, nir, measured)
        return self._pi.answer(1.0 - self.potency, applied)

    def _predict(self, actual: Vector, nir: Reading | None, measured: Mapping[str, Reading]) -> float:
        total = float(self._fractions @ actual)
        inflow = float(actual[API]) / total if total > 0.0 else 1.0
        flow = min(max(total, FLOW_LOW), FLOW_HIGH)
        theta = STEP_S / (self._tank_s * flow ** (self._p.blender_flow_exponent - 1.0))
        if not self._smith.started:
            self._smith.start(inflow, 1.0)
        if nir is not None:
            offset = measured["offset_nir"].value if "offset_nir" in measured else 0.0
            nir = Reading((nir.value - offset) / self._target, nir.age_s, nir.error / self._target, nir.new)
        return self._smith.predict(inflow, theta, nir)


class PressTrims:
    """Force set-point by weight, height by hardness with the force that holds the weight; both decoupled.

    Solves  weight: g_WF dF + g_Wh dh = share_W e_W;  hardness: g_HF dF + g_Hh dh = share_H e_H  at each result, errors
    corrected for what the set-points have done since the sample was pulled. While the height walks at its rate the
    force walks with it. Between results both goals stay.
    """

    def __init__(self, gains: PressGains, targets: tuple[float, float], tuning: PidTuning) -> None:
        self._gains, self._targets = gains, targets
        self._weight = SampledIntegral(tuning.weight_time_s, tuning.sample_gap_s)
        self._hardness = SampledIntegral(tuning.hardness_time_s, tuning.sample_gap_s)
        self._past: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self.reset()

    def reset(self) -> None:
        """The goals are what is in force."""
        self._past.clear()
        self._weight.reset()
        self._hardness.reset()
        self._goal: tuple[float, float] | None = None

    def wanted(self, problem: Problem, measured: Mapping[str, Reading]) -> tuple[float, float]:
        """Return the force and height [scaled] wanted next."""
        force, height = float(problem.u_before[FORCE]), float(problem.u_before[HEIGHT])
        per_height = self._gains.force_per_height
        force_goal, height_goal = self._goal or (force, height)
        if self._past:
            force_goal += per_height * (height - self._past[0][1])
        self._past.appendleft((force, height))
        weight, hardness = (self._error(measured.get(n), i) for i, n in enumerate(("weight", "hardness")))
        share_weight, share_hardness = self._weight.share(weight is not None), self._hardness.share(hardness is not None)
        if weight is not None:
            by_force = share_weight * weight / self._gains.weight_force
            force_goal = force + by_force
            left = share_hardness * (hardness or 0.0) - self._gains.hardness_force * by_force
            height_goal = height + left / self._gains.hardness_at_weight
        force_goal = min(max(force_goal, problem.low[FORCE]), problem.high[FORCE])
        height_goal = min(max(height_goal, problem.low[HEIGHT]), problem.high[HEIGHT])
        self._goal = force_goal, height_goal
        step = min(max(height_goal - height, -problem.rate[HEIGHT]), problem.rate[HEIGHT])
        return force_goal + per_height * step, height + step

    def _error(self, reading: Reading | None, which: int) -> float | None:
        """Return how far a new result will be from its target with today's set-points [-], None without a new one."""
        if reading is None or not reading.new or not np.isfinite(reading.value):
            return None
        steps = min(round(reading.age_s / STEP_S), len(self._past) - 1)
        force, height = (now / then - 1.0 for now, then in zip(self._past[0], self._past[steps], strict=True))
        g = self._gains
        by_force, by_height = ((g.weight_force, g.weight_height), (g.hardness_force, g.hardness_height))[which]
        return 1.0 - reading.value / self._targets[which] * (1.0 + by_force * force + by_height * height)


class PidControl:
    """Potency loop, press trims and ratio feed-forward behind the one interface; level and impeller as registered.

    `believed` turns a problem into readings without age (a state estimate): then the same loops act on the estimate.
    """

    def __init__(
        self,
        p: FlowsheetParameters,
        objective: Objective,
        flow_unit: Vector,
        gains: PressGains,
        tuning: PidTuning,
        n_steps: int,
        believed: Believed | None = None,
    ) -> None:
        self.name = "pid" if believed is None else "pid+kalman"
        self.n_steps, self._objective, self._believed = n_steps, objective, believed
        target = dict(zip(CONTROLLED, objective.targets.tolist(), strict=True))
        self._ratio = FlowRatio(objective.fractions, flow_unit, tuning)
        self._potency = PotencyLoop(p, objective.fractions, target["potency_blend"], tuning)
        self._press = PressTrims(gains, (target["weight"], target["hardness"]), tuning)
        self._flow: float | None = None

    def reset(self) -> None:
        """Forget integrals, tanks and goals: the next call starts without a bump."""
        self._ratio.reset()
        self._potency.reset()
        self._press.reset()
        self._flow = None

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError if the problem is not finite."""
        measured = problem.measured if self._believed is None else self._believed(problem)
        before, flow = problem.u_before, float(problem.flow[0])
        follow = self._ratio.update(measured, before[:N_FEEDERS])
        applied = float(before[API]) / (self._flow or flow) - 1.0
        trim = self._potency.answer(self._ratio.actual, measured, applied, self._believed is not None)
        self._flow = flow
        wanted = self._objective.recipe.copy()
        wanted[:N_FEEDERS] = flow
        wanted[API] *= 1.0 + trim
        wanted[1:N_FEEDERS] *= 1.0 + follow
        wanted[FORCE], wanted[HEIGHT] = self._press.wanted(problem, measured)
        u = reachable(wanted, problem, self._objective.fractions)
        text = f"potency {100.0 * self._potency.potency:.2f} % of target, API trim {100.0 * trim:+.2f} %"
        if follow:
            text += f", other feeders follow by {100.0 * follow:+.2f} %"
        return Plan(u, "LOOPS", cost=0.0, binding=limit_words(wanted, u, problem, INPUTS), text=text)
