"""The page docs/faults.md and the words for severity and duration, made from the library itself."""

from __future__ import annotations

from plant_sim.fault_library.exclusive import exclusive_of
from plant_sim.fault_library.kind import FEEDER_NAMES, FaultClass, FaultKind, Move

HEAD = """# Faults

`make docs` writes this page from `plant_sim/fault_library`; `kilter scenarios list --faults` shows the same, `--json` more.
A fault goes into a scenario file as `[[faults]]` with `name`, `at_s` and, if wanted, `duration_s`, `severity`, `target`; what
is left out takes the default. Every one is tested against the same seed without it: the tag it moves, which way, how far, when.

Severity: default (lowest to highest) and unit. Lasts: default; *to the end* means until the shift ends; a ramp grows linearly
from the onset. Tag: the clearest first, with the direction at the default severity.
"""
KINDS = {
    FaultClass.PROCESS: "Material and process",
    FaultClass.SENSOR: "Sensors",
    FaultClass.ACTUATOR: "Actuators",
    FaultClass.LOT: "Lots",
    FaultClass.WEAR: "Wear",
    FaultClass.POWER: "Power",
    FaultClass.HUMAN: "People",
}


def severity_words(fault: FaultKind) -> str:
    """Return default severity with range and unit; `on` for a fault that has no size."""
    if fault.low == fault.high or fault.unit == "-":
        return "on"
    return f"{fault.severity:g} ({fault.low:g} to {fault.high:g}) {fault.unit}"


def duration_words(fault: FaultKind) -> str:
    """Return the default duration, and the ramp where there is one."""
    lasts = "to the end" if fault.duration_s is None else f"{fault.duration_s} s"
    on, period = fault.course.pulse_s
    parts = [lasts]
    parts += [f"ramp {fault.course.ramp_s} s"] if fault.course.ramp_s else []
    parts += [f"pulses {on} of {period} s"] if period else []
    parts += [f"fades {fault.course.fade_s} s"] if fault.course.fade_s else []
    return ", ".join(parts)


def tag_words(move: Move) -> str:
    """Return tag, feature and direction of one move."""
    feature = "" if move.feature == "mean" else f" {move.feature}"
    return f"`{move.tag}`{feature} {'up' if move.sign > 0 else 'down'}"


def faults_page(faults: tuple[FaultKind, ...]) -> str:
    """Return docs/faults.md for the given library."""
    parts = [HEAD]
    for kind, title in KINDS.items():
        rows = [fault for fault in faults if fault.kind is kind]
        parts.append(f"\n## {title}\n\n| Name | What it is | Severity | Lasts | Tags | Target | At the end | Not with |")
        parts.append("|---|---|---|---|---|---|---|---|")
        parts += [_row(fault) for fault in rows]
    return "\n".join(parts) + "\n"


def _row(fault: FaultKind) -> str:
    target = f"feeder {fault.targets[0]}, or another" if set(fault.targets) == set(FEEDER_NAMES) else ", ".join(fault.targets)
    cells = (
        f"`{fault.name}`",
        fault.meaning,
        severity_words(fault),
        duration_words(fault),
        ", ".join(tag_words(move) for move in fault.signature),
        target,
        fault.recovery,
        ", ".join(f"`{name}`" for name in exclusive_of(fault.name)) or "-",
    )
    return f"| {' | '.join(cells)} |"
