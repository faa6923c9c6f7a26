"""Every shipped scenario on both structures of the line, without a controller: it runs, conserves, stands only where told."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hil.scenarios import catalogue, split_beat_fault
from line.modes import LineState
from plant_sim.instruments.laboratory import Sampling
from plant_sim.lines import Lines, LineSetup
from plant_sim.parameters import draw_parameters, load_parameters
from plant_sim.recorder import Recorder
from plant_sim.truth import Truth
from tests.fault_bench import drive
from tests.plant_bench import CONFIGS, HOLD, RESUME, RUN_OUT, line, register

SCENARIOS = {scenario.name: split_beat_fault(scenario)[0] for scenario in catalogue(CONFIGS)}
COMMANDS = {"hold": HOLD, "resume": RESUME, "run_out": RUN_OUT}
#: Long enough for the first fault of every scenario and its end, and for the first restarts.
UNTIL_S, SEED = 1260, 3
TOLERANCE_KG = 1e-9 * 25.0 / 3600.0
RESIDUALS = ("mass_residual_kg", "api_residual_kg", "premix_residual_kg", "lactose_residual_kg", "lubricant_residual_kg")


@cache
def ran(variant: str) -> dict[str, Truth]:
    """The truth of every minute of every scenario, all as lines of one ensemble."""
    nominal = load_parameters(CONFIGS / "materials" / ("reference-line.toml" if variant == "a" else "reference-line-b.toml"))
    plant = draw_parameters(nominal, SEED)
    lines = Lines(register(), [LineSetup(plant, SEED, SEED, s, line().geometry) for s in SCENARIOS.values()], Sampling())
    recorders = [Recorder(lines, i, Truth(nominal.content.label_claim.value)) for i in range(len(SCENARIOS))]

    told = np.array([any(a.action in ("hold", "resume") for a in s.operator) for s in SCENARIOS.values()])

    def command(k: int, asked: np.ndarray, index: dict[str, int]) -> None:
        # as the engine's desk does: a line that nobody asked to hold is restarted when no interlock stands any more
        free = (lines.sequence.state == LineState.HELD) & (lines.sequence.interlock == 0) & ~told
        asked[free & (k % 30 == 0), index["SP/LineCommand"]] = RESUME
        for i, scenario in enumerate(SCENARIOS.values()):
            for item in scenario.operator:
                if item.at_s == k and item.action in COMMANDS:
                    asked[i, index["SP/LineCommand"]] = COMMANDS[item.action]

    def look(lines: Lines) -> None:
        if lines.second % 60 == 0:
            for recorder in recorders:
                recorder.record()

    drive(lines, UNTIL_S, command, look)
    return {name: recorder.truth for name, recorder in zip(SCENARIOS, recorders, strict=True)}


@pytest.mark.parametrize("variant", ["a", "b"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_runs_and_loses_nothing(name: str, variant: str) -> None:
    series = ran(variant)[name].series
    assert max(float(np.abs(series[residual]).max()) for residual in RESIDUALS) < TOLERANCE_KG
    assert series["mass_accepted_kg"][-1] > 1.0
    assert series["line_state"][-1] in (LineState.EXECUTE, LineState.COMPLETING, LineState.COMPLETE)


def test_the_two_structures_are_two_plants() -> None:
    a, b = (ran(variant)["quiet"].series for variant in ("a", "b"))
    assert not np.array_equal(a["mass_accepted_kg"], b["mass_accepted_kg"])
