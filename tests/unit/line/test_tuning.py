"""A controller's tuning is checked whole, by name and by value, when its file is read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from line.configuration import ControllerConfiguration, validate
from line.errors import ConfigurationFaults

FILE = Path(__file__).resolve().parents[3] / "configs/controllers/nmpc.toml"


def faults(change: dict[str, dict[str, float]]) -> set[tuple[str, str]]:
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    for name, values in change.items():
        content["tuning"].setdefault(name, {}).update(values)
    with pytest.raises(ConfigurationFaults) as caught:
        validate(content, ControllerConfiguration, "c.toml")
    return {(fault.key, fault.value) for fault in caught.value.faults}


def test_every_fault_of_the_tuning_comes_at_once() -> None:
    found = faults(
        {"pid": {"potency_gan": 1.0, "weight_time_s": -1.0}, "pid+kalman": {"potency_gain": 99.0}, "fuzzy": {"a": 1.0}}
    )
    assert {key for key, _ in found} == {
        "tuning.pid.potency_gan",
        "tuning.pid.weight_time_s",
        "tuning.pid+kalman.potency_gain",
        "tuning.fuzzy",
    }


def test_a_table_is_whole_or_absent() -> None:
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    content["tuning"] = {"lmpc": {"tester_share": 0.5}}
    with pytest.raises(ConfigurationFaults) as caught:
        validate(content, ControllerConfiguration, "c.toml")
    assert {fault.value for fault in caught.value.faults} == {"missing"} and len(caught.value.faults) == 3
    content["tuning"] = {}
    assert validate(content, ControllerConfiguration, "c.toml").tuning.lmpc is None
