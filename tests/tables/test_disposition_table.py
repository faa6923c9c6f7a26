"""R1-R8 as a procedure: what the lot is, what the engine recommends. The verdict is the last word of each row."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from line.recipe import Recipe, RecipeStatus
from line.records import Disposition, Reason
from rtr.disposition.attributes import Attribute, AttributeState, Trend
from rtr.disposition.ledger import Ledger
from rtr.disposition.rules import RULES, LotFacts, apply_rules
from rtr.disposition.sensor_checks import SensorChecks
from tests.release_line import RECIPE

TABLE = """
# attributes  evidence   mass_gap  bin_gap  diverted  events  sensor    exceptions  trend   record      | lot                  reasons
  pass        NIR        0.2       0.1      0.10      2       good      none        flat    complete    | RELEASE_RECOMMENDED  R7
  pass        NIR        0.5       0.5      0.25      4       good      none        flat    complete    | RELEASE_RECOMMENDED  R7
  fail        NIR        0.1       0.1      0.10      2       good      none        flat    complete    | REJECT_RECOMMENDED   R1
  fail        NIR        9.9       9.9      0.90      99      bias      alarm       moving  incomplete  | REJECT_RECOMMENDED   R1 R2 R5 R6 R6 R6 R8s R8e R8b
  missing     NIR        0.1       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3
  pass        RTD20      0.2       0.1      0.10      2       good      none        flat    complete    | HOLD                 R4
  pass        RTD30      0.2       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3 R4
  pass        RTD20-not  0.2       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3 R4
  pass        trace-RTD  0.2       0.1      0.10      2       good      none        flat    complete    | RELEASE_RECOMMENDED  R7
  pass        unproven   0.1       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3
  pass        NONCONF    0.1       0.1      0.10      2       good      none        flat    complete    | REJECT_RECOMMENDED   R1
  pass        nothing    0.1       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3
  pass        NIR        -0.6      0.1      0.10      2       good      none        flat    complete    | HOLD                 R5
  pass        NIR        nan       0.1      0.10      2       good      none        flat    complete    | HOLD                 R5
  pass        NIR        0.2       -0.6     0.10      2       good      none        flat    complete    | HOLD                 R8b
  pass        NIR        0.2       nan      0.10      2       good      none        flat    complete    | HOLD                 R8b
  pass        NIR        0.2       0.1      0.26      2       good      none        flat    complete    | HOLD                 R8s
  pass        NIR        0.2       0.1      0.10      5       good      none        flat    complete    | HOLD                 R8e
  pass        NIR        0.2       0.1      0.10      2       bias      none        flat    complete    | HOLD                 R6
  pass        NIR        0.2       0.1      0.10      2       noisy     none        flat    complete    | HOLD                 R6
  pass        NIR        0.2       0.1      0.10      2       unknown   none        flat    complete    | HOLD                 R6 R6
  pass        NIR        0.2       0.1      0.10      2       good      alarm       flat    complete    | HOLD                 R6
  pass        NIR        0.2       0.1      0.10      2       good      none        moving  complete    | HOLD                 R2
  pass        NIR        0.2       0.1      0.10      2       good      none        flat    incomplete  | HOLD                 R6
  pass        NIR        0.2       0.1      0.10      2       good      draft       flat    complete    | HOLD                 R6
  none        NIR        0.2       0.1      0.10      2       good      none        flat    complete    | HOLD                 R3
