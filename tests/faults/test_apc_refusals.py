"""Bad statuses, bad numbers, bad inputs: nothing of it reaches the line, all of it is told."""

from __future__ import annotations

import numpy as np
import pytest

from apc.control.problem import Plan
from apc.supervision.assembly import build_parts
from apc.supervision.checks import WHITELIST, Candidate, MoveGate
from apc.supervision.ladder import Ladder, Rung
from apc.supervision.shedding import Shedding
from line.errors import ConfigurationFaults, SolverError
from line.modes import ControlState
from line.records import Reason
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import configuration, flowsheet, line, parts, problem, recipe, register

N_INJECTED = 100_000
GARBAGE = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e308, -1e-300)
STATUSES = (*sorted(WHITELIST), "Infeasible_Problem_Detected", "Maximum_Iterations_Exceeded", "", "solved", "NaN", "0")


def injected(rng: np.random.Generator, u_before: np.ndarray, rate: np.ndarray) -> object:
    """Return what a broken, lying or late solver might: mostly plans with one thing wrong, sometimes no plan at all."""
    size = (0.2, 0.9, 1.05, 50.0)[int(rng.integers(4))]
    u: object = u_before + rate * rng.uniform(-size, size, 8)
    draw = rng.random()
    if draw < 0.05:
        return (None, "SOLVED", 1.0, {"u": u}, SolverError("hang", where="x"), ZeroDivisionError())[int(rng.integers(6))]
    if draw < 0.3:
        u[int(rng.integers(8))] = GARBAGE[int(rng.integers(len(GARBAGE)))]  # type: ignore[index]
    elif draw < 0.4:
        u = (u[:7], u.astype(np.float32), u.tolist(), "u", u.astype(object), u[None, :])[int(rng.integers(6))]  # type: ignore[index,attr-defined]
    status = STATUSES[int(rng.integers(len(STATUSES)))] if rng.random() < 0.99 else 5
    iterations = int(rng.integers(-5, 900)) if rng.random() < 0.98 else (None, 1.5, True)[int(rng.integers(3))]
    return Plan(u, status, iterations, 0.0 if rng.random() < 0.98 else None)  # type: ignore[arg-type]


def test_apc_no_injected_answer_moves_the_line_unless_all_is_well() -> None:
    """10^5 answers on the ladder: each one that moves is whitelisted, finite, in limits, rates, authority and in time."""
    rng, limits, scaling = np.random.default_rng(11), parts().limits, parts().scaling
    ladder, task = Ladder(MoveGate(limits, 400), scaling), problem(5)
    in_force = np.array([2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0])
    u_before, rate, given = scaling.scaled(in_force), scaling.scaled(limits.rate), []

    def answer(_: object) -> object:
        given.append(injected(rng, u_before, rate))
        if isinstance(given[-1], Exception):
            raise given[-1]
        return given[-1]

    rungs = [Rung(name, answer) for name in ("nmpc", "linear", "static", "more", "still more")]
    landed = 0
    while len(given) < N_INJECTED:
        start = len(given)
        landing = ladder.descend(rungs, task, in_force, (1.96, 2.04))
        assert len(landing.refusals) == len(given) - start - (landing.plan is not None)
        assert all(refusal.text for _, refusal in landing.refusals)
        if landing.plan is None:
            assert landing.rung == "" and landing.inputs is in_force
            continue
        landed, inputs = landed + 1, landing.inputs
        assert landing.plan is given[-1] and landing.plan.status in WHITELIST
        assert np.isfinite(inputs).all()
        assert (inputs >= limits.low - 1e-5).all() and (inputs <= limits.high + 1e-3).all()
        assert (np.abs(inputs - in_force) <= limits.rate + 1e-3).all()
        assert abs(inputs[:4].sum() - in_force[:4].sum()) <= limits.throughput[2] + 1e-3
        assert 1.96 - 1e-5 <= inputs[0] <= 2.04 + 1e-5
        assert 0 <= landing.plan.iterations <= 400
    assert 1000 < landed < 0.4 * N_INJECTED


@pytest.mark.parametrize(
    ("index", "value", "word"),
    [
        (0, 2.5, "SP/Feeder1MassFlow 2.5 breaks rate"),
        (4, 6.5, "SP/MainForce 6.5 breaks rate 0.08 by 0.22"),
        (5, 3.60, "SP/MainHeight"),
    ],
)
def test_apc_a_refusal_names_limit_and_amount(index: int, value: float, word: str) -> None:
    inputs = np.array([2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0])
    in_force = inputs.copy()
    inputs[index] = value
    refusal = MoveGate(parts().limits, 400).refusal(Candidate("SOLVED", inputs, 3), in_force, (1.9, 2.6))
    assert refusal is not None and refusal.reason is Reason.MOVE_REFUSED
    assert word in refusal.text and refusal.text.endswith("plan rejected, holding last move")


def test_apc_a_setpoint_outside_its_limits_may_only_come_back() -> None:
    gate, inside = MoveGate(parts().limits, 400), np.array([2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0])
    outside = inside.copy()
    outside[4] = 9.2
    back, on = outside.copy(), outside.copy()
    back[4], on[4] = 9.15, 9.25
    assert gate.refusal(Candidate("SOLVED", back, 1), outside, (1.9, 2.1)) is None
    refusal = gate.refusal(Candidate("SOLVED", on, 1), outside, (1.9, 2.1))
    assert refusal is not None and "upper 9" in refusal.text


