"""The suite: air, sorbed water, dust filter, refill vacuum, power; each against numbers worked out apart from the code."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_sim.columns import Columns, feeder_columns, group_columns
from plant_sim.effects import FaultEffects
from plant_sim.parameters import draw_parameters
from plant_sim.surroundings import moist_air
from plant_sim.surroundings.activity import Activity
from plant_sim.surroundings.dust_extraction import DustExtraction
from plant_sim.surroundings.flow_resistance import friction_factor, operating_flow_m3_per_s
from plant_sim.surroundings.hvac import AirHandler
from plant_sim.surroundings.moisture import PowderMoisture, gab_content
from plant_sim.surroundings.power import BLENDER, CONSUMERS, CONTROLS, EXTRACTION, FEED_FRAME, FEEDERS, HVAC, PRESS, VACUUM
from plant_sim.surroundings.refill_vacuum import RefillVacuum
from plant_sim.surroundings.room_air import RATIO, TEMPERATURE, RoomAir
from plant_sim.surroundings.suite import STEP_S, Surroundings
from tests.plant_bench import nominal

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "moist_air.json").read_text(encoding="utf-8"))
GROUPS = ("surroundings", "room", "drive", "blender", "feed_frame", "content")
#: 25 kg/h in tablets of 225 mg, 36 stations.
TABLETS_PER_S = 25.0 / 3600.0 / 225e-6
AMBIENT = 1.2


def values(n: int = 1, **changed: float) -> Columns:
    """The group's SI values of n equal lines, some of them changed."""
    group = group_columns([nominal()] * n, "surroundings")
    return Columns(group.values | {name: np.full(n, value) for name, value in changed.items()})


def room(n: int = 1) -> Columns:
    return group_columns([nominal()] * n, "room")


def suite(members: list[int]) -> Surroundings:
    plants = [draw_parameters(nominal(), m) for m in members]
    return Surroundings({g: group_columns(plants, g) for g in GROUPS}, feeder_columns(plants), members)


