"""Faults that only show when files are held against each other."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from line.configuration import ControllerConfiguration, LineConfiguration, Scenario, read_toml
from line.consistency import controller_faults, line_faults, recipe_faults, scenario_faults
from line.errors import Fault
from line.recipe import Recipe
from line.tags import load_register

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
REGISTER = load_register(CONFIGS / "line/tags.csv")
LINE_CONTENT = read_toml(CONFIGS / "line/reference.toml")
RECIPE_CONTENT = read_toml(CONFIGS / "recipes/reference-18mg.toml")
LINE = LineConfiguration.model_validate(LINE_CONTENT)
RECIPE = Recipe.model_validate(RECIPE_CONTENT)
KNOWN = ("load_cell_span", "api_interruption", "nir_outage")


def pairs(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.key, fault.remedy) for fault in faults]


def one(faults: list[Fault], key: str, words: str) -> None:
    assert len(faults) == 1, faults
    assert faults[0].key == key and words in faults[0].remedy, faults


def controller(**change: Any) -> ControllerConfiguration:
    move = {"tag": "SP/MainForce", "unit": "kN", "low": 4.0, "high": 9.0, "rate_per_decision": 0.1, **change.pop("move", {})}
    content = {
        "id": "under-test", "horizon_s": 600.0, "move_blocks": [1, 2], "moves": [move], "nir_trim_limit_pct": 2.0,
        "weights": {}, "move_suppression": {}, "max_iterations": 100,
    }  # fmt: skip
    return ControllerConfiguration.model_validate({**content, **change})


def checked(config: ControllerConfiguration) -> list[Fault]:
    return controller_faults(config, RECIPE, LINE, REGISTER, "c.toml")


def test_the_shipped_line_and_recipe_agree() -> None:
    assert line_faults(LINE, "l.toml") == []
    assert recipe_faults(RECIPE, LINE, REGISTER, "r.toml") == []


def test_a_feeder_twice_is_named() -> None:
    content = copy.deepcopy(LINE_CONTENT)
    content["feeders"][1].update(number=1, component="api")
    assert [f.key for f in line_faults(LineConfiguration.model_validate(content), "l.toml")] == [
        "feeders.number", "feeders.component"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "change", "key", "words"),
    [
        ("SP/MainForce", {"unit": "N"}, "ranges.SP/MainForce.unit", "says 'kN'"),
        ("SP/MainForce", {"proven_high": 13.0}, "ranges.SP/MainForce", "1..12 kN"),
        ("SP/HopperLevel", {"proven_low": 0.1}, "ranges.SP/HopperLevel", "0.2..1 kg"),
    ],
)
def test_a_range_that_the_register_contradicts_is_named(tag: str, change: dict[str, Any], key: str, words: str) -> None:
    content = copy.deepcopy(RECIPE_CONTENT)
    content["ranges"][tag].update(change)
    one(recipe_faults(Recipe.model_validate(content), LINE, REGISTER, "r.toml"), key, words)


def test_a_range_of_an_unknown_tag_is_named_with_near_matches() -> None:
    content = copy.deepcopy(RECIPE_CONTENT)
    content["ranges"]["SP/MainForces"] = content["ranges"]["SP/MainForce"]
    one(recipe_faults(Recipe.model_validate(content), LINE, REGISTER, "r.toml"), "ranges.SP/MainForces", "SP/MainForce")


def test_a_component_in_the_wrong_feeder_and_a_range_left_out_are_both_named() -> None:
    content = copy.deepcopy(RECIPE_CONTENT)
    content["product"]["components"][2]["name"] = "mannitol"
    del content["ranges"]["SP/Feeder3MassFlow"]
    found = dict(pairs(recipe_faults(Recipe.model_validate(content), LINE, REGISTER, "r.toml")))
    assert "lactose" in found["product.components.mannitol"]
    assert "range" in found["ranges.SP/Feeder3MassFlow"]


def test_slices_nearer_than_the_lines_t95_are_refused() -> None:
    """473 s at 18 kg/h are 2.365 kg."""
    content = copy.deepcopy(RECIPE_CONTENT)
    content["design"]["slice_gap_kg"] = 2.366
    assert recipe_faults(Recipe.model_validate(content), LINE, REGISTER, "r.toml") == []
    content["design"]["slice_gap_kg"] = 2.364
    one(recipe_faults(Recipe.model_validate(content), LINE, REGISTER, "r.toml"), "design.slice_gap_kg", "repeat each other")


def test_limits_at_the_normal_range_are_allowed() -> None:
    assert checked(controller()) == []


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"move": {"low": 3.9}}, "moves.0.low", "at least 4 kN"),
        ({"move": {"high": 9.1}}, "moves.0.high", "at most 9 kN"),
        ({"move": {"unit": "N"}}, "moves.0.unit", "says 'kN'"),
        ({"move": {"tag": "SP/AcceptRequest"}}, "moves.0.tag", "not a set-point of the controller"),
        ({"move": {"tag": "Press/MainForceMean"}}, "moves.0.tag", "SP/MainForce"),
        ({"move": {"tag": "SP/FillDepth", "unit": "mm"}}, "moves.0.tag", "has no range"),
        ({"horizon_s": LINE_CONTENT["t95_slowest_s"] - 1.0}, "horizon_s", "t95_slowest_s"),
    ],
)
def test_a_controller_that_may_do_too_much_is_refused(change: dict[str, Any], key: str, words: str) -> None:
    one(checked(controller(**change)), key, words)


def test_a_tag_that_two_moves_share_is_refused() -> None:
    twice = controller()
    one(checked(twice.model_copy(update={"moves": twice.moves * 2})), "moves.1.tag", "twice")


SCENARIO = """
name = "under_test"
title = "x"
minutes = 10
throughput_kg_per_h = 25.0
"""


@pytest.mark.parametrize(
    ("more", "key", "words"),
    [
        ('[[faults]]\nname = "nir_outrage"\nat_s = 1', "faults.0.name", "did you mean nir_outage"),
        ('[[lots]]\nat_s = 1\nfeeder = 4\nlot = "A"\nbulk_density_pct = 1.0', "lots.0.feeder", "no such feeder"),
        ('[[operator]]\nat_s = 1\naction = "throughput"\nvalue = 5.0', "operator.0.value", "18..27 kg/h"),
        ('[[operator]]\nat_s = 1\naction = "throughput"\nvalue = "fast"', "operator.0.value", "number"),
        ('[[operator]]\nat_s = 1\naction = "mode"\nvalue = "AUTO"', "operator.0.value", "OFF, WARM or ON"),
    ],
)
def test_a_scenario_that_cannot_happen_is_refused(more: str, key: str, words: str) -> None:
    scenario = Scenario.model_validate(tomllib.loads(f"{SCENARIO}\n{more}"))
    three = LINE.model_copy(update={"feeders": LINE.feeders[:3]})
    one(scenario_faults(scenario, {"reference-18mg": RECIPE}, three, KNOWN, "s.toml"), key, words)


def test_the_shipped_demo_is_possible() -> None:
    scenario = Scenario.model_validate(read_toml(CONFIGS / "scenarios/demo.toml"))
    assert scenario_faults(scenario, {"reference-18mg": RECIPE}, LINE, KNOWN, "s.toml") == []
