"""Two lines whose parameters are known: the control model itself with other ones, and the simulated plant."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from apc.identification import mixing
from apc.identification.fit import Fit
from apc.identification.gains import driven_inputs, fit_gains
from apc.identification.identify import Identification, identify
from apc.identification.mixing import MixingLine, drive_of
from engine.recorded import recorded_run
from flowsheet.layout import N_D, OUTPUT
from kilter.main import run
from line.parameter_set import load_parameter_set
from plant_sim.parameters import draw_parameters
from tests.control_parts import configuration, flowsheet, parameters, perturbed
from tests.plant_bench import nominal
from tests.recorded_lines import model_run, plant_lot

#: Factors by which the line differs from what the controller believes.
OTHER = {"blender_hold_up": 1.05, "blender_flow_exponent": 1.08, "blender_speed_exponent": 0.95, "fill_density": 0.98,
         "yield_pressure": 1.03, "strength": 1.06, "press_stiffness": 1.1, "porosity_factor": 0.9}  # fmt: skip


@lru_cache
def found() -> Identification:
    table = configuration().model
    return identify([model_run(perturbed(**OTHER))], parameters(), table, lambda *_: None)


def estimated(fits: dict[str, Fit]) -> dict[str, tuple[float, float, float]]:
    return {e.name: (e.value, e.low, e.high) for fit in fits.values() for e in fit.estimated}


def test_the_mixing_line_is_the_flowsheet() -> None:
    """Same set-points into both: hold-up and potencies agree to a fifth of their instruments' noise; the tablets' less, as
    what the press takes is counted in tablets of nominal mass, which the test's forces change by 2 %."""
    recorded = model_run(flowsheet(), noise=0.0)
    line = MixingLine(parameters(), ())
    held = line.run(line.theta, drive_of(recorded, parameters()))
    inputs = driven_inputs(recorded, flowsheet())
    n = len(inputs)
    x = np.array(flowsheet().step.mapaccum(n)(flowsheet().x_nominal, inputs.T, np.zeros((N_D, n))))
    y = np.array(flowsheet().outputs.map(n)(x, inputs.T, np.zeros((N_D, n))))
    late = slice(120, None)
    assert np.abs(held.hold_up - y[OUTPUT["hold_up_blender"]])[late].max() < 2e-3
    assert np.abs(100.0 * held.api_blend / parameters().fraction_api - y[OUTPUT["potency_blend"]])[late].max() < 0.3
    assert np.abs(100.0 * held.api_tablet / parameters().fraction_api - y[OUTPUT["potency_tablet"]])[late].max() < 0.5


@pytest.mark.parametrize("name", list(OTHER))
def test_parameters_of_the_model_come_back(name: str) -> None:
    """Within twice the half interval, and nearer than what was believed before."""
    values = estimated(dict(found().fits))
    assert name in values, found().fits["mixing"].kept | found().fits["press"].kept
    before = getattr(parameters(), name)
    value, low, high = values[name]
    assert abs(value - before * OTHER[name]) <= max(high - low, 0.003 * before)
    assert abs(value - before * OTHER[name]) < 0.5 * abs(before * (OTHER[name] - 1.0))


def test_what_nothing_shows_is_kept_by_name() -> None:
    kept = found().fits["mixing"].kept | found().fits["press"].kept
    assert {"feed_frame_split", "feed_frame_dead_time", "true_density", "heckel_intercept"} <= set(kept)
    assert "cannot be told from" in kept["true_density"] and "hardly depend" in kept["feed_frame_split"]


def test_measured_responses_are_the_models_where_the_model_is_the_line_and_twice_off_where_it_is_not() -> None:
    recorded = model_run(flowsheet())
    own = estimated(fit_gains([recorded], flowsheet()))
    assert len(own) >= 5 and all(low - 0.02 <= 1.0 <= high + 0.02 for _, low, high in own.values())
    soft = perturbed(porosity_factor=0.75)
    factor = {e.name: e for e in fit_gains([recorded], soft)["hardness"].estimated}["force_main"]
    assert factor.value == pytest.approx(1.0 / 0.8, rel=0.12), "a softer model shows less of the force"


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant_lot(tmp_path_factory.mktemp("runs") / "steps-3")


def test_parameters_of_the_simulated_plant_are_found_from_its_record(lot: Path) -> None:
    """Truth is read by the test alone; hold-up as its load cells show it. Yield pressure holds with the true density and
    intercept that the controller believes, so that it is the force that must come out right."""
    truth = draw_parameters(nominal(), 3)
    runs = [recorded_run(lot)]
    result = identify(runs, parameters(), configuration().model, lambda *_: None)
    values = estimated(dict(result.fits))
    shown = truth.blender.hold_up.value * (1.0 + truth.blender.load_cell_span_error.si)
    assert values["blender_hold_up"][0] == pytest.approx(shown, rel=0.01)
    assert values["strength"][0] / 1e6 == pytest.approx(truth.strength.strength_nominal.value, rel=0.03)
    assert values["fill_density"][0] / 1e3 == pytest.approx(truth.fill.density.value, rel=0.015)
    span = 1.0 + truth.feeders.premix.scale_span_error.si
    middle = values["factor_max"]
    assert "feeder_premix" in result.fits and middle[0] > 0 and span > 0
    assert "blender_speed_exponent" in result.fits["mixing"].kept, "the impeller never moved"
    assert set(mixing.PARAMETERS) == {e.name for e in result.fits["mixing"].estimated} | set(result.fits["mixing"].kept)


def test_the_command_writes_a_hashed_set_once_and_tells_what_it_kept(
    lot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "line-7.toml"
    words = ["identify", lot.name, "--runs", str(lot.parent), "--out", str(out), "--json"]
    assert run(words) == 0
    body = json.loads(capsys.readouterr().out)
    made = load_parameter_set(out)
    assert body["set"]["hash"] == made.hash == made.true_hash
    assert made.runs[0].lot == lot.name and len(made.runs[0].content_hash) == 64
    assert made.kept["blender_speed_exponent"] == body["blocks"]["mixing"]["kept"]["blender_speed_exponent"]
    row = next(r for r in body["blocks"]["mixing"]["estimated"] if r["name"] == "blender_hold_up")
    assert made.model["blender_hold_up"].value == row["value"] and made.model["blender_hold_up"].interval == (
        row["low"],
        row["high"],
    )
    assert made.model["blender_hold_up"].source == "measured"
    assert run(words) == 2 and "never overwritten" in capsys.readouterr().err
