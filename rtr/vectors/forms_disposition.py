"""Forms of the disposition group: cases become the facts of a lot, and the lot rules R1-R8 judge them.

The answer is in the words of the cases; each maps to one of the three dispositions and a reason code: WORDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from line.recipe import Recipe, RecipeStatus
from line.records import Disposition, Reason
from rtr.disposition.attributes import Attribute, AttributeState, Trend
from rtr.disposition.ledger import Ledger
from rtr.disposition.rules import LotFacts, apply_rules
from rtr.disposition.sensor_checks import SensorChecks
from sensing.verdict import Validity, model_space

Given = Mapping[str, Any]
Answers = dict[str, Any]

#: (disposition, reason) -> the word that cases use.
WORDS: Mapping[tuple[Disposition, Reason], str] = {
    (Disposition.RELEASE_RECOMMENDED, Reason.R7_ALL_PASS): "RELEASE_RECOMMENDED",
    (Disposition.REJECT_RECOMMENDED, Reason.R1_ATTRIBUTE_FAILED): "REJECT_OR_INVESTIGATE",
    (Disposition.HOLD, Reason.R2_TRENDING): "HOLD_INVESTIGATE",
    (Disposition.HOLD, Reason.R3_EVIDENCE_MISSING): "HOLD",
    (Disposition.HOLD, Reason.R4_FALLBACK_USED): "HOLD_PENDING_FALLBACK_EVALUATION",
    (Disposition.HOLD, Reason.R5_LEDGER_GAP): "HOLD",
    (Disposition.HOLD, Reason.R6_OPEN_EXCEPTION): "HOLD",
}
SIGNER = "authorised person e-signature"
RE_ENTRY = "QA-approved procedure with e-signature"


STATES = {"PASS": AttributeState.PASS, "FAIL": AttributeState.FAIL, "TREND_TO_FAIL": AttributeState.PASS}


def _good_lot(rtrt: str = "PASS") -> LotFacts:
    """Facts of a lot that nothing speaks against, but for its attribute: PASS, FAIL, TREND_TO_FAIL, else missing."""
    state = STATES.get(rtrt, AttributeState.MISSING)
    trending = rtrt == "TREND_TO_FAIL"
    return LotFacts(
        attributes=(Attribute("attribute", "", 0.0, 0.0, 0.0, state, "case"),),
        trend=Trend(1.0 if trending else 0.0, 0.0, 1, trending),
        accepted_kg=1.0,
        share_nir=1.0,
        share_rtd=0.0,
        share_unverified=0.0,
        accepted_nonconforming=0,
        diverted_share=0.0,
        divert_events=0,
        running_h=1.0,
        ledger=Ledger(1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        sensor=SensorChecks(0.0, 0.0, 1, 0.0, 1),
        open_exceptions=(),
        complete=True,
    )


def _word(facts: LotFacts, recipe: Recipe) -> Answers:
    """The word for what the rules say; a case speaks of a lot made by an effective recipe."""
    disposition, reasons = apply_rules(facts, recipe.model_copy(update={"status": RecipeStatus.EFFECTIVE}))
    return {"system": WORDS[disposition, reasons[0][0]]}


def overridden(given: Given, recipe: Recipe) -> Answers:
    """R1, R2: a failed or trending attribute stands; no fact of a lot carries an end-product test."""
    return _word(_good_lot(given["rtrt"]), recipe) | {"end_product_may_override": False}


def complete(given: Given, recipe: Recipe) -> Answers:
    """R1, R2, R5, R6, R7: attribute, models, exceptions and the mass balance."""
    facts = _good_lot(given["rtrt"])
    open_ones = ("case",) * int(given["open_exceptions"]) + (() if given["model_valid"] else ("model not valid",))
    gap_pct = 0.0 if given["mass_balance_ok"] else 2.0 * recipe.rules.ledger_gap_max_pct
    facts = replace(facts, open_exceptions=open_ones, ledger=replace(facts.ledger, residual_pct=gap_pct))
    return _word(facts, recipe) | {"final_actor": SIGNER}


def fallback(given: Given, recipe: Recipe) -> Answers:
    """R3, R4: part of the lot without valid spectra; an approved and valid fallback covers all of it, or nothing does."""
    approved = bool(given["fallback"]) and given.get("fallback_preapproved", False) and given.get("fallback_valid", False)
    evidence = recipe.evidence.model_copy(update={"fallback_preapproved": approved, "fallback_share_max": 1.0})
    seen = given["nir_valid_fraction"]
    facts = replace(_good_lot(), share_nir=seen, share_rtd=1.0 - seen)
    answer = _word(facts, recipe.model_copy(update={"evidence": evidence}))
    waits = answer["system"] == WORDS[Disposition.HOLD, Reason.R4_FALLBACK_USED]
    return answer | ({"then": "RELEASE_RECOMMENDED if fallback criteria met"} if waits else {})


def spectrum(given: Given, recipe: Recipe) -> Answers:
    """A spectrum outside its limits is recorded, not used, and its material diverted or covered by the fallback."""
    valid = model_space(given["t2"], given["t2_lim"], given["q"], given["q_lim"]) is Validity.VALID
    return {
        "prediction_status": "VALID" if valid else "INVALID",
        "used_in_AV": valid,
        "material_status": "CONFORM" if valid else "DIVERT_OR_FALLBACK",
    }


def re_entry(given: Given, recipe: Recipe) -> Answers:
    """Diverted material never goes back by itself, whoever asks: nothing here can ask a gate to take it back."""
    return {"allowed": not given["diverted"], "requires": RE_ENTRY if given["diverted"] else "nothing"}


def reconciliation(given: Given, recipe: Recipe) -> Answers:
    """R5: the gap of the mass balance against the case's limit."""
    gap = given["fed_kg"] - given["accepted_kg"] - given["diverted_kg"] - given["samples_kg"] - given["other_kg"]
    percent = 100.0 * gap / given["fed_kg"]
    rules = recipe.rules.model_copy(update={"ledger_gap_max_pct": given["limit_percent"]})
    facts = _good_lot()
    facts = replace(facts, ledger=replace(facts.ledger, residual_kg=gap, residual_pct=percent))
    return _word(facts, recipe.model_copy(update={"rules": rules})) | {"gap_kg": gap, "gap_percent": percent}
