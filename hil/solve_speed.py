"""How fast a decision is solved, and how near the fast way comes to the converged one, on problems of a recorded shift."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from apc.control.objective import CONTROLLED, Objective, reference_inputs
from apc.control.problem import Controller, Plan, Problem
from apc.observation import Observation
from apc.supervision.assembly import ControllerName, ControlParts, build_parts
from apc.supervision.observer import Observer
from apc.supervision.supervisor import Supervisor
from apc.supervision.tags import recipe_inputs
from apc.supervision.tuned import tuned
from engine.line import Line
from engine.wiring import LineFiles
from flowsheet.assembly import Flowsheet
from flowsheet.layout import N_FEEDERS, N_X, STEP_S
from hil.bench import BenchOptions, run_bench
from hil.figures import Figure
from line.clock import WallClock
from line.configuration import PlantFault, Scenario
from line.errors import DataError
from line.records import Decision
from line.samples import Snapshot

#: Asked of a decision on one core [ms of CPU time], of the build [s], of the comparison with do-mpc.
RTI_MS, LINEAR_MS, KALMAN_MS, CONVERGED_MS, BUILD_S = 30.0, 10.0, 2.0, 1000.0, 3.0
TIMES_FASTER, FIRST_MOVE_SHARE, COST_PCT = 20.0, 0.05, 0.5
STATES, INPUTS = 40, 7
#: The shift from which problems are taken, and how many of them the converged controller solves.
MINUTES, SEED, N_CONVERGED = 10.0, 1, 8
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Solved:
    """One problem solved: the plan and the CPU time of the whole call [s]."""

    plan: Plan
    cpu_s: float


class Listener:
    """A controller that keeps every problem it is asked before it asks the controller behind it."""

    def __init__(self, behind: Controller) -> None:
        self._behind, self.problems = behind, list[Problem]()
        self.name, self.n_steps = behind.name, behind.n_steps

    def plan(self, problem: Problem) -> Plan:
        """Return the plan of the controller behind. Raises SolverError."""
        self.problems.append(problem)
        return self._behind.plan(problem)

    def reset(self) -> None:
        """Reset the controller behind."""
        self._behind.reset()


class TimedSupervisor(Supervisor):
    """A supervisor that keeps what it is told, and the CPU time of each whole decision in which a plan was made [s]."""

    def __init__(self, files: LineFiles, name: ControllerName) -> None:
        super().__init__(files.recipe, files.configuration, files.controller, files.register, name)
        self.controller = self.listener = Listener(self.controller)
        self.told: list[Snapshot | Observation] = []
        self.cpu_s: list[float] = []

    def observe(self, snapshot: Snapshot) -> None:
        """Keep the second and take it in."""
        self.told.append(snapshot)
        super().observe(snapshot)

    def decide(self, observation: Observation) -> Decision:
        """Keep the observation and decide."""
        self.told.append(observation)
        before, began = len(self.listener.problems), time.process_time()
        decision = super().decide(observation)
        if len(self.listener.problems) > before:
            self.cpu_s.append(time.process_time() - began)
        return decision


def recorded_shift(files: LineFiles, clock: WallClock, minutes: float = MINUTES) -> TimedSupervisor:
    """Run a short shift (API scale 3 % off, blend 8 % harder) under nmpc in this process; return what its supervisor kept.

    Raises DataError if the shift is too short for a plan.
    """
    faults = (
        PlantFault(name="load_cell_span", at_s=300, severity=-3.0, target="api"),
        PlantFault(name="py_step", at_s=360, severity=8.0),
    )
    usable = tuple(fault for fault in faults if fault.at_s < minutes * 60)
    scenario = Scenario(name="solve_speed", title="problems to solve", minutes=minutes, throughput_kg_per_h=25.0, faults=usable)
    timed = TimedSupervisor(files, "nmpc")

    def listen(_: int, __: int, line: Line) -> None:
        line.supervisor = timed

    with tempfile.TemporaryDirectory(prefix="kilter-solve-") as folder:
        where = Path(folder)
        run_bench(files, BenchOptions(scenario, SEED, "nmpc", where / "run", where / "secrets", sockets=False), clock, listen)
    if not timed.listener.problems:
        raise DataError("no plan was asked for", where="recorded shift", how_much=f"{minutes:g} min", what_now="Run longer.")
    return timed


def solve_all(controller: Controller, problems: Sequence[Problem], only: Sequence[int] | None = None) -> dict[int, Solved]:
    """Return what a fresh controller makes of the problems in order (of the places in `only`). Raises SolverError."""
    controller.reset()
    found = {}
    for place, problem in enumerate(problems):
        if only is None or place in only:
            began = time.process_time()
            plan = controller.plan(problem)
            found[place] = Solved(plan, time.process_time() - began)
    return found


def cost_now(flowsheet: Flowsheet, objective: Objective, problem: Problem) -> float:
    """Return the cost of this moment, which no move changes and which do-mpc counts: 1/2 sum of weighted squares [%^2].

    The terms of docs/control.md at the present state with the inputs in force; wrong if the objective gains a term.
    """
    o, u, flow = objective, problem.u_before, float(problem.flow[0])
    y = np.array(flowsheet.outputs(problem.x, u, problem.d)).ravel()[: len(CONTROLLED)]
    error = 100.0 * (y / o.targets - 1.0)
    total = 100.0 * float(o.fractions @ u[:N_FEEDERS] - flow)
    cost = float(o.weights @ error**2) + o.weight_flow * total**2
    cost += o.weight_ratio * float(((100.0 * (u[1:N_FEEDERS] - flow)) ** 2).sum())
    cost += sum(o.weight_rest * (100.0 * float(u[i] - o.recipe[i])) ** 2 for i in reference_inputs(o))
    return 0.5 * cost


def estimate_times(files: LineFiles, parts: ControlParts, told: Sequence[Snapshot | Observation]) -> list[float]:
    """Return the CPU time [s] of each whole estimator step (readings, prediction, corrections, late results, judgement)."""
    observer = Observer(parts.flowsheet, files.controller, files.register, parts.scaling)
    in_force = recipe_inputs(files.recipe, files.recipe.setpoints["SP/Throughput"])
    times = []
    for item in told:
        if isinstance(item, Snapshot):
            observer.observe(item)
            continue
        in_force = parts.scaling.in_force(item.snapshot, in_force)
        began = time.process_time()
        observer.estimate(item, in_force)
        times.append(time.process_time() - began)
    return times


def measure_solve(files: LineFiles, clock: WallClock, progress: Progress, minutes: float = MINUTES) -> list[Figure]:
    """Return the figures of docs/commands.md, `kilter bench solve`. Raises DataError, SolverError (do-mpc finds nothing)."""
    progress("a recorded shift", 0, 4)
    timed = recorded_shift(files, clock, minutes)
    problems = timed.listener.problems
    progress("real-time iteration", 1, 4)
    began = time.process_time()
    parts = _parts(files, "nmpc")
    build_s = time.process_time() - began
    fast = solve_all(parts.controller, problems)
    figures = size_figures(files, parts)
    figures.append(
        Figure("rti_build_s", build_s, "s", "CPU time of model, derivatives and controller, one build", at_most=BUILD_S)
    )
    figures += time_figures("rti", [s.cpu_s for s in fast.values()], RTI_MS, "nmpc: the whole plan, one call a problem")
    figures += time_figures("decision", timed.cpu_s, RTI_MS, "the whole decision in the shift: estimate, plan, checks, words")
    kalman = estimate_times(files, parts, timed.told)
    figures += time_figures("kalman", kalman, KALMAN_MS, "the whole estimator step, readings in, estimate out")
    progress("linear predictive control", 2, 4)
    linear = solve_all(_parts(files, "lmpc").controller, problems)
    figures += time_figures("lmpc", [s.cpu_s for s in linear.values()], LINEAR_MS, "lmpc: the whole plan, one call a problem")
    progress("do-mpc, converged: half a minute to build", 3, 4)
    return figures + converged_figures(files, parts, problems, fast)


def _parts(files: LineFiles, name: ControllerName) -> ControlParts:
    return build_parts(files.recipe, files.configuration, tuned(files.controller, name), files.register, name)


def size_figures(files: LineFiles, parts: ControlParts) -> list[Figure]:
    """Return states, inputs and horizon of the problem that is solved."""
    horizon_s = parts.controller.n_steps * STEP_S
    t95 = files.configuration.t95_slowest_s
    return [
        Figure("states", float(N_X), "1", "states of the control model", at_least=STATES),
        Figure("inputs", float(len(parts.limits.free)), "1", "inputs that move", at_least=INPUTS),
        Figure("horizon_s", horizon_s, "s", "horizon, against t95 at the slowest throughput", at_least=t95),
    ]


def time_figures(name: str, cpu_s: Sequence[float], at_most_ms: float, words: str) -> list[Figure]:
    """Return median and 99th percentile [ms] of CPU times; the latter is judged, its interval is median..longest."""
    ms = 1e3 * np.array(cpu_s)
    source = f"{words}; CPU time, {len(ms)} calls"
    median, high, longest = (float(np.quantile(ms, share)) for share in (0.5, 0.99, 1.0))
    return [
        Figure(f"{name}_p50_ms", median, "ms", source),
        Figure(f"{name}_p99_ms", high, "ms", source, median, longest, at_most=at_most_ms),
    ]


def converged_figures(
    files: LineFiles, parts: ControlParts, problems: Sequence[Problem], fast: dict[int, Solved]
) -> list[Figure]:
    """Return how do-mpc does on some of the same problems, and how far the fast plans are from its own. Raises SolverError."""
    n = min(N_CONVERGED, len(problems))
    places = sorted({int(place) for place in np.linspace(min(n, len(problems) - 1), len(problems) - 1, n)})
    dompc = _parts(files, "dompc").controller
    slow = solve_all(dompc, problems, places)
    free = list(parts.limits.free)
    shares = [_share(fast[place].plan, slow[place].plan, problems[place], free) for place in places]
    ratios = [slow[place].cpu_s / fast[place].cpu_s for place in places]
    constants = [cost_now(parts.flowsheet, parts.objective, problems[place]) for place in places]
    plans = [slow[place].plan.cost - constant for place, constant in zip(places, constants, strict=True)]
    dearer = [100.0 * (fast[place].plan.cost / cost - 1.0) for place, cost in zip(places, plans, strict=True)]
    regrets = [_regret_pct(dompc, parts, problems[place], fast[place].plan, slow[place].plan) for place in places]
    source = f"{len(places)} problems of the same shift in the same process"
    times = f"{source}, median of the CPU times' ratio, interval smallest..largest"
    first = f"{source}, largest difference of a first move as a share of its rate limit"
    judged = (
        f"{source}, cost of the fast first move and then do-mpc's best, against do-mpc's first move and then its best; largest"
    )
    told = f"{source}, cost of the whole plan, eight ramps against every step free, present moment left out; largest"
    figures = time_figures("dompc", [s.cpu_s for s in slow.values()], CONVERGED_MS, "do-mpc, every step free, expanded, warm")
    return [
        *figures,
        Figure("dompc_over_rti", float(np.median(ratios)), "1", times, min(ratios), max(ratios), at_least=TIMES_FASTER),
        Figure("first_move_difference", max(shares), "1", first, at_most=FIRST_MOVE_SHARE),
        Figure("cost_difference_pct", max(regrets), "%", judged, min(regrets), max(regrets), at_most=COST_PCT),
        Figure("plan_cost_difference_pct", max(dearer), "%", told, min(dearer), max(dearer)),
    ]


def _share(one: Plan, other: Plan, problem: Problem, free: Sequence[int]) -> float:
    return float((np.abs(one.u - other.u) / problem.rate)[free].max())


def _regret_pct(dompc: Controller, parts: ControlParts, problem: Problem, fast: Plan, slow: Plan) -> float:
    return 100.0 * (first_move_cost(dompc, parts, problem, fast) / first_move_cost(dompc, parts, problem, slow) - 1.0)


def first_move_cost(dompc: Controller, parts: ControlParts, problem: Problem, plan: Plan) -> float:
    """Return what a plan's first move costs if do-mpc plans everything after it: 1/2 moves' (100 du)^2 + its cost from there.

    A controller that plans anew at every decision makes only its first move, so this is what a decision is worth. Raises
    SolverError.
    """
    move = 100.0 * (plan.u - problem.u_before)
    x = np.array(parts.flowsheet.step(problem.x, plan.u, problem.d)).ravel()
    flow = np.append(problem.flow[1:], problem.flow[-1])
    after = dompc.plan(replace(problem, x=x, u_before=plan.u, flow=flow))
    return 0.5 * float(parts.objective.moves @ move**2) + after.cost
