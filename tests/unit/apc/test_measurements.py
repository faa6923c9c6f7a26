"""The readings that controllers without an estimator get: newest, with age, error and novelty; a NIR that assays correct."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from apc.control.problem import Reading
from apc.estimation.readings import AVERAGED, Readings
from apc.observation import Observation
from apc.supervision.measurements import MeasurementBoard
from line.modes import ControllerMode
from sensing.verdict import SpectrumVerdict, Validity
from tests.control_parts import configuration, parameters
from tests.frames import frame

MEANS = {**dict.fromkeys(AVERAGED, math.nan), "Hopper/Level": 0.61, "Press/MainForceMean": 6.3}


def board() -> MeasurementBoard:
    return MeasurementBoard(parameters(), configuration().noise)


def readings(flows: Any = (2.0, 14.0, 8.75, 0.25), stopped: Any = (False,) * 4) -> Readings:
    return Readings(dict(MEANS), np.array(flows), np.array(stopped))


def spectrum(step: int, potency: float, validity: Validity = Validity.VALID) -> SpectrumVerdict:
    return SpectrumVerdict(step, step, potency * 0.0008, 0.0024, 1.0, 9.0, 1.0, 9.0, validity, "", "test", "0")


def seen(
    step: int,
    nir: SpectrumVerdict | None = None,
    values: dict[str, float] | None = None,
    tester: bool = False,
    assay: bool = False,
) -> Observation:
    return Observation(step, frame(step, values), nir, tester, assay, ((0, 25.0),), ControllerMode.ON)


def test_apc_periodic_readings_are_of_now_and_a_blind_scale_says_nothing() -> None:
    found = board().update(readings(flows=(math.nan, 14.0, 8.75, 0.25), stopped=(False, True, False, False)), seen(100))
    assert found["level_hopper"].value == 0.61 and found["level_hopper"].age_s == 0.0
    assert math.isnan(found["mass_flow_api"].value) and math.isnan(found["fill_depth"].value)
    assert found["mass_flow_premix"].value == 0.0, "a feeder that stands still feeds nothing"
    assert found["mass_flow_lactose"].error == pytest.approx(0.0875), "1 % of 8.75 kg/h"
    assert "weight" not in found and "potency_blend" not in found


def test_apc_late_results_carry_their_age_and_are_new_once() -> None:
    b = board()
    tester = {"Tester/WeightMean": 226.0, "Tester/HardnessMean": 68.0, "Tester/PulledStep": 340.0}
    first = b.update(readings(), seen(400, spectrum(394, 98.0), tester, tester=True))
    assert first["weight"] == Reading(226.0, 60.0, pytest.approx(0.0045 * 226.0), True)
    assert first["potency_blend"].value == pytest.approx(98.0) and first["potency_blend"].age_s == 6.0
    later = b.update(readings(), seen(405))
    assert (later["weight"].age_s, later["weight"].new) == (65.0, False)
    assert (later["potency_blend"].age_s, later["potency_blend"].new) == (11.0, False)


def test_apc_a_spectrum_counts_by_its_verdict() -> None:
    noise = configuration().noise["measured_nir_pct"]
    for validity, factor in ((Validity.VALID, 1.0), (Validity.EXTRAPOLATION, 3.0)):
        reading = board().update(readings(), seen(10, spectrum(4, 98.0, validity)))["potency_blend"]
        assert reading.error == pytest.approx(factor * max(noise, 3.0))
    assert "potency_blend" not in board().update(readings(), seen(10, spectrum(4, 98.0, Validity.INVALID_INSTRUMENT)))


def shift(b: MeasurementBoard, potency: Any, assays: dict[int, float], n: int = 240) -> float:
    """n decisions of spectra; assays by decision, pulled 120 s before. Returns the offset at the end."""
    for k in range(1, n + 1):
        values = {"Assay/PotencyMean": assays.get(k, math.nan), "Assay/PulledStep": 5.0 * k - 120.0}
        found = b.update(readings(), seen(5 * k, spectrum(5 * k - 6, potency(k)), values, assay=k in assays))
    return found["offset_nir"].value


def test_apc_each_assay_takes_half_of_what_is_left_of_the_nirs_offset() -> None:
    assert shift(board(), lambda k: 102.0, {}) == 0.0
    assert shift(board(), lambda k: 102.0, {120: 100.0}) == pytest.approx(1.0)
    assert shift(board(), lambda k: 102.0, {120: 100.0, 200: 100.0}) == pytest.approx(1.5)


def test_apc_an_assay_teaches_nothing_while_the_potency_moves_or_before_there_were_spectra() -> None:
    """A dip of the blend five minutes before the tablets that were assayed came out: both right, nothing to learn."""

    def dip(k: int) -> float:
        return 80.0 if 60 <= k < 90 else 100.0

    assert shift(board(), dip, {120: 80.0}) == 0.0
    assert shift(board(), lambda k: 102.0, {1: 100.0}, n=2) == 0.0


def test_apc_a_reset_forgets_late_results_and_offset() -> None:
    b = board()
    shift(b, lambda k: 102.0, {120: 100.0})
    b.reset()
    found = b.update(readings(), seen(2000))
    assert found["offset_nir"].value == 0.0 and "potency_tablet" not in found
