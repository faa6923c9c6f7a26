"""Figures of merit, each against a number worked out by hand or from what the test itself wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.kpis import ENERGY_COUNTER, FIGURES, compute_kpis, divert_reasons, energy_figures
from historian.frames import Frames
from line.errors import DataError, RecordError
from line.tags import TagRegister, load_register
from plant_sim.truth import FILE_NAME
from plant_sim.units.chute import Destination
from tests.synthetic_lot import CONFIGS, TABLETS_A_SECOND, write_lot

SECONDS = 1300


@pytest.fixture(scope="module")
def lot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "lot"
    write_lot(folder, seconds=SECONDS)
    return folder


def write_truth(folder: Path, content: list[float], destination: list[Destination], **series: list[float]) -> Path:
    """Two tablets a second from second 1 on."""
    folder.mkdir(parents=True)
    n = len(content)
    np.savez(
        folder / FILE_NAME,
        tablet_counter=np.arange(1, n + 1),
        tablet_second=np.arange(n) // 2 + 1,
        tablet_mass_mg=np.full(n, 225.9),
        tablet_content_pct_lc=np.array(content),
        tablet_strength_mpa=np.full(n, 1.54 * 1.1),
        tablet_destination=np.array([int(d) for d in destination]),
        **{f"series_{k}": np.array(v) for k, v in series.items()},
    )
    return folder


def test_masses_come_from_the_last_reading_of_the_scales(lot: Path) -> None:
    kpis = compute_kpis(lot)
    made_kg = SECONDS * TABLETS_A_SECOND * 225e-6
    accepted_s = SECONDS - 240 - 141 - 120  # start-up, interruption with guard, run-out
    assert kpis["mass_in_kg"] == pytest.approx(made_kg + 0.61, rel=1e-9)
    assert kpis["mass_accepted_kg"] == pytest.approx(accepted_s * TABLETS_A_SECOND * 225e-6, rel=1e-9)
    assert kpis["mass_diverted_kg"] == pytest.approx((SECONDS - accepted_s) * TABLETS_A_SECOND * 225e-6, rel=1e-9)
    assert kpis["mass_start_up_kg"] == pytest.approx(240 * TABLETS_A_SECOND * 225e-6, rel=0.01)
    assert kpis["diverted_event_seconds"] == 141
    assert kpis["diverted_unplanned_pct"] == pytest.approx(100 * 141 / SECONDS, rel=0.01)


def test_energy_is_what_the_counter_moved_within_the_record(lot: Path) -> None:
    """31 kW from the first recorded second to the last."""
    kpis = compute_kpis(lot)
    assert kpis["energy_kwh"] == pytest.approx(31.0 * (SECONDS - 1) / 3600, rel=1e-9)
    accepted_kg = (SECONDS - 240 - 141 - 120) * TABLETS_A_SECOND * 225e-6
    assert kpis["energy_kwh_per_kg_accepted"] == pytest.approx(31.0 * (SECONDS - 1) / 3600 / accepted_kg, rel=1e-9)


@pytest.mark.parametrize(
    ("counter", "accepted_kg", "energy", "per_kg"),
    [
        ([np.nan, 2.0, np.nan, 5.0], 6.0, 3.0, 0.5),
        ([2.0, 5.0], 0.0, 3.0, None),
        ([np.nan, np.nan], 6.0, None, None),
        ([5.0, 2.0], 6.0, None, None),  # set back: no figure rather than a wrong one
        (None, 6.0, None, None),  # a line without a counter
    ],
)
def test_energy_without_a_usable_counter_or_without_product(
    counter: list[float] | None, accepted_kg: float, energy: float | None, per_kg: float | None
) -> None:
    tags = load_register(CONFIGS / "line" / "tags.csv").tags
    register = TagRegister([tags["Bin/AcceptedMass" if counter is None else ENERGY_COUNTER]])
    values = np.array([counter or [0.0, 1.0]]).T
    rows = np.arange(values.shape[0])
    quality, sources = np.zeros(values.shape, np.uint8), np.zeros(values.shape, np.int64)
    figures = energy_figures(Frames(register, rows, values, quality, sources), accepted_kg)
    assert (figures.get("energy_kwh"), figures.get("energy_kwh_per_kg_accepted")) == (energy, per_kg)


def test_decisions_travel_and_verdict_are_read(lot: Path) -> None:
    kpis = compute_kpis(lot)
    assert (kpis["decisions"], kpis["decisions_held"], kpis["decisions_fallback"], kpis["alarms"]) == (260, 1, 0, 1)
    assert kpis["acceptance_value"] == 6.25
    assert kpis["hardness_mean_n"] == pytest.approx(np.mean([70 + 2 * np.sin(k) for k in (300, 600, 900, 1200)]))
    # 259 moves of 0.01 kg/h x a standard normal number over the normal range of 2.38 - 1.29 kg/h
    assert kpis["travel_ranges"] == pytest.approx(259 * 0.01 * np.sqrt(2 / np.pi) / 1.09, rel=0.15)


def test_truth_figures_by_hand(lot: Path, tmp_path: Path) -> None:
    good, low, extreme = [100.0, 102.0], [85.5, 85.5], [84.0, 80.0]
    accept, divert = [Destination.ACCEPTED] * 2, [Destination.DIVERTED] * 2
    mixed = [Destination.ACCEPTED, Destination.DIVERTED]
    truth = write_truth(
        tmp_path / "truth",
        [*good, *good, *low, *extreme],
        [*accept, *divert, *mixed, *divert],
        mass_in_kg=[1.0, 4.0],
        mass_residual_kg=[-2e-9, 1e-9],
    )
    kpis = compute_kpis(lot, truth)
    assert kpis["nonconforming_seconds"] == 2
    assert kpis["nonconforming_accepted_seconds"] == 1
    assert kpis["nonconforming_made_tablets"] == 2
    assert kpis["accepted_out_of_limit_tablets"] == 0
    # every tablet weighs 0.4 % more than the target: concentration = content / 1.004
    assert kpis["potency_error_mean_pct_lc"] == pytest.approx((100 + 102 + 85.5) / 1.004 / 3 - 100)
    assert kpis["weight_error_mean_pct"] == pytest.approx(0.4)
    assert kpis["potency_iae_pct_lc_min"] == pytest.approx((101 / 1.004 - 100 + 100 - 85.5 / 1.004) / 60)
    assert kpis["weight_iae_pct_min"] == pytest.approx(2 * 0.4 / 60)
    assert kpis["strength_iae_pct_min"] == pytest.approx(2 * 10 / 60)
    assert kpis["mass_residual_truth_pct"] == pytest.approx(100 * 2e-9 / 4)
    assert kpis.has_truth


def test_true_masses_by_destination_and_by_the_mean_of_their_parcel(lot: Path, tmp_path: Path) -> None:
    """Tablets of 225.9 mg, two a second; a parcel's mean on a limit is inside it."""
    rejected, diverted, accepted = Destination.REJECTED, Destination.DIVERTED, Destination.ACCEPTED
    content = [100.0, 100.0, 94.0, 94.0, 89.0, 91.0, 89.0, 89.5, 99.0, 101.0, 80.0, 81.0]
    where = [rejected, diverted, accepted, accepted, accepted, Destination.SAMPLED, accepted, accepted, diverted, accepted]
    kpis = compute_kpis(lot, write_truth(tmp_path / "truth", content, [*where, diverted, diverted]))
    tablet_kg = 225.9e-6
    assert kpis["mass_accepted_truth_kg"] == pytest.approx(6 * tablet_kg)
    assert kpis["mass_diverted_truth_kg"] == pytest.approx(4 * tablet_kg)
    assert kpis["mass_rejected_truth_kg"] == pytest.approx(tablet_kg)
    assert kpis["mass_start_up_truth_kg"] == pytest.approx(2 * tablet_kg)
    assert kpis["accepted_outside_5_pct_kg"] == pytest.approx(5 * tablet_kg)  # means 94, 90 and 89.25 % LC
    assert kpis["accepted_outside_10_pct_kg"] == pytest.approx(2 * tablet_kg)  # 89.25 alone: 90 is on the limit
    assert kpis["diverted_within_5_pct_kg"] == pytest.approx(2 * tablet_kg)  # both of means of 100 % LC


