"""Each unit operation of the control model: conservation, limits, monotonicity, published figures."""

from __future__ import annotations

import math

import casadi as ca
import numpy as np
import pytest

from flowsheet import blender, feed_frame, feeder, hopper, press
from flowsheet.assembly import build_flowsheet
from flowsheet.layout import (
    BLENDER,
    CELLS,
    FEED_FRAME,
    LEVEL,
    N_CELLS,
    N_D,
    N_TANKS,
    N_U,
    STATES,
    STEP_S,
    Vector,
    blender_tank_mass,
    feed_frame_masses,
    feed_frame_plug,
    nominal_state,
    state_scale,
)
from flowsheet.parameters import flowsheet_parameters
from tests.control_parts import flowsheet, outputs, parameters, steady
from tests.plant_counterparts import design


def values(expressions: list[object]) -> Vector:
    return np.array([float(ca.DM(e)) for e in expressions])


def test_feeder_mean_flow_is_the_exact_mean_of_a_first_order_lag() -> None:
    p = parameters()
    tau, low, high = p.feeder_lag, 1.0e-4, 5.0e-4
    t = np.linspace(0.0, STEP_S, 200_001)
    exact = np.trapezoid(high + (low - high) * np.exp(-t / tau), t) / STEP_S
    assert float(feeder.mean_flow(high, low, 0.0, p, STEP_S)) == pytest.approx(exact, rel=1e-8)


def test_feeder_with_no_setpoint_ends_at_zero_and_a_stopped_one_delivers_nothing_new() -> None:
    p = parameters()
    flow = 5e-4
    for _ in range(30):
        flow = float(feeder.mean_flow(0.0, flow, 0.0, p, STEP_S))
    assert flow == pytest.approx(0.0, abs=1e-12)
    assert float(feeder.mean_flow(5e-4, 0.0, -1.0, p, STEP_S)) == 0.0
    assert float(feeder.next_deviation(-1.0, p, p.feeder_deviation_time)) == pytest.approx(-1.0 / math.e)


def test_blender_plug_keeps_mass() -> None:
    p, rng = parameters(), np.random.default_rng(1)
    flows = rng.uniform(0, 1e-2, 50)
    gone = 0.0
    for k in range(2, 50):
        held = blender.plug_mass(flows[k - 1], flows[k - 2], p, STEP_S)
        gone = STEP_S * blender.plug_outflow(flows[k - 1], flows[k - 2], p, STEP_S)
        after = blender.plug_mass(flows[k], flows[k - 1], p, STEP_S)
        assert after == pytest.approx(held + STEP_S * flows[k] - gone, abs=1e-15)


def test_blender_conserves_mass_and_components() -> None:
    p, rng = parameters(), np.random.default_rng(2)
    tanks = rng.uniform(0.05, 0.3, 4 * N_TANKS)
    inflow = rng.uniform(0, 1e-2, 4)
    rates, stream = blender.derivative(tanks, inflow, 4.0, p)
    total = values(rates).reshape(N_TANKS, 4).sum(axis=0)
    assert total[:3] == pytest.approx(inflow[:3] - values(stream)[:3], abs=1e-15)
    shear_made = 4.0 * tanks[::4].sum()
    assert total[3] == pytest.approx(inflow[3] - float(ca.DM(stream[3])) + shear_made, abs=1e-12)


@pytest.mark.parametrize(("flow_factor", "speed_factor"), [(1.0, 1.0), (0.72, 1.0), (1.08, 1.2), (1.0, 0.8)])
def test_blender_hold_up_follows_its_law(flow_factor: float, speed_factor: float) -> None:
    p = parameters()
    mass = blender_tank_mass(p) * flow_factor**p.blender_flow_exponent * speed_factor**-p.blender_speed_exponent
    flow = float(blender.outflow(mass, speed_factor * p.blender_reference_speed, p))
    assert flow == pytest.approx(flow_factor * p.reference_flow, rel=1e-12)


def test_blender_holds_everything_while_the_impeller_stands() -> None:
    p = parameters()
    assert float(blender.outflow(blender_tank_mass(p), 0.0, p)) < 1e-9 * p.reference_flow


def test_hopper_conserves_components_while_its_level_moves() -> None:
    p, rng = parameters(), np.random.default_rng(3)
    cells = rng.uniform(0, 0.2, 3 * (N_CELLS + 1))
    level, flow_in, flow_out, inflow = 0.55, 6e-3, 8e-3, [0.07, 0.012, 300.0]
    rates = values(hopper.derivative(cells, level, flow_in, inflow, flow_out, p))
    cell = (p.hopper_plug_share * level + feed_frame_plug(p)) / N_CELLS
    tank = (1 - p.hopper_plug_share) * level
    masses = np.array([*[cell] * N_CELLS, tank])
    growth = np.array([*[p.hopper_plug_share * rates[0] / N_CELLS] * N_CELLS, (1 - p.hopper_plug_share) * rates[0]])
    for i in range(3):
        content = cells[i::3]
        change = float(masses @ rates[1:][i::3] + growth @ content)
        assert change == pytest.approx(flow_in * inflow[i] - flow_out * content[-1], rel=1e-9)
    assert rates[0] == pytest.approx(flow_in - flow_out)


