"""Files of release cases: all known ones pass, and each is really compared."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kilter.main import run
from rtr.vectors.run import FORMS, check_case, find_form, run_cases
from tests.release_line import RECIPE

CASE: dict[str, Any] = {
    "id": "A",
    "group": "usp905",
    "input": {"mean": 105.9, "s": 5.0, "n": 10, "k": 2.4, "T": 100.0},
    "expected": {"M": 101.5, "AV": 16.4, "decision": "CONTINUE_S2"},
    "tolerance": 1e-9,
}


@pytest.fixture(scope="module")
def cases(data_dir: Path) -> list[dict[str, Any]]:
    path = data_dir.parent / "reference" / "release_vectors.json"
    if not path.is_file():
        pytest.skip(f"{path} not found")
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


@pytest.mark.data
def test_every_shared_case_passes(cases: list[dict[str, Any]]) -> None:
    outcome = run_cases(cases, RECIPE)
    assert outcome.mismatches == ()
    assert (outcome.passed, outcome.failed) == (len(cases), 0)
    assert len(cases) >= 68


def wrong(value: Any, tolerance: float) -> Any:
    """The same value a little beyond its tolerance, or another word."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + max(3 * tolerance, 1e-6 * abs(value), 1e-9) if isinstance(value, float) else value + 1
    return f"{value}?"


def variants(expected: Any, tolerance: float) -> list[Any]:
    """Every way to make one leaf of `expected` wrong."""
    if isinstance(expected, dict):
        return [{**expected, k: v} for k in expected for v in variants(expected[k], tolerance)]
    if isinstance(expected, list):
        inner = [[*expected[:i], v, *expected[i + 1 :]] for i, x in enumerate(expected) for v in variants(x, tolerance)]
        return [*inner, [*expected, 1.0]]
    return [wrong(expected, tolerance)]


@pytest.mark.data
def test_names_do_not_matter_and_each_expected_value_is_compared(cases: list[dict[str, Any]]) -> None:
    checked = 0
    for i, case in enumerate(cases):
        if case["group"] == "e2810" and "s_max_by_mean" in case["expected"]:
            case = {**case, "expected": {"s_max_by_mean": {"97": case["expected"]["s_max_by_mean"]["97"]}}}
        renamed = {**case, "id": f"other-{i}", "description": ""}
        assert check_case(renamed, RECIPE) == []
        for expected in variants(case["expected"], float(case["tolerance"])):
            checked += 1
            assert check_case({**renamed, "expected": expected}, RECIPE), (case["id"], expected)
    assert checked > 250


@pytest.mark.parametrize(
    "change",
    [
        {"group": "unheard_of"},
        {"input": {**CASE["input"], "extra": 1}},
        {"input": {k: v for k, v in CASE["input"].items() if k != "T"}},
        {"input": {**CASE["input"], "n": 12}},
        {"input": {**CASE["input"], "s": "5,0"}},
        {"input": {**CASE["input"], "s": float("nan")}},
        {"input": {**CASE["input"], "k": 2.0}},
        {"input": {**CASE["input"], "T": 120.0}},
        {"expected": {}},
        {"expected": {**CASE["expected"], "unknown": 1}},
        {"expected": {"M": "101.5"}},
        {"expected": {"M": [101.5]}},
        {"expected": {"M": {"x": 101.5}}},
        {"tolerance": -1},
        {"tolerance": "wide"},
    ],
)
def test_what_is_not_understood_fails(change: dict[str, Any]) -> None:
    assert check_case(CASE, RECIPE) == []
    assert check_case({**copy.deepcopy(CASE), **change}, RECIPE)


def test_forms_do_not_overlap() -> None:
    for form in FORMS:
        for keys in (form.needs, form.needs | form.may):
            assert find_form(form.group, list(keys)) is form


def test_command_counts_shows_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"title": "t", "conventions": "", "cases": [CASE]}), encoding="utf-8")
    assert run(["release", "vectors", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"passed": 1, "failed": 0, "mismatches": []}
    file.write_text(json.dumps({"cases": [{**CASE, "expected": {"AV": 16.5}}]}), encoding="utf-8")
    assert run(["release", "vectors", str(file)]) == 1
    assert "expected 16.5, found 16.4" in capsys.readouterr().out
    assert run(["release", "vectors", "--schema", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["forms"]) == len(FORMS)


@pytest.mark.parametrize("text", ["", "[]", '{"cases": []}', '{"cases": [1]}', "{", "[" * 20000])
def test_bad_file_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "cases.json"
    file.write_text(text, encoding="utf-8")
    assert run(["release", "vectors", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["release", "vectors", str(tmp_path / "absent.json")]) == 2
