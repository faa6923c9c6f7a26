"""Linear predictive control as a control system would have it: step responses, output bias, one QP a decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from apc.control.binding import LimitReader, Solved
from apc.control.input_terms import InputTerms
from apc.control.limits import MoveLimits, soft_rows
from apc.control.objective import CONTROLLED, Objective
from apc.control.problem import Plan, Problem, Reading, Vector
from apc.control.ratio import FlowRatio
from apc.control.smith import Mismatch
from apc.control.step_response import N_C, StepModel
from apc.control.words import binding_words, trajectories, violation_words
from apc.numerics.knots import Knots
from apc.numerics.quadratic import solve_quadratic
from flowsheet.layout import N_FEEDERS, N_U, STEP_S
from line.errors import SolverError
from line.tuning import LinearTuning, RatioTuning

POTENCY_TABLET, POTENCY, WEIGHT, HARDNESS, LEVEL = range(5)


class LinearPrediction:
    """Where the outputs go if nothing more is done: what past inputs still bring, plus the output bias.

    | argument | shape | first sample | last sample |
    | inputs | (N_U,) scaled | period that ended now, as measured | the same |
    | free response | (n, N_C) % of target | after 5 s | end of horizon |

    Equation (dynamic matrix control: Cutler & Ramaker 1980): the kept response moves on by one step and takes
    S (u - u_last) in; bias = filtered measurement minus the kept response at the measurement's own time, held over the
    horizon. Feeder deviations that the scale sees fade with the gravimetric loop's time. Started from "all on target".
    `now` (N_C,) is what the inputs alone say of this moment.
    Wrong where the line is far from where the steps were made: gains change, the bias takes the rest.
    """

    def __init__(self, model: StepModel, n: int, deviation_s: float, tuning: LinearTuning) -> None:
        self._s, self._n = model.responses, n
        fade = math.exp(-STEP_S / deviation_s)
        paths = np.zeros((n, N_U, N_FEEDERS))
        for i in range(N_FEEDERS):
            paths[:, i, i] = fade ** np.arange(1, n + 1) - 1.0
        self._fading = model.after_ramp(paths, n)
        spectra, level = (STEP_S / (STEP_S + t) for t in (tuning.potency_filter_s, tuning.level_filter_s))
        shares = {POTENCY: spectra, WEIGHT: tuning.tester_share, HARDNESS: tuning.tester_share, LEVEL: level}
        self._mismatch = {output: Mismatch(share) for output, share in shares.items()}
        self.reset()

    def reset(self) -> None:
        """The next call starts on target, without bias."""
        self._kept: Vector | None = None
        self._last: Vector = np.ones(N_U)
        self.now: Vector = np.zeros(N_C)
        for mismatch in self._mismatch.values():
            mismatch.reset()

    @property
    def started(self) -> bool:
        """False until the first update after a reset."""
        return self._kept is not None

    def update(self, inputs: Vector, errors: Mapping[int, Reading]) -> None:
        """Move on by one decision; errors: reading of an output as [% of target] off its target."""
        if self._kept is None:
            self._kept, self._last = np.zeros((len(self._s), N_C)), inputs.copy()
        after = self._kept + self._s @ (inputs - self._last)
        self._last = inputs.copy()
        self._kept, self.now = np.vstack([after[1:], after[-1:]]), after[0]
        for output, mismatch in self._mismatch.items():
            mismatch.note(float(after[0, output]))
            if output in errors:
                mismatch.take(errors[output])

    @property
    def bias(self) -> Vector:
        """(N_C,) the output bias [% of target]; the tablets' potency has the blend's."""
        bias = np.zeros(N_C)
        for output, mismatch in self._mismatch.items():
            bias[output] = mismatch.value
        bias[POTENCY_TABLET] = bias[POTENCY]
        return bias

    def free(self, setpoints: Vector) -> Vector:
        """Return the free response (n, N_C) [% of target] if the set-points (N_U,) in force stay."""
        if self._kept is None:
            raise SolverError("the prediction has not been started", where="lmpc")
        deviation = (self._last - setpoints)[:N_FEEDERS]
        return self._kept[: self._n] + self._fading @ deviation + self.bias


class LinearPredictiveControl:
    """Objective, move blocks, limits, soft limits and solver of `nmpc`; the model is linear and there is no estimator."""

    name = "lmpc"

    def __init__(
        self,
        model: StepModel,
        objective: Objective,
        flow_unit: Vector,
        deviation_s: float,
        blocks: Sequence[int],
        max_iterations: int,
        tuning: LinearTuning,
        free: Sequence[int] = tuple(range(N_U)),
    ) -> None:
        self.model, self._objective, self._knots = model, objective, Knots(blocks)
        self.n_steps, self._free, self._max_iterations = self._knots.n_steps, np.array(sorted(free)), max_iterations
        self._ratio = FlowRatio(
            objective.fractions, flow_unit, RatioTuning(flow_filter_s=tuning.flow_filter_s, dead_band_pct=0)
        )
        self._prediction = LinearPrediction(model, self.n_steps, deviation_s, tuning)
        self._terms = InputTerms(objective, self._knots, self._free)
        self._limits = MoveLimits(self._knots, self._free, objective.fractions)
        self._sensitivity = self._paths()
        weighted = (np.sqrt(objective.weights)[None, :, None] * self._sensitivity).reshape(-1, self._sensitivity.shape[2])
        self._jacobian, self._hessian = weighted, weighted.T @ weighted
        self._reader = LimitReader(self._knots, self._free, objective)

    def _paths(self) -> Vector:
        """Return (n, N_C, n_knots * n_free): outputs [% of target] per change of each knot."""
        n, k, m = self.n_steps, self._knots.n_knots, len(self._free)
        paths = np.zeros((n, N_U, k * m))
        for b in range(k):
            for position, i in enumerate(self._free):
                paths[:, i, b * m + position] = self._knots.weights[:, b]
        return self.model.after_ramp(paths, n)

    def reset(self) -> None:
        """Forget past inputs and bias: the next call believes that what is made now is on target."""
        self._ratio.reset()
        self._prediction.reset()

    def plan(self, problem: Problem) -> Plan:
        """Return the next inputs. Raises SolverError for inputs that are not finite, and for every failed solve."""
        if not np.isfinite(problem.u_before).all() or len(problem.flow) != self.n_steps:
            raise SolverError("set-points in force or planned flow are not usable", where="lmpc")
        begins = self._observe(problem)
        knots = np.tile(problem.u_before, (self._knots.n_knots, 1))
        error = self._prediction.free(problem.u_before)
        residual = (np.sqrt(self._objective.weights) * error).ravel()
        hessian, gradient, cost = self._terms.terms(knots, problem)
        hessian, gradient = hessian + self._hessian, gradient + self._jacobian.T @ residual
        soft = soft_rows(error, self._sensitivity, self._objective.soft)
        program = soft.extend(hessian, gradient, *self._limits.rows(knots, problem))
        solution = solve_quadratic(*program, self._max_iterations)
        change = solution.x[: len(gradient)]
        cost += 0.5 * float(residual @ residual) + 0.5 * float(change @ hessian @ change) + float(gradient @ change)
        knots[:, self._free] += change.reshape(self._knots.n_knots, -1)
        predicted = error + self._sensitivity @ change
        u = self._knots.inputs(knots, problem.u_before)[0]
        solved = Solved(program[0], program[2], solution.multipliers, knots, predicted, self._sensitivity, soft)
        return Plan(
            u=u,
            status="SOLVED",
            iterations=solution.iterations,
            cost=cost,
            binding=binding_words(u, problem, self._free),
            text="; ".join(word for word in (begins, violation_words(predicted, self._objective)) if word),
            predicted=trajectories(predicted, self._objective),
            limits=self._reader.read(solved, problem),
        )

    def _observe(self, problem: Problem) -> str:
        """Take the readings in; return which model it starts on, empty once it runs."""
        before = problem.u_before
        begins = "" if self._prediction.started else f"starts on step responses {self.model.digest}"
        self._ratio.update(problem.measured, before[:N_FEEDERS])
        inputs = before.copy()
        inputs[:N_FEEDERS] *= 1.0 + self._ratio.deviation
        self._prediction.update(inputs, self._errors(problem.measured))
        return begins

    def _errors(self, measured: Mapping[str, Reading]) -> dict[int, Reading]:
        """Return readings of controlled outputs as errors [% of target]; the NIR's without the offset assays found."""
        found = {}
        for output in (POTENCY, WEIGHT, HARDNESS, LEVEL):
            reading = measured.get(CONTROLLED[output])
            if reading is None:
                continue
            target = float(self._objective.targets[output])
            offset = measured["offset_nir"].value if output == POTENCY and "offset_nir" in measured else 0.0
            value = 100.0 * ((reading.value - offset) / target - 1.0)
            found[output] = Reading(value, reading.age_s, 100.0 * reading.error / target, reading.new)
        return found
