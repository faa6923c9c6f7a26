"""Parameter sets: what is written is read back, what was changed is refused, the controller's file names one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from line.errors import ConfigurationFaults
from line.parameter_set import Gain, ParameterSet, load_controller, load_parameter_set, set_text
from tests.control_parts import CONFIGS

SHIPPED = CONFIGS / "parameters/reference-line.toml"


def test_a_set_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    gains = {"weight": {"force_main": Gain(factor=1.02, low=0.95, high=1.09)}}
    made = load_parameter_set(SHIPPED).model_copy(update={"step_gains": gains, "noise": {"measured_nir_pct": 2.5}}).sealed()
    path = tmp_path / "copy.toml"
    path.write_text(set_text(made), encoding="utf-8")
    assert load_parameter_set(path) == made


def test_a_set_changed_by_hand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changed.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace("value = 8.0", "value = 8.01", 1), encoding="utf-8")
    with pytest.raises(ConfigurationFaults) as refused:
        load_parameter_set(path)
    assert "the content was changed since" in refused.value.tree() and "restore the file" in refused.value.tree()


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    return tmp_path / "configs"


def test_the_controllers_file_takes_model_noise_and_gains_of_the_set_it_names(configs: Path) -> None:
    changes = {
        "noise": {"measured_nir_pct": 9.9},
        "step_gains": {"weight": {"force_main": Gain(factor=1.1, low=1.0, high=1.2)}},
    }
    other = load_parameter_set(SHIPPED).model_copy(update={"id": "line-7", **changes}).sealed()
    (configs / "parameters/line-7.toml").write_text(set_text(other), encoding="utf-8")
    file = configs / "controllers/nmpc.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('parameters = "reference-line"', 'parameters = "line-7"'), encoding="utf-8")
    controller = load_controller(file)
    assert controller.model == other.model and controller.step_gains == {"weight": {"force_main": 1.1}}
    assert controller.noise["measured_nir_pct"] == 9.9 and controller.noise["measured_level_kg"] == 0.006


def test_a_model_in_both_files_is_a_fault(configs: Path) -> None:
    file = configs / "controllers/nmpc.toml"
    row = '{ value = 1.0, unit = "s", source = "estimate", reference = "drive lag", low = 0.3, high = 5 }'
    file.write_text(f"{file.read_text(encoding='utf-8')}\n[model]\nfeeder_lag = {row}\n", encoding="utf-8")
    with pytest.raises(ConfigurationFaults) as refused:
        load_controller(file)
    assert "come from reference-line: remove the table here" in refused.value.tree()


def test_a_set_says_where_it_is_from() -> None:
    made: ParameterSet = load_parameter_set(SHIPPED)
    measured = {name for name, p in made.model.items() if p.source == "measured"}
    assert len(made.runs) >= 3 and all(len(run.content_hash) == 64 for run in made.runs)
    assert all(made.model[name].interval for name in measured - {"fill_depth"}) and len(measured) >= 8
    assert not measured & set(made.kept)
