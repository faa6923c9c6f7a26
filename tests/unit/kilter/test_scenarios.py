"""`kilter scenarios list`, the shipped shifts, and the page of the faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.scenarios import catalogue
from kilter import main
from plant_sim.fault_library.page import faults_page
from plant_sim.faults import FAULTS
from tests.record_bench import ROOT

CONFIGS = ROOT / "configs"


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main.run(["scenarios", "list", "--configs", str(CONFIGS), *words]) == 0
    return capsys.readouterr().out


def test_every_scenario_is_listed_with_what_happens(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys)
    for scenario in catalogue(CONFIGS):
        assert f" {scenario.name} " in text
        assert all(fault.name in text for fault in scenario.faults)


def test_the_library_is_listed_with_meaning_severity_and_tags(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--faults")
    assert all(f" {name} " in text for name in FAULTS)
    assert "creeps" in text and "g/h" in text and "Feeder2/ScrewSpeed" in text
    wear = shown(capsys, "--kind", "wear")
    assert " worn_screws " in wear and " nir_outage " not in wear


def test_machines_get_everything(capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(shown(capsys, "--json"))
    assert {scenario["name"] for scenario in body["scenarios"]} >= {"demo", "quiet", "gate_stuck", "power_dip"}
    drift = next(fault for fault in body["faults"] if fault["name"] == "load_cell_drift")
    assert drift["severity"] == {"unit": "g/h", "low": -500, "high": 500, "default": -400.0}
    assert drift["tags"][0] == "Feeder2/ScrewSpeed" and drift["ramp_s"] == 200 and drift["duration_s"] is None


def test_an_unknown_kind_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["scenarios", "list", "--kind", "magic"]) == 2
    assert "magic" in capsys.readouterr().err


def test_a_broken_scenario_is_named_with_its_faults(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    text = (CONFIGS / "scenarios/quiet.toml").read_text(encoding="utf-8")
    (tmp_path / "scenarios/quiet.toml").write_text(text.replace("minutes = 40", "minutes = 30"), encoding="utf-8")
    assert main.run(["scenarios", "list", "--configs", str(tmp_path)]) == 2
    assert "onset at 2100 s is not before the end at 1800 s" in capsys.readouterr().err


def test_the_shipped_scenarios_are_many_and_ask_for_the_same() -> None:
    scenarios = catalogue(CONFIGS)
    assert len(scenarios) >= 22
    assert len({fault.name for scenario in scenarios for fault in scenario.faults}) >= 60
    for scenario in scenarios:
        wanted = {item.figure: item.at_most for item in scenario.expect}
        assert wanted["accepted_out_of_limit_tablets"] == 0, scenario.name
        assert wanted.get("mass_residual_truth_pct", 1e-7) == 1e-7, scenario.name
        assert 20 <= scenario.minutes <= 60, scenario.name


def test_the_page_of_the_faults_is_what_the_library_says() -> None:
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    assert page == faults_page(tuple(FAULTS.values())), "docs/faults.md is out of date: make docs"