def test_apc_control_is_shed_after_two_failures_and_restored_after_two_valid_decisions() -> None:
    table = """
    valid  failed failed valid valid failed valid failed failed idle  valid
    CONTROL CONTROL HOLD HOLD CONTROL CONTROL CONTROL CONTROL HOLD LOCAL CONTROL
    """
    events, states = (row.split() for row in table.strip().splitlines())
    shedding = Shedding()
    for event, state in zip(events, states, strict=True):
        getattr(shedding, event)()
        assert shedding.state is ControlState(state)


class Broken:
    """Stands in for a controller's plan method: gives garbage of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, task: object) -> Plan:
        u = np.ones(8)
        if self.kind == "raises":
            raise SolverError("DAQP ended with status -1", where="daqp")
        if self.kind == "nan":
            u[2] = np.nan
        if self.kind == "far":
            u[4] = 1.5
        return Plan(u, "Infeasible" if self.kind == "status" else "SOLVED", 5000 if self.kind == "slow" else 1)


@pytest.mark.parametrize("kind", ["raises", "nan", "far", "status", "slow"])
def test_apc_when_every_rung_fails_the_line_holds_speaks_and_recovers(kind: str) -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    run(plant, control, 30)
    before, rungs = dict(plant.setpoints), (control.controller, control.linear, control.static)
    good = [rung.plan for rung in rungs]
    for rung in rungs:
        rung.plan = Broken(kind)  # type: ignore[method-assign]
    failed = run(plant, control, 3)
    assert plant.setpoints == before
    assert all(not d.valid and not d.moves and d.reason and d.text for d in failed)
    assert control.state is ControlState.HOLD and failed[-1].reason is Reason.NO_VALID_DECISION
    for rung, plan in zip(rungs, good, strict=True):
        rung.plan = plan  # type: ignore[method-assign]
    assert [d.valid for d in run(plant, control, 2)] == [True, True]
    assert control.state is ControlState.CONTROL


def test_apc_unusable_readings_stop_neither_estimate_nor_decision() -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    run(plant, control, 30)
    values = plant._read
    blind = {t: float("nan") for t in ("Hopper/Level", "Press/FillDepth", "Feeder1/MassFlow", "Press/TurretSpeed")}
    plant._read = lambda y: {**values(y), **blind}  # type: ignore[method-assign]
    decisions = run(plant, control, 20)
    assert all(d.valid for d in decisions)
    assert all(np.isfinite(list(d.estimate.values())).all() for d in decisions)


def test_apc_standing_line_needs_no_moves_and_comes_back() -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    run(plant, control, 40)
    values = plant._read
    still = {"Sys/LineState": 3.0, "Press/TurretSpeed": 0.0, "Blender/ImpellerSpeed": 0.0}
    still |= {f"Feeder{i}/Mode": 3.0 for i in range(1, 5)} | {f"Feeder{i}/MassFlow": 0.0 for i in range(1, 5)}
    state, plant._read = plant.x.copy(), lambda y: {**values(y), **still}  # type: ignore[method-assign]
    held = run(plant, control, 30)
    assert all(d.moves == {} and d.rung == "idle" for d in held)
    plant._read, plant.x = values, state  # type: ignore[method-assign]
    # how far the press drifted meanwhile only a tester sample tells; it comes with the tenth decision
    back = run(plant, control, 20, tester_every=80)
    assert all(d.valid for d in back) and {d.rung for d in back[:9]} == {"ratio"} and back[-1].rung == "nmpc"
    assert back[-1].estimate["potency_tablet_pct_lc"] == pytest.approx(100.0, abs=0.5)


@pytest.mark.parametrize("field", ["x", "d", "u_before", "flow", "rate"])
def test_apc_the_controller_checks_its_input_before_it_solves(field: str) -> None:
    controller = parts().controller
    values = np.array(getattr(problem(controller.n_steps), field))
    values[0] = np.nan
    with pytest.raises(SolverError, match=f"{field} of the problem is not finite"):
        controller.plan(problem(controller.n_steps, **{field: values}))


def test_apc_configuration_faults_are_all_told() -> None:
    broken = configuration().model_copy(
        update={
            "move_blocks": (1, 2),
            "weights": {k: v for k, v in configuration().weights.items() if k != "weight"},
        }
    )
    with pytest.raises(ConfigurationFaults) as error:
        build_parts(recipe(), line(), broken, register(), "nmpc")
    assert "move_blocks" in error.value.tree()
    noisy = configuration().model_copy(update={"noise": {**configuration().noise, "gate_sigma": -1.0, "gate_sgima": 2.0}})
    with pytest.raises(ConfigurationFaults) as error:
        build_parts(recipe(), line(), noisy, register(), "nmpc")
    assert {f.key for f in error.value.faults} == {"noise.gate_sigma", "noise.gate_sgima"}
    with pytest.raises(ConfigurationFaults, match="fault"):
        build_parts(recipe(), line(), configuration(), register(), "fuzzy")  # type: ignore[arg-type]
