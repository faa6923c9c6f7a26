"""Tester, assay and release laboratory: noise, delays, counters, what faults do to results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from line.configuration import PlantFault
from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.instruments.laboratory import Laboratory, Result, Sampling
from plant_sim.instruments.release_laboratory import ReleaseLaboratory
from plant_sim.lines import Lines, LineSetup
from plant_sim.parameters import draw_parameters
from plant_sim.plant import Plant, PlantSetup
from plant_sim.units.tablets import Tablets
from tests.plant_bench import Driver, line, nominal, plant, register, scenario, settled

ID, FROM, TO, PULLED, FIRST = range(5)
WEIGHT, THICKNESS, HARDNESS = 4, 5, 6


@pytest.fixture(scope="module")
def running() -> Lines:
    return settled(600, seed=6).plant.lines


def tablets_of(lines: Lines) -> Tablets:
    tablets = lines.tablets
    if tablets is None:
        raise LookupError("no tablets yet")
    tablets.rejected[:] = False
    return tablets


def results(lines: Lines, kind: str, n: int, effects: FaultEffects | None = None) -> list[Result]:
    """n samples of the same second's tablets, pulled one a second, all delivered."""
    laboratory = Laboratory(lines.groups, Sampling(1, 10, 1, 10), [4])
    effects = effects or FaultEffects(1)
    for second in range(1, n + 1):
        laboratory.pull(second, tablets_of(lines), effects)
    return [r for r in laboratory.deliver(100_000) if r.kind == kind]


def faulty(**values: Any) -> FaultEffects:
    effects = FaultEffects(1)
    effects.any_active = True
    for name, value in values.items():
        getattr(effects, name)[0] = value
    return effects


# --- noise of a result --------------------------------------------------------------------------------------------------
def test_each_result_has_the_noise_of_its_instrument(running: Lines) -> None:
    # balance 0.2 mg, thickness 0.02 mm, breaking force 4 % a tablet, means of 10; assay 1 % of the sample
    seen = np.array([r.values for r in results(running, "tester", 1500)])
    assert seen[:, WEIGHT].std() == pytest.approx(0.2 / np.sqrt(10.0), rel=0.06)
    assert seen[:, THICKNESS].std() == pytest.approx(0.02 / np.sqrt(10.0), rel=0.06)
    assert seen[:, HARDNESS].std() / seen[:, HARDNESS].mean() == pytest.approx(0.04 / np.sqrt(10.0), rel=0.06)
    assay = np.array([r.values[FIRST] for r in results(running, "assay", 1500)])
    assert assay.std() / assay.mean() == pytest.approx(0.01, rel=0.06)


def test_a_tester_mean_of_ten_is_as_uncertain_as_the_tablets_it_is_made_of() -> None:
    # tablet-to-tablet weight RSD 0.98 % over ten tablets: 0.31 %; balance and slow wander add little
    driver = settled(600, seed=8)
    weights = []
    for _ in range(240):
        driver.step()
        tablets = tablets_of(driver.plant.lines)
        made = tablets.mass_kg[0][tablets.made[0]]
        weights.append(made[:10].mean() / made.mean())
    expected = 0.31 * np.sqrt(1.0 - 10.0 / 31.0)  # ten of the 31 they are compared with
    assert np.std(weights) * 100.0 == pytest.approx(expected, rel=0.15)


# --- identity and delay -------------------------------------------------------------------------------------------------
def test_results_come_exactly_when_due_with_the_counters_of_their_tablets(running: Lines) -> None:
    laboratory = Laboratory(running.groups, Sampling(300, 10, 900, 10), [4])
    tablets = tablets_of(running)
    _, events = laboratory.pull(900, tablets, FaultEffects(1))
    assert [e["kind"] for _, e in events] == ["tester", "assay"]
    for kind, delay, event in (("tester", 60, events[0][1]), ("assay", 120, events[1][1])):
        assert laboratory.deliver(900 + delay - 1) == []
        (result,) = laboratory.deliver(900 + delay)
        assert result.kind == kind
        assert result.values[:FIRST] == (1.0, event["counter_from"], event["counter_to"], 900.0)
    assert events[0][1]["counter_to"] < events[1][1]["counter_from"]  # no tablet is pulled twice


