"""Configuration files: every fault at once, each with a remedy."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from line.configuration import (
    MAX_FILE_BYTES,
    ControllerConfiguration,
    LineConfiguration,
    Scenario,
    load,
    near,
    read_toml,
    validate,
)
from line.errors import ConfigurationFaults

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
LINE = tomllib.loads((CONFIGS / "line/reference.toml").read_text(encoding="utf-8"))
SCENARIO = tomllib.loads((CONFIGS / "scenarios/demo.toml").read_text(encoding="utf-8"))
CONTROLLER: dict[str, Any] = {
    "id": "under-test",
    "horizon_s": 600.0,
    "move_blocks": [1, 2, 4],
    "moves": [{"tag": "SP/MainForce", "unit": "kN", "low": 4.0, "high": 9.0, "rate_per_decision": 0.1}],
    "nir_trim_limit_pct": 2.0,
    "weights": {"potency": 1.0},
    "move_suppression": {"SP/MainForce": 1.0},
    "max_iterations": 200,
}


def faults(content: dict[str, Any], model: Any = LineConfiguration) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationFaults) as caught:
        validate(content, model, "file.toml")
    assert {fault.file for fault in caught.value.faults} == {"file.toml"}
    return [(fault.key, fault.value, fault.remedy) for fault in caught.value.faults]


def test_the_shipped_files_load() -> None:
    assert load(CONFIGS / "line/reference.toml", LineConfiguration).n_stations == 36
    assert load(CONFIGS / "scenarios/demo.toml", Scenario).minutes == 60
    assert validate(CONTROLLER, ControllerConfiguration, "file.toml").moves[0].high == 9.0


def test_an_unknown_key_is_answered_with_near_matches() -> None:
    content = {**LINE, "n_station": 36}
    ((key, value, remedy),) = faults(content)
    assert (key, value) == ("n_station", "36")
    assert "did you mean n_stations" in remedy


def test_an_unknown_key_inside_a_table_is_refused() -> None:
    content = copy.deepcopy(LINE)
    content["feeders"][1]["colour"] = "blue"
    assert faults(content) == [("feeders.1.colour", "'blue'", "unknown key; remove it")]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cycle_s", 2, "Input should be 1"),
        ("n_stations", "many", "valid integer"),
        ("n_stations", 0, "greater than or equal to 1"),
        ("decision_every", 2.5, "valid integer"),
        ("t95_slowest_s", float("inf"), "finite number"),
        ("t95_slowest_s", -1.0, "greater than 0"),
        ("id", "Reference Line", "pattern"),
        ("feeders", [], "at least 1 item"),
        ("geometry", 3, "valid dictionary"),
    ],
)
def test_a_wrong_type_or_value_is_named(key: str, value: Any, words: str) -> None:
    found = faults({**LINE, key: value})
    assert [item[0] for item in found] == [key]
    assert words in found[0][2]


def test_all_faults_come_at_once() -> None:
    content = copy.deepcopy(LINE)
    del content["tags"]
    content["cycle_s"] = 2
    content["n_station"] = 36
    content["feeders"][0]["refill_request_kg"] = 0.9
    content["geometry"]["gate_switching"]["mean_s"] = -1
    keys = {key for key, _, _ in faults(content)}
    assert keys == {"tags", "cycle_s", "n_station", "feeders.0", "geometry.gate_switching.mean_s"}


def test_limits_the_wrong_way_round_are_refused() -> None:
    content = copy.deepcopy(CONTROLLER)
    content["moves"][0].update(low=9.0, high=4.0)
    ((key, _, remedy),) = faults(content, ControllerConfiguration)
    assert key == "moves.0" and "wrong way round: low 9.0 is not below high 4.0" in remedy


@pytest.mark.parametrize("table", ["operator", "lots", "faults"])
def test_an_onset_after_the_end_is_refused(table: str) -> None:
    content = copy.deepcopy(SCENARIO)
    content[table][-1]["at_s"] = 3600
    ((key, _, remedy),) = faults(content, Scenario)
    assert key == f"{table}.{len(content[table]) - 1}.at_s" and "onset at 3600 s is not before the end at 3600 s" in remedy


def test_every_onset_after_the_end_is_named() -> None:
    content = copy.deepcopy(SCENARIO)
    content["minutes"] = 15
    found = faults(content, Scenario)
    assert [(key, value) for key, value, _ in found] == [
        ("operator.0.at_s", "2580 s"), ("operator.1.at_s", "3300 s"), ("faults.0.at_s", "900 s"),
        ("faults.1.at_s", "1500 s"), ("lots.0.at_s", "900 s"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [({"duration_s": 0}, "greater than 0"), ({"at_s": -1}, "greater than or equal to 0"), ({"name": "No Such"}, "pattern")],
)
def test_a_fault_that_cannot_happen_is_refused(change: dict[str, Any], words: str) -> None:
    content = copy.deepcopy(SCENARIO)
    content["faults"][0].update(change)
    ((key, _, remedy),) = faults(content, Scenario)
    assert key == f"faults.0.{next(iter(change))}" and words in remedy


def test_the_schema_line_is_no_key() -> None:
    assert validate({**LINE, "$schema": "../schema/line.json"}, LineConfiguration, "file.toml").id == "reference-line"


@pytest.mark.parametrize(
    ("name", "content", "value"),
    [
        ("broken.toml", b"id = ", "not TOML"),
        ("twice.toml", b"a = 1\na = 2\n", "not TOML"),
        ("latin.toml", b'id = "\xe4"', "not TOML"),
        ("large.toml", b"#" * (MAX_FILE_BYTES + 1), f"{MAX_FILE_BYTES + 1} bytes"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_in_words(tmp_path: Path, name: str, content: bytes, value: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationFaults) as caught:
        read_toml(tmp_path / name)
    assert [fault.value for fault in caught.value.faults] == [value]


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_an_absent_file_or_a_folder_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationFaults) as caught:
        read_toml(tmp_path / name)
    assert caught.value.faults[0].value == "unreadable"


def test_near_matches_or_the_known_words() -> None:
    assert near("troughput", ["throughput", "mode", "hold"]) == "did you mean throughput?"
    assert near("xyz", ["hold", "mode"]) == "known: hold, mode"
