"""Builds model, objective and controller from configuration: everything that can be wrong is found here, at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from apc.control.dompc import DoMpcController
from apc.control.lmpc import LinearPredictiveControl
from apc.control.nmpc import RealTimeIteration
from apc.control.objective import Objective, build_objective
from apc.control.pid import Believed, PidControl
from apc.control.plc import VendorLoops
from apc.control.press_gains import press_gains
from apc.control.problem import Controller, Problem, Reading
from apc.control.ratio import RatioControl
from apc.control.step_response import step_test
from apc.estimation.noise import check_noise
from apc.supervision.tags import InputScaling, TagLimits, recipe_inputs, tag_limits
from flowsheet.assembly import Flowsheet, build_flowsheet
from flowsheet.layout import N_FEEDERS, OUTPUTS, STEP_S
from flowsheet.parameters import flowsheet_parameters
from line.configuration import ControllerConfiguration, LineConfiguration
from line.errors import ConfigurationFaults, Fault
from line.recipe import Recipe
from line.tags import TagRegister
from line.tuning import LinearTuning, PidTuning, RatioTuning

ControllerName = Literal["plc", "ratio", "pid", "pid+kalman", "lmpc", "nmpc", "dompc"]
NAMES: tuple[ControllerName, ...] = ("plc", "ratio", "pid", "pid+kalman", "lmpc", "nmpc", "dompc")
Table = TypeVar("Table", RatioTuning, PidTuning, LinearTuning)
#: Controllers that look at no analyser: they need no tablets to begin with, and the NIR's authority is not theirs. The last
#: two are lent by a test bench.
WITHOUT_ANALYSERS = ("plc", "ratio", "causal", "clairvoyant")


@dataclass(frozen=True)
class ControlParts:
    """What the supervisor works with."""

    flowsheet: Flowsheet
    scaling: InputScaling
    limits: TagLimits
    objective: Objective
    controller: Controller


def build_parts(
    recipe: Recipe, line: LineConfiguration, configuration: ControllerConfiguration, register: TagRegister, name: ControllerName
) -> ControlParts:
    """Return the parts. Raises ConfigurationFaults (model, noise, weights, moves, horizon)."""
    flowsheet = build_flowsheet(flowsheet_parameters(configuration.model, known_parameters(recipe, line)))
    check_noise(configuration.noise)
    _check_horizon(configuration, line)
    scaling = InputScaling(register, flowsheet.u_scale)
    limits = tag_limits(configuration, recipe)
    p = flowsheet.parameters
    registered = scaling.scaled(recipe_inputs(recipe, p.reference_flow * 3600.0))
    product = recipe.product
    targets = {
        "potency_tablet": product.target_pct_lc,
        "potency_blend": product.target_pct_lc,
        "weight": product.tablet_mass_mg,
        "hardness": product.hardness_target_n,
        "level_hopper": recipe.setpoints["SP/HopperLevel"],
        "lubricant_tablet": 100.0 * p.fraction_lubricant,
    }
    objective = build_objective(configuration, targets, np.array(p.fractions), registered)
    parts = ControlParts(flowsheet, scaling, limits, objective, VendorLoops(registered, sum(configuration.move_blocks)))
    return replace(parts, controller=_controller(name, parts, configuration))


def known_parameters(recipe: Recipe, line: LineConfiguration) -> dict[str, float]:
    """Return the model parameters that recipe and line fix, SI."""
    fractions = {f"fraction_{line.feeders[c.feeder - 1].component}": c.fraction_w_w for c in recipe.product.components}
    return {**fractions, "tablet_mass": recipe.product.tablet_mass_mg * 1e-6, "n_stations": line.n_stations}


def _check_horizon(configuration: ControllerConfiguration, line: LineConfiguration) -> None:
    seconds = sum(configuration.move_blocks) * STEP_S
    file = f"controller {configuration.id}"
    faults = []
    if seconds < configuration.horizon_s:
        faults.append(Fault(file, "move_blocks", f"{seconds:g} s", f"at least horizon_s = {configuration.horizon_s:g} s"))
    if configuration.horizon_s < line.t95_slowest_s:
        faults.append(Fault(file, "horizon_s", f"{configuration.horizon_s:g} s", f"at least t95 = {line.t95_slowest_s:g} s"))
    if min(configuration.move_blocks) < 1 or configuration.move_blocks[0] != 1:
        faults.append(Fault(file, "move_blocks", str(configuration.move_blocks[0]), "the first ramp is one decision long"))
    if faults:
        raise ConfigurationFaults(faults)


def _controller(name: ControllerName, parts: ControlParts, configuration: ControllerConfiguration) -> Controller:
    flowsheet, objective, free = parts.flowsheet, parts.objective, parts.limits.free
    blocks, most = configuration.move_blocks, configuration.max_iterations
    flow_unit = parts.scaling.plant_per_scaled[:N_FEEDERS]
    n_steps = sum(blocks)
    if name == "plc":
        return parts.controller
    if name == "ratio":
        return RatioControl(objective, flow_unit, _needed(configuration, name, RatioTuning), n_steps)
    if name in ("pid", "pid+kalman"):
        p, tuning = flowsheet.parameters, _needed(configuration, name, PidTuning)
        believed = None if name == "pid" else believed_readings(flowsheet)
        return PidControl(p, objective, flow_unit, press_gains(p), tuning, n_steps, believed)
    if name == "lmpc":
        tuning_linear = _needed(configuration, name, LinearTuning)
        model = step_test(flowsheet, objective.targets).scaled(configuration.step_gains)
        fade = flowsheet.parameters.feeder_deviation_time
        return LinearPredictiveControl(model, objective, flow_unit, fade, blocks, most, tuning_linear, free)
    if name == "nmpc":
        return RealTimeIteration(flowsheet, objective, blocks, most, free)
    if name == "dompc":
        return DoMpcController(flowsheet, objective, n_steps, most, free)
    remedy = f"use one of {', '.join(NAMES)}"
    raise ConfigurationFaults([Fault("command line", "controller", repr(name), remedy)])


def _needed(configuration: ControllerConfiguration, name: ControllerName, form: type[Table]) -> Table:
    """Return a controller's own table. Raises ConfigurationFaults if the file does not hold it."""
    table = configuration.tuning.of(name)
    if not isinstance(table, form):
        remedy = f'write a table [tuning."{name}"]: --controller {name} has no default'
        raise ConfigurationFaults([Fault(f"controller {configuration.id}", f"tuning.{name}", "missing", remedy)])
    return table


def believed_readings(flowsheet: Flowsheet) -> Believed:
    """Return what turns a problem's estimate into readings of now, by output name, plant units."""

    def read(problem: Problem) -> Mapping[str, Reading]:
        y = np.array(flowsheet.outputs(problem.x, problem.u_before, problem.d)).ravel()
        return {name: Reading(float(value)) for name, value in zip(OUTPUTS, y, strict=True)}

    return read
