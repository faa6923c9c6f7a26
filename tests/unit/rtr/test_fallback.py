"""The fallback ends: tablets may rest on feeders and residence times for so long at a stretch, then the gate diverts."""

from __future__ import annotations

import numpy as np

from line.records import EvidenceSource, QualityState, Reason
from rtr.release import ReleaseEngine
from sensing.verdict import SpectrumVerdict
from tests.release_line import LINE, RECIPE, REGISTER, SENSOR, TextbookLine, spectrum

LIMIT_S = 120


def test_a_fallback_that_lasts_too_long_diverts_until_spectra_are_valid_again() -> None:
    def nir(t: int, truth: float, rng: np.random.Generator) -> SpectrumVerdict | None:
        return None if 400 <= t < 800 else spectrum(t, truth)

    evidence = RECIPE.evidence.model_copy(update={"fallback_max_s": float(LIMIT_S)})
    diversion = RECIPE.diversion.model_copy(update={"rule": "prediction"})
    recipe = RECIPE.model_copy(update={"evidence": evidence, "diversion": diversion})
    line = TextbookLine(lambda t: 0.08, 1200, engine=ReleaseEngine(recipe, LINE, REGISTER, SENSOR), nir=nir).run()
    parcels = [p for s in line.steps for p in s.parcels if p.step >= 400]
    rungs = [p.evidence for p in parcels]
    first = rungs.index(EvidenceSource.RTD)
    assert rungs[first : first + LIMIT_S] == [EvidenceSource.RTD] * LIMIT_S
    assert rungs[first + LIMIT_S] is EvidenceSource.NONE
    spent = [p for p in parcels if p.evidence is EvidenceSource.NONE]
    assert {p.quality for p in spent} == {QualityState.UNVERIFIED}
    assert {p.reason for p in spent} == {Reason.EVIDENCE_MISSING}
    assert not any(p.accepted for p in spent) and len(spent) > 100
    assert rungs[-1] is EvidenceSource.NIR and line.steps[-1].accept
