"""Parameters of the control model: SI values with bounds, from a configuration table with units and sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from line.configuration import ModelParameter, near
from line.errors import ConfigurationError, ConfigurationFaults, Fault
from line.units import factor


def _si(unit: str, **bounds: Any) -> Any:
    return Field(json_schema_extra={"unit": unit}, **bounds)


class FlowsheetParameters(BaseModel):
    """What the control model believes of line and material. SI; the unit of the configuration is named beside each.

    Flow, mass and press values at the reference throughput; see docs/control.md for equations and sources.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reference_flow: float = _si("kg/h", gt=0)
    feeder_lag: float = _si("s", gt=0, le=60)
    feeder_deviation_time: float = _si("s", ge=5, le=300)
    blender_hold_up: float = _si("kg", gt=0, le=5)
    blender_reference_speed: float = _si("rpm", gt=0)
    blender_flow_exponent: float = _si("-", gt=0.2, le=1)
    blender_speed_exponent: float = _si("-", ge=0, le=2)
    blender_dead_time: float = _si("s", ge=5, le=10)
    hopper_level: float = _si("kg", gt=0, le=5)
    hopper_plug_share: float = _si("-", gt=0, lt=1)
    feed_frame_hold_up: float = _si("kg", gt=0, le=2)
    feed_frame_dead_time: float = _si("s", ge=0, le=20)
    feed_frame_split: float = _si("-", gt=0, lt=1)
    feed_frame_paddle_speed: float = _si("rpm", gt=0)
    level_time: float = _si("s", gt=0)
    force_loop_time: float = _si("s", gt=0, le=60)
    fill_density: float = _si("g/cm3", gt=0)
    fill_depth: float = _si("mm", gt=0)
    fill_turret_term: float = _si("-", ge=0, le=0.5)
    fill_depth_term: float = _si("-", ge=0, le=0.5)
    die_diameter: float = _si("mm", gt=0)
    true_density: float = _si("g/cm3", gt=0)
    yield_pressure: float = _si("MPa", gt=0)
    heckel_intercept: float = _si("-", gt=0, le=2)
    press_stiffness: float = _si("kN/mm", gt=0)
    main_height: float = _si("mm", gt=0)
    main_force: float = _si("kN", gt=0)
    elastic_recovery: float = _si("-", ge=0, le=0.3)
    strength: float = _si("MPa", gt=0)
    porosity_factor: float = _si("-", gt=0, le=40)
    lubrication_share: float = _si("-", gt=0, lt=1)
    lubrication_loss: float = _si("-", gt=0, lt=0.5)
    tablet_mass: float = _si("mg", gt=0)
    fraction_api: float = _si("-", gt=0, lt=1)
    fraction_premix: float = _si("-", gt=0, lt=1)
    fraction_lactose: float = _si("-", gt=0, lt=1)
    fraction_lubricant: float = _si("-", gt=0, lt=1)
    n_stations: int = _si("1", ge=1, le=200)

    @property
    def fractions(self) -> tuple[float, float, float, float]:
        """Registered mass fractions of feeders 1..4 [kg/kg]."""
        return (self.fraction_api, self.fraction_premix, self.fraction_lactose, self.fraction_lubricant)

    @property
    def die_area(self) -> float:
        """Cross-section of the die [m2]."""
        return 3.141592653589793 * self.die_diameter**2 / 4.0


def unit_of(name: str) -> str:
    """Return the unit in which a parameter is written in configuration files."""
    extra = FlowsheetParameters.model_fields[name].json_schema_extra
    return str(extra["unit"]) if isinstance(extra, dict) else "1"


def flowsheet_parameters(
    table: Mapping[str, ModelParameter], known: Mapping[str, float], file: str = "controller"
) -> FlowsheetParameters:
    """Return the parameters of a configuration table.

    `table` value and unit by name; `known` SI values that line and recipe fix (fractions, tablet mass, stations).
    Raises ConfigurationFaults that list every missing, unknown, wrongly united or impossible value.
    """
    wanted = [name for name in FlowsheetParameters.model_fields if name not in known]
    faults = [
        Fault(file, f"model.{n}", "missing", f"write it in {unit_of(n)}: there is no default") for n in wanted if n not in table
    ]
    values: dict[str, float] = dict(known)
    for name, parameter in table.items():
        if name not in wanted:
            faults.append(
                Fault(file, f"model.{name}", str(parameter.value), f"unknown or fixed by the recipe; {near(name, wanted)}")
            )
        elif parameter.unit != unit_of(name):
            faults.append(Fault(file, f"model.{name}.unit", repr(parameter.unit), f"write the value in {unit_of(name)!r}"))
        else:
            values[name] = _to_si(name, parameter)
    if faults:
        raise ConfigurationFaults(faults)
    try:
        return FlowsheetParameters.model_validate(values)
    except ValidationError as error:
        raise ConfigurationFaults(
            [Fault(file, f"model.{e['loc'][0] if e['loc'] else '?'}", f"{e['input']!r} SI", e["msg"]) for e in error.errors()]
        ) from error


def _to_si(name: str, parameter: ModelParameter) -> float:
    try:
        return parameter.value * factor(parameter.unit)
    except ConfigurationError as error:
        raise ConfigurationFaults([Fault("controller", f"model.{name}.unit", repr(parameter.unit), error.what_now)]) from error
