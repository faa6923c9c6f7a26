"""Scenario files and the `--fault` and `--minutes` choices of the demonstration."""

from __future__ import annotations

from pathlib import Path

from line.configuration import PlantFault, Scenario, load, near
from line.errors import ConfigurationFaults, Fault
from plant_sim.faults import known_faults

#: The entry of the demonstration that --fault replaces or leaves out.
REPLACED = "api_interruption"
BEAT_FAULT = "heartbeat_loss"


def load_scenario(folder: Path, name: str) -> Scenario:
    """Return the scenario of that name or file. Raises ConfigurationFaults (unknown name: near matches)."""
    path = Path(name) if name.endswith(".toml") else folder / "scenarios" / f"{name}.toml"
    if not path.exists():
        known = [p.stem for p in sorted((folder / "scenarios").glob("*.toml"))]
        raise ConfigurationFaults([Fault(str(path), "file", "absent", near(name, known))])
    return load(path, Scenario)


def with_fault(scenario: Scenario, fault: str | None) -> Scenario:
    """Return the scenario with `fault` in the place of the interruption; None keeps it, "none" leaves it out."""
    if fault is None or fault == REPLACED:
        return scenario
    slot = next((f for f in scenario.faults if f.name == REPLACED), PlantFault(name=REPLACED, at_s=1500))
    others = tuple(f for f in scenario.faults if f.name != REPLACED)
    if fault == "none":
        return scenario.model_copy(update={"faults": others})
    names = [*known_faults(), BEAT_FAULT]
    if fault not in names:
        raise ConfigurationFaults([Fault("--fault", "name", fault, near(fault, [*names, "none"]))])
    return scenario.model_copy(update={"faults": (*others, PlantFault(name=fault, at_s=slot.at_s))})


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
