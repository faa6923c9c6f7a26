"""Nothing is lost and nothing is made, whatever happens."""

from __future__ import annotations

import numpy as np
import pytest

from line.configuration import LotLoad, PlantFault
from plant_sim.extents import N_EXTENTS, TOTAL
from plant_sim.faults import FAULTS
from plant_sim.lines import Lines
from plant_sim.recorder import Recorder
from plant_sim.truth import Truth
from plant_sim.units.transport import PlugFlow, mix
from tests.fault_bench import drive, ensemble
from tests.plant_bench import HOLD, RESUME, RUN_OUT, Driver, nominal, plant

#: 1e-9 of the throughput of one second at 25 kg/h [kg]
TOLERANCE_KG = 1e-9 * 25.0 / 3600.0
RESIDUALS = ("mass_residual_kg", "api_residual_kg", "premix_residual_kg", "lactose_residual_kg", "lubricant_residual_kg")


@pytest.fixture(scope="module")
def ledgers() -> dict[str, Truth]:
    """The ledger of every twentieth second, a line a fault, all in one ensemble: refill, hold, resume, run-out."""
    lot = LotLoad(at_s=300, feeder=2, lot="B2", bulk_density_pct=-3.3)
    lines = ensemble([[PlantFault(name=name, at_s=350, duration_s=160)] for name in FAULTS], [lot])
    recorders = [Recorder(lines, i, Truth(nominal().content.label_claim.value)) for i in range(len(FAULTS))]
    pulses = {400: HOLD, 420: RESUME, 560: RESUME, 580: RUN_OUT}

    def command(k: int, asked: np.ndarray, index: dict[str, int]) -> None:
        asked[:, index["SP/LineCommand"]] = pulses.get(k, asked[0, index["SP/LineCommand"]])

    def look(lines: Lines) -> None:
        if lines.second % 20 == 0:
            for recorder in recorders:
                recorder.record()

    drive(lines, 900, command, look)
    return {name: recorder.truth for name, recorder in zip(FAULTS, recorders, strict=True)}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_mass_is_conserved_with_each_fault_through_hold_and_run_out(name: str, ledgers: dict[str, Truth]) -> None:
    series = ledgers[name].series
    assert max(float(np.abs(series[residual]).max()) for residual in RESIDUALS) < TOLERANCE_KG
    assert series["mass_accepted_kg"][-1] > 0.2 or name in ("gate_stuck_closed",)


def test_every_tablet_ends_in_one_place() -> None:
    driver = Driver(plant()).start().run(700)
    driver.command(HOLD)
    driver.run(720)
    tablets = driver.plant.truth.tablets
    assert np.array_equal(tablets["counter"], np.arange(1, tablets["counter"].size + 1))
    assert (tablets["destination"] > 0).all()
    counted = [int((tablets["destination"] == d).sum()) for d in (1, 2, 3, 4)]
    names = ("Diverter/TabletsAccepted", "Diverter/TabletsDiverted", "Press/TabletsRejected", "Diverter/TabletsSampled")
    assert counted == [int(driver[name]) for name in names]
    newest = driver.plant.truth.newest()
    for code, bin_name in ((1, "accepted"), (2, "diverted"), (3, "rejected"), (4, "sampled")):
        mass = tablets["mass_mg"][tablets["destination"] == code].sum() * 1e-6
        assert mass == pytest.approx(newest[f"mass_{bin_name}_kg"], abs=1e-9)


def test_api_in_tablets_is_the_api_that_left_the_feed_frame() -> None:
    driver = Driver(plant()).start().run(700)
    tablets = driver.plant.truth.tablets
    api_kg = (tablets["content_pct_lc"] / 100 * 18e-6).sum()
    left = driver.plant.lines.pressed[0, 5]
    assert api_kg == pytest.approx(left, rel=1e-12)


def test_plug_flow_delays_by_mass_over_flow_and_loses_nothing() -> None:
    plug, rng = PlugFlow(2), np.random.default_rng(5)
    put, got = np.zeros((2, N_EXTENTS)), np.zeros((2, N_EXTENTS))
    for _ in range(3000):
        out = plug.pop(rng.uniform(0, 0.011, 2))
        material = rng.uniform(0, 0.01, (2, N_EXTENTS)) * rng.integers(0, 2, (2, 1))
        plug.push(material)
        put, got = put + material, got + out
        assert (plug.held >= -1e-12).all()
    assert np.abs(put - got - plug.held).max() < 1e-10
    got += plug.pop(plug.mass * 2)
    assert np.abs(put - got).max() < 1e-10
    assert np.abs(plug.mass).max() < 1e-12


def test_mixing_conserves_and_stays_positive_from_empty_to_full() -> None:
    rng = np.random.default_rng(8)
    tank = rng.uniform(0, 1, (500, N_EXTENTS)) * rng.choice([0.0, 1e-9, 1.0], (500, 1))
    inflow = rng.uniform(0, 1, (500, N_EXTENTS)) * rng.choice([0.0, 1e-9, 1.0], (500, 1))
    out_kg = tank[:, TOTAL] * rng.choice([0.0, 0.5, 1.0], 500)
    after, out = mix(tank, inflow, out_kg)
    assert np.abs(tank + inflow - after - out).max() < 1e-15
    assert (after >= -1e-15).all()
    assert (out >= 0).all()


def test_zero_flow_changes_nothing() -> None:
    driver = Driver(plant()).start().run(500)
    driver.command(HOLD)
    driver.run(520)
    before = driver.plant.lines.path.blender.copy(), driver.plant.lines.path.hopper.copy()
    driver.run(600)
    assert np.array_equal(driver.plant.lines.path.blender[:, TOTAL], before[0][:, TOTAL])
    assert np.array_equal(driver.plant.lines.path.hopper, before[1])