def test_feed_frame_passes_what_enters_and_stands_still_without_flow() -> None:
    p = parameters()
    first, second = feed_frame_masses(p)
    rates = values(feed_frame.derivative([0.08, 0.01, 400, 0.07, 0.01, 420], [0.1, 0.01, 390], 7e-3, p))
    change = first * rates[0] + second * rates[3]
    assert change == pytest.approx(7e-3 * (0.1 - 0.07))
    still = values(feed_frame.derivative([0.08, 0.01, 400, 0.07, 0.01, 420], [0.1, 0.01, 390], 0.0, p))
    assert still[[0, 1, 3, 4]] == pytest.approx(0.0)


def test_press_reference_point_is_the_published_one() -> None:
    """Press figures of the reference product: 225 mg, 6.2 kN, 123 MPa, D 0.870, 1.54 MPa, 70 N."""
    model = build_flowsheet(design())
    y = outputs(model, steady(model))
    assert y["weight"] == pytest.approx(225.0, rel=0.002)
    assert y["force_main"] == pytest.approx(6.2, rel=1e-6)
    assert y["strength"] == pytest.approx(1.54, rel=0.005)
    assert y["hardness"] == pytest.approx(70.0, rel=0.02)
    assert y["fill_depth"] == pytest.approx(6.54, rel=0.005)
    assert y["speed_turret"] == pytest.approx(51.4, rel=0.002)
    assert y["hold_up_blender"] == pytest.approx(0.70, rel=1e-3)
    assert float(press.density_in_die(6200.0, 0.0, design())) == pytest.approx(0.870, abs=0.001)


def test_press_gains_are_the_published_ones() -> None:
    """Gains of the reference product: d ln F/d ln W = +4.1, d ln F/d ln h = -4.0 (+-0.2)."""
    p, e = parameters(), 1e-4
    mass = float(press.mass_for_force(6200.0, p.main_height, 0.0, p))

    def force(w: float, h: float) -> float:
        return float(press.force_for_mass(w, h, 0.0, p))

    h = p.main_height
    assert math.log(force(mass * (1 + e), h) / force(mass * (1 - e), h)) / (2 * e) == pytest.approx(4.1, abs=0.2)
    assert math.log(force(mass, h * (1 + e)) / force(mass, h * (1 - e))) / (2 * e) == pytest.approx(-4.0, abs=0.2)


def test_height_and_yield_pressure_move_the_weight_as_computed_under_held_force() -> None:
    """Computed for the reference product: +0.02 mm adds 0.58 % weight at held force; +8 % yield pressure removes 1.7 %."""
    p = parameters()
    base = float(press.mass_for_force(6200.0, p.main_height, 0.0, p))
    higher = float(press.mass_for_force(6200.0, p.main_height + 2e-5, 0.0, p))
    harder = float(press.mass_for_force(6200.0, p.main_height, 0.08, p))
    assert 100 * (higher / base - 1) == pytest.approx(0.58, abs=0.02)
    assert 100 * (harder / base - 1) == pytest.approx(-1.7, abs=0.1)


@pytest.mark.parametrize("force", [3500.0, 5000.0, 6200.0, 9000.0, 11500.0])
def test_press_maps_are_inverse_to_each_other(force: float) -> None:
    p = parameters()
    mass = float(press.mass_for_force(force, p.main_height, 0.05, p))
    assert float(press.force_for_mass(mass, p.main_height, 0.05, p)) == pytest.approx(force, rel=1e-9)


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.3, 2.0])
def test_press_stays_finite_far_outside_its_domain(factor: float) -> None:
    p = parameters()
    assert math.isfinite(float(press.force_for_mass(factor * 2.25e-4, p.main_height, 0.0, p)))


def test_strength_falls_with_lubrication_by_the_nominal_loss_and_rises_with_force() -> None:
    p = parameters()
    none, nominal, more = (float(press.tensile_strength(6200.0, 0.0, k, 0.0, p)) for k in (0.0, 1.0, 1.3))
    assert nominal / none == pytest.approx(0.8)
    assert more < nominal
    assert float(press.tensile_strength(6600.0, 0.0, 1.0, 0.0, p)) > nominal
    assert float(press.hardness(1.54e6, 6200.0, p.main_height, p)) == pytest.approx(70.6, abs=0.3)


def test_fill_is_monotone_in_depth_and_density_and_loses_with_speed() -> None:
    p = parameters()
    base = float(press.fill_mass(6.54e-3, 0.857, 0.0, p))
    assert float(press.fill_mass(6.6e-3, 0.857, 0.0, p)) > base
    assert float(press.fill_mass(6.54e-3, 0.857, 0.03, p)) == pytest.approx(1.03 * base)
    assert float(press.fill_mass(6.54e-3, 1.1, 0.0, p)) < base
    assert float(press.depth_for_mass(base, 6.54e-3, 0.857, 0.0, p)) == pytest.approx(6.54e-3)
    assert float(press.intake(2.25e-4, 51.44 / 60, p)) == pytest.approx(25.0 / 3600, rel=1e-3)


