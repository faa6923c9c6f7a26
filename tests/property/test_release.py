"""What holds for release whatever happens: parcels tile the counter, shares are shares, nothing unproven is accepted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from line.modes import Regime
from line.records import EvidenceSource, MaterialState, QualityState, Reason
from line.samples import Snapshot
from rtr.disposition.draw import stratified_places
from rtr.genealogy.parcel import GATE_TAGS, Made, ParcelBook
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer
from rtr.release import ReleaseEngine
from rtr.statistics.uniformity import UniformityVerdict, conforms, judge, stage
from rtr.statistics.weight_variation import estimated_contents
from sensing.verdict import Validity
from tests.release_line import LINE, RECIPE, REGISTER, SENSOR, TextbookLine, snapshot, spectrum

contents = st.lists(st.floats(50.0, 150.0), min_size=10, max_size=10)
more = st.lists(st.floats(50.0, 150.0), min_size=20, max_size=20)
seconds = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 5), st.booleans(), st.integers(0, 4)),
    min_size=1,
    max_size=60,
)


def made(step: int) -> Made:
    return Made(step, 100.0, 100.0, 100.0, 1.0, 225.0, EvidenceSource.NIR, 1.0, QualityState.CONFORM, Reason.CONFORMS,
                Regime.STEADY, 0.0, "m")  # fmt: skip


def gate_row(t: int, total: int, counts: list[int], lost: int) -> Snapshot:
    """Counters of a second; `lost` picks one that has no value now (0: none)."""
    row: dict[str, float] = {"Press/TabletsMade": float(total), **dict(zip(GATE_TAGS, map(float, counts), strict=True))}
    if lost:
        row[GATE_TAGS[lost - 1]] = math.nan
    return snapshot(t, row)


@given(seconds)
def test_parcels_tile_the_counter_and_every_tablet_is_somewhere_once(plan: list[tuple[int, int, int, bool, int]]) -> None:
    book, parcels, way = ParcelBook(), [], [0, 0]
    total, counts = 0, [0, 0, 0, 0]
    for t, (n, rejected, sampled, accept, lost) in enumerate([(0, 0, 0, False, 0), *plan]):
        rejected, sampled = min(rejected, n), min(sampled, n - min(rejected, n))
        total += n
        counts[0], counts[1] = counts[0] + rejected, counts[1] + sampled
        way.append(n - rejected - sampled)
        counts[2 if accept else 3] += way.pop(0)
        row = gate_row(t, total, counts, lost if t else 0)
        book.make(made(t), book.count_made(row))
        parcels += book.pass_gate(book.count_gate(row), Reason.CONFORMS)
    parcels += book.pass_gate(book.count_gate(gate_row(99, total, counts, 0)), Reason.CONFORMS) + book.flush()
    edges = [0, *(p.counter_to for p in parcels)]
    assert edges[-1] == total
    assert [p.counter_from for p in parcels] == edges[:-1]
    assert all(p.made == p.counter_to - p.counter_from > 0 for p in parcels)
    assert all(min(p.rejected, p.sampled, p.accepted, p.diverted) >= 0 for p in parcels)
    assert all(p.rejected + p.sampled + p.accepted + p.diverted <= p.made for p in parcels)
    for i, name in enumerate(("rejected", "sampled", "accepted", "diverted")):
        assert sum(getattr(p, name) for p in parcels) == counts[i]
    assert book.lost == 0
    assert all((p.material is MaterialState.MIXED) == (p.accepted > 0 and p.diverted > 0) for p in parcels)


flow = st.floats(0.0, 0.02)
moves = st.lists(st.tuples(flow, flow, st.floats(0.0, 8.0), st.floats(0.0, 1.2)), min_size=1, max_size=150)


@given(moves, st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_shares_stay_shares_whatever_the_line_does(plan: list[tuple[float, float, float, float]], seed: int) -> None:
    line, rng = Line(RECIPE.rtd, 0.5, 0.4), np.random.default_rng(seed)
    for t, (feed, press, impeller, level) in enumerate(plan):
        fed = rng.random(N_TRACERS)
        die = line.advance(t, Flows(feed, press, impeller, level), fed)
        for values in (die, line.look_ahead(5, press)):
            shares = values[..., [Tracer.API, Tracer.WEIGHED, Tracer.KNOWN, Tracer.VOLUMETRIC]]
            assert np.isfinite(values).all()
            assert shares.min() >= -1e-9 and shares.max() <= 1.0 + 1e-9


@given(st.lists(st.sampled_from(REGISTER.scalar_ids), max_size=12), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
@settings(max_examples=25)
def test_nothing_unproven_is_accepted_and_nothing_raises(lost: list[str], seed: int, remote: bool, comms: bool) -> None:
    rng = np.random.default_rng(seed)
    line = TextbookLine(lambda t: 0.08, 30, seed=seed % 1000, engine=ReleaseEngine(RECIPE, LINE, REGISTER, SENSOR))
    line.change = lambda t, row: row.update({tag: float(rng.choice([math.nan, 0.0, -1e9])) for tag in lost})
    kinds = list(Validity)
    for t in range(30):
        verdict = spectrum(t, float(rng.choice([0.08, math.nan])), kinds[int(rng.integers(len(kinds)))])
        step = line.engine.observe(line.snapshot(t), verdict, plc_remote=remote, comms_ok=comms)
        assert not step.accept  # thirty seconds are less than the start-up confirmation needs
        assert step.reason is not Reason.CONFORMS and step.words


@given(contents, more)
def test_uniformity_is_the_same_in_any_order_and_stricter_without_rounding(ten: list[float], twenty: list[float]) -> None:
    result = judge(ten, twenty)
    again = judge(ten[::-1], twenty[::-1])
    assert again.verdict is result.verdict
    assert again.stage_1.acceptance_value == pytest.approx(result.stage_1.acceptance_value, abs=1e-9)
    passed = (UniformityVerdict.PASS_S1, UniformityVerdict.PASS_S2)
    assert judge(ten, twenty, rounding="compendial").verdict in passed or result.verdict not in passed


@given(contents, st.floats(0.0, 25.0), st.floats(0.0, 5.0))
def test_doubt_never_improves_uniformity(ten: list[float], variance: float, shared: float) -> None:
    plain = stage(ten).acceptance_value
    assert stage(ten, residual_variance=variance, shared_bias=shared).acceptance_value >= plain - 1e-9
    assert plain >= 0.0


@given(st.floats(0.0, 40.0))
def test_rounding_only_forgives_half_a_tenth(value: float) -> None:
    assert conforms(value, 15.0, "compendial") == (value < 15.05 - 5e-10) or abs(value - 15.05) < 1e-8


@given(st.lists(st.floats(1.0, 500.0), min_size=2, max_size=40), st.floats(50.0, 150.0))
def test_weight_variation_keeps_the_assay(weights: list[float], assay: float) -> None:
    estimated = estimated_contents(weights, assay)
    assert sum(estimated) / len(estimated) == pytest.approx(assay, rel=1e-9)


@given(st.integers(30, 10**6), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_strata_hold_one_place_each(n: int, strata: int, seed: int) -> None:
    places = stratified_places(n, strata, np.random.default_rng(seed))
    assert len(places) == strata == len(set(places))
    assert places == sorted(places) and places[0] >= 0 and places[-1] < n
