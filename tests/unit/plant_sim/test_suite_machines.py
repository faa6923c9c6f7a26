"""Machines of the suite: dust filter, refill vacuum, electric power; each against arithmetic apart from the code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plant_sim.columns import feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.surroundings.dust_extraction import DustExtraction
from plant_sim.surroundings.flow_resistance import friction_factor, operating_flow_m3_per_s
from plant_sim.surroundings.power import BLENDER, CONSUMERS, CONTROLS, EXTRACTION, FEED_FRAME, FEEDERS, HVAC, PRESS, VACUUM
from plant_sim.surroundings.refill_vacuum import RefillVacuum
from plant_sim.surroundings.room_air import RATIO, TEMPERATURE
from plant_sim.surroundings.suite import STEP_S, Surroundings
from tests.plant_bench import nominal
from tests.surroundings_bench import AMBIENT, GROUPS, TABLETS_PER_S, doing, faulty, run, suite, values


class TestFlow:
    @pytest.mark.parametrize(
        ("reynolds", "roughness", "expected"),
        [
            (1e4, 0.0, 0.03088295035348769),
            (1e5, 1e-4, 0.018513866077471648),
            (2e5, 1e-3, 0.02103361089363797),
            (1e6, 1e-2, 0.03796474187616006),
        ],
    )
    def test_friction_is_that_of_colebrook(self, reynolds: float, roughness: float, expected: float) -> None:
        """fluids 1.3.1 (MIT), fluids.friction.Colebrook, the exact root; Haaland 1983 promises 2 %."""
        assert friction_factor(np.array(reynolds), np.array(roughness)) == pytest.approx(expected, rel=0.02)

    def test_fan_and_system_agree_where_they_say(self) -> None:
        """No filter: Q = sqrt(p0/(k + c)); no duct: Q = p0/b; both: the residual is nothing."""
        zero, p0 = np.array(0.0), np.array(4500.0)
        assert operating_flow_m3_per_s(p0, np.array(45000.0), zero) == pytest.approx(math.sqrt(0.1), rel=1e-12)
        assert operating_flow_m3_per_s(p0, np.array(1e-9), np.array(9000.0)) == pytest.approx(0.5, rel=1e-9)
        flow = operating_flow_m3_per_s(p0, np.array(33000.0), np.array(1100.0))
        assert 33000.0 * flow**2 + 1100.0 * flow == pytest.approx(4500.0, rel=1e-12)


def extraction(**changed: float) -> DustExtraction:
    unit = DustExtraction(values(**changed))
    unit.run(np.array([True]))
    return unit


class TestDustExtraction:
    def test_the_pressure_drop_by_hand(self) -> None:
        """zeta from Haaland at 20 m/s; quadratic equation of fan, duct and filter solved here."""
        unit = extraction()
        re, rough, area = 20 * 0.15 / 1.51e-5, 0.15 / 150, math.pi / 4 * 0.15**2
        f = (-1.8 * math.log10((rough / 3.7) ** 1.11 + 6.9 / re)) ** -2
        c = (f * 15 / 0.15 + 6.5) * AMBIENT / (2 * area**2)
        b = (4500 + 1e5 * 0.020) / 6.0
        a = 18000 + c
        flow = (-b + math.sqrt(b * b + 4 * a * 4500)) / (2 * a)
        assert unit.flow_m3_per_s == pytest.approx(flow, rel=1e-9) and unit.filter_pa == pytest.approx(b * flow, rel=1e-9)
        assert unit.power_w == pytest.approx(flow * (4500 - 18000 * flow**2) / 0.4 + 600, rel=1e-9)

    def test_the_cake_is_the_dust_and_a_pulse_leaves_its_share(self) -> None:
        unit = extraction()
        before, seen = float(unit.filter_pa[0]), []
        for _ in range(24):  # half-hours of 12.5 kg of tablets: 12.5 g of dust on 6 m2
            cake = float(unit.cake_kg_per_m2[0])
            unit.load(np.array([12.5]))
            unit.run(np.array([True]))
            pulsed = float(unit.pulses[0]) > len([s for s in seen if s])
            expected = (cake + 12.5e-3 / 6.0) * (0.30 if pulsed else 1.0)
            assert unit.cake_kg_per_m2 == pytest.approx(expected, rel=1e-12)
            seen.append(pulsed)
        assert any(seen) and not seen[0] and before < 500.0
        assert float(unit.filter_pa[0]) < 500.0

    def test_a_blocked_filter_raises_the_drop_and_lowers_the_flow(self) -> None:
        unit = extraction()
        flows, drops = [float(unit.flow_m3_per_s[0])], [float(unit.filter_pa[0])]
        for free in (0.6, 0.3, 0.1, 0.0):
            unit.set_free_share(np.array([free]))
            unit.run(np.array([True]))
            flows.append(float(unit.flow_m3_per_s[0]))
            drops.append(float(unit.filter_pa[0]))
        assert flows == sorted(flows, reverse=True) and drops == sorted(drops) and drops[-1] < 4500.0
        unit.set_free_share(np.array([1.0]))
        unit.run(np.array([True]))
        assert float(unit.flow_m3_per_s[0]) == flows[0]

    def test_a_stopped_fan_moves_nothing(self) -> None:
        unit = extraction()
        unit.run(np.array([False]))
        assert unit.flow_m3_per_s == 0.0 and unit.filter_pa == 0.0 and unit.power_w == 0.0


class TestRefillVacuum:
    def test_tight_line(self) -> None:
        """25 kPa/(1 + 6.5e6 A^2 2/(1.2 x 62)): 15 kPa and 20 m/s; factor exactly 1, so that nothing else changes."""
        vacuum = RefillVacuum(values())
        area = math.pi / 4 * 0.05**2
        expected = 25000 / (1 + 6.5e6 * area**2 * 2 / (AMBIENT * 62))
        assert vacuum.working_pa == pytest.approx(expected, rel=1e-12) and expected == pytest.approx(15000, rel=0.01)
        assert vacuum.velocity_m_per_s == pytest.approx(math.sqrt(2 * expected / (AMBIENT * 62)), rel=1e-12)
        assert vacuum.refill_factor == 1.0

    def test_a_leak_by_hand(self) -> None:
        vacuum = RefillVacuum(values())
        area, tight = math.pi / 4 * 0.05**2, float(vacuum.velocity_m_per_s[0])
        vacuum.set_leak(np.array([0.1]))
        taken = area * math.sqrt(2 / (AMBIENT * 62)) + 0.1 * 0.61 * area * math.sqrt(2 / AMBIENT)
        pressure = 25000 / (1 + 6.5e6 * taken**2)
        velocity = math.sqrt(2 * pressure / (AMBIENT * 62))
        assert vacuum.working_pa == pytest.approx(pressure, rel=1e-12)
        assert vacuum.refill_factor == pytest.approx((velocity - 12) / (tight - 12), rel=1e-9)
        vacuum.set_leak(np.array([1.0]))
        assert vacuum.refill_factor == 0.0
        vacuum.set_leak(np.array([0.0]))
        assert vacuum.refill_factor == 1.0

    def test_more_leak_never_lifts_more(self) -> None:
        vacuum, last = RefillVacuum(values()), 1.0
        for leak in np.linspace(0.0, 0.5, 21):
            vacuum.set_leak(np.array([leak]))
            assert 0.0 <= float(vacuum.refill_factor[0]) <= last
            last = float(vacuum.refill_factor[0])


class TestSuite:
    def test_power_lies_where_such_machines_lie(self) -> None:
        """Engineering estimates for a 25 kg/h line: each consumer, the line and the suite."""
        around = run(suite([1]), 7200)
        kw, used = around.power_kw[0], around.energy_kwh[0]
        assert 4.0 < kw[PRESS] < 8.0 and kw[FEED_FRAME] == pytest.approx(0.4)
        assert 0.3 < kw[BLENDER] < 0.75 and 0.4 < kw[FEEDERS] < 0.8
        assert 2.0 < kw[EXTRACTION] < 4.0 and 15.0 < kw[HVAC] < 40.0 and kw[CONTROLS] == 1.0
        line = used.sum() - used[HVAC]
        assert 0.4 < line / 50.0 < 0.7 and 1.0 < used.sum() / 50.0 < 2.5
        lifting = suite([1])
        run(lifting, 520)
        assert 1.5 < lifting.power_kw[0, VACUUM] < 3.0

    def test_the_press_by_hand(self) -> None:
        """4 kW + 51.4 rpm x 0.03 kW/rpm + 30.86 tablets/s x 5.7 J; stopped: 30 % of the idle power, extraction off."""
        plain = Surroundings({g: group_columns([nominal()], g) for g in GROUPS}, feeder_columns([nominal()]), [1])
        run(plain, 600)
        assert plain.power_kw[0, PRESS] == pytest.approx(4.0 + 51.4 * 0.03 + TABLETS_PER_S * 5.7e-3, abs=1e-3)
        torque_w = 8.0 * 2 * math.pi * 250 / 60 / 0.6
        assert plain.power_kw[0, BLENDER] == pytest.approx(0.15 + torque_w * 1e-3, rel=1e-9)
        plain.step(doing(1, 0, on=False), FaultEffects(1))
        kw = plain.power_kw[0]
        assert kw[EXTRACTION] == kw[VACUUM] == kw[BLENDER] == kw[FEEDERS] == kw[FEED_FRAME] == 0.0

    def test_energy_is_the_integral_of_power(self) -> None:
        around, total = suite([3]), np.zeros(len(CONSUMERS))
        for second in range(STEP_S, 1801, STEP_S):
            around.step(doing(1, second), FaultEffects(1))
            total += around.power_kw[0] * STEP_S / 3600
        assert around.energy_kwh[0] == pytest.approx(total, rel=1e-12)

    def test_faults_reach_their_unit_and_end_with_it(self) -> None:
        calm, hit = run(suite([4]), 600), run(suite([4]), 600)
        effects = faulty(extraction=0.2, vacuum_leak=0.08, room_temperature_c=3.0, room_humidity=0.1)
        run(calm, 2400, start=600)
        run(hit, 2400, effects, start=600)
        assert hit.extraction.filter_pa > 2 * calm.extraction.filter_pa
        assert hit.extraction.flow_m3_per_s < calm.extraction.flow_m3_per_s
        assert calm.refill_factor == 1.0 and 0.3 < float(hit.refill_factor[0]) < 0.8
        assert float((hit.temperature_c - calm.temperature_c)[0]) == pytest.approx(3.0, abs=0.2)
        assert float((hit.humidity - calm.humidity)[0]) == pytest.approx(0.1, abs=0.02)
        assert (hit.moisture.equilibrium > calm.moisture.equilibrium).all()
        run(calm, 9600, start=2400)
        run(hit, 9600, start=2400)
        assert hit.refill_factor == 1.0 and hit.temperature_c == pytest.approx(calm.temperature_c, abs=0.05)
        assert hit.extraction.filter_pa == pytest.approx(calm.extraction.filter_pa, rel=0.3)

    def test_a_power_dip_stops_the_fans(self) -> None:
        around = run(suite([5]), 600)
        before = around.supply_m3_per_s.copy()
        around.step(doing(1, 610), faulty(power_dip=True))
        assert around.supply_m3_per_s == 0.0 and around.power_kw[0, HVAC] == 0.0 and around.extraction.flow_m3_per_s == 0.0
        around.step(doing(1, 620), FaultEffects(1))
        assert around.supply_m3_per_s == before and around.extraction.flow_m3_per_s > 0.0

    @pytest.mark.parametrize("members", [[2], [1, 2], [1, 2, 3, 4, 5, 6, 7]], ids=len)
    def test_a_line_in_company_equals_the_line_alone_bit_for_bit(self, members: list[int]) -> None:
        """Also while its neighbour has faults."""
        at, alone, together = members.index(2), suite([2]), suite(members)
        effects = FaultEffects(len(members))
        for second in range(STEP_S, 1500, STEP_S):
            if second == 610 and len(members) > 1:
                effects.any_active = True
                effects.extraction[0], effects.vacuum_leak[0], effects.power_dip[0] = 0.3, 0.1, True
                effects.room_temperature_c[0], effects.room_humidity[0] = 2.0, 0.1
            alone.step(doing(1, second), FaultEffects(1))
            together.step(doing(len(members), second), effects)
        for own, one in zip(states(alone), states(together), strict=True):
            assert np.array_equal(own[0], one[at])

    def test_a_seed_repeats_and_another_differs(self) -> None:
        a, b, c = (run(suite([m]), 900) for m in (6, 6, 7))
        assert all(np.array_equal(x, y) for x, y in zip(states(a), states(b), strict=True))
        assert not np.array_equal(a.temperature_c, c.temperature_c)


def states(around: Surroundings) -> list[np.ndarray]:
    """All that others see, lines first."""
    extraction, vacuum = around.extraction, around.vacuum
    return [
        around.temperature_c, around.humidity, around.moisture.equilibrium, around.refill_factor, around.power_kw,
        around.energy_kwh, around.supply_m3_per_s, extraction.flow_m3_per_s, extraction.filter_pa, extraction.cake_kg_per_m2,
        vacuum.pressure_pa, around.air.state[TEMPERATURE], around.air.state[RATIO],
    ]  # fmt: skip