def test_the_whole_line_conserves_mass_and_api_over_a_rough_hour() -> None:
    """Feeders to press: what enters minus what leaves is what is held, for random inputs, to Runge-Kutta accuracy."""
    model, p, rng = flowsheet(), parameters(), np.random.default_rng(4)
    x, d = steady(model), np.zeros(N_D)
    scale = model.x_scale
    added = taken = 0.0
    start = held(x * scale)
    u = np.ones(N_U)
    for k in range(240):
        if k % 20 == 0:
            u = np.ones(N_U)
            u[:4] = rng.uniform(0.8, 1.1, 4)
        before = x * scale
        x = np.array(model.step(x, u, d)).ravel()
        s = x * scale
        added += STEP_S * s[4:8].sum()
        taken += STEP_S * press_intake(before, u)
    assert held(x * scale) - start == pytest.approx(added - taken, abs=2e-5 * added)
    assert p.reference_flow > 0


def held(s: Vector) -> float:
    p = parameters()
    plug = float(blender.plug_mass(s[4:8].sum(), s[8:12].sum(), p, STEP_S))
    return plug + float(s[BLENDER][::4].sum()) + float(s[LEVEL])


def press_intake(s: Vector, u: Vector) -> float:
    """The press takes its fill at the turret speed of the level loop; fill depth is the mean over the step."""
    p = parameters()
    wanted = float((u[:4] * np.array(p.fractions)).sum()) * p.reference_flow + (s[LEVEL] - p.hopper_level) / p.level_time
    speed = wanted / (p.n_stations * p.tablet_mass)
    goal = float(press.depth_for_mass(press.mass_for_force(p.main_force, p.main_height, 0.0, p), s[-1], speed, 0.0, p))
    keep = math.exp(-STEP_S / p.force_loop_time)
    mean = goal + (s[-1] - goal) * p.force_loop_time / STEP_S * (1 - keep)
    return float(press.intake(press.fill_mass(mean, speed, 0.0, p), speed, p))


def test_one_step_agrees_with_many_small_ones() -> None:
    """RK4 at 5 s against the same right-hand side in 0.05 s steps, tanks and cells after a composition step."""
    model = flowsheet()
    x, d, u = steady(model), np.zeros(N_D), np.ones(N_U)
    d[0] = 0.1
    y = []
    for _ in range(60):
        x = np.array(model.step(x, u, d)).ravel()
        y.append(outputs(model, x, u, d)["potency_tablet"])
    fine = fine_response()
    assert np.abs(np.array(y) - fine).max() < 0.03 * 8


def fine_response() -> Vector:
    """The same step by cascaded exact first-order updates in 0.05 s: tanks, cells, tank, two tanks; start at -6 s plug."""
    p = parameters()
    dt, n = 0.05, 60
    first, second = feed_frame_masses(p)
    cell = (p.hopper_plug_share * p.hopper_level + feed_frame_plug(p)) / N_CELLS
    masses = [blender_tank_mass(p)] * N_TANKS + [cell] * N_CELLS
    masses += [(1 - p.hopper_plug_share) * p.hopper_level, first, second]
    c = np.full(len(masses), p.fraction_api)
    goal = 1.1 * p.fraction_api / (1 + 0.1 * p.fraction_api)
    out = []
    for k in range(int(n * STEP_S / dt)):
        flow = p.reference_flow
        inlet = goal
        for j, mass in enumerate(masses):
            keep = math.exp(-flow * dt / mass)
            new = inlet + (c[j] - inlet) * keep
            inlet, c[j] = 0.5 * (c[j] + new), new
        if (k + 1) % int(STEP_S / dt) == 0:
            out.append(100 * c[-1] / p.fraction_api)
    return np.array(out)


def test_layout_names_every_state_once_and_is_nominal_at_one() -> None:
    assert len(set(STATES)) == len(STATES) == 59
    x = nominal_state(parameters())
    assert state_scale(parameters())[LEVEL] == pytest.approx(0.6)
    assert x[CELLS] == pytest.approx(1.0)
    assert (x[FEED_FRAME][2::3] > 1.0).all()


def test_parameters_refuse_what_is_missing_unknown_or_in_another_unit() -> None:
    from line.errors import ConfigurationFaults
    from tests.control_parts import configuration

    table = dict(configuration().model)
    table["blender_holdup"] = table.pop("blender_hold_up")
    table["yield_pressure"] = table["yield_pressure"].model_copy(update={"unit": "kN"})
    with pytest.raises(ConfigurationFaults) as error:
        flowsheet_parameters(table, {})
    keys = {fault.key for fault in error.value.faults}
    assert {"model.blender_hold_up", "model.blender_holdup", "model.yield_pressure.unit", "model.fraction_api"} <= keys


def test_the_model_is_built_in_time_and_the_same_each_time() -> None:
    a, b = build_flowsheet(parameters()), flowsheet()
    x, u, d = b.x_nominal, np.ones(N_U), np.zeros(N_D)
    assert np.array_equal(np.array(a.step(x, u, d)), np.array(b.step(x, u, d)))
