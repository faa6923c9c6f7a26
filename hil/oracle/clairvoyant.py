"""`clairvoyant`: set-points of a whole shift, bettered offline with everything that will happen in it already known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apc.control.problem import Controller, Plan, Problem
from apc.control.reach import reachable
from apc.control.step_response import StepModel, step_test
from apc.supervision.assembly import build_parts
from apc.supervision.supervisor import Supervisor
from engine.line import Line
from engine.wiring import LineFiles, Shape
from flowsheet.layout import STEP_S
from hil.bench import BenchOptions
from hil.oracle.causal import CausalControl
from hil.oracle.foresight import Shift, bettered
from hil.scoreboard.tracking import tracking_cost
from hil.truth import Truth
from hil.unjudged import run_unjudged
from line.clock import WallClock
from line.errors import DataError, SolverError
from line.recipe import Recipe
from plant_sim.plant import Plant
from sensing.model import SoftSensorModel

Vector = NDArray[np.float64]
Make = Callable[[LineFiles, Plant], Controller]

#: Shifts that are run after the causal one.
N_PASSES = 3


class Keeper:
    """A controller that notes every answer of another in `kept`, by the plant's second."""

    def __init__(self, inner: Controller, plant: Plant, kept: dict[int, Vector]) -> None:
        self._inner, self._plant, self._kept = inner, plant, kept
        self.name, self.n_steps = inner.name, inner.n_steps

    def reset(self) -> None:
        """Pass it on."""
        self._inner.reset()

    def plan(self, problem: Problem) -> Plan:
        """Return the other's plan. Raises SolverError as the other does."""
        plan = self._inner.plan(problem)
        self._kept[self._plant.k] = plan.u.copy()
        return plan


class Played:
    """Set-points that were decided before the shift began, as far as limits and rates let them be reached."""

    name = "clairvoyant"

    def __init__(self, shift: Shift, fractions: Vector, plant: Plant, n_steps: int) -> None:
        self._shift, self._fractions, self._plant, self.n_steps = shift, fractions, plant, n_steps

    def reset(self) -> None:
        """Nothing is kept."""

    def plan(self, problem: Problem) -> Plan:
        """Return the inputs of this second. Raises SolverError outside the shift."""
        row = (self._plant.k - self._shift.first) // int(STEP_S)
        if not 0 <= row < len(self._shift.inputs):
            raise SolverError("the shift that was foreseen does not reach this second", where="clairvoyant")
        return Plan(reachable(self._shift.inputs[row], problem, self._fractions), "SOLVED", cost=0.0)


class Hindsight:
    """Betters the set-points of a shift by running it again and again on the same plant with the same chance.

    Gauss-Newton on the whole shift (iterative learning control: Bristow, Tharayil & Alleyne, IEEE Control Syst. 26 (2006)
    96): errors are the plant's own, slopes the step responses of the control model with the plant's parameters. What a pass
    makes worse is taken half in the next. J is the tracking cost. Never worse than the causal pass it starts from; no proof
    that nothing better exists.
    """

    def __init__(self, files: LineFiles, options: BenchOptions, model: SoftSensorModel, from_s: int, clock: WallClock) -> None:
        self._files, self._options, self._model, self._from_s, self._clock = files, options, model, from_s, clock
        self._parts = build_parts(files.recipe, files.configuration, files.controller, files.register, "plc")
        self._steps: StepModel | None = None

    def best(self) -> Make:
        """Return what makes the controller with the best set-points found."""
        best = self._pass(self._causal)
        change = self._change(best)
        for _ in range(N_PASSES):
            tried = self._pass(self._playing(replace(best, inputs=best.inputs + change)))
            better = tried.cost < best.cost
            best = tried if better else best
            change = self._change(best) if better else change / 2.0
        return self._playing(best)

    def _causal(self, files: LineFiles, plant: Plant) -> Controller:
        control = CausalControl(files, plant)
        self._steps = self._steps or step_test(control.model.flowsheet, self._parts.objective.targets)
        return control

    def _playing(self, shift: Shift) -> Make:
        n_steps = sum(self._files.controller.move_blocks)
        return lambda files, plant: Played(shift, self._parts.objective.fractions, plant, n_steps)

    def _change(self, shift: Shift) -> Vector:
        if self._steps is None:
            raise DataError("no causal pass has been made", where="clairvoyant")
        return bettered(shift, self._steps, self._parts)

    def _pass(self, make: Make) -> Shift:
        kept: dict[int, Vector] = {}

        def lend(files: LineFiles, plant: Plant, line: Line) -> None:
            put(Keeper(make(files, plant), plant, kept), line)

        options = self._options
        shape = Shape(options.scenario, options.controller, options.mode)
        made = run_unjudged(self._files, shape, options.seed, options.plant, self._model, self._clock, lend)
        if not kept:
            raise DataError("a pass of the shift decided nothing", where="clairvoyant")
        recipe, shared = self._files.recipe, self._files.controller
        cost = tracking_cost(made.truth, made.moves, recipe, shared, self._from_s)
        seconds = range(min(kept), max(kept) + 1, int(STEP_S))
        return Shift(seconds.start, _without_gaps(kept, seconds), _errors(made.truth, recipe, seconds, self._from_s), cost)


def put(controller: Controller, line: Line) -> None:
    """Put a controller into a line in the place of its own. Raises DataError for a line under a guided test."""
    if not isinstance(line.supervisor, Supervisor):
        raise DataError("a guided test has no controller to replace", where="oracle")
    line.supervisor.controller = controller


def _without_gaps(kept: dict[int, Vector], seconds: range) -> Vector:
    """Return the inputs of each second, (n, N_U); where nothing was decided those before."""
    rows = [kept[seconds.start]]
    for second in seconds[1:]:
        rows.append(kept.get(second, rows[-1]))
    return np.array(rows)


def _errors(truth: Truth, recipe: Recipe, seconds: range, from_s: int) -> Vector:
    """Return (n, 3) the mean errors [% of target] of potency, weight and strength made after each decision; 0 where none."""
    product = recipe.product
    quantities = (
        (truth.content_pct_lc / truth.mass_mg, product.target_pct_lc / product.tablet_mass_mg),
        (truth.mass_mg, product.tablet_mass_mg),
        (truth.strength_mpa, product.tensile_strength_target_mpa),
    )
    found = np.zeros((len(seconds), len(quantities)))
    for place, (values, target) in enumerate(quantities):
        made, mean = truth.by_second(values)
        row = (made - seconds.start) // seconds.step
        counts = (made >= from_s) & (row >= 0) & (row < len(seconds))
        total = np.bincount(row[counts], weights=100.0 * (mean[counts] / target - 1.0), minlength=len(seconds))
        found[:, place] = total / seconds.step
    return found