def test_nothing_is_pulled_from_a_second_with_too_few_tablets(running: Lines) -> None:
    laboratory = Laboratory(running.groups, Sampling(300, 10, 900, 40), [4])
    sampled, events = laboratory.pull(900, tablets_of(running), FaultEffects(1))
    assert [e["kind"] for _, e in events] == ["tester"]
    assert sampled.sum() == 10


# --- faults -------------------------------------------------------------------------------------------------------------
def test_tester_faults_are_factors_on_their_result(running: Lines) -> None:
    good = results(running, "tester", 3)
    bad = results(running, "tester", 3, faulty(tester_weight=1.02, tester_hardness=0.8))
    for a, b in zip(good, bad):
        assert b.values[WEIGHT] == pytest.approx(a.values[WEIGHT] * 1.02)
        assert b.values[HARDNESS] == pytest.approx(a.values[HARDNESS] * 0.8)
        assert b.values[:WEIGHT] == a.values[:WEIGHT] and b.values[THICKNESS] == a.values[THICKNESS]


def test_a_tester_that_is_down_takes_samples_and_gives_nothing(running: Lines) -> None:
    assert results(running, "tester", 3, faulty(tester_out=True)) == []
    assert len(results(running, "assay", 3, faulty(tester_out=True))) == 3


def test_a_wrong_standard_and_a_late_assay(running: Lines) -> None:
    good = results(running, "assay", 3)
    bad = results(running, "assay", 3, faulty(assay_gain=1.03, assay_late_s=600.0))
    for a, b in zip(good, bad):
        assert b.values[FIRST] == pytest.approx(a.values[FIRST] * 1.03)
        assert b.due == a.due + 600


def test_late_results_may_overtake_each_other(running: Lines) -> None:
    laboratory, late = Laboratory(running.groups, Sampling(9999, 10, 900, 10), [4]), faulty(assay_late_s=2000.0)
    laboratory.pull(900, tablets_of(running), late)
    laboratory.pull(1800, tablets_of(running), FaultEffects(1))
    assert [r.values[ID] for r in laboratory.deliver(1920)] == [2.0]
    assert [r.values[ID] for r in laboratory.deliver(3020)] == [1.0]


def test_a_swapped_sample_carries_the_counters_of_the_one_before(running: Lines) -> None:
    laboratory, tablets = Laboratory(running.groups, Sampling(9999, 10, 900, 10), [4]), tablets_of(running)
    first = tablets.first_counter.copy()
    pulled = []
    for second, effects in ((900, faulty()), (1800, faulty(sample_swap=True)), (2700, faulty())):
        tablets.first_counter = first + second
        _, events = laboratory.pull(second, tablets, effects)
        pulled.append((events[0][1]["counter_from"], events[0][1]["counter_to"], second))
    tablets.first_counter = first
    shown = [r.values[:FIRST] for r in laboratory.deliver(10_000)]
    assert shown == [(1.0, *pulled[0]), (2.0, *pulled[0]), (3.0, *pulled[2])]


def test_a_first_sample_has_none_before_it_to_be_mixed_up_with(running: Lines) -> None:
    (result,) = results(running, "assay", 1, faulty(sample_swap=True))
    assert result.values[PULLED] == 1.0


# --- release laboratory -------------------------------------------------------------------------------------------------
def with_delay(hours: float, seed: int = 6) -> Plant:
    group = nominal().release_laboratory
    changed = group.model_copy(update={"delay": group.delay.model_copy(update={"value": hours})})
    parameters = nominal().model_copy(update={"release_laboratory": changed})
    return Plant(PlantSetup(register(), parameters, seed, scenario(), line().geometry, assay_interval_s=450))