def doing(n: int, second: int, on: bool = True) -> Activity:
    """The line in steady running at 25 kg/h; feeder 2 gets 0.1 kg in each of the 20 s of a refill every 514 s."""
    flag, one = np.full(n, on), np.full(n, float(on))
    refilled = np.zeros((n, 4))
    refilled[:, 1] = 2.0 * (second // 514) + 0.1 * min(second % 514, 20)
    made = np.full(n, round(TABLETS_PER_S * second) * on)
    screws = one[:, None] * np.array([0.5, 0.8, 0.45, 0.35])
    return Activity(flag, flag, flag, one * 51.4 / 60, one * 250 / 60, one, screws, made, one * 0.7, refilled * on)


def run(around: Surroundings, until: int, effects: FaultEffects | None = None, start: int = 0) -> Surroundings:
    n = around.temperature_c.size
    for second in range(start + STEP_S, until + 1, STEP_S):
        around.step(doing(n, second), effects or FaultEffects(n))
    return around


def faulty(n: int = 1, **effects: float) -> FaultEffects:
    made = FaultEffects(n)
    made.any_active = True
    for name, value in effects.items():
        getattr(made, name)[0] = value
    return made


class TestMoistAir:
    @pytest.mark.parametrize("point", GOLDEN["points"], ids=lambda p: f"{p['temperature_c']:g} degC")
    def test_agrees_with_psychrolib_to_the_last_digits(self, point: dict[str, float]) -> None:
        """Same equations (ASHRAE Fundamentals 2017), another program: PsychroLib 2.5.0."""
        celsius, humidity = np.array(point["temperature_c"]), np.array(point["relative_humidity"])
        ratio = moist_air.humidity_ratio(celsius, humidity)
        assert ratio == pytest.approx(point["ratio"], rel=1e-12)
        assert moist_air.enthalpy_j_per_kg(celsius, ratio) == pytest.approx(point["enthalpy_j_per_kg"], rel=1e-12)
        assert moist_air.density_kg_per_m3(celsius, ratio) == pytest.approx(point["density_kg_per_m3"], rel=1e-12)
        assert moist_air.saturation_pressure_pa(celsius) == pytest.approx(point["saturation_pa"], rel=1e-12)
        # PsychroLib stops its own iteration within 0.001 K
        assert moist_air.dew_point_c(ratio) == pytest.approx(point["dew_point_c"], abs=2e-3)

    @pytest.mark.parametrize("point", GOLDEN["points"], ids=lambda p: f"{p['temperature_c']:g} degC")
    def test_is_near_the_real_gas(self, point: dict[str, float]) -> None:
        """CoolProp 8.0.0, virial mixture: the ideal mixture leaves out the enhancement factor of 0.4-0.5 %."""
        celsius, humidity = np.array(point["temperature_c"]), np.array(point["relative_humidity"])
        ratio = moist_air.humidity_ratio(celsius, humidity)
        assert ratio == pytest.approx(point["ratio_coolprop"], rel=6e-3)
        assert moist_air.density_kg_per_m3(celsius, ratio) == pytest.approx(point["density_coolprop"], rel=1e-3)
        assert moist_air.dew_point_c(ratio) == pytest.approx(point["dew_point_coolprop_c"], abs=0.02)

    def test_the_value_that_the_field_quotes(self) -> None:
        assert moist_air.humidity_ratio(np.array(25.0), np.array(0.5)) == pytest.approx(0.009881, abs=5e-7)

    def test_saturation_is_the_steam_table(self) -> None:
        """IAPWS-IF97, table 35: 3536.58941 Pa at 300 K."""
        assert moist_air.saturation_pressure_pa(np.array(26.85)) == pytest.approx(3536.58941, rel=3e-4)

    def test_ice_and_water_meet_at_the_triple_point(self) -> None:
        """611.657 Pa (IAPWS); over water only is the same above it."""
        around = moist_air.saturation_pressure_pa(np.array([0.01, 0.01 + 1e-9]))
        assert around == pytest.approx(611.657, rel=2e-4) and around[0] == pytest.approx(around[1], rel=1e-5)
        warm = np.linspace(0.02, 60.0, 7)
        assert np.array_equal(moist_air.saturation_over_water_pa(warm), moist_air.saturation_pressure_pa(warm))

    def test_humidity_and_dew_point_are_inverses(self) -> None:
        celsius, humidity = np.meshgrid(np.linspace(5.0, 40.0, 8), np.linspace(0.1, 1.0, 8))
        ratio = moist_air.humidity_ratio(celsius, humidity)
        assert moist_air.relative_humidity(celsius, ratio) == pytest.approx(humidity, rel=1e-12)
        dew = moist_air.dew_point_c(ratio)
        assert moist_air.humidity_ratio(dew, np.ones_like(dew)) == pytest.approx(ratio, rel=1e-9)
        assert (dew <= celsius + 1e-9).all()


class TestRoomAir:
    def test_it_starts_in_balance_under_the_first_load(self) -> None:
        """Supply air = set-point - load/(m cp); nothing moves while the load stays and nobody opens a door."""
        p = values()
        air = RoomAir(p, room(), 10.0, np.array([2000.0]))
        for _ in range(60):
            air.step(np.array([2000.0]), np.zeros((2, 1)))
        assert air.shown_c == pytest.approx(21.0, abs=1e-6) and air.shown_humidity == pytest.approx(0.45, abs=1e-6)
        load_w = 2000.0 + 3 * 75.0 + 1500.0
        leak_k = 0.1 / 20 * (air.outdoor[TEMPERATURE] - 21.0)
        m_cp = 500 * AMBIENT * 20 / 3600 * 1006.0
        assert air.supply[TEMPERATURE] == pytest.approx(21.0 - load_w / m_cp - leak_k, abs=1e-6)

    def test_without_supply_air_it_follows_leak_and_load_alone(self) -> None:
        """f rho V cp dT/dt = m_out cp (T_out - T) + Q: an exponential with 1/(f/leak) = 30 h, 100 steps against one."""
        p = values()
        air = RoomAir(p, room(), 10.0, np.array([0.0]))
        air.set_flow(np.array([False]))
        start = float(air.state[TEMPERATURE, 0])
        for _ in range(100):
            air.step(np.array([5000.0]), np.zeros((2, 1)))
        leak = 0.1 / 3600
        end = float(air.outdoor[TEMPERATURE, 0]) + (5000.0 + 225.0 + 1500.0) / (500 * AMBIENT * 1006.0 * leak)
        assert air.state[TEMPERATURE] == pytest.approx(end + (start - end) * math.exp(-leak * 1000.0 / 3.0), rel=1e-9)

    def test_a_step_of_load_is_taken_back(self) -> None:
        air = RoomAir(values(), room(), 10.0, np.array([1500.0]))
        track = []
        for _ in range(720):
            air.step(np.array([9000.0]), np.zeros((2, 1)))
            track.append(float(air.shown_c[0]))
        # proportional action alone leaves (load/(m cp))/(1 + gain) = 7500/3353/4 = 0.56 K at most
        assert 0.2 < max(track) - 21.0 < 0.56 and track[-1] == pytest.approx(21.0, abs=0.02)

    def test_a_humidity_step_arrives_with_the_air_changes(self) -> None:
        """The supply air moves at once, the room by (1 + gain) x 20 air changes an hour: 63 % after 45 s, 97 % after 3 min."""
        air = RoomAir(values(), room(), 10.0, np.array([1500.0]))
        air.set_targets(np.zeros(1), np.array([0.15]))
        before = float(air.shown_humidity[0])
        for _ in range(5):
            air.step(np.array([1500.0]), np.zeros((2, 1)))
        assert 0.4 < (float(air.shown_humidity[0]) - before) / 0.15 < 0.9
        for _ in range(720):
            air.step(np.array([1500.0]), np.zeros((2, 1)))
        assert air.shown_humidity == pytest.approx(0.60, abs=2e-3)

    def test_the_wander_has_its_size_and_its_time(self) -> None:
        n = 400
        air = RoomAir(values(n), room(n), 10.0, np.full(n, 1500.0))
        rng = np.random.default_rng(5)
        for _ in range(1080):  # six time constants
            air.step(np.full(n, 1500.0), rng.standard_normal((2, n)))
        spread = air.shown_c.std(), air.shown_humidity.std()
        assert spread[0] == pytest.approx(0.30, rel=0.12)
        # wander of humidity and what 0.3 K do to it: 0.45 x 6.2 % a kelvin
        assert spread[1] == pytest.approx(math.hypot(0.019, 0.3 * 0.45 * 0.062), rel=0.12)
        assert air.shown_c.mean() == pytest.approx(21.0, abs=0.06)

    def test_outdoors_it_is_warmest_in_the_afternoon(self) -> None:
        air = RoomAir(values(), room(), 10.0, np.zeros(1))
        seen = {}
        for hour in range(24):
            air.weather(hour * 3600)
            seen[(6 + hour) % 24] = float(air.outdoor[TEMPERATURE, 0])
        assert max(seen, key=lambda h: seen[h]) == 15 and max(seen.values()) == pytest.approx(23.0)
        assert min(seen.values()) == pytest.approx(13.0)


def test_the_air_handlers_power_by_hand() -> None:
    """Fan 3.333 m3/s x 1500 Pa / 0.6; coil, reheat and steam from the enthalpies of the states below."""
    p = values()
    air = RoomAir(p, room(), 10.0, np.array([7000.0]))
    air.outdoor = np.array([[26.0], [0.0125]])
    air.state = np.array([[21.0], [0.0070]])
    air.supply = np.array([[18.5], [0.0069]])
    mixed_c, mixed = 23.5, 0.00975
    coil = 0.006211572043201191  # PsychroLib: saturated air at 7 degC
    share = max((mixed - 0.0069) / (mixed - coil), (mixed_c - 18.5) / (mixed_c - 7.0))
    h_mixed = 1006 * mixed_c + mixed * (2.501e6 + 1860 * mixed_c)
    cold = 4.0 * share * (h_mixed - 22658.01634804866) / 3.5
    reheat = 4.0 * 1006 * (18.5 - (mixed_c - share * 16.5)) * 0.5 / 2.0
    fan = 10000 / 3600 * 1500 / 0.6
    assert AirHandler(p, air).power_w() == pytest.approx(fan + (cold + reheat) * float(air.air_kg_per_s[0]) / 4.0, rel=1e-12)
    air.outdoor = np.array([[-5.0], [0.0015]])
    dry = 0.00425  # half of each
    steam = 2.501e6 * (0.0069 - dry)
    heat = 1006 * (18.5 - 8.0) * 0.5
    expected = fan + float(air.air_kg_per_s[0]) * (steam + heat) / 2.0
    assert AirHandler(p, air).power_w() == pytest.approx(expected, rel=1e-12)


class TestMoisture:
    def test_the_isotherm_by_hand(self) -> None:
        """x_m 3.8 %, c 10, k 0.77 at 45 %: ka 0.3465, 0.13167/(0.6535 x 4.1185) = 4.892 %."""
        x = gab_content(np.array(0.45), np.array(0.038), np.array(10.0), np.array(0.77))
        assert x == pytest.approx(0.13167 / (0.6535 * 4.1185), rel=1e-12)

    def test_its_limits(self) -> None:
        """k = 1: the BET isotherm; small activity: Henry's law with slope x_m c k; dry air: dry powder."""
        one = np.array(1.0)
        bet = 0.05 * 8 * 0.3 / (0.7 * (0.7 + 8 * 0.3))
        assert gab_content(np.array(0.3), np.array(0.05), np.array(8.0), one) == pytest.approx(bet, rel=1e-12)
        assert gab_content(np.array(1e-7), np.array(0.05), np.array(8.0), one * 0.7) == pytest.approx(
            0.05 * 8 * 0.7e-7, rel=1e-5
        )
        assert gab_content(np.array(0.0), np.array(0.05), np.array(8.0), one) == 0.0
        rising = gab_content(np.linspace(0.0, 0.95, 50), np.array(0.038), np.array(10.0), np.array(0.77))
        assert (np.diff(rising) > 0).all()

    def test_cellulose_holds_more_than_lactose_and_six_hours_bring_63_per_cent(self) -> None:
        moisture = PowderMoisture(values(), feeder_columns([nominal()]), 60.0)
        content = moisture.equilibrium.copy()
        assert content[0, 1] > 10 * content[0, 2]
        moisture.feel(np.array([0.65]))
        wet, start = moisture.equilibrium, content.copy()
        for _ in range(6 * 60):
            content = content + moisture.share * (wet - content)
        assert (content - start) / (wet - start) == pytest.approx(1 - math.exp(-1), rel=1e-9)


class TestFlow:
    @pytest.mark.parametrize(("reynolds", "roughness"), [(1e4, 0.0), (1e5, 1e-4), (2e5, 1e-3), (1e6, 1e-2)])
    def test_friction_is_that_of_colebrook(self, reynolds: float, roughness: float) -> None:
        """Colebrook 1939 solved here by fixed point; Haaland 1983 gives 2 %."""
        root = 7.0
        for _ in range(60):
            root = -2.0 * math.log10(roughness / 3.7 + 2.51 * root / reynolds)
        assert friction_factor(np.array(reynolds), np.array(roughness)) == pytest.approx(1 / root**2, rel=0.02)

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
