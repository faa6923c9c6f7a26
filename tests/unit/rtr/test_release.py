"""The face of release on a textbook line: quiet, interruptions, outage, odd seconds; and its verdict."""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pytest

from line.errors import DataError
from line.records import Disposition, EvidenceSource, QualityState, Reason
from rtr.release import ReleaseEngine
from sensing.verdict import SpectrumVerdict
from tests.release_line import LINE, RECIPE, REGISTER, SENSOR, TextbookLine, snapshot, spectrum

STOP_AT = 900


@cache
def interrupted(stop_s: int) -> TextbookLine:
    return TextbookLine(lambda t: 0.0 if STOP_AT <= t < STOP_AT + stop_s else 0.08, 1700).run()


def accepted_after_start(line: TextbookLine) -> np.ndarray:
    asked = np.array([step.accept for step in line.steps])
    return asked[int(np.argmax(asked)) :]


def test_quiet_running_diverts_nothing_after_start_up() -> None:
    line = TextbookLine(lambda t: 0.08, 1500, seed=7).run()
    assert accepted_after_start(line).all()
    assert {p.evidence for s in line.steps for p in s.parcels if p.accepted} == {EvidenceSource.NIR}


def test_doubt_is_honest() -> None:
    # the spread of the NIR road about the truth is what its uncertainty says it is
    line = TextbookLine(lambda t: 0.08, 2500, seed=3).run()
    parcels = [p for s in line.steps for p in s.parcels if p.accepted]
    spread = np.std([p.potency_nir_pct_lc - 100.0 for p in parcels])
    claimed = math.sqrt(
        np.mean([p.potency_uncertainty_pct_lc**2 for p in parcels]) - RECIPE.uniformity.shared_bias_pct**2 / 3.0
    )
    assert 0.5 * claimed < spread < 1.3 * claimed


@pytest.mark.parametrize(("stop_s", "peak", "outside_s"), [(12, -7.3, 0), (30, -18.2, 141)])
def test_an_api_stop(stop_s: int, peak: float, outside_s: int) -> None:
    line = interrupted(stop_s)
    deviation = 100.0 * (line.die / 0.08 - 1.0)
    outside = np.abs(deviation) > 10.0
    assert deviation.min() == pytest.approx(peak, abs=0.2)  # process description of the reference product
    assert int(outside.sum()) == pytest.approx(outside_s, abs=3)
    assert not (outside & line.accepted_truth).any()
    diverted = int((~accepted_after_start(line)).sum())
    assert diverted <= (60 if stop_s == 12 else 3 * outside_s)


def test_both_roads_follow_the_truth() -> None:
    line = interrupted(30)
    truth = 100.0 * line.die / 0.08
    rtd = np.array([s.potency_rtd_pct_lc for s in line.steps])
    nir = np.array([s.potency_nir_pct_lc for s in line.steps])
    assert np.abs(rtd - truth)[300:].max() < 2.0
    assert np.abs(nir - truth)[300:].max() < 5.0


def test_gate_reasons_speak() -> None:
    words = {s.reason: s.words for s in interrupted(30).steps}
    assert "by spectra" in words[Reason.POTENCY_OUTSIDE] and "limit +-10 %" in words[Reason.POTENCY_OUTSIDE]
    assert {Reason.START_UP, Reason.GUARD, Reason.CONFORMS} <= set(words)


def test_outage_falls_back_to_feeders_and_then_holds_the_lot() -> None:
    def nir(t: int, truth: float, rng: np.random.Generator) -> SpectrumVerdict | None:
        return None if 600 <= t < 1200 else spectrum(t, truth)

    line = TextbookLine(lambda t: 0.08, 1500, nir=nir).run()
    assert accepted_after_start(line).all()
    rungs = [p.evidence for s in line.steps for p in s.parcels if p.accepted]
    assert EvidenceSource.RTD in rungs and EvidenceSource.NIR in rungs
    verdict = line.engine.dispose(open_exceptions=[], complete=True, seed=1)
    assert verdict.disposition is Disposition.HOLD
    assert Reason.R4_FALLBACK_USED in [code for code, _ in verdict.reasons]


def test_three_rules_on_line_divert_all_of_an_interruption_each_more_than_the_next() -> None:
    diverted = {}
    for rule in ("window", "prediction", "risk"):
        diversion = RECIPE.diversion.model_copy(update={"rule": rule})
        engine = ReleaseEngine(RECIPE.model_copy(update={"diversion": diversion}), LINE, REGISTER, SENSOR)
        line = TextbookLine(lambda t: 0.0 if 400 <= t < 430 else 0.08, 1050, engine=engine, nir_noise_pct=1.6).run()
        outside = np.abs(line.die / 0.08 - 1.0) > 0.10
        assert not (outside & line.accepted_truth).any()
        diverted[rule] = int((~line.accepted_truth[350:1030]).sum())
        assert line.engine.planned is None
    assert 1.9 * outside.sum() > diverted["risk"]
    assert diverted["risk"] < diverted["prediction"] < diverted["window"]