def test_a_release_test_arrives_late_with_each_tablet_and_its_counter() -> None:
    driver = Driver(with_delay(0.05)).start().run(640)  # 0.05 h = 180 s after the pull at 450 s
    (report,) = driver.codes("LAB_RESULT")
    assert report["step"] == report["pulled_step"] + 180 == 630
    pulled = next(e for e in driver.codes("SAMPLE_PULLED") if e["kind"] == "assay")
    assert {k: report[k] for k in ("sample_id", "counter_from", "counter_to", "n")} == {
        k: pulled[k] for k in ("sample_id", "counter_from", "counter_to", "n")
    }
    truth = driver.plant.truth.tablets
    rows = np.array(report["counters"]) - 1
    assert (truth["destination"][rows] == 4).all()
    # 0.4 % a run, 0.6 % a tablet; 0.1 mg
    assert np.array(report["content_pct_lc"]) == pytest.approx(truth["content_pct_lc"][rows], rel=0.03)
    assert np.array(report["weight_mg"]) == pytest.approx(truth["mass_mg"][rows], abs=0.5)
    mean = np.sum(report["content_pct_lc"]) / np.sum(report["weight_mg"]) * 225.0
    assert report["assay_pct_lc"] == pytest.approx(mean, abs=0.02)


def test_by_default_a_release_test_takes_four_hours() -> None:
    assert nominal().release_laboratory.delay.si == 4 * 3600.0
    driver = plant(seed=6)
    assert driver.lines.laboratory.release._p["delay"][0] == 14400.0


def test_release_noise_has_a_part_of_the_run_and_a_part_of_the_tablet(running: Lines) -> None:
    laboratory, tablets = ReleaseLaboratory(running.groups, 10, [3]), tablets_of(running)
    chosen = np.arange(10)
    for number in range(1, 1201):
        laboratory.next_sample("assay")
        laboratory.receive(0, 0, number, tablets, chosen)
    content = np.array([event["content_pct_lc"] for _, event in laboratory.report(14400)])
    true = tablets.content_kg[0, :10] * 1e6 / 18.0 * 100.0
    error = content / true - 1.0
    assert error.mean(axis=1).std() == pytest.approx(np.hypot(0.004, 0.006 / np.sqrt(10.0)), rel=0.07)
    assert np.sqrt(error.var(axis=1, ddof=1).mean()) == pytest.approx(0.006, rel=0.03)


def test_every_second_sample_only(running: Lines) -> None:
    groups = dict(running.groups)
    groups["release_laboratory"] = Columns({**running.groups["release_laboratory"].values, "every": np.array([2.0])})
    laboratory, tablets = ReleaseLaboratory(groups, 10, [3]), tablets_of(running)
    for number in range(1, 7):
        laboratory.next_sample("assay")
        laboratory.receive(0, number, number, tablets, np.arange(10))
    assert [event["sample_id"] for _, event in laboratory.report(10**6)] == [2, 4, 6]


# --- in company ---------------------------------------------------------------------------------------------------------
FAULTS = {
    2: [PlantFault(name="spectra_frozen", at_s=110), PlantFault(name="sample_swap", at_s=120)],
    3: [PlantFault(name="nir_outage", at_s=130, duration_s=60)],
    5: [PlantFault(name="probe_fouling", at_s=90)],
}


def ensemble(members: list[int], seconds: int = 240) -> tuple[list[np.ndarray], np.ndarray]:
    """Spectra and last frame of lines that run together."""
    setups = [LineSetup(draw_parameters(nominal(), m), m, m, scenario(FAULTS.get(m, [])), line().geometry) for m in members]
    lines = Lines(register(), setups, Sampling(20, 5, 30, 5))
    sp, index, spectra = lines.guard.accepted.copy(), register().setpoint_index, []
    for k in range(seconds):
        sp[:, index["SP/HeartbeatCtrl"]] = k + 1
        sp[:, index["SP/RemoteRequest"]] = 1
        sp[:, index["SP/LineCommand"]] = {1: 1.0}.get(k, 0.0)
        lines.step(sp)
        if lines.arrived is not None:
            spectra.append(np.concatenate((lines.arrived.spectra, lines.arrived.status[:, None]), axis=1))
    return spectra, lines.frame.values


def test_instruments_of_a_line_are_the_same_alone_with_another_and_in_seven_bit_for_bit() -> None:
    seven = ensemble([1, 2, 3, 4, 5, 6, 7])
    for members in ([2], [3, 5]):
        spectra, values = ensemble(members)
        for row, member in enumerate(members):
            assert np.array_equal(values[row], seven[1][member - 1], equal_nan=True)
            for a, b in zip(spectra, seven[0], strict=True):
                assert np.array_equal(a[row], b[member - 1], equal_nan=True)
