"""Scenario files with everything that is wrong in them, and the `--fault` and `--minutes` choices of the demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hil.kpis import FIGURES
from line.configuration import Expectation, LotLoad, PlantFault, Scenario, late_onsets, near, read_toml, validate
from line.errors import ConfigurationFaults, Fault
from plant_sim.faults import check_faults, fault_faults, known_faults

Item = TypeVar("Item", bound=BaseModel)

#: The entry of the demonstration that --fault replaces or leaves out.
REPLACED = "api_interruption"
BEAT_FAULT = "heartbeat_loss"
#: Tables of a scenario whose rows have an onset `at_s`.
ONSETS = ("operator", "faults", "lots")


def load_scenario(folder: Path, name: str) -> Scenario:
    """Return the scenario of that name or file. Raises ConfigurationFaults (unknown name: near matches) with every fault."""
    path = Path(name) if name.endswith(".toml") else folder / "scenarios" / f"{name}.toml"
    if not path.exists():
        known = [p.stem for p in sorted((folder / "scenarios").glob("*.toml"))]
        raise ConfigurationFaults([Fault(str(path), "file", "absent", near(name, known))])
    scenario, found = read_scenario(path)
    if scenario is None or found:
        raise ConfigurationFaults(found)
    return scenario


def catalogue(folder: Path) -> list[Scenario]:
    """Return every scenario of a configuration folder in order of name. Raises ConfigurationFaults: all faults of all files."""
    found: list[Fault] = []
    scenarios: list[Scenario] = []
    for path in sorted((folder / "scenarios").glob("*.toml")):
        scenario, faults = read_scenario(path)
        found += faults
        scenarios += [scenario] if scenario is not None else []
    if found:
        raise ConfigurationFaults(found)
    return scenarios


def read_scenario(path: Path) -> tuple[Scenario | None, list[Fault]]:
    """Return a scenario file as a model (None if it does not fit the model) and everything that is wrong in it.

    Wrong values and wrong sense come together: what of the file can be read by itself is checked although its
    neighbour is not readable. Raises ConfigurationFaults if the file is no TOML.
    """
    content, file = read_toml(path), str(path)
    scenario: Scenario | None = None
    found: list[Fault] = []
    try:
        scenario = validate(content, Scenario, file)
    except ConfigurationFaults as error:
        found += error.faults
    found += _late(content, file)
    found += fault_faults(_readable(content.get("faults"), PlantFault), file)
    found += _lot_faults(_readable(content.get("lots"), LotLoad), file)
    for place, item in _readable(content.get("expect"), Expectation):
        if item.figure not in FIGURES:
            found.append(Fault(file, f"expect.{place}.figure", item.figure, near(item.figure, list(FIGURES))))
    return scenario, list(dict.fromkeys(found))


def _tables(rows: object) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(rows, list):
        yield from ((place, row) for place, row in enumerate(rows) if isinstance(row, dict))


def _readable(rows: object, model: type[Item]) -> list[tuple[int, Item]]:
    """Return (place, item) of the rows that fit the model; the others' faults are listed by `validate`."""
    items = []
    for place, row in _tables(rows):
        try:
            items.append((place, model.model_validate(row)))
        except ValidationError:
            continue
    return items


def _late(content: dict[str, Any], file: str) -> list[Fault]:
    minutes = content.get("minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)):
        return []
    rows = [(f"{name}.{place}.at_s", row.get("at_s")) for name in ONSETS for place, row in _tables(content.get(name))]
    onsets = [(key, at) for key, at in rows if isinstance(at, int) and not isinstance(at, bool)]
    return [Fault(file, *late) for late in late_onsets(onsets, minutes)]


def _lot_faults(lots: list[tuple[int, LotLoad]], file: str) -> list[Fault]:
    found: list[Fault] = []
    seen: dict[tuple[int, int], int] = {}
    for place, item in lots:
        earlier = seen.setdefault((item.feeder, item.at_s), place)
        if earlier != place:
            remedy = f"lots.{earlier} is loaded into feeder {item.feeder} in that second: move one of them"
            found.append(Fault(file, f"lots.{place}", f"{item.lot} at {item.at_s} s", remedy))
    return found


def with_fault(scenario: Scenario, fault: str | None) -> Scenario:
    """Return the scenario with `fault` in the place of the interruption; None keeps it, "none" leaves it out.

    Raises ConfigurationFaults: unknown name (near matches), or a fault that the others exclude.
    """
    if fault is None or fault == REPLACED:
        return scenario
    slot = next((f for f in scenario.faults if f.name == REPLACED), PlantFault(name=REPLACED, at_s=1500))
    others = tuple(f for f in scenario.faults if f.name != REPLACED)
    if fault == "none":
        return scenario.model_copy(update={"faults": others})
    names = [*known_faults(), BEAT_FAULT]
    if fault not in names:
        raise ConfigurationFaults([Fault("--fault", "name", fault, near(fault, [*names, "none"]))])
    changed = scenario.model_copy(update={"faults": (*others, PlantFault(name=fault, at_s=slot.at_s))})
    check_faults(changed)
    return changed


def shortened(scenario: Scenario, minutes: float | None) -> Scenario:
    """Return the scenario cut to `minutes`; what would begin after the end is left out."""
    if minutes is None or minutes == scenario.minutes:
        return scenario
    end_s = minutes * 60
    update = {
        "minutes": minutes,
        "operator": tuple(x for x in scenario.operator if x.at_s < end_s),
        "faults": tuple(x for x in scenario.faults if x.at_s < end_s),
        "lots": tuple(x for x in scenario.lots if x.at_s < end_s),
    }
    return Scenario.model_validate({**scenario.model_dump(), **update})


def split_beat_fault(scenario: Scenario) -> tuple[Scenario, tuple[int, int] | None]:
    """Return the plant's part of the scenario, and the seconds in which the engine's beat is frozen (or None)."""
    frozen = next((f for f in scenario.faults if f.name == BEAT_FAULT), None)
    if frozen is None:
        return scenario, None
    rest = tuple(f for f in scenario.faults if f.name != BEAT_FAULT)
    end_s = frozen.at_s + (frozen.duration_s or int(scenario.minutes * 60))
    return scenario.model_copy(update={"faults": rest}), (frozen.at_s, end_s)
