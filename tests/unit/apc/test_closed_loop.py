"""Supervisor, estimator and controller against the control model with other parameters: what must vanish, vanishes."""

from __future__ import annotations

import numpy as np
import pytest

from line.modes import ControllerMode, ControlState
from tests.control_line import ModelLine, run, supervisor, truth
from tests.control_parts import flowsheet, perturbed


def test_apc_is_offset_free_under_an_api_feeder_bias_that_an_assay_can_see() -> None:
    plant = ModelLine(flowsheet())
    plant.d[0] = 0.03
    control = supervisor()
    decisions = run(plant, control, 480, assay_every=30)
    assert truth(plant, "potency_tablet") == pytest.approx(100.0, abs=0.25)
    assert plant.setpoints["SP/Feeder1MassFlow"] == pytest.approx(2.0 / 1.03 * 1.0024, rel=0.004)
    assert decisions[-1].estimate["bias_api_pct"] == pytest.approx(3.0, abs=0.3)
    assert all(d.valid for d in decisions)


def test_apc_is_offset_free_in_weight_and_hardness_under_changed_compaction_and_strength() -> None:
    plant = ModelLine(perturbed(yield_pressure=1.05, strength=0.92, blender_hold_up=0.96, fill_density=0.98))
    run(plant, supervisor(), 400, tester_every=20)
    assert truth(plant, "weight") == pytest.approx(225.0, rel=0.002)
    assert truth(plant, "hardness") == pytest.approx(70.0, rel=0.02)


def test_apc_nir_alone_moves_the_api_setpoint_by_two_percent_at_most() -> None:
    plant = ModelLine(flowsheet(), nir_bias=0.10)
    run(plant, supervisor(), 200)
    assert 2.0 * 0.98 - 1e-3 <= plant.setpoints["SP/Feeder1MassFlow"] <= 2.0 * 1.001


def test_apc_does_nothing_while_nothing_is_wrong() -> None:
    plant = ModelLine(flowsheet(), noise=0.003)
    run(plant, supervisor(), 250, tester_every=60, assay_every=120)
    assert truth(plant, "potency_tablet") == pytest.approx(100.0, abs=0.5)
    assert truth(plant, "weight") == pytest.approx(225.0, rel=0.003)


def test_apc_follows_the_planned_throughput_with_even_ratios_and_no_faster_than_allowed() -> None:
    plant = ModelLine(flowsheet())
    decisions = run(plant, supervisor(), 160, plan=((0, 25.0), (400, 23.0)))
    flows = np.array([d.moves["SP/Throughput"] for d in decisions if d.moves])
    assert np.abs(np.diff(flows)).max() <= 0.1 + 1e-4
    assert flows[-1] == pytest.approx(23.0, abs=0.1)
    assert truth(plant, "potency_blend") == pytest.approx(100.0, abs=0.3)


def test_apc_answers_an_interruption_that_the_scale_sees_before_the_nir_does() -> None:
    """20 s without API: after three periods of it the set-point is already on its way up."""
    plant = ModelLine(flowsheet())
    control = supervisor()
    run(plant, control, 60)
    before = plant.setpoints["SP/Feeder1MassFlow"]
    plant.breaks = {0: -1.0}
    run(plant, control, 4)
    plant.breaks = {}
    run(plant, control, 8)
    assert plant.setpoints["SP/Feeder1MassFlow"] > before + 0.02


def test_apc_one_spike_moves_almost_nothing() -> None:
    calm, spiked = ModelLine(flowsheet()), ModelLine(flowsheet())
    first, second = supervisor(), supervisor()
    run(calm, first, 80)
    run(spiked, second, 80)
    values = spiked._read
    spiked._read = lambda y: {**values(y), "Hopper/Level": 1.2, "Blender/HoldUpMass": 2.5}  # type: ignore[method-assign]
    run(calm, first, 1)
    run(spiked, second, 1)
    spiked._read = values  # type: ignore[method-assign]
    run(calm, first, 20)
    run(spiked, second, 20)
    for tag, limit in (("SP/Feeder1MassFlow", 0.01), ("SP/MainForce", 0.05)):
        assert spiked.setpoints[tag] == pytest.approx(calm.setpoints[tag], abs=limit)


def test_apc_height_moves_carry_the_force_that_holds_weight() -> None:
    """Hardness wrong, weight right: while the height walks, the weight stays within 0.4 %."""
    plant = ModelLine(perturbed(strength=0.9))
    control, heights, weights = supervisor(), [], []
    for _ in range(8):
        run(plant, control, 30, tester_every=15)
        heights.append(plant.setpoints["SP/MainHeight"])
        weights.append(truth(plant, "weight"))
    assert min(heights) < 3.37
    assert max(abs(w / 225.0 - 1.0) for w in weights[2:]) < 0.004


def test_apc_warm_plans_but_writes_nothing_and_off_computes_nothing() -> None:
    plant, control = ModelLine(flowsheet()), supervisor()
    warm = run(plant, control, 20, mode=ControllerMode.WARM)
    assert not any(d.valid for d in warm) and warm[-1].moves and warm[-1].rung == "warm"
    assert control.state is ControlState.LOCAL
    off = run(plant, control, 3, mode=ControllerMode.OFF)
    assert all(d.moves == {} and not d.estimate and d.rung == "off" for d in off)
    on = run(plant, control, 3)
    assert on[-1].valid and control.state is ControlState.CONTROL


def test_apc_vendor_loops_keep_the_recipe() -> None:
    plant = ModelLine(perturbed(yield_pressure=1.05))
    plant.d[0] = 0.03
    run(plant, supervisor("plc"), 80, assay_every=50)
    expected = (2.0, 14.0, 8.75, 0.25, 6.2, 3.373, 0.6, 250.0)
    assert list(plant.setpoints.values()) == pytest.approx(list(expected), rel=1e-6)


def test_apc_same_readings_give_the_same_moves() -> None:
    runs = []
    for _ in range(2):
        plant = ModelLine(flowsheet(), seed=3, noise=0.01)
        runs.append([d.body() for d in run(plant, supervisor(), 60, tester_every=20, assay_every=25)])
    assert runs[0] == runs[1]
