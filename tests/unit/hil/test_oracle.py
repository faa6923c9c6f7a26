"""The controllers that read the truth: the state they read predicts the plant, and hindsight betters what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apc.control.step_response import N_C, StepModel
from apc.supervision.assembly import build_parts, known_parameters
from apc.supervision.tags import recipe_inputs
from engine.wiring import LineFiles, load_files
from flowsheet.layout import DISTURBANCE, INPUT, N_U, OUTPUT
from flowsheet.parameters import flowsheet_parameters
from hil.oracle.foresight import MOVED, Shift, bettered
from hil.oracle.true_model import TrueModel
from hil.scenarios import load_scenario
from hil.virtual_plant import PlantChoice, build_plant
from line.errors import ConfigurationError
from line.modes import LineCommand
from plant_sim.plant import Plant
from tests.control_parts import parameters

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def files() -> LineFiles:
    return load_files(CONFIGS)


def setpoints(files: LineFiles, plant: Plant) -> np.ndarray:
    """The recipe's set-points at 25 kg/h, with the API 4 % up, asked for by a host that is alive."""
    recipe = files.recipe
    values = {**recipe.setpoints, **recipe.feeder_setpoints(25.0), "SP/Throughput": 25.0, "SP/RemoteRequest": 1.0}
    values["SP/Feeder1MassFlow"] *= 1.04 if plant.k > 700 else 1.0
    values |= {"SP/HeartbeatCtrl": float(plant.k % 1000 + 1), "SP/LineCommand": float(LineCommand.START)}
    return np.array([values.get(tag, 0.0) for tag in files.register.setpoint_ids])


def test_what_is_read_predicts_the_plant(files: LineFiles) -> None:
    """Plant of seed 301; -3 % on the API scale since 600 s, API set-point 4 % up since 700 s, read at 800 s.

    The model's tablets of now are the plant's; two minutes later, with held set-points, their potency is within 0.4 % LC
    of what the plant makes, although it moves by more than 1 % LC meanwhile.
    """
    plant = build_plant(files, load_scenario(CONFIGS, "bench_load_cell_span"), 301)
    p = flowsheet_parameters(files.controller.model, known_parameters(files.recipe, files.configuration))
    model = TrueModel(p, plant)
    parts = build_parts(files.recipe, files.configuration, files.controller, files.register, "plc")
    u = parts.scaling.scaled(recipe_inputs(files.recipe, 25.0))
    assert not model.pressing
    while plant.k < 800:
        plant.step(plant.k, plant.k + 1, setpoints(files, plant))
        u[INPUT["mass_flow_api"]] = 1.04 if plant.k > 700 else 1.0
        if plant.k % 5 == 0:
            x, d = model.read(u)
    now = np.array(model.flowsheet.outputs(x, u, d)).ravel()
    truth = {name: values[-5:].mean() for name, values in plant.truth.series.items()}
    assert now[OUTPUT["weight"]] == pytest.approx(truth["tablet_mass_mean_mg"], rel=1e-3)
    assert now[OUTPUT["strength"]] == pytest.approx(truth["tensile_strength_mean_mpa"], rel=1e-3)
    assert now[OUTPUT["potency_blend"]] == pytest.approx(truth["potency_blender_exit_pct_lc"], rel=5e-3)
    assert d[DISTURBANCE["bias_api"]] == pytest.approx(0.03, abs=0.01)
    for _ in range(24):
        x = np.array(model.flowsheet.step(x, u, d)).ravel()
        for _ in range(5):
            plant.step(plant.k, plant.k + 1, setpoints(files, plant))
    foretold = float(model.flowsheet.outputs(x, u, d)[OUTPUT["potency_tablet"]])
    series = plant.truth.series["potency_feed_frame_exit_pct_lc"]
    assert abs(series[-1] - series[-120]) > 1.0
    assert foretold == pytest.approx(series[-5:].mean(), abs=0.4)


def test_a_plant_of_other_equations_is_refused(files: LineFiles) -> None:
    plant = build_plant(files, load_scenario(CONFIGS, "quiet"), 303, choice=PlantChoice("b"))
    with pytest.raises(ConfigurationError, match="structure 'b'"):
        TrueModel(parameters(), plant)


def test_hindsight_takes_a_lasting_error_away_within_bounds_and_rates(files: LineFiles) -> None:
    """A line that answers after 10 decisions with gain 1 %/%: a potency error of 1 % from decision 60 on is gone, foreseen,
    and nothing moves faster than it may; the set-point ends 1 % lower, as the gain says."""
    parts = build_parts(files.recipe, files.configuration, files.controller, files.register, "plc")
    responses = np.zeros((20, N_C, N_U))
    responses[10:, 0, INPUT["mass_flow_api"]] = 100.0
    errors = np.zeros((120, 3))
    errors[:, 0] = np.where(np.arange(120) >= 60, 1.0, 1e-9)
    shift = Shift(0, np.ones((120, N_U)), errors, 60.0)
    change = bettered(shift, StepModel(responses, "by hand"), parts)
    api = change[:, INPUT["mass_flow_api"]]
    after = errors[10:, 0] + 100.0 * api[:-10]
    assert (after**2).sum() < 0.1 * (errors[:, 0] ** 2).sum()
    assert api[90:108].mean() == pytest.approx(-0.01, rel=0.05)
    rate = parts.scaling.scaled(parts.limits.rate)
    assert (np.abs(np.diff(change, axis=0)) <= rate + 1e-6).all()
    assert not np.delete(change, MOVED, axis=1).any()
