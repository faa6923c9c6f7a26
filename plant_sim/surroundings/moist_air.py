"""Properties of moist air by the equations of ASHRAE Fundamentals 2017, chapter 1, on arrays of any shape.

Ideal gas mixture without enhancement factor; PsychroLib 2.5.0 computes the same, one number at a time.

>>> round(float(humidity_ratio(np.array(25.0), np.array(0.5))), 6)
0.009881
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_sim.extents import Vector

PRESSURE_PA: Final = 101325.0
KELVIN: Final = 273.15
TRIPLE_POINT_C: Final = 0.01
#: Ratio of the molar masses of water and dry air; gas constant of dry air [J/(kg K)].
MASS_RATIO: Final = 0.621945
GAS_CONSTANT: Final = 287.042
#: Heat capacities of dry air and vapour [J/(kg K)], heat of evaporation at 0 degC [J/kg].
CP_AIR: Final = 1006.0
CP_VAPOUR: Final = 1860.0
EVAPORATION: Final = 2.501e6
#: Newton steps of the dew point: each squares the error, which starts below 0.05 of ln p.
DEW_STEPS: Final = 4


def saturation_pressure_pa(temperature_c: Vector) -> Vector:
    """Return the vapour pressure of saturated air [Pa], over ice up to 0.01 degC and over water above.

    temperature_c [degC], -100..200. Source: Hyland & Wexler 1983 (ASHRAE 2017, ch. 1, eq. 5 and 6).
    """
    kelvin = temperature_c + KELVIN
    return np.exp(np.where(temperature_c > TRIPLE_POINT_C, _log_water(kelvin), _log_ice(kelvin)))


def saturation_over_water_pa(temperature_c: Vector) -> Vector:
    """Return the same over liquid water only, for 0.01..200 degC, in half the time."""
    return np.exp(_log_water(temperature_c + KELVIN))


def _log_water(t: Vector) -> Vector:
    series = -4.8640239e-2 + t * (4.1764768e-5 + t * -1.4452093e-8)
    return -5.8002206e3 / t + 1.3914993 + t * series + 6.5459673 * np.log(t)


def _log_ice(t: Vector) -> Vector:
    series = -9.677843e-3 + t * (6.2215701e-7 + t * (2.0747825e-9 + t * -9.484024e-13))
    return -5.6745359e3 / t + 6.3925247 + t * series + 4.1635019 * np.log(t)


def humidity_ratio(temperature_c: Vector, relative_humidity: Vector) -> Vector:
    """Return kg of water per kg of dry air at 101,325 Pa. temperature_c -100..90 [degC]; relative_humidity 0..1 [-].

    W = 0.621945 p_w / (p - p_w), p_w = RH p_ws (ASHRAE 2017, ch. 1, eq. 20 and 12). Wrong near boiling.
    """
    vapour = relative_humidity * saturation_pressure_pa(temperature_c)
    return MASS_RATIO * vapour / (PRESSURE_PA - vapour)


def vapour_pressure_pa(ratio: Vector) -> Vector:
    """Return the partial pressure of vapour [Pa] at a humidity ratio >= 0 [kg/kg]."""
    return PRESSURE_PA * ratio / (MASS_RATIO + ratio)


def relative_humidity(temperature_c: Vector, ratio: Vector) -> Vector:
    """Return relative humidity [-] at temperature_c [degC] and humidity ratio [kg/kg]; above 1 means fog."""
    return vapour_pressure_pa(ratio) / saturation_pressure_pa(temperature_c)


def enthalpy_j_per_kg(temperature_c: Vector, ratio: Vector) -> Vector:
    """Return enthalpy [J per kg of dry air] above dry air and liquid water at 0 degC (ASHRAE 2017, ch. 1, eq. 30)."""
    return CP_AIR * temperature_c + ratio * (EVAPORATION + CP_VAPOUR * temperature_c)


def density_kg_per_m3(temperature_c: Vector, ratio: Vector) -> Vector:
    """Return kg of moist air per m3 at 101,325 Pa (ASHRAE 2017, ch. 1, eq. 26 and 9)."""
    volume = GAS_CONSTANT * (temperature_c + KELVIN) * (1.0 + 1.607858 * ratio) / PRESSURE_PA
    return (1.0 + ratio) / volume


def dew_point_c(ratio: Vector) -> Vector:
    """Return the temperature [degC] at which air of this humidity ratio (1e-4..0.1 kg/kg) is saturated.

    Newton on ln p_ws(T) = ln p_w from the Magnus formula, with d ln p_ws/dT by its own central difference.
    """
    wanted = np.log(vapour_pressure_pa(ratio))
    ratio_log = wanted - np.log(611.2)
    dew = 243.12 * ratio_log / (17.62 - ratio_log)
    for _ in range(DEW_STEPS):
        low, high = np.log(saturation_pressure_pa(dew - 0.05)), np.log(saturation_pressure_pa(dew + 0.05))
        dew = dew + (wanted - np.log(saturation_pressure_pa(dew))) * 0.1 / (high - low)
    return dew
