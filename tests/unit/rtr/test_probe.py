"""The NIR road: bridges, alarms, foreign models, late and doubled spectra."""

from __future__ import annotations

import numpy as np
import pytest

from rtr.genealogy.probe import ProbeRoad
from rtr.genealogy.propagation import N_TRACERS, Flows, Line, Tracer
from sensing.verdict import SpectrumVerdict, Validity
from tests.release_line import KG_PER_S, RECIPE, SENSOR, spectrum

RUN = Flows(KG_PER_S, KG_PER_S, 250.0 / 60.0, 0.6)


def watch(seconds: int, verdicts: dict[int, SpectrumVerdict]) -> tuple[Line, ProbeRoad]:
    """Run an idle line for some seconds; `verdicts` by second of arrival."""
    line, road = Line(RECIPE.rtd, 0.70, 0.60), ProbeRoad(RECIPE.evidence, SENSOR, 5.0)
    for t in range(seconds):
        line.advance(t, RUN, np.zeros(N_TRACERS))
        road.see(t, verdicts.get(t), line)
    return line, road


def every_5_s(seconds: int, missing: range = range(0), **kinds: Validity) -> dict[int, SpectrumVerdict]:
    return {t + 6: spectrum(t, 0.08) for t in range(0, seconds, 5) if t not in missing}


def column(line: Line, tracer: Tracer) -> np.ndarray:
    return np.asarray(line.hopper.values[: line.hopper.end, 0, tracer])


def test_regular_spectra_prove_all_that_passes() -> None:
    line, _ = watch(60, every_5_s(50))
    assert column(line, Tracer.NIR_VALID)[1:].min() == 1.0
    np.testing.assert_allclose(column(line, Tracer.NIR_API)[1:], 0.08)


def test_a_gap_up_to_the_limit_is_bridged_on_a_straight_line() -> None:
    line, _ = watch(90, every_5_s(40) | {61: spectrum(55, 0.06)})
    api = column(line, Tracer.NIR_API)
    assert api[45] == pytest.approx(0.07)
    assert api[55] == pytest.approx(0.06)
    assert column(line, Tracer.NIR_VALID)[1:56].min() == 1.0


def test_a_longer_gap_is_not() -> None:
    line, _ = watch(100, every_5_s(45) | {71: spectrum(65, 0.08)})
    valid = column(line, Tracer.NIR_VALID)
    assert valid[46:61].max() == 0.0
    assert valid[1:46].min() == valid[61:66].min() == 1.0


@pytest.mark.parametrize(("failing", "bridged"), [((70, 85, 105, 110), True), ((70, 80, 90, 105, 110), False)])
def test_a_probe_that_fails_again_and_again_is_not_bridged(failing: tuple[int, ...], bridged: bool) -> None:
    """Of the twelve spectra that end with the one at 115 s, four failed (8 are VALID) or five (7 are)."""
    verdicts = {t + 6: spectrum(t, 0.08) for t in range(0, 120, 5) if t not in failing}
    line, _ = watch(130, verdicts)
    valid = column(line, Tracer.NIR_VALID)
    assert valid[1:106].min() == valid[111:116].min() == 1.0
    assert valid[106:111].max() == valid[106:111].min() == float(bridged)


def test_when_spectra_stop_new_material_is_unseen() -> None:
    line, _ = watch(80, {6: spectrum(0, 0.08)})
    assert column(line, Tracer.NIR_SEEN)[6:].max() == 0.0
    assert column(line, Tracer.NIR_VALID)[1:6].min() == 1.0


@pytest.mark.parametrize("kind", [Validity.EXTRAPOLATION, Validity.OUT_OF_RANGE])
def test_an_alarming_value_is_believed_but_proves_nothing(kind: Validity) -> None:
    verdicts = every_5_s(60)
    verdicts[26] = spectrum(20, 0.04, kind)
    line, _ = watch(70, verdicts)
    assert column(line, Tracer.NIR_API)[16:21] == pytest.approx(0.04)
    assert column(line, Tracer.NIR_VALID)[16:21].max() == 0.0
    assert column(line, Tracer.NIR_VALID)[21:26].min() == 1.0


@pytest.mark.parametrize("kind", [Validity.INVALID_INSTRUMENT, Validity.INVALID_PRESENTATION, Validity.INVALID_MODEL_SPACE])
def test_an_invalid_spectrum_is_bridged_never_used(kind: Validity) -> None:
    verdicts = every_5_s(60)
    verdicts[26] = spectrum(20, 0.5, kind)
    line, _ = watch(70, verdicts)
    np.testing.assert_allclose(column(line, Tracer.NIR_API)[1:], 0.08)


def test_nan_late_and_doubled_spectra_change_nothing() -> None:
    verdicts = every_5_s(60)
    for odd in (spectrum(20, float("nan")), spectrum(5, 0.5), spectrum(99, 0.5)):
        disturbed = dict(verdicts)
        disturbed[27] = odd
        line, _ = watch(70, disturbed)
        np.testing.assert_allclose(column(line, Tracer.NIR_API)[1:], 0.08)


def test_another_model_is_no_evidence() -> None:
    line, road = watch(40, {t + 6: spectrum(t, 0.08, model="other") for t in range(0, 30, 5)})
    assert column(line, Tracer.NIR_VALID).max() == 0.0
    assert road.foreign == 6
