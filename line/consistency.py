"""Faults that no single configuration file shows: line, recipe, controller and scenario against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from line.configuration import ControllerConfiguration, LineConfiguration, MoveLimit, Scenario, near
from line.errors import Fault
from line.modes import ControllerMode
from line.recipe import Range, Recipe
from line.tags import TagRegister
from line.units import UNITS


def line_faults(line: LineConfiguration, file: str) -> list[Fault]:
    """Return faults of a line: a feeder number or component that appears twice."""
    faults: list[Fault] = []
    for key in ("number", "component"):
        values = [str(getattr(feeder, key)) for feeder in line.feeders]
        twice = sorted({value for value in values if values.count(value) > 1})
        faults += [Fault(file, f"feeders.{key}", word, "appears twice: each feeder has its own") for word in twice]
    return faults


def recipe_faults(recipe: Recipe, line: LineConfiguration, register: TagRegister, file: str) -> list[Fault]:
    """Return faults of a recipe on a line: unknown tags, other units, ranges beyond the tag's, missing feeders."""
    faults: list[Fault] = []
    for tag_id, limits in recipe.ranges.items():
        faults += _range_faults(tag_id, limits, register, file)
    installed = {feeder.number: feeder.component for feeder in line.feeders}
    for part in recipe.product.components:
        found = installed.get(part.feeder)
        if found != part.name:
            value = f"feeder {part.feeder}"
            faults.append(Fault(file, f"product.components.{part.name}", value, f"the line has {found or 'nothing'} there"))
    needed = {f"SP/Feeder{part.feeder}MassFlow" for part in recipe.product.components} | set(recipe.setpoints)
    for tag_id in sorted(needed - set(recipe.ranges)):
        faults.append(Fault(file, f"ranges.{tag_id}", "missing", "write its normal and proven range"))
    least_kg = line.t95_slowest_s * recipe.rtd.throughput_min_kg_per_h / 3600.0
    if recipe.design.slice_gap_kg < least_kg:
        remedy = f"at least {least_kg:.2f} kg, what the line makes in its t95: nearer slices repeat each other"
        faults.append(Fault(file, "design.slice_gap_kg", f"{recipe.design.slice_gap_kg:g} kg", remedy))
    return faults


def _range_faults(tag_id: str, limits: Range, register: TagRegister, file: str) -> Iterator[Fault]:
    key = f"ranges.{tag_id}"
    if tag_id not in register.setpoint_index:
        yield Fault(file, key, tag_id, f"not a set-point of the line; {near(tag_id, register.setpoint_ids)}")
        return
    tag = register[tag_id]
    if limits.unit != tag.unit:
        yield Fault(file, f"{key}.unit", repr(limits.unit), f"the tag register says {tag.unit!r}: write the range in that unit")
    elif limits.proven_low < tag.low or limits.proven_high > tag.high:
        value = f"{limits.proven_low:g}..{limits.proven_high:g} {limits.unit}"
        yield Fault(file, key, value, f"beyond what the PLC takes: {tag.low:g}..{tag.high:g} {tag.unit}")


def controller_faults(
    controller: ControllerConfiguration, recipe: Recipe, line: LineConfiguration, register: TagRegister, file: str
) -> list[Fault]:
    """Return faults of a controller for a recipe on a line: limits outside the normal ranges, a horizon below t95."""
    faults: list[Fault] = []
    if controller.horizon_s < line.t95_slowest_s:
        remedy = f"at least t95_slowest_s = {line.t95_slowest_s:g} s, or it cannot see what it does to the tablets"
        faults.append(Fault(file, "horizon_s", f"{controller.horizon_s:g} s", remedy))
    seen: set[str] = set()
    for number, move in enumerate(controller.moves):
        if move.tag in seen:
            faults.append(Fault(file, f"moves.{number}.tag", move.tag, "appears twice: remove one"))
        seen.add(move.tag)
        faults += _move_faults(f"moves.{number}", move, recipe, register, file)
    for name, parameter in controller.model.items():
        if parameter.unit not in UNITS:
            faults.append(Fault(file, f"model.{name}.unit", repr(parameter.unit), near(parameter.unit, list(UNITS))))
    return faults


def _move_faults(key: str, move: MoveLimit, recipe: Recipe, register: TagRegister, file: str) -> Iterator[Fault]:
    if move.tag not in register.setpoint_index or register[move.tag].owner != "APC":
        known = [t for t in register.setpoint_ids if register[t].owner == "APC"]
        yield Fault(file, f"{key}.tag", move.tag, f"not a set-point of the controller; {near(move.tag, known)}")
        return
    tag = register[move.tag]
    if move.unit != tag.unit:
        yield Fault(file, f"{key}.unit", repr(move.unit), f"the tag register says {tag.unit!r}: write the limits in that unit")
        return
    if move.tag not in recipe.ranges:
        yield Fault(file, f"{key}.tag", move.tag, f"recipe {recipe.id} has no range for it: the controller may not move it")
        return
    normal = recipe.ranges[move.tag]
    if move.low < normal.normal_low:
        remedy = f"below the normal range of recipe {recipe.id}: at least {normal.normal_low:g} {normal.unit}"
        yield Fault(file, f"{key}.low", f"{move.low:g} {move.unit} ({move.tag})", remedy)
    if move.high > normal.normal_high:
        remedy = f"above the normal range of recipe {recipe.id}: at most {normal.normal_high:g} {normal.unit}"
        yield Fault(file, f"{key}.high", f"{move.high:g} {move.unit} ({move.tag})", remedy)


def scenario_faults(
    scenario: Scenario, recipes: Mapping[str, Recipe], line: LineConfiguration, known: Sequence[str], file: str
) -> list[Fault]:
    """Return faults of a scenario: unknown plant faults, throughput outside every recipe's range, feeders not installed."""
    faults: list[Fault] = []
    for number, fault in enumerate(scenario.faults):
        if fault.name not in known:
            faults.append(Fault(file, f"faults.{number}.name", fault.name, near(fault.name, known)))
    installed = {feeder.number for feeder in line.feeders}
    for number, load in enumerate(scenario.lots):
        if load.feeder not in installed:
            faults.append(Fault(file, f"lots.{number}.feeder", str(load.feeder), "the line has no such feeder"))
    wanted: list[tuple[str, object]] = [("throughput_kg_per_h", scenario.throughput_kg_per_h)]
    for number, action in enumerate(scenario.operator):
        if action.action == "throughput":
            wanted.append((f"operator.{number}.value", action.value))
        if action.action == "mode" and str(action.value) not in list(ControllerMode):
            faults.append(Fault(file, f"operator.{number}.value", str(action.value), "use OFF, WARM or ON"))
    for key, value in wanted:
        faults += _throughput_faults(key, value, recipes, file)
    return faults


def _throughput_faults(key: str, value: object, recipes: Mapping[str, Recipe], file: str) -> Iterator[Fault]:
    ranges = [r.ranges["SP/Throughput"] for r in recipes.values() if "SP/Throughput" in r.ranges]
    if not isinstance(value, (int, float)):
        yield Fault(file, key, repr(value)[:60], "write a number of kg/h")
    elif ranges and not any(r.normal_low <= value <= r.normal_high for r in ranges):
        shown = ", ".join(f"{r.normal_low:g}..{r.normal_high:g} kg/h" for r in ranges[:4])
        yield Fault(file, key, f"{value:g} kg/h", f"outside the normal range of every recipe: {shown}")
