"""The gate as a procedure: what is known this second, and why it accepts or diverts. The reason is the last word."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from line.records import Reason
from rtr.genealogy.diversion import WORDS, DiversionRule, Second
from rtr.genealogy.roads import Flags, Roads
from tests.release_line import LINE, RECIPE

TABLE = """
# potency   coming   evidence  roads     held   mass   map      press   comms  plc     gate    hopper  order    | reason
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     remote  proven  0.60    run      | CONFORMS
  inside    inside   proven    agree     fresh  4.9    valid    runs    ok     remote  proven  0.60    run      | CONFORMS
  inside    inside   proven    agree     fresh  -5.1   valid    runs    ok     remote  proven  0.60    run      | WEIGHT_OUTSIDE
  inside    inside   proven    agree     fresh  nan    valid    runs    ok     remote  proven  0.60    run      | EVIDENCE_MISSING
  inside    inside   proven    agree     fresh  0.0    invalid  runs    ok     remote  proven  0.60    run      | EVIDENCE_MISSING
  outside   inside   proven    agree     fresh  0.0    valid    runs    ok     remote  proven  0.60    run      | POTENCY_OUTSIDE
  inside    outside  proven    agree     fresh  0.0    valid    runs    ok     remote  proven  0.60    run      | GUARD
  inside    inside   missing   agree     fresh  0.0    valid    runs    ok     remote  proven  0.60    run      | EVIDENCE_MISSING
  inside    inside   proven    apart     fresh  0.0    valid    runs    ok     remote  proven  0.60    run      | EVIDENCE_DISAGREES
  inside    inside   proven    agree     aged   0.0    valid    runs    ok     remote  proven  0.60    run      | HELD_TOO_LONG
  inside    inside   proven    agree     fresh  0.0    valid    stands  ok     remote  proven  0.60    run      | LINE_NOT_RUNNING
  inside    inside   proven    agree     fresh  0.0    valid    runs    lost   remote  proven  0.60    run      | COMMS_LOST
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     local   proven  0.60    run      | PLC_LOCAL
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     remote  odd     0.60    run      | GATE_UNPROVEN
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     remote  proven  0.36    run-out  | CONFORMS
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     remote  proven  0.34    run-out  | RUN_OUT_MATERIAL
  inside    inside   proven    agree     fresh  0.0    valid    runs    ok     remote  proven  nan     run-out  | RUN_OUT_MATERIAL
  outside   outside  missing   apart     aged   9.9    invalid  stands  lost   local   odd     0.10    run-out  | COMMS_LOST
