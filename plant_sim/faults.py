"""Named faults: what each one is physically, which tags it moves, and what it does to the plant while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from line.configuration import PlantFault, Scenario, near
from line.errors import ConfigurationFaults, Fault
from plant_sim.effects import FaultEffects
from plant_sim.extents import N_FEEDERS

#: Feeders as fault targets.
FEEDER_NAMES = ("api", "premix", "lactose", "lubricant")
#: Faults that another room injects: known here so that their names are not called unknown.
KNOWN_ELSEWHERE = ("heartbeat_loss",)

Apply = Callable[[FaultEffects, int, float, int], None]


@dataclass(frozen=True)
class FaultKind:
    """One named fault.

    meaning in words; moves: tags that show it; unit, low, high, severity: of the severity and its default; duration_s
    default length (None: until the end); targets: allowed targets, the first is the default; apply(effects, line,
    severity, target index).
    """

    name: str
    meaning: str
    moves: tuple[str, ...]
    unit: str
    low: float
    high: float
    severity: float
    duration_s: int | None
    targets: tuple[str, ...]
    apply: Apply


def _span(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.scale_gain[line, target] *= 1.0 + severity / 100.0


def _interruption(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.feeder_flow[line, target] *= 1.0 - severity / 100.0


def _nir_outage(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.nir_out[line] = True


def _density(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.fill_density[line] *= 1.0 + severity / 100.0


def _yield(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.yield_pressure[line] *= 1.0 + severity / 100.0


def _unseen_feed(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    factor = 1.0 + severity / 100.0
    effects.feeder_flow[line, target] *= factor
    effects.scale_sees[line, target] /= factor


def _press_stop(effects: FaultEffects, line: int, severity: float, target: int) -> None:
    effects.press_stop[line] = True


_KINDS = (
    FaultKind(
        "load_cell_span",
        "the scale's span is off: it reports changes of weight by severity % wrong, without a jump; the gravimetric "
        "loop feeds the opposite error",
        ("Assay/PotencyMean", "Feeder1/Totalizer"), "%", -10, 10, -3.0, None, FEEDER_NAMES, _span,
    ),
    FaultKind(
        "api_interruption",
        "delivery of the feeder stops (empty supply, blocked outlet): severity % of the flow is missing",
        ("Feeder1/MassFlow", "NIR/Spectrum"), "%", 0, 100, 100.0, 30, FEEDER_NAMES, _interruption,
    ),
    FaultKind(
        "api_bridging_short",
        "powder bridges over the screws and falls by itself: severity % of the flow is missing for a short time",
        ("Feeder1/MassFlow",), "%", 0, 100, 100.0, 12, FEEDER_NAMES, _interruption,
    ),
    FaultKind(
        "nir_outage",
        "the spectrometer is out of service: spectra arrive Bad and empty",
        ("NIR/Spectrum",), "-", 0, 1, 1.0, 600, ("nir",), _nir_outage,
    ),
    FaultKind(
        "density_step",
        "powder packs differently in the dies (aeration in the feed frame): fill density changes by severity % at once",
        ("Press/FillDepth", "Press/MainForceMean"), "%", -20, 20, -7.0, None, ("blend",), _density,
    ),
    FaultKind(
        "py_step",
        "the blend is harder to deform: yield pressure changes by severity %; at equal force the weight falls, unseen "
        "until the tester speaks",
        ("Tester/WeightMean", "Press/FillDepth"), "%", -20, 20, 8.0, None, ("blend",), _yield,
    ),
    FaultKind(
        "mgst_bias",
        "the feeder delivers severity % more than its scale feels (a stiff vent carries part of the weight)",
        ("Tester/HardnessMean", "Press/EjectionForce"), "%", -60, 100, 30.0, None,
        ("lubricant", "api", "premix", "lactose"), _unseen_feed,
    ),
    FaultKind(
        "press_stop",
        "the press stops (jam, guard opened); it can run again when the fault ends",
        ("Press/TurretSpeed", "Sys/Interlock", "Sys/LineState"), "-", 0, 1, 1.0, 160, ("press",), _press_stop,
    ),
)  # fmt: skip

FAULTS: Mapping[str, FaultKind] = MappingProxyType({kind.name: kind for kind in _KINDS})


def known_faults() -> tuple[str, ...]:
    """Return the names of the faults that the plant itself can play."""
    return tuple(FAULTS)


def check_faults(scenario: Scenario) -> None:
    """Raise ConfigurationFaults naming every unknown fault (with near matches), target and severity out of range."""
    found: list[Fault] = []
    for i, item in enumerate(scenario.faults):
        key = f"faults[{i}]"
        kind = FAULTS.get(item.name)
        if kind is None:
            if item.name not in KNOWN_ELSEWHERE:
                found.append(Fault(scenario.name, f"{key}.name", item.name, near(item.name, [*FAULTS, *KNOWN_ELSEWHERE])))
            continue
        if item.target is not None and item.target not in kind.targets:
            found.append(Fault(scenario.name, f"{key}.target", item.target, near(item.target, kind.targets)))
        if item.severity is not None and not kind.low <= item.severity <= kind.high:
            remedy = f"{item.name} takes {kind.low:g}..{kind.high:g} {kind.unit}"
            found.append(Fault(scenario.name, f"{key}.severity", f"{item.severity:g}", remedy))
    if found:
        raise ConfigurationFaults(found)


@dataclass(frozen=True)
class _Planned:
    onset: int
    end: int | None
    kind: FaultKind
    severity: float
    target: int

    def active(self, second: int) -> bool:
        return self.onset <= second and (self.end is None or second < self.end)


class FaultTimeline:
    """Which faults are in force in the second that begins at k; recomputed only where something changes."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.effects = FaultEffects(len(scenarios))
        self._plans = [[_plan(item) for item in s.faults if item.name in FAULTS] for s in scenarios]
        self._changes: dict[int, list[int]] = {}
        for line, plan in enumerate(self._plans):
            for fault in plan:
                for second in (fault.onset, fault.end):
                    if second is not None:
                        self._changes.setdefault(second, []).append(line)

    def at(self, second: int) -> FaultEffects:
        """Return the effects in the second `second`..`second + 1`. Seconds must be asked for in order."""
        changing = self._changes.get(second, ())
        for line in changing:
            self.effects.clear(line)
            for fault in self._plans[line]:
                if fault.active(second):
                    fault.kind.apply(self.effects, line, fault.severity, fault.target)
        if changing:
            self.effects.any_active = any(fault.active(second) for plan in self._plans for fault in plan)
        return self.effects

    def names(self, line: int, second: int) -> tuple[str, ...]:
        """Return the names of the faults in force on a line."""
        return tuple(f.kind.name for f in self._plans[line] if f.active(second))


def _plan(item: PlantFault) -> _Planned:
    kind = FAULTS[item.name]
    duration = item.duration_s if item.duration_s is not None else kind.duration_s
    target = item.target if item.target is not None else kind.targets[0]
    index = FEEDER_NAMES.index(target) if target in FEEDER_NAMES else 0
    severity = item.severity if item.severity is not None else kind.severity
    return _Planned(item.at_s, None if duration is None else item.at_s + duration, kind, severity, index % N_FEEDERS)
