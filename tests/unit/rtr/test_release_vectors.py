"""The shared release vectors that this version covers: uniformity, weight variation, soft-sensor contents, disposition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rtr.statistics.uniformity import (
    StageResult,
    UniformityResult,
    acceptance_value,
    conforms,
    judge,
    reference_value,
    unit_range,
)
from rtr.statistics.weight_variation import estimated_contents, route, variation_pct

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def cases(data_dir: Path) -> list[dict[str, Any]]:
    path = data_dir.parent / "reference" / "release_vectors.json"
    if not path.is_file():
        pytest.skip(f"{path} not found")
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


def of_group(cases: list[dict[str, Any]], group: str, least: int) -> list[dict[str, Any]]:
    found = [case for case in cases if case["group"] == group]
    assert len(found) >= least
    return found


def stage_body(stage: StageResult) -> dict[str, Any]:
    body = {
        "n": stage.n, "k": stage.k, "mean": stage.mean, "s": stage.s, "M": stage.m_ref, "AV": stage.acceptance_value,
        "AV_rounded": stage.acceptance_value_rounded,
    }  # fmt: skip
    return body if math.isnan(stage.low) else {**body, "lo": stage.low, "hi": stage.high, "n_outside_L2": stage.n_outside}


def result_body(result: UniformityResult) -> dict[str, Any]:
    body: dict[str, Any] = {"s1": stage_body(result.stage_1), "verdict": result.verdict.value}
    if result.stage_2 is not None:
        body |= {"s2": stage_body(result.stage_2), "fail_reasons": list(result.fail_reasons)}
    return body


def same(found: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(key in found and same(found[key], v, tolerance) for key, v in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(same(a, b, tolerance) for a, b in zip(found, expected))
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return math.isclose(found, expected, rel_tol=0, abs_tol=max(tolerance, 1e-9) + 1e-10)
    return bool(found == expected)


def uniformity(given: dict[str, Any]) -> dict[str, Any]:
    target = given["T"]
    if "units10" in given:
        return result_body(judge(given["units10"], given.get("units20"), target))
    if "AV_n30" in given:
        m_ref = reference_value(200.0 if given["mean_gt_101_5"] else 100.0, target)
        low, high = unit_range(m_ref)
        good = conforms(given["AV_n30"], 15.0, "none") and given["all_units_within_L2_range"]
        return {"M": m_ref, "lo": low, "hi": high, "decision": "PASS" if good else "FAIL"}
    value = acceptance_value(given["mean"], given["s"], given["n"], target)
    decision = "PASS_S1" if conforms(value, 15.0, "none") else "CONTINUE_S2"
    return {"M": reference_value(given["mean"], target), "AV": value, "decision": decision}


def weight_variation(given: dict[str, Any]) -> dict[str, Any]:
    if "cases" in given:
        return {"route": [route(c["coat"], c["dose_mg"], c["mass_mg"], c.get("conc_rsd_percent")) for c in given["cases"]]}
    contents = estimated_contents(given["weights_mg"], given["assay_percent_LC"])
    return {
        **result_body(judge(contents, target=given["T"])),
        "estimated_contents": contents,
        "check_mean_equals_assay": math.isclose(sum(contents) / len(contents), given["assay_percent_LC"]),
        "cv_weight_percent": variation_pct(given["weights_mg"]),
    }


def soft_sensor(given: dict[str, Any]) -> dict[str, Any]:
    contents = [c * w / given["target_weight_mg"] for c, w in zip(given["conc_pct"], given["weight_mg"])]
    widened = judge(contents, residual_variance=given["sigma_e"] ** 2).stage_1
    return {
        "contents": contents,
        "udu": result_body(judge(contents)),
        "s_inflated": widened.s,
        "AV_inflated": widened.acceptance_value,
    }


@pytest.mark.parametrize(
    ("group", "compute", "least"),
    [("usp905", uniformity, 15), ("weight_variation", weight_variation, 4), ("soft_sensor", soft_sensor, 1)],
)
def test_group(cases: list[dict[str, Any]], group: str, compute: Any, least: int) -> None:
    wrong = []
    for case in of_group(cases, group, least):
        found = compute(case["input"])
        if not same(found, case["expected"], case["tolerance"]):
            wrong.append(f"{case['id']}: expected {case['expected']}, found {found}")
    assert not wrong, "\n".join(wrong)


def test_a_changed_expectation_is_noticed(cases: list[dict[str, Any]]) -> None:
    for case in of_group(cases, "usp905", 15):
        stages = [key for key in ("s1", "s2") if key in case["expected"]]
        for key in stages:
            spoiled = {**case["expected"], key: {**case["expected"][key], "AV": case["expected"][key]["AV"] + 1e-4}}
            assert not same(uniformity(case["input"]), spoiled, min(case["tolerance"], 1e-6))