"""  # noqa: E501
ROWS = [line for line in TABLE.strip().splitlines() if not line.startswith("#")]
N_AHEAD = 21
DIVERSION = RECIPE.diversion.model_copy(update={"rule": "prediction"})
CLEAR = ["inside", "inside", "proven", "agree", "fresh", "0.0", "valid", "runs", "ok", "remote", "proven", "0.60", "run"]


def flags(outside: bool, missing: bool, disagree: bool, held: bool, n: int) -> Flags:
    return Flags(*(np.full(n, flag) for flag in (outside, missing, disagree, held)))


def second(step: int, words: list[str]) -> Second:
    potency, coming, evidence, roads, held, mass, weight_map, press, comms, plc, gate, hopper, order = words
    one = np.ones(1)
    return Second(
        step=step,
        now=flags(potency == "outside", evidence == "missing", roads == "apart", held == "aged", 1),
        ahead=flags(coming == "outside", False, False, False, N_AHEAD),
        roads=Roads(100 * one, one, one, one, 100 * one, one, one, 0 * one, np.full((1, 2), 100.0), one),
        nir_proven=evidence == "proven",
        mass_deviation_pct=float(mass), mass_valid=weight_map == "valid", made=31 if press == "runs" else 0,
        hopper_kg=float(hopper), running=press == "runs", held=False, running_out=order == "run-out",
        plc_remote=plc == "remote", comms_ok=comms == "ok", gate_proven=gate == "proven", throughput_setpoint=25.0,
    )  # fmt: skip


def confirmed() -> DiversionRule:
    rule = DiversionRule(DIVERSION, LINE.geometry, LINE.t95_slowest_s)
    for t in range(40):
        rule.decide(second(t, CLEAR))
    return rule


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    given, expected = row.split("|")
    decision = confirmed().decide(second(40, given.split()))
    assert decision.reason is Reason[expected.strip()]
    assert decision.accept is (decision.reason is Reason.CONFORMS)
    assert decision.words.startswith("accepting" if decision.accept else "diverting")


def test_every_reason_has_words_and_a_row() -> None:
    shown = {row.split("|")[1].strip() for row in ROWS}
    told = {reason.value for reason in WORDS} - {"START_UP", "LINE_HOLD", "THROUGHPUT_TRANSITION"}
    assert shown == told


def reasons(rule: DiversionRule, start: int, *parts: tuple[int, dict[int, str]]) -> list[str]:
    """Reasons of successive seconds; each part: how many seconds, words changed by position."""
    found, t = [], start
    for n, change in parts:
        words = [change.get(i, word) for i, word in enumerate(CLEAR)]
        for _ in range(n):
            found.append(rule.decide(second(t, words)).reason.value)
            t += 1
    return found


def test_start_up_waits_for_its_confirmation() -> None:
    rule = DiversionRule(DIVERSION, LINE.geometry, LINE.t95_slowest_s)
    found = reasons(rule, 0, (20, {}), (1, {0: "outside"}), (100, {}))
    hold = DIVERSION.guard_s + rule.transport_s
    assert found.index("CONFORMS") == 21 + hold + DIVERSION.start_up_confirm_s
    assert set(found[: found.index("CONFORMS")]) == {"START_UP"}


def test_start_up_is_not_confirmed_on_fallback_evidence() -> None:
    rule = DiversionRule(DIVERSION, LINE.geometry, LINE.t95_slowest_s)
    for t in range(100):
        last = rule.decide(replace(second(t, CLEAR), nir_proven=False))
    assert last.reason is Reason.START_UP


def test_guard_on_both_sides_of_an_excursion() -> None:
    rule = confirmed()
    found = reasons(rule, 40, (15, {1: "outside"}), (30, {0: "outside", 1: "outside"}), (60, {}))
    assert found[:15] == ["GUARD"] * 15
    assert found[15:45] == ["POTENCY_OUTSIDE"] * 30
    after = int(DIVERSION.guard_s) + rule.transport_s
    assert found[45 : 45 + after] == ["GUARD"] * after
    assert set(found[45 + after :]) == {"CONFORMS"}


def test_the_risk_rule_has_no_guard_but_the_gate() -> None:
    rule = DiversionRule(DIVERSION.model_copy(update={"rule": "risk"}), LINE.geometry, LINE.t95_slowest_s)
    for t in range(40):
        rule.decide(second(t, CLEAR))
    found = reasons(rule, 40, (1, {1: "outside"}), (30, {0: "outside", 1: "outside"}), (60, {}))
    assert found[:31] == ["GUARD"] + ["POTENCY_OUTSIDE"] * 30
    assert found[31 : 31 + rule.reach.after_s] == ["GUARD"] * rule.reach.after_s
    assert set(found[31 + rule.reach.after_s :]) == {"CONFORMS"}


def test_an_excursion_after_a_throughput_change_belongs_to_the_transition() -> None:
    rule = confirmed()
    rule.decide(replace(second(40, CLEAR), throughput_setpoint=22.0))
    late = int(LINE.t95_slowest_s) + 60
    inside = rule.decide(replace(second(100, ["outside", *CLEAR[1:]]), throughput_setpoint=22.0))
    beyond = rule.decide(replace(second(late, ["outside", *CLEAR[1:]]), throughput_setpoint=22.0))
    assert inside.reason is Reason.THROUGHPUT_TRANSITION
    assert beyond.reason is Reason.POTENCY_OUTSIDE


def test_held_material_is_verified_again() -> None:
    rule = confirmed()
    for t in range(40, 200):
        rule.decide(replace(second(t, CLEAR), running=False, made=0, held=True))
    found = reasons(rule, 200, (60, {}))
    n = int(DIVERSION.guard_s) + rule.transport_s - 1
    assert found[:n] == ["LINE_HOLD"] * n
    assert set(found[n:]) == {"CONFORMS"}


def test_run_out_is_for_good() -> None:
    rule = confirmed()
    found = reasons(rule, 40, (3, {11: "0.30", 12: "run-out"}), (10, {11: "0.60", 12: "run-out"}))
    assert set(found) == {"RUN_OUT_MATERIAL"}


def test_nan_prediction_never_accepts() -> None:
    # a road without a value is missing evidence, which the flags carry; an unknown mass is, too
    rule = confirmed()
    assert not rule.decide(replace(second(40, CLEAR), mass_deviation_pct=math.nan)).accept
