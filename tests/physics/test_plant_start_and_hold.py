"""Start-up from empty, the line-hold and the restart: who moves, what is kept, what the tablets are."""

from __future__ import annotations

import numpy as np
import pytest

from line.modes import LineState
from plant_sim.extents import TOTAL
from tests.plant_bench import HOLD, RESUME, Driver, plant, series

KG_PER_S = 25.0 / 3600.0
FLOWS = (
    "mass_flow_api_kg_per_s", "mass_flow_premix_kg_per_s", "mass_flow_lactose_kg_per_s", "mass_flow_lubricant_kg_per_s",
    "mass_flow_blender_exit_kg_per_s", "mass_flow_press_kg_per_s",
)  # fmt: skip


@pytest.fixture(scope="module")
def started() -> Driver:
    return Driver(plant()).start().run(900)


def first(condition: np.ndarray) -> int:
    return int(np.argmax(condition))


def test_the_press_waits_until_the_hopper_has_its_level(started: Driver) -> None:
    state, made = series(started, "line_state"), series(started, "tablets_made")
    execute = first(state == LineState.EXECUTE)
    assert (made[:execute] == 0).all() and made[execute + 5] > 0
    assert series(started, "hold_up_hopper_kg")[execute] == pytest.approx(0.60, abs=0.05)
    # what was fed until then is in the blender (0.70 kg), the hopper (0.60 kg) and the feed frame (0.35 kg, 3 s before it)
    assert execute == pytest.approx((0.70 + 0.60 + 0.37) / KG_PER_S, rel=0.04)


def test_nothing_comes_out_before_it_went_in(started: Driver) -> None:
    fed = np.cumsum(sum(series(started, name) for name in FLOWS[:4]))
    mixed, pressed = np.cumsum(series(started, FLOWS[4])), np.cumsum(series(started, FLOWS[5]))
    assert (mixed <= fed + 1e-9).all()
    frame_kg = series(started, "hold_up_feed_frame_kg")[0]
    assert (pressed <= mixed + frame_kg + 1e-9).all()


def test_the_first_tablets_are_tablets(started: Driver) -> None:
    """Set-points start at the reference point, so weight is near target at once, and within 1 % after a minute."""
    mass, made = series(started, "tablet_mass_mean_mg"), series(started, "tablets_made")
    begin = first(made > 0)
    assert np.nanmean(mass[begin : begin + 10]) == pytest.approx(225, rel=0.06)
    assert np.nanmean(mass[begin + 60 : begin + 120]) == pytest.approx(225, rel=0.01)
    assert np.nanmean(series(started, "potency_feed_frame_exit_pct_lc")[-120:]) == pytest.approx(100, rel=0.02)


def test_a_hold_stops_everything_in_two_seconds_and_keeps_what_is_inside() -> None:
    driver = Driver(plant()).start().run(600)
    driver.command(HOLD)
    driver.run(700)
    assert driver["Sys/LineState"] == LineState.HELD
    for name in FLOWS:  # screws brake with the drive's lag: a trickle is left
        assert (series(driver, name)[603:] <= 0.001 * KG_PER_S).all(), name
    for name in ("hold_up_blender_kg", "hold_up_hopper_kg", "hold_up_feed_frame_kg"):
        held = series(driver, name)[603:]
        assert np.abs(held - held[0]).max() <= 0.01 * KG_PER_S, name
    assert (series(driver, "tablets_made")[602:] == 0).all()


def test_a_restart_goes_on_where_the_line_stood() -> None:
    driver = Driver(plant()).start().run(600)
    driver.command(HOLD)
    driver.run(660)
    inside = driver.plant.lines.path.blender[0, TOTAL]
    driver.command(RESUME)
    driver.run(900)
    codes = [event["code"] for event in driver.events]
    assert codes.index("LINE_HOLD") < codes.index("LINE_RESUMED")
    assert driver["Sys/LineState"] == LineState.EXECUTE
    made, mass = series(driver, "tablets_made"), series(driver, "tablet_mass_mean_mg")
    restart = 660 + first(made[660:] > 0)
    assert restart <= 670
    assert np.nanmean(mass[restart + 10 : restart + 40]) == pytest.approx(225, rel=0.02)
    potency = series(driver, "potency_feed_frame_exit_pct_lc")
    assert potency[restart + 1] == pytest.approx(np.nanmean(potency[540:600]), rel=0.03)
    assert driver.plant.lines.path.blender[0, TOTAL] == pytest.approx(inside, rel=0.10)
    assert np.abs(series(driver, "mass_residual_kg")).max() < 1e-9 * KG_PER_S


def test_a_line_that_is_never_started_moves_nothing() -> None:
    driver = Driver(plant()).run(120)
    assert all((series(driver, name) == 0.0).all() for name in FLOWS)
    assert driver["Press/TabletsMade"] == 0.0 and driver["Sys/LineState"] == LineState.STOPPED