def test_neither_spectra_nor_scales_diverts() -> None:
    def change(t: int, row: dict[str, float]) -> None:
        if t >= 500:
            row["Feeder1/MassFlow"] = row["Feeder1/Mode"] = math.nan

    def nir(t: int, truth: float, rng: np.random.Generator) -> SpectrumVerdict | None:
        return None if t >= 500 else spectrum(t, truth)

    line = TextbookLine(lambda t: 0.08, 1000, nir=nir, change=change).run()
    assert line.steps[-1].reason is Reason.EVIDENCE_MISSING
    unverified = [p for s in line.steps for p in s.parcels if p.quality is QualityState.UNVERIFIED]
    assert unverified and not any(p.accepted for p in unverified)


def test_roads_that_disagree_divert() -> None:
    line = TextbookLine(lambda t: 0.08, 900, nir=lambda t, truth, rng: spectrum(t, truth * (1.0 if t < 400 else 1.065))).run()
    assert line.steps[-1].reason is Reason.EVIDENCE_DISAGREES


def test_the_same_second_twice_and_an_older_one() -> None:
    engine = ReleaseEngine(RECIPE, LINE, REGISTER, SENSOR)
    row = TextbookLine(lambda t: 0.08, 1)._start()
    first = engine.observe(snapshot(5, row), None, plc_remote=True, comms_ok=True)
    assert engine.observe(snapshot(5, row), None, plc_remote=True, comms_ok=True) is first
    older = engine.observe(snapshot(4, row), None, plc_remote=True, comms_ok=True)
    assert (older.accept, older.reason) == (False, Reason.INPUT_UNUSABLE)
    assert engine.observe(snapshot(5, row), None, plc_remote=True, comms_ok=True) is first


def test_missing_seconds_are_not_evidence() -> None:
    line = TextbookLine(lambda t: 0.08, 1001)
    for t in range(700):
        line.second(t)
    assert line.steps[-1].accept
    late = line.engine.observe(line.snapshot(1000), None, plc_remote=True, comms_ok=True)
    assert not late.accept
    assert late.reason is Reason.EVIDENCE_MISSING


def test_everything_nan_diverts_and_never_raises() -> None:
    engine = ReleaseEngine(RECIPE, LINE, REGISTER, SENSOR)
    nothing = dict.fromkeys(REGISTER.scalar_ids, math.nan)
    for t in range(5):
        step = engine.observe(snapshot(t, nothing), None, plc_remote=False, comms_ok=False)
        assert not step.accept
    verdict = engine.dispose(open_exceptions=[], complete=False, seed=1)
    assert verdict.disposition is Disposition.HOLD
    json.dumps(verdict.body(), allow_nan=False)
    json.dumps(step.body(), allow_nan=False)


def test_a_flap_that_stays_open_is_noticed() -> None:
    def change(t: int, row: dict[str, float]) -> None:
        row["Diverter/Position"] = 1.0

    line = TextbookLine(lambda t: 0.08, 20, change=change).run()
    assert line.steps[-1].reason is Reason.GATE_UNPROVEN
    verdict = line.engine.dispose(open_exceptions=[], complete=True, seed=1)
    assert any("feedback" in words for code, words in verdict.reasons if code is Reason.R6_OPEN_EXCEPTION)


def test_an_invalid_weight_map_diverts_and_stays_an_exception() -> None:
    def change(t: int, row: dict[str, float]) -> None:
        if t >= 500:
            row.update(
                {"Tester/SampleId": 1.0, "Tester/CounterFrom": 9000.0, "Tester/CounterTo": 9009.0, "Tester/WeightMean": 210.0}
            )

    line = TextbookLine(lambda t: 0.08, 520, change=change).run()
    assert line.steps[-1].reason is Reason.EVIDENCE_MISSING and "weight map invalid" in line.steps[-1].words
    events = [e for s in line.steps for e in s.events]
    assert [(e.reason, e.old, e.new) for e in events] == [(Reason.TESTER_RESULT, "VALID", "INVALID")]


def test_the_draw_follows_the_seed_and_nothing_else() -> None:
    engine = interrupted(30).engine
    first, again, other = (engine.dispose(open_exceptions=[], complete=True, seed=s) for s in (1, 1, 2))
    assert first.body() == again.body()
    assert [d.place for d in first.drawn] != [d.place for d in other.drawn]
    assert len(first.drawn) == 30
    n = first.tablets["accepted"]
    for drawn, strata in ((first.drawn[:10], 10), (first.drawn[10:], 20)):
        assert [d.place * strata // n for d in drawn] == list(range(strata)) or max(d.place for d in drawn) < n


def test_a_rerun_is_bit_identical() -> None:
    first = TextbookLine(lambda t: 0.08, 400, seed=11).run()
    second = TextbookLine(lambda t: 0.08, 400, seed=11).run()
    assert [s.body() for s in first.steps] == [s.body() for s in second.steps]
    assert [p.body() for s in first.steps for p in s.parcels] == [p.body() for s in second.steps for p in s.parcels]


def test_a_target_outside_the_chapter_is_refused_by_the_recipe() -> None:
    with pytest.raises((ValueError, DataError)):
        RECIPE.product.model_validate({**RECIPE.product.model_dump(), "target_pct_lc": 120.0})
