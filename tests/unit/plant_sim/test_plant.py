"""The plant as a port: steps, repeats, determinism, frames."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from line.configuration import PlantFault
from line.errors import CommunicationError, ConfigurationFaults
from line.quality import STATUS_BAD_WAITING_FOR_INITIAL_DATA, Quality
from line.samples import Snapshot, StepResult
from plant_sim.instruments.frame import SINGLE_TAGS
from plant_sim.instruments.laboratory import Sampling
from plant_sim.lines import Lines, LineSetup
from plant_sim.parameters import draw_parameters
from plant_sim.truth import SERIES, read_truth
from tests.plant_bench import Driver, line, nominal, plant, register, scenario, settled


def digest(results: list[StepResult]) -> str:
    sha = hashlib.sha256()
    for r in results:
        for part in (r.values, r.statuses, r.source_steps):
            sha.update(part.tobytes())
        for name in sorted(r.arrays):
            sha.update(r.arrays[name][0].tobytes())
        sha.update(repr(r.events).encode())
    return sha.hexdigest()


def shift(seed: int, seconds: int = 420) -> str:
    driver = Driver(plant(seed=seed, draw=seed)).start()
    return digest([driver.step() for _ in range(seconds)])


def test_two_fresh_plants_of_one_seed_are_equal_and_another_seed_differs() -> None:
    first = shift(3)
    assert first == shift(3)
    assert first != shift(4)


def test_a_new_process_repeats_the_same_bits(repository: Path) -> None:
    code = "from tests.unit.plant_sim.test_plant import shift; import sys; sys.stdout.write(shift(5, 300))"
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == shift(5, 300)


def test_a_repeated_step_returns_the_same_result_and_does_not_advance() -> None:
    driver = settled(30)
    one = driver.plant.step(30, 7, driver.values)
    again = driver.plant.step(30, 7, driver.values * 0)
    assert again is one
    assert driver.plant.k == 31
    assert len(driver.plant.truth.series["second"]) == 31


@pytest.mark.parametrize("k", [0, 29, 31, 1000])
def test_a_step_out_of_order_names_expected_and_got(k: int) -> None:
    driver = settled(30)
    with pytest.raises(CommunicationError, match=f"expected k 30, got {k}"):
        driver.plant.step(k, 99, driver.values)


def test_a_vector_of_the_wrong_length_is_refused_before_anything_moves() -> None:
    driver = settled(30)
    with pytest.raises(CommunicationError, match="wrong set-points"):
        driver.plant.step(30, 1, driver.values[:-1])
    assert driver.plant.k == 30


def test_first_frame_waits_for_what_it_does_not_know() -> None:
    first = plant().initial()
    assert first.step == 0
    for tag in ("NIR/SpectrumId", "Tester/WeightMean", "Assay/PotencyMean"):
        i = register().scalar_index[tag]
        assert np.isnan(first.values[i])
        assert first.statuses[i] == STATUS_BAD_WAITING_FOR_INITIAL_DATA
    axis, _, _ = first.arrays["NIR/Axis"]
    assert axis.shape == (404,)
    assert (axis[0], axis[-1]) == (7398.337, 10507.3)
    assert [e["code"] for e in first.events] == ["MATERIAL_LOADED"] * 4


def test_every_fast_tag_is_good_and_in_range_while_the_line_runs() -> None:
    driver = settled(700)
    bad: set[str] = set()
    for _ in range(300):
        snapshot = Snapshot(register(), driver.step())
        bad |= {t for t in SINGLE_TAGS if snapshot.quality_of(t) != Quality.GOOD}
        bad |= {t for t in register().scalar_ids if t.startswith(("Feeder", "SP/")) and snapshot.quality_of(t) != Quality.GOOD}
        bad |= {name for name, sample in snapshot.arrays.items() if sample.quality != Quality.GOOD}
    assert not bad


def test_spectra_come_every_five_seconds_six_seconds_after_the_look() -> None:
    driver = settled(400)
    seen = []
    for _ in range(60):
        result = driver.step()
        if "NIR/Spectrum" in result.arrays:
            seen.append((result.step, result.arrays["NIR/Spectrum"][2]))
    assert len(seen) == 12
    assert all(arrived - taken == 6 and taken % 5 == 0 for arrived, taken in seen)


def test_late_results_carry_their_tablets_and_the_second_of_the_pull() -> None:
    driver = settled(1025)
    pulled = {e["kind"]: e for e in driver.codes("SAMPLE_PULLED") if e["step"] == 900}
    for head, kind in (("Tester", "tester"), ("Assay", "assay")):
        assert driver[f"{head}/CounterFrom"] == pulled[kind]["counter_from"]
        assert driver[f"{head}/CounterTo"] == pulled[kind]["counter_to"]
        assert driver[f"{head}/PulledStep"] == 900
        assert driver.last.source_steps[register().scalar_index[f"{head}/SampleId"]] == 900
    tablets = driver.plant.truth.tablets
    first, last = pulled["tester"]["counter_from"], pulled["tester"]["counter_to"]
    sample = tablets["mass_mg"][first - 1 : last][tablets["destination"][first - 1 : last] == 4]
    assert sample.size == 10
    assert driver["Tester/WeightMean"] == pytest.approx(sample.mean(), abs=0.3)


def test_every_feeder_refills_within_the_hour_and_totals_agree_with_truth() -> None:
    driver = settled(1800)
    assert {e["feeder"] for e in driver.codes("REFILL_COMPLETE")} == {1, 2, 3, 4}
    dispensed = driver.plant.lines.feeders.dispensed[0]
    for i in range(4):
        assert driver[f"Feeder{i + 1}/Totalizer"] == pytest.approx(dispensed[i], rel=0.004)


def test_truth_is_written_whole_and_read_back(tmp_path: Path) -> None:
    driver = settled(400)
    driver.plant.write_truth(tmp_path / "truth")
    series, tablets = read_truth(tmp_path / "truth")
    assert tuple(series) == SERIES
    assert series["second"][-1] == 400
    assert tablets["mass_mg"].size == int(driver["Press/TabletsMade"])


def test_no_tag_carries_the_truth() -> None:
    quiet, sick = Driver(plant()).start(), Driver(plant([PlantFault(name="load_cell_span", at_s=5, severity=-10)])).start()
    quiet.run(60)
    sick.run(60)
    differ = quiet.last.values != sick.last.values
    names = {tag for tag, d in zip(register().scalar_ids, differ, strict=True) if d}
    assert not any("ruth" in tag for tag in register().scalar_ids)
    # what changed is what the API feeder's scale and loop can show, and what its powder does; nothing names the fault
    assert {n for n in names if n.startswith("Feeder") and not n.startswith("Feeder1/")} == set()


def test_unknown_faults_are_all_named_with_near_matches() -> None:
    faults = [
        PlantFault(name="nir_outtage", at_s=1),
        PlantFault(name="py_step", at_s=1, severity=900),
        PlantFault(name="load_cell_span", at_s=1, target="apy"),
        PlantFault(name="heartbeat_loss", at_s=1),
    ]
    with pytest.raises(ConfigurationFaults) as caught:
        plant(faults)
    assert [f.key for f in caught.value.faults] == ["faults.0.name", "faults.1.severity", "faults.2.target"]
    assert "nir_outage" in caught.value.faults[0].remedy
    assert "api" in caught.value.faults[2].remedy


def ensemble(members: list[int], seconds: int) -> tuple[np.ndarray, list[list[str]]]:
    faults = {2: [PlantFault(name="press_stop", at_s=330, duration_s=20)], 5: [PlantFault(name="density_step", at_s=320)]}
    setups = [LineSetup(draw_parameters(nominal(), m), m, m, scenario(faults.get(m, [])), line().geometry) for m in members]
    lines = Lines(register(), setups, Sampling())
    sp = lines.guard.accepted.copy()
    index = register().setpoint_index
    events: list[list[str]] = [[] for _ in members]
    for k in range(seconds):
        sp[:, index["SP/HeartbeatCtrl"]] = k + 1
        sp[:, index["SP/RemoteRequest"]] = 1
        sp[:, index["SP/AcceptRequest"]] = 1
        sp[:, index["SP/LineCommand"]] = {1: 1.0, 380: 3.0}.get(k, 0.0)
        for i, event in lines.step(sp):
            events[i].append(str(event))
    return np.concatenate((lines.frame.values, lines.path.blender, lines.press.station_force), axis=1), events


def test_a_line_in_company_equals_the_line_alone_bit_for_bit() -> None:
    together, events = ensemble([1, 2, 3, 4, 5, 6, 7], 420)
    for i, member in enumerate((1, 2, 5)):
        alone, own = ensemble([member], 420)
        assert np.array_equal(alone[0], together[member - 1], equal_nan=True), member
        assert own[0] == events[member - 1], i