"""  # noqa: E501
CODES = {
    "R1": Reason.R1_ATTRIBUTE_FAILED, "R2": Reason.R2_TRENDING, "R3": Reason.R3_EVIDENCE_MISSING, "R4": Reason.R4_FALLBACK_USED,
    "R5": Reason.R5_LEDGER_GAP, "R6": Reason.R6_OPEN_EXCEPTION, "R7": Reason.R7_ALL_PASS, "R8s": Reason.R8_DIVERTED_SHARE,
    "R8e": Reason.R8_DIVERT_EVENTS, "R8b": Reason.R8_BIN_GAP,
}  # fmt: skip
ROWS = [line for line in TABLE.strip().splitlines() if not line.startswith("#")]
SENSORS = {
    "good": SensorChecks(1.0, 0.5, 3, 2.0, 600), "bias": SensorChecks(-2.6, 0.5, 3, 2.0, 600),
    "noisy": SensorChecks(1.0, 0.5, 3, 4.1, 600), "unknown": SensorChecks(math.nan, math.nan, 0, math.nan, 3),
}  # fmt: skip
#: evidence word -> (share NIR, RTD, unverified, nonconforming tablets, accepted kg, fallback pre-approved)
EVIDENCE: dict[str, tuple[float, float, float, int, float, bool]] = {
    "NIR": (1.0, 0.0, 0.0, 0, 20.0, True), "RTD20": (0.8, 0.2, 0.0, 0, 20.0, True), "RTD30": (0.7, 0.3, 0.0, 0, 20.0, True),
    "RTD20-not": (0.8, 0.2, 0.0, 0, 20.0, False), "trace-RTD": (0.9995, 0.0005, 0.0, 0, 20.0, True),
    "unproven": (0.99, 0.0, 0.01, 0, 20.0, True), "NONCONF": (1.0, 0.0, 0.0, 1, 20.0, True),
    "nothing": (0.0, 0.0, 0.0, 0, 0.0, True),
}  # fmt: skip


def facts_of(words: list[str]) -> tuple[LotFacts, Recipe]:
    attribute, evidence, gap, bin_gap, diverted, events, sensor, exceptions, trend, record = words
    nir, rtd, unverified, nonconforming, accepted_kg, preapproved = EVIDENCE[evidence]
    state = None if attribute == "none" else AttributeState[attribute.upper()]
    ledger = Ledger(22.0, 20.0, 1.5, 0.0, 0.0, 0.4, 0.0, 0.0, float(gap), float(bin_gap))
    facts = LotFacts(
        attributes=() if state is None else (Attribute("assay", "% LC", 100.0, 95.0, 105.0, state, "test"),),
        trend=Trend(5.0 if trend == "moving" else 0.0, 1.0, 10, trend == "moving"),
        accepted_kg=accepted_kg, share_nir=nir, share_rtd=rtd, share_unverified=unverified,
        accepted_nonconforming=nonconforming, diverted_share=float(diverted), divert_events=int(events), running_h=1.0,
        ledger=ledger, sensor=SENSORS[sensor], open_exceptions=("an alarm",) if exceptions == "alarm" else (),
        complete=record == "complete",
    )  # fmt: skip
    status = RecipeStatus.DRAFT if exceptions == "draft" else RecipeStatus.EFFECTIVE
    approved = RECIPE.evidence.model_copy(update={"fallback_preapproved": preapproved})
    return facts, RECIPE.model_copy(update={"status": status, "evidence": approved})


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    given, expected = row.split("|")
    lot, *codes = expected.split()
    disposition, reasons = apply_rules(*facts_of(given.split()))
    assert disposition is Disposition[lot]
    assert [code for code, _ in reasons] == [CODES[code] for code in codes]
    assert all(words for _, words in reasons)


def test_each_rule_is_shown_by_a_row() -> None:
    shown = {code for row in ROWS for code in row.split("|")[1].split()[1:]}
    assert {CODES[code] for code in shown} >= {rule.reason for rule in RULES} | {Reason.R7_ALL_PASS}


@pytest.mark.parametrize("name", ["diverted_share", "share_unverified"])
def test_an_unknown_share_holds(name: str) -> None:
    facts, recipe = facts_of(ROWS[0].split("|")[0].split())
    change: dict[str, Any] = {name: math.nan}
    assert apply_rules(replace(facts, **change), recipe)[0] is Disposition.HOLD
