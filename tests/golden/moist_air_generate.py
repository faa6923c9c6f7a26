"""Moist air by two programs that are not ours: run where PsychroLib and CoolProp are installed; prints the JSON."""

from __future__ import annotations

import json
import sys

import CoolProp
import psychrolib
from CoolProp.HumidAirProp import HAPropsSI

PRESSURE_PA = 101325.0
POINTS = ((-10.0, 0.8), (0.5, 0.6), (7.0, 1.0), (18.0, 0.65), (21.0, 0.45), (21.0, 0.65), (25.0, 0.5), (35.0, 0.4))


def main() -> None:
    """Write humidity ratio, enthalpy, density, dew point and saturation pressure of each point."""
    psychrolib.SetUnitSystem(psychrolib.SI)
    rows = []
    for celsius, humidity in POINTS:
        ratio = psychrolib.GetHumRatioFromRelHum(celsius, humidity, PRESSURE_PA)
        real = {"T": celsius + 273.15, "R": humidity, "P": PRESSURE_PA}
        state = [item for pair in real.items() for item in pair]
        rows.append(
            {
                "temperature_c": celsius,
                "relative_humidity": humidity,
                "ratio": ratio,
                "enthalpy_j_per_kg": psychrolib.GetMoistAirEnthalpy(celsius, ratio),
                "density_kg_per_m3": psychrolib.GetMoistAirDensity(celsius, ratio, PRESSURE_PA),
                "dew_point_c": psychrolib.GetTDewPointFromRelHum(celsius, humidity),
                "saturation_pa": psychrolib.GetSatVapPres(celsius),
                "ratio_coolprop": HAPropsSI("W", *state),
                "density_coolprop": (1.0 + HAPropsSI("W", *state)) / HAPropsSI("Vda", *state),
                "dew_point_coolprop_c": HAPropsSI("D", *state) - 273.15,
            }
        )
    json.dump({"psychrolib": "2.5.0", "coolprop": CoolProp.__version__, "points": rows}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