def test_nothing_accepted_is_all_start_up(lot: Path, tmp_path: Path) -> None:
    kpis = compute_kpis(lot, write_truth(tmp_path / "truth", [100.0] * 4, [Destination.DIVERTED] * 4))
    assert kpis["mass_start_up_truth_kg"] == pytest.approx(4 * 225.9e-6)
    assert kpis["accepted_outside_5_pct_kg"] == 0.0


@pytest.mark.parametrize(("content", "count"), [(85.0, 0), (115.0, 0), (84.999, 1), (115.001, 1)])
def test_an_accepted_tablet_out_of_limit_is_counted(lot: Path, tmp_path: Path, content: float, count: int) -> None:
    truth = write_truth(tmp_path / "truth", [content, 100.0], [Destination.ACCEPTED, Destination.ACCEPTED])
    assert compute_kpis(lot, truth)["accepted_out_of_limit_tablets"] == count


def test_without_truth_its_figures_are_none_and_the_rest_stays(lot: Path, tmp_path: Path) -> None:
    """Against a real line there is no truth."""
    with_truth, without = compute_kpis(lot), compute_kpis(lot, tmp_path)
    assert not without.has_truth and with_truth.has_truth
    for name, (label, _, _) in FIGURES.items():
        if "(truth)" in label:
            assert without[name] is None
        else:
            assert without[name] == with_truth[name]
    assert list(without.body()) == list(FIGURES) and len(without.rows()) == len(FIGURES)
    assert dict(without.rows())["nonconforming seconds made (truth)"] == "-"


def test_a_damaged_truth_is_one_line(lot: Path, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="truth cannot be read") as caught:
        compute_kpis(lot, tmp_path)
    assert "\n" not in caught.value.line()
    with pytest.raises(RecordError, match="no record"):
        compute_kpis(tmp_path)


def parcel(reason: str, diverted: int, accepted: int = 0) -> dict[str, Any]:
    return {"reason": reason, "diverted": diverted, "accepted": accepted}


@pytest.mark.parametrize(
    ("parcels", "reasons"),
    [
        ([parcel("START_UP", 9), parcel("CONFORMS", 4, 5), parcel("CONFORMS", 0, 9)], ["START_UP", "START_UP", ""]),
        ([parcel("CONFORMS", 0, 9), parcel("CONFORMS", 2, 7), parcel("GUARD", 9)], ["", "GUARD", "GUARD"]),
        ([parcel("CONFORMS", 0, 9), parcel("CONFORMS", 2, 7), parcel("CONFORMS", 0, 9)], ["", "CONFORMS", ""]),
        ([parcel("POTENCY_OUTSIDE", 9), parcel("GUARD", 9)], ["POTENCY_OUTSIDE", "GUARD"]),
        ([], []),
    ],
)
def test_tablets_lost_while_the_gate_moves_belong_to_the_diversion_beside(parcels: Any, reasons: list[str]) -> None:
    assert divert_reasons(parcels) == reasons
