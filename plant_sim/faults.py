"""Named faults by name, what of a scenario's faults cannot be, and which are in force in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from line.configuration import PlantFault, Scenario, near
from line.errors import ConfigurationFaults, Fault
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_FEEDERS
from plant_sim.fault_library import feeders, gate, instruments, lots, path, press, scales, site
from plant_sim.fault_library.exclusive import exclusive
from plant_sim.fault_library.kind import FEEDER_NAMES, FaultKind

#: Faults that another room injects: known here so that their names are not called unknown.
KNOWN_ELSEWHERE = ("heartbeat_loss",)
_TABLES = (feeders, scales, lots, path, press, gate, instruments, site)

#: Every named fault, in the order of the material's way.
FAULTS: Mapping[str, FaultKind] = MappingProxyType({kind.name: kind for table in _TABLES for kind in table.KINDS})
#: A second that never comes.
NEVER = 1 << 62


def known_faults() -> tuple[str, ...]:
    """Return the names of the faults that the plant itself can play."""
    return tuple(FAULTS)


def check_faults(scenario: Scenario) -> None:
    """Raise ConfigurationFaults with everything that `fault_faults` finds in a scenario."""
    found = fault_faults(list(enumerate(scenario.faults)), scenario.name)
    if found:
        raise ConfigurationFaults(found)


def fault_faults(items: Sequence[tuple[int, PlantFault]], file: str) -> list[Fault]:
    """Return everything that cannot be in a list of (place in the file, plant fault).

    Unknown names (with near matches), targets and severities that the fault does not take, and two faults that
    overlap in time on one target although they exclude each other (see plant_sim/fault_library/exclusive.py).
    """
    found: list[Fault] = []
    for place, item in items:
        found += _item_faults(f"faults.{place}", item, file)
    return found + _overlaps(items, file)


def _item_faults(key: str, item: PlantFault, file: str) -> list[Fault]:
    kind = FAULTS.get(item.name)
    if kind is None:
        known = [*FAULTS, *KNOWN_ELSEWHERE]
        return [] if item.name in KNOWN_ELSEWHERE else [Fault(file, f"{key}.name", item.name, near(item.name, known))]
    found = []
    if item.target is not None and item.target not in kind.targets:
        found.append(Fault(file, f"{key}.target", item.target, near(item.target, kind.targets)))
    if item.severity is not None and not kind.low <= item.severity <= kind.high:
        remedy = f"{item.name} takes {kind.low:g}..{kind.high:g} {kind.unit}"
        found.append(Fault(file, f"{key}.severity", f"{item.severity:g}", remedy))
    return found


def _overlaps(items: Sequence[tuple[int, PlantFault]], file: str) -> list[Fault]:
    found = []
    spans = [(place, item.name, *_span(item)) for place, item in items]
    for i, (place, name, target, onset, end) in enumerate(spans):
        for other_place, other, other_target, other_onset, other_end in spans[:i]:
            if target == other_target and exclusive(name, other) and onset < other_end and other_onset < end:
                what = "is in force there already" if name == other else f"and {other} exclude each other"
                until = "the end" if other_end == NEVER else f"{other_end} s"
                remedy = f"{name} {what}: faults.{other_place} from {other_onset} s to {until}; move one of them"
                found.append(Fault(file, f"faults.{place}", f"{name} at {onset} s on {target}", remedy))
    return found


def _span(item: PlantFault) -> tuple[str, int, int]:
    """Return (target, onset, end) of a fault, defaults filled in."""
    kind = FAULTS.get(item.name)
    target = item.target or (kind.targets[0] if kind else "line")
    duration = item.duration_s if item.duration_s is not None or kind is None else kind.duration_s
    return target, item.at_s, NEVER if duration is None else item.at_s + duration


@dataclass(frozen=True)
class _Planned:
    """One fault of one line: when, how long (None: for ever), what, how much, on which feeder."""

    onset: int
    length: int | None
    kind: FaultKind
    severity: float
    target: int

    def share(self, second: int) -> float:
        since = second - self.onset
        return self.kind.course.share(since, None if self.length is None else since - self.length)

    def active(self, second: int) -> bool:
        """True from the onset until it has ended and faded, also between two pulses."""
        if second < self.onset:
            return False
        return self.length is None or second < self.onset + self.length + self.kind.course.fade_s

    def next_change(self, second: int) -> int:
        after = self.kind.course.next_change(second - self.onset, self.length)
        return NEVER if after is None else self.onset + after


class FaultTimeline:
    """Which faults are in force in the second that begins at k. Worked out anew only for a line in which one changes.

    A severity that grows or fades is worked out every RAMP_STEP_S seconds while it does. Any second may be asked
    for first; after that, seconds must be asked for in order.
    """

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.effects = FaultEffects(len(scenarios))
        self._plans = [[_plan(item) for item in s.faults if item.name in FAULTS] for s in scenarios]
        self._due = [min((fault.onset for fault in plan), default=NEVER) for plan in self._plans]
        self._next = min(self._due, default=NEVER)

    def at(self, second: int) -> FaultEffects:
        """Return the effects in the second `second`..`second + 1`."""
        if second < self._next:
            return self.effects
        for line, plan in enumerate(self._plans):
            if self._due[line] <= second:
                self._work_out(line, plan, second)
        self._next = min(self._due)
        self.effects.any_active = any(fault.active(second) for plan in self._plans for fault in plan)
        return self.effects

    def _work_out(self, line: int, plan: Sequence[_Planned], second: int) -> None:
        self.effects.clear(line)
        for fault in plan:
            share = fault.share(second)
            if share > 0.0:
                fault.kind.apply(self.effects, line, fault.severity * share, fault.target)
        self._due[line] = min(fault.next_change(second) for fault in plan)

    def names(self, line: int, second: int) -> tuple[str, ...]:
        """Return the names of the faults in force on a line."""
        return tuple(f.kind.name for f in self._plans[line] if f.active(second))


def _plan(item: PlantFault) -> _Planned:
    kind = FAULTS[item.name]
    duration = item.duration_s if item.duration_s is not None else kind.duration_s
    target = item.target if item.target is not None else kind.targets[0]
    index = FEEDER_NAMES.index(target) if target in FEEDER_NAMES else 0
    severity = item.severity if item.severity is not None else kind.severity
    return _Planned(item.at_s, duration, kind, severity, index % N_FEEDERS)
