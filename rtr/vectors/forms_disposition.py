"""Forms of the disposition group: the lot rules as functions of single facts, in the words of the cases.

Each word maps to one of the three dispositions and a reason code: WORDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from line.records import Disposition, Reason

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


def _word(disposition: Disposition, reason: Reason) -> Answers:
    return {"system": WORDS[disposition, reason]}


def _tested(result: str) -> Answers:
    if result == "FAIL":
        return _word(Disposition.REJECT_RECOMMENDED, Reason.R1_ATTRIBUTE_FAILED)
    if result == "TREND_TO_FAIL":
        return _word(Disposition.HOLD, Reason.R2_TRENDING)
    if result == "PASS":
        return _word(Disposition.RELEASE_RECOMMENDED, Reason.R7_ALL_PASS)
    return _word(Disposition.HOLD, Reason.R3_EVIDENCE_MISSING)


def overridden(given: Given) -> Answers:
    """R1, R2: a failed or trending attribute stands whatever an end-product test says."""
    return _tested(given["rtrt"]) | {"end_product_may_override": False}


def complete(given: Given) -> Answers:
    """R5, R6, R7: all attributes, models, exceptions and the mass balance."""
    if given["rtrt"] != "PASS":
        return _tested(given["rtrt"]) | {"final_actor": SIGNER}
    if given["open_exceptions"] or not given["model_valid"]:
        return _word(Disposition.HOLD, Reason.R6_OPEN_EXCEPTION) | {"final_actor": SIGNER}
    if not given["mass_balance_ok"]:
        return _word(Disposition.HOLD, Reason.R5_LEDGER_GAP) | {"final_actor": SIGNER}
    return _tested("PASS") | {"final_actor": SIGNER}


def fallback(given: Given) -> Answers:
    """R3, R4: part of the lot without valid spectra, with or without an approved and valid fallback."""
    missing = given["nir_valid_fraction"] < 1.0
    if not missing:
        return _tested("PASS")
    approved = bool(given["fallback"]) and given.get("fallback_preapproved", False) and given.get("fallback_valid", False)
    if not approved:
        return _word(Disposition.HOLD, Reason.R3_EVIDENCE_MISSING)
    return _word(Disposition.HOLD, Reason.R4_FALLBACK_USED) | {"then": "RELEASE_RECOMMENDED if fallback criteria met"}


def spectrum(given: Given) -> Answers:
    """A spectrum outside its limits is recorded, not used, and its material diverted or covered by the fallback."""
    valid = given["t2"] <= given["t2_lim"] and given["q"] <= given["q_lim"]
    return {
        "prediction_status": "VALID" if valid else "INVALID",
        "used_in_AV": valid,
        "material_status": "CONFORM" if valid else "DIVERT_OR_FALLBACK",
    }


def re_entry(given: Given) -> Answers:
    """Diverted material never goes back by itself, whoever asks."""
    return {"allowed": not given["diverted"], "requires": RE_ENTRY if given["diverted"] else "nothing"}


def reconciliation(given: Given) -> Answers:
    """R5: the gap of the mass balance against its limit."""
    gap = given["fed_kg"] - given["accepted_kg"] - given["diverted_kg"] - given["samples_kg"] - given["other_kg"]
    percent = 100.0 * gap / given["fed_kg"]
    held = abs(percent) > given["limit_percent"]
    outcome = (Disposition.HOLD, Reason.R5_LEDGER_GAP) if held else (Disposition.RELEASE_RECOMMENDED, Reason.R7_ALL_PASS)
    return _word(*outcome) | {"gap_kg": gap, "gap_percent": percent}
