"""What holds for every controller by name: the same gate, limits and rates; never silent; the same bits twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apc.control.problem import Problem, Reading
from apc.supervision.assembly import NAMES, build_parts
from apc.supervision.checks import Candidate, MoveGate
from apc.supervision.supervisor import Supervisor
from flowsheet.layout import OUTPUTS
from line.errors import ConfigurationFaults, SolverError
from line.modes import ControllerMode
from line.tuning import Tuning
from tests.control_line import ModelLine, run, supervisor
from tests.control_parts import configuration, flowsheet, line, parts, perturbed, problem, recipe, register

#: do-mpc takes half a minute to build: its own tests are in tests/agreement.
QUICK = tuple(name for name in NAMES if name != "dompc")
RECIPE = np.array([2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0])
GARBAGE = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 1e-300)


def disturbed() -> ModelLine:
    plant = ModelLine(perturbed(yield_pressure=1.05, fill_density=0.97), seed=3, noise=0.01, nir_bias=0.03)
    plant.d[0] = -0.03
    return plant


def shift(name: str) -> list[object]:
    plant, control = disturbed(), supervisor(name)
    decisions = run(plant, control, 50, tester_every=8, assay_every=20, plan=((0, 25.0), (150, 23.5)))
    plant.breaks = {0: -1.0}
    decisions += run(plant, control, 6)
    plant.breaks = {}
    return [d.body() for d in decisions + run(plant, control, 8, tester_every=8)]


@pytest.mark.parametrize("name", QUICK)
def test_apc_every_controller_moves_within_limits_says_who_it_is_and_repeats_itself(name: str) -> None:
    first, second = shift(name), shift(name)
    assert first == second
    limits, before = parts().limits, RECIPE
    gate, moved = MoveGate(limits, configuration().max_iterations), False
    for body in first:
        assert body["valid"] and body["controller"] == name and body["rung"] in (name, "ratio", "recipe")
        moves = body["moves"]
        u = np.array([moves[tag] for tag in list(moves) if tag != "SP/Throughput"])
        assert gate.refusal(Candidate("SOLVED", u, 0), before, (0.0, 9.9)) is None
        before, moved = u, moved or bool(np.abs(u / RECIPE - 1.0).max() > 0.01)
    assert moved


@pytest.mark.parametrize("name", QUICK)
def test_apc_every_controller_survives_readings_of_any_kind(name: str) -> None:
    """Problems with garbage among the readings: finite moves within the rates, or a SolverError; a reset forgets it all."""
    rng, control, task = np.random.default_rng(8), parts(name).controller, problem(parts(name).controller.n_steps)
    control.reset()
    clean = control.plan(task).u
    for _ in range(30 if name == "nmpc" else 200):
        measured = {n: _reading(rng) for n in (*OUTPUTS, "offset_nir") if rng.random() < 0.8}
        before = rng.uniform(0.95, 1.05, 8)
        u = _asked(control, replace(task, measured=measured, u_before=before))
        assert u is None or (np.isfinite(u).all() and (np.abs(u - before) <= task.rate + 1e-5).all())
    control.reset()
    assert np.array_equal(control.plan(task).u, clean)


def _reading(rng: np.random.Generator) -> Reading:
    value = GARBAGE[int(rng.integers(len(GARBAGE)))] if rng.random() < 0.5 else float(rng.normal(100.0, 20.0))
    return Reading(value, float(rng.choice([0.0, 6.0, 60.0, 1e9])), float(rng.choice([0.0, 1.0])), bool(rng.random() < 0.7))


def _asked(control: object, task: Problem) -> np.ndarray | None:
    try:
        u: np.ndarray = control.plan(task).u  # type: ignore[attr-defined]
    except SolverError:
        control.reset()  # type: ignore[attr-defined]
        return None
    return u


@pytest.mark.parametrize("name", QUICK)
def test_apc_every_controller_waits_in_warm_and_begins_without_a_bump(name: str) -> None:
    plant, control = disturbed(), supervisor(name)
    run(plant, control, 46, mode=ControllerMode.WARM, tester_every=3)
    before = dict(plant.setpoints)
    run(plant, control, 1)
    rates = dict(zip(before, parts().limits.rate, strict=True))
    assert all(abs(plant.setpoints[tag] - value) <= rates[tag] + 1e-5 for tag, value in before.items())


@pytest.mark.parametrize("name", ["ratio", "pid", "pid+kalman", "lmpc"])
def test_apc_a_controller_without_its_tuning_is_not_built(name: str) -> None:
    bare = configuration().model_copy(update={"tuning": Tuning()})
    with pytest.raises(ConfigurationFaults) as caught:
        build_parts(recipe(), line(), bare, register(), name)  # type: ignore[arg-type]
    assert [fault.key for fault in caught.value.faults] == [f"tuning.{name}"]


def test_apc_an_unknown_controller_is_refused_with_the_known_names() -> None:
    with pytest.raises(ConfigurationFaults) as caught:
        Supervisor(recipe(), line(), configuration(), register(), "fuzzy")  # type: ignore[arg-type]
    assert "pid+kalman" in caught.value.faults[0].remedy


def test_apc_vendor_loops_and_ratio_never_ask_an_analyser() -> None:
    """A biased NIR and a wrong press leave set-points of recipe and ratio where they are."""
    for name in ("plc", "ratio"):
        plant = ModelLine(flowsheet(), nir_bias=0.05)
        run(plant, supervisor(name), 60, tester_every=10, assay_every=20)
        assert list(plant.setpoints.values()) == pytest.approx(RECIPE.tolist(), rel=2e-3)
