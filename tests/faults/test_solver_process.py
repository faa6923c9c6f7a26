"""The solver in a process of its own: the same plan, killed when it hangs, begun again cold, and the ladder takes over."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from apc.supervision.assembly import build_parts
from apc.supervision.tuned import tuned
from engine.solver_frames import plan_of, problem_body, problem_of, unpack
from engine.solver_process import COMMAND, SolverProcess
from engine.wiring import load_files
from line.clock import SystemClock
from line.errors import DeadlineError, SolverError
from line.records import Reason
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import CONFIGS, configuration, flowsheet, line, parts, problem, recipe, register

#: Solvers that go wrong at their third plan.
BROKEN = {
    "hangs": "while True: pass",
    "dies": "import os; os._exit(3)",
    "babbles": "import sys; sys.stdout.write('no plan\\n'); sys.stdout.flush(); return plan(self, problem)",
}
SCRIPT = """
import sys
from apc.control.nmpc import RealTimeIteration
from engine.solver_process import serve
plan, count = RealTimeIteration.plan, 0
def third(self, problem):
    global count
    count += 1
    if count == 3:
        {what}
    return plan(self, problem)
RealTimeIteration.plan = third
serve(sys.stdin.buffer, sys.stdout.buffer)
"""


def process(deadline_s: float, command: Sequence[str] = COMMAND) -> SolverProcess:
    return SolverProcess(load_files(CONFIGS), parts("nmpc").controller, SystemClock(), deadline_s, command)


def test_apc_a_plan_from_the_process_is_the_plan_of_this_one_to_the_last_bit() -> None:
    here = build_parts(recipe(), line(), tuned(configuration(), "nmpc"), register(), "nmpc").controller
    with process(60.0) as there:
        for yield_pressure in (0.0, 0.03, 0.05):
            d = np.zeros(9)
            d[4] = yield_pressure
            ours, theirs = here.plan(problem(95, d=d)), there.plan(problem(95, d=d))
            assert theirs.u.tobytes() == ours.u.tobytes()
            assert (theirs.cost, theirs.iterations, theirs.status) == (ours.cost, ours.iterations, ours.status)
            assert theirs.predicted == ours.predicted and len(theirs.limits) == len(ours.limits)
        with pytest.raises(SolverError, match="x of the problem is not finite"):
            there.plan(problem(95, x=np.full(59, np.nan)))
        assert there.started == 1 and there.plan(problem(95)).status == "SOLVED"


@pytest.mark.parametrize("what", BROKEN)
def test_apc_a_solver_that_goes_wrong_is_replaced_and_the_ladder_takes_over(what: str) -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    run(plant, control, 30)
    command = (sys.executable, "-c", SCRIPT.format(what=BROKEN[what]))
    with process(20.0, command) as solver:
        control.controller = solver
        assert [d.rung for d in run(plant, control, 2)] == ["nmpc", "nmpc"]
        first = solver.pid
        solver._deadline_s = 1.5
        (wrong,) = run(plant, control, 1)
        assert wrong.valid and wrong.rung == "linear" and "nmpc: solver process" in wrong.text
        assert wrong.reason is (Reason.DEADLINE if what == "hangs" else Reason.SOLVE_FAILED)
        assert solver.pid != first and not _lives(first)
        solver._deadline_s = 60.0
        assert run(plant, control, 1)[0].rung == "nmpc" and solver.started == 2


def test_apc_a_stopped_process_is_killed_at_its_deadline() -> None:
    with process(60.0) as solver:
        solver.plan(problem(95))
        child, solver._deadline_s = solver.pid, 0.3
        assert child is not None
        os.kill(child, signal.SIGSTOP)
        with pytest.raises(DeadlineError, match=r"no plan in time \(0.3 s\)"):
            solver.plan(problem(95))
        assert not _lives(child)


def test_apc_frames_keep_every_bit_and_refuse_what_is_no_plan() -> None:
    task = problem(95, x=np.random.default_rng(1).normal(size=59) * 1e-300)
    again = problem_of(problem_body(task))
    assert again.x.tobytes() == task.x.tobytes() and again.flow_high == task.flow_high == np.inf
    for bad in ({}, {"u": "x"}, {"u": [1.0], "binding": [], "predicted": {}, "limits": [{"name": 1}]}, {"plan": 1}):
        with pytest.raises(SolverError, match="no plan"):
            plan_of(bad)
    with pytest.raises(SolverError, match="garbage"):
        unpack(b"\x80\x04")


def _lives(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()
