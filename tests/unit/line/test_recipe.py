"""The recipe: no default for a threshold, no digit without a trace."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from line.configuration import validate
from line.errors import ConfigurationFaults
from line.recipe import Recipe, Uniformity

FILE = Path(__file__).resolve().parents[3] / "configs/recipes/reference-18mg.toml"
CONTENT = tomllib.loads(FILE.read_text(encoding="utf-8"))
#: every table whose numbers a verdict rests on
RELEASE_TABLES = ("diversion", "evidence", "sampling", "uniformity", "design", "rules", "rtd", "weight_map", "product", "lot")


def leaves(table: dict[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from leaves(item, (*path, key, index))
        else:
            yield (*path, key)


THRESHOLDS = [path for path in leaves(CONTENT) if path[0] in RELEASE_TABLES]


def without(path: tuple[Any, ...]) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    del at(content, path[:-1])[path[-1]]
    return content


def replaced(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    at(content, path[:-1])[path[-1]] = value
    return content


def faults(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationFaults) as caught:
        validate(content, Recipe, "recipe.toml")
    return [(fault.key, fault.value, fault.remedy) for fault in caught.value.faults]


def named(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path)


def test_the_reference_recipe_is_whole() -> None:
    recipe = validate(CONTENT, Recipe, str(FILE))
    assert recipe.fraction("api") * recipe.product.tablet_mass_mg == pytest.approx(recipe.product.label_claim_mg)
    assert recipe.feeder_setpoints(25.0) == pytest.approx(
        {"SP/Feeder1MassFlow": 2.0, "SP/Feeder2MassFlow": 14.0, "SP/Feeder3MassFlow": 8.75, "SP/Feeder4MassFlow": 0.25}
    )


@pytest.mark.parametrize("path", THRESHOLDS, ids=named)
def test_a_missing_threshold_is_one_fault_that_names_it(path: tuple[Any, ...]) -> None:
    assert faults(without(path)) == [(named(path), "missing", "write it: there is no default")]


def test_every_missing_threshold_is_named_at_once() -> None:
    content = copy.deepcopy(CONTENT)
    content["rules"] = {}
    content["uniformity"] = {}
    missing = {key for key, value, _ in faults(content) if value == "missing"}
    assert missing == {f"{table}.{key}" for table in ("rules", "uniformity") for key in CONTENT[table]}


def one_digit(value: Any) -> Any:
    """The same value with its last digit changed."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value + 10.0 ** -len(f"{value}".partition(".")[2])


def numbers(table: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [path for path in leaves(table) if isinstance(at(table, path), int | float)]


def at(table: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        table = table[part]
    return table


ORIGINAL_HASH = Recipe.model_validate(CONTENT).hash


@pytest.mark.parametrize("path", numbers(CONTENT), ids=named)
def test_one_digit_changes_the_hash_or_is_refused(path: tuple[Any, ...]) -> None:
    content = replaced(path, one_digit(at(CONTENT, path)))
    try:
        assert Recipe.model_validate(content).hash != ORIGINAL_HASH
    except ValidationError:
        faults(content)


def test_most_single_digits_are_allowed_so_that_the_hash_is_what_tells() -> None:
    refused = 0
    for path in numbers(CONTENT):
        try:
            Recipe.model_validate(replaced(path, one_digit(at(CONTENT, path))))
        except ValidationError:
            refused += 1
    assert refused < 0.2 * len(numbers(CONTENT))


def test_the_hash_does_not_depend_on_the_order_of_tables() -> None:
    reordered = {key: CONTENT[key] for key in reversed(CONTENT)}
    assert Recipe.model_validate(reordered).hash == Recipe.model_validate(CONTENT).hash


RANGES = sorted(CONTENT["ranges"])


@pytest.mark.parametrize("tag", RANGES)
@pytest.mark.parametrize("pair", [("proven_low", "normal_low"), ("normal_low", "normal_high"), ("normal_high", "proven_high")])
def test_ranges_the_wrong_way_round_are_refused(tag: str, pair: tuple[str, str]) -> None:
    content = copy.deepcopy(CONTENT)
    low, high = (content["ranges"][tag][name] for name in pair)
    content["ranges"][tag].update({pair[0]: high, pair[1]: low})
    ((key, _, remedy),) = faults(content)
    assert key == f"ranges.{tag}" and "wrong way round" in remedy


@pytest.mark.parametrize(
    ("path", "value", "key", "words"),
    [
        (("diversion", "action_limit_pct"), 10.0, "diversion", "action limit must be below the divert limit"),
        (("rules", "assay_low_pct"), 106.0, "rules", "assay limits are the wrong way round"),
        (("rules", "weight_low_pct"), 104.0, "rules", "weight limits are the wrong way round"),
        (("rules", "hardness_low_n"), 95.0, "rules", "hardness limits are the wrong way round"),
        (("product", "label_claim_mg"), 20.0, "product", "differs from the label claim"),
        (("product", "api"), "sugar", "product", "is not one of the components"),
        (("product", "components", 0, "fraction_w_w"), 0.09, "product", "fractions sum to 1.01"),
        (("setpoints", "SP/MainForce"), 9.5, "(whole file)", "outside its normal range"),
        (("setpoints", "SP/Nothing"), 1.0, "(whole file)", "has no range"),
        (("uniformity", "l1"), float("nan"), "uniformity.l1", "finite"),
        (("uniformity", "rounding"), "bankers", "uniformity.rounding", "compendial"),
        (("sampling", "udu_n_stage_1"), 12, "sampling.udu_n_stage_1", "10"),
        (("status",), "final", "status", "'effective'"),
        (("version",), "1.0", "version", "pattern"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(path: tuple[Any, ...], value: Any, key: str, words: str) -> None:
    found = faults(replaced(path, value))
    assert any(where == key and words in remedy for where, _, remedy in found), found


def test_a_recipe_cannot_be_changed_once_made() -> None:
    recipe = Recipe.model_validate(CONTENT)
    with pytest.raises(ValueError, match="frozen"):
        recipe.version = "2.0.0"  # type: ignore[misc]


def test_residual_variance_is_used_at_its_upper_bound() -> None:
    """s^2 nu / chi2: 30 degrees have a 5 % quantile of 18.493 (NIST/SEMATECH e-Handbook, table 1.3.6.7.4)."""
    rules = Uniformity(
        l1=15.0,
        l2=25.0,
        rounding="compendial",
        residual_variance_estimate_pct2=2.0,
        residual_variance_degrees=30,
        residual_variance_confidence=0.95,
        shared_bias_pct=1.0,
    )
    assert rules.residual_variance_pct2 == pytest.approx(2.0 * 30 / 18.493, rel=1e-4)
