"""Signals: each noise by statistics against the table it was asked for, what is exact, what faults do to readings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from line.errors import ConfigurationFaults
from line.quality import STATUS_BAD_OUT_OF_SERVICE, STATUS_GOOD
from line.tags import TagRegister
from plant_sim.effects import EFFECTS
from plant_sim.instruments.frame import N_SENSOR_NORMALS, Frame
from plant_sim.lines import Lines
from tests.plant_bench import register, settled

#: Relative noise of what is published, one standard deviation [%] (recommended set of signals, 25 kg/h line).
RELATIVE = {
    "Feeder1/ScrewSpeed": 0.2, "Feeder4/ScrewSpeed": 0.2, "Feeder2/Torque": 2.0, "Blender/ImpellerSpeed": 0.2,
    "Blender/Torque": 3.0, "Hopper/Level": 1.0, "Press/SREL": 5.0, "Press/EjectionForce": 2.0, "Press/PreForceMean": 2.0,
    "Utilities/PressPower": 1.0,
}  # fmt: skip
#: Absolute noise [plant unit].
ABSOLUTE = {
    "Blender/HoldUpMass": 0.005, "Press/FillDepth": 0.005, "Press/MainHeight": 0.005, "Bin/AcceptedMass": 0.001,
    "Bin/RejectedMass": 0.001,
}  # fmt: skip
#: Counts, states and what carries its noise already: the instrument adds none.
EXACT = (
    "Sys/StepIndex", "Press/TabletsMade", "Press/RevolutionId", "Diverter/TabletsAccepted", "Diverter/Position",
    "Press/MainForceMean", "Feeder1/NetWeight", "Feeder1/MassFlow", "Feeder3/FeedFactor", "Press/MainForceSetpoint",
)  # fmt: skip
N_LOOKS = 4000


@pytest.fixture(scope="module")
def running() -> Lines:
    """A line in EXECUTE whose second is looked at again and again."""
    return settled(500, seed=2).plant.lines


@pytest.fixture
def still(running: Lines) -> Iterator[Lines]:
    """The same, with effects put back afterwards."""
    running.arrived = None
    yield running
    running.effects.clear(0)
    running.effects.any_active = False
    running.sensors.publish(running, np.zeros((1, N_SENSOR_NORMALS)))


def shown(lines: Lines, tag: str) -> float:
    return float(lines.frame.values[0, register().scalar_index[tag]])


def publish(lines: Lines, z: float = 0.0) -> None:
    lines.sensors.publish(lines, np.full((1, N_SENSOR_NORMALS), z))


@pytest.fixture(scope="module")
def looks(running: Lines) -> np.ndarray:
    """(N_LOOKS, n_scalars): one second of the line as its instruments would show it each time."""
    running.arrived = None
    chance = np.random.default_rng(5)
    seen = np.zeros((N_LOOKS, len(register().scalar_ids)))
    for i in range(N_LOOKS):
        running.sensors.publish(running, chance.standard_normal((1, N_SENSOR_NORMALS)))
        seen[i] = running.frame.values[0]
    publish(running)
    return seen


# --- noise: 4,000 looks know a standard deviation to 1.1 %, so 5 % is more than four of its errors ----------------------
@pytest.mark.parametrize("tag", RELATIVE)
def test_relative_noise_is_the_registered_one(looks: np.ndarray, tag: str) -> None:
    seen = looks[:, register().scalar_index[tag]]
    assert seen.std() / seen.mean() * 100.0 == pytest.approx(RELATIVE[tag], rel=0.05)


@pytest.mark.parametrize("tag", ABSOLUTE)
def test_absolute_noise_is_the_registered_one(looks: np.ndarray, tag: str) -> None:
    assert looks[:, register().scalar_index[tag]].std() == pytest.approx(ABSOLUTE[tag], rel=0.05)


@pytest.mark.parametrize("tag", EXACT)
def test_counts_states_and_means_get_no_noise_of_their_own(looks: np.ndarray, tag: str) -> None:
    assert np.ptp(looks[:, register().scalar_index[tag]]) == 0.0


def test_signals_are_independent_of_each_other(looks: np.ndarray) -> None:
    columns = [register().scalar_index[tag] for tag in [*RELATIVE, *ABSOLUTE]]
    correlation = np.corrcoef(looks[:, columns].T) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5.0 / np.sqrt(N_LOOKS)


def test_a_weight_is_the_mean_of_ten_readings_a_second(running: Lines) -> None:
    # 0.1 g a 10 Hz reading of the API feeder's scale; 0.5 g of the excipients', 0.05 g of the lubricant's
    chance, scale = np.random.default_rng(6), running.feeders.scale
    z = chance.standard_normal((N_LOOKS, 1, 4))
    seen = np.array([scale.read(one, running.effects)[0] for one in z])
    p = running.feeders._p
    expected = [0.1e-3, 0.5e-3, 0.5e-3, 0.05e-3] / np.sqrt(10.0)
    assert np.allclose(p["scale_noise"][0], [0.1e-3, 0.5e-3, 0.5e-3, 0.05e-3])
    assert seen.std(axis=0) == pytest.approx(expected, rel=0.05)


def test_mean_force_of_a_second_is_that_of_its_tablets_and_as_sure_as_their_number_makes_it() -> None:
    driver = settled(500, seed=4)
    lines = driver.plant.lines
    relative = []
    for _ in range(120):
        driver.step()
        tablets = lines.tablets
        assert tablets is not None
        force = tablets.force_read_n[0][tablets.made[0]]
        assert driver["Press/MainForceMean"] == pytest.approx(force.mean() * 1e-3, rel=1e-12)
        relative.append(force.std(ddof=1) / np.sqrt(force.size) / force.mean())
    # 4.2 % tablet to tablet over 31 tablets
    assert np.mean(relative) * 100 == pytest.approx(0.75, abs=0.1)


# --- units --------------------------------------------------------------------------------------------------------------
def test_a_frame_without_noise_shows_the_state_in_plant_units(still: Lines) -> None:
    publish(still)
    held, impeller = still.path.blender[0, 0], still.press_loops.impeller[0]
    assert shown(still, "Blender/ImpellerSpeed") == pytest.approx(impeller * 60.0, rel=1e-14)
    assert shown(still, "Blender/HoldUpMass") == pytest.approx(held * (1 + still.groups["blender"]["load_cell_span_error"][0]))
    assert shown(still, "Press/TurretSpeed") == pytest.approx(still.press_loops.turret[0] * 60.0, rel=1e-14)
    assert shown(still, "Press/FillDepth") == pytest.approx(still.press_loops.fill_depth[0] * 1e3, rel=1e-14)
    assert shown(still, "Feeder1/ScrewSpeed") == pytest.approx(still.feeders.speed[0, 0] * 60.0, rel=1e-14)
    assert shown(still, "Feeder2/Setpoint") == pytest.approx(shown(still, "SP/Feeder2MassFlow"), rel=1e-14)
    assert shown(still, "Sys/StepIndex") == still.second
    assert still.sensors.level[0] == pytest.approx(shown(still, "Hopper/Level"), rel=1e-14)


def test_every_tag_that_the_register_lacks_is_named_at_once() -> None:
    missing = {"Hopper/Level", "NIR/DarkLevel", "NIR2/Spectrum", "Feeder3/Torque"}
    short = TagRegister([tag for name, tag in register().tags.items() if name not in missing])
    with pytest.raises(ConfigurationFaults) as caught:
        Frame(short, 1)
    assert {fault.key for fault in caught.value.faults} == missing


def test_a_late_block_keeps_each_line_s_status_and_the_second_of_its_measurement() -> None:
    frame = Frame(register(), 2)
    columns = frame.scalars(("NIR/SpectrumId", "NIR/DarkLevel"))
    frame.block(columns, np.array([[7.0, 0.2], [np.nan, np.nan]]), 40, np.array([STATUS_GOOD, STATUS_BAD_OUT_OF_SERVICE]))
    assert frame.values[0, columns].tolist() == [7.0, 0.2]
    assert frame.statuses[:, columns].tolist() == [[STATUS_GOOD] * 2, [STATUS_BAD_OUT_OF_SERVICE] * 2]
    assert (frame.source_steps[:, columns] == 40).all()


# --- faults of readings -------------------------------------------------------------------------------------------------
#: effect, value, tag, what the reading becomes from `before` (no noise).
READINGS = (
    ("torque", 1.5, "Feeder3/Torque", lambda before: before * 1.5),
    ("blender_torque", 1.3, "Blender/Torque", lambda before: before * 1.3),
    ("blender_offset_kg", -0.08, "Blender/HoldUpMass", lambda before: before - 0.08),
    ("level_offset_kg", 0.1, "Hopper/Level", lambda before: before + 0.1),
    ("gate_feedback_wrong", True, "Diverter/Position", lambda before: 1.0 - before),
)


@pytest.mark.parametrize(("effect", "value", "tag", "becomes"), READINGS, ids=[r[0] for r in READINGS])
def test_a_fault_of_a_reading_moves_that_reading_only(still: Lines, effect, value, tag, becomes) -> None:  # type: ignore[no-untyped-def]
    publish(still)
    before = still.frame.values[0].copy()
    getattr(still.effects, effect)[0] = value
    still.effects.any_active = True
    publish(still)
    i = register().scalar_index[tag]
    assert still.frame.values[0, i] == pytest.approx(becomes(before[i]), rel=1e-12)
    moved = {t for t, a, b in zip(register().scalar_ids, before, still.frame.values[0]) if a != b and not np.isnan(a)}
    each = {f"Feeder{i}/Torque" for i in range(1, 5)} if EFFECTS[effect].each_feeder else {tag}
    assert moved - {"Utilities/RoomTemperature", "Utilities/RoomHumidity"} == each  # the room wanders by itself


def test_a_stuck_level_repeats_its_value_while_source_time_goes_on(still: Lines) -> None:
    publish(still, z=0.5)
    held = shown(still, "Hopper/Level")
    still.effects.level_stuck[0] = True
    still.effects.any_active = True
    i = register().scalar_index["Hopper/Level"]
    second = still.second
    try:
        for k, z in enumerate((-2.0, 1.0, 3.0)):
            still.second = second + k
            publish(still, z)
            assert shown(still, "Hopper/Level") == held
            assert still.sensors.level[0] == pytest.approx(held)
            assert still.frame.source_steps[0, i] == second + k
    finally:
        still.second = second
    still.effects.level_stuck[0] = False
    publish(still, 1.0)
    assert shown(still, "Hopper/Level") != held


def test_what_the_gate_reports_goes_to_the_interlocks_too(still: Lines) -> None:
    still.effects.gate_feedback_wrong[0] = True
    still.effects.any_active = True
    publish(still)
    assert still.sensors.gate_feedback[0] == 1.0 - float(still.chute.open[0])


def test_a_wrong_bin_scale_counts_what_is_added_from_its_onset_on_and_does_not_jump(still: Lines) -> None:
    publish(still)
    before = shown(still, "Bin/AcceptedMass")
    still.effects.bin_scale[0] = 0.9
    still.effects.any_active = True
    publish(still)
    assert shown(still, "Bin/AcceptedMass") == before
    gain = 1.0 + still.groups["chute"]["accepted_scale_span_error"][0]
    still.chute.masses[0, 1] += 2.0
    publish(still)
    assert shown(still, "Bin/AcceptedMass") == pytest.approx(before + 0.9 * 2.0 * gain)
    still.effects.bin_scale[0] = 1.0
    still.chute.masses[0, 1] += 1.0
    publish(still)
    assert shown(still, "Bin/AcceptedMass") == pytest.approx(before + (0.9 * 2.0 + 1.0) * gain)
    assert shown(still, "Bin/DivertedMass") == pytest.approx(still.chute.masses[0, 2] * gain)
