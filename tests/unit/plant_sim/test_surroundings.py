"""Air and water of the suite, each against numbers worked out apart from the code."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_sim.columns import feeder_columns
from plant_sim.surroundings import moist_air
from plant_sim.surroundings.hvac import AirHandler
from plant_sim.surroundings.moisture import PowderMoisture, gab_content
from plant_sim.surroundings.room_air import TEMPERATURE, RoomAir
from tests.plant_bench import nominal
from tests.surroundings_bench import AMBIENT, room, values

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "moist_air.json").read_text(encoding="utf-8"))


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
        assert air.commanded[TEMPERATURE] == pytest.approx(21.0 - load_w / m_cp - leak_k, abs=1e-6)

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
        """Supply air at once, the room by (1 + gain) x 20 air changes an hour: 63 % after 45 s, all of it after 3 min."""
        air = RoomAir(values(), room(), 10.0, np.array([1500.0]))
        air.set_errors(np.zeros(1), np.array([0.15]))
        before = float(air.shown_humidity[0])
        for _ in range(5):
            air.step(np.array([1500.0]), np.zeros((2, 1)))
        assert 0.4 < (float(air.shown_humidity[0]) - before) / 0.15 < 0.9
        for _ in range(13):
            air.step(np.array([1500.0]), np.zeros((2, 1)))
        assert (float(air.shown_humidity[0]) - before) / 0.15 == pytest.approx(1.0, abs=0.05)
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
    air.commanded = np.array([[18.5], [0.0069]])
    mixed_c, mixed = 23.5, 0.00975
    coil = 0.006211572043201191  # PsychroLib: saturated air at 7 degC
    share = max((mixed - 0.0069) / (mixed - coil), (mixed_c - 18.5) / (mixed_c - 7.0))
    h_mixed = 1006 * mixed_c + mixed * (2.501e6 + 1860 * mixed_c)
    cold = 4.0 * share * (h_mixed - 22658.01634804866) / 3.5
    reheat = 4.0 * 1006 * (18.5 - (mixed_c - share * 16.5)) * 0.5 / 2.0
    fan = 10000 / 3600 * 1500 / 0.6
    assert AirHandler(p, air).power_w() == pytest.approx(fan + (cold + reheat) * float(air.air_kg_per_s[0]) / 4.0, rel=1e-12)
    air.outdoor = np.array([[31.0], [0.0068]])  # hot and dry: cooling asks for more than drying
    share = (26.0 - 18.5) / (26.0 - 7.0)
    h_mixed = 1006 * 26.0 + 0.0069 * (2.501e6 + 1860 * 26.0)
    steam = 2.501e6 * share * (0.0069 - coil)  # what cooling dried too far
    flow = float(air.air_kg_per_s[0])
    expected = fan + flow * (share * (h_mixed - 22658.01634804866) / 3.5 + steam / 2.0)
    assert AirHandler(p, air).power_w() == pytest.approx(expected, rel=1e-9)
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
