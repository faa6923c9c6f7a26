"""What a named fault is: meaning, severity, course in time, effects it sets, and the signature by which it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from plant_sim.effects import EFFECTS, FaultEffects

#: Feeders as fault targets.
FEEDER_NAMES = ("api", "premix", "lactose", "lubricant")
#: Seconds between two values of a severity that grows or fades.
RAMP_STEP_S = 10


class FaultClass(StrEnum):
    """What kind of trouble it is."""

    PROCESS = "process"
    SENSOR = "sensor"
    ACTUATOR = "actuator"
    LOT = "lot"
    WEAR = "wear"
    POWER = "power"
    HUMAN = "human"


Feature = Literal["mean", "spread", "tilt", "roughness", "api", "shift", "station 7", "status"]


@dataclass(frozen=True)
class Move:
    """One tag that shows a fault at its default severity, against the same seed without it.

    sign +1 or -1; least, most: size of the change [the tag's unit] over the seconds from_s..to_s after the onset;
    seen_s: first and last second after the onset at which half of `least` may be passed for the first time; feature:
    what of the tag changes (spread: standard deviation; tilt, roughness, station 7: of an array; status: it is Bad).
    """

    tag: str
    sign: int
    least: float
    most: float
    from_s: int
    to_s: int
    seen_s: tuple[int, int]
    feature: Feature = "mean"


@dataclass(frozen=True)
class Act:
    """How a severity s reaches one effect, with x = s / per.

    factor: times 1 + x; divide: over 1 + x; add: plus x; set: equals x whatever s is asked (per holds the value);
    flag: on as long as s is not 0.
    """

    effect: str
    how: Literal["factor", "divide", "add", "set", "flag"]
    per: float = 100.0

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"effect {self.effect!r} is not in plant_sim/effects.py")

    def apply(self, effects: FaultEffects, line: int, severity: float, target: int) -> None:
        """Set the effect on one line (and feeder, where the effect is one a feeder)."""
        array = getattr(effects, self.effect)
        place = (line, target) if EFFECTS[self.effect].each_feeder else line
        if self.how == "factor":
            array[place] *= 1.0 + severity / self.per
        elif self.how == "divide":
            array[place] /= 1.0 + severity / self.per
        elif self.how == "add":
            array[place] += severity / self.per
        elif self.how == "set":
            array[place] = self.per
        else:
            array[place] = severity != 0.0


@dataclass(frozen=True)
class Course:
    """How the severity runs over time: it grows linearly for ramp_s from the onset, comes and goes in pulses of
    pulse_s = (on, period), and fades linearly for fade_s after the end. All 0: a step that ends at once."""

    ramp_s: int = 0
    fade_s: int = 0
    pulse_s: tuple[int, int] = (0, 0)

    def share(self, since_onset_s: int, since_end_s: int | None) -> float:
        """Return the share of the severity in force; since_end_s None or negative: the fault has not ended."""
        if since_onset_s < 0:
            return 0.0
        left = 1.0
        if since_end_s is not None and since_end_s >= 0:
            if since_end_s >= self.fade_s:
                return 0.0
            left = 1.0 - (since_end_s // RAMP_STEP_S * RAMP_STEP_S) / self.fade_s
        on, period = self.pulse_s
        if period and since_onset_s % period >= on:
            return 0.0
        if since_onset_s >= self.ramp_s:
            return left
        return left * ((since_onset_s // RAMP_STEP_S + 1) * RAMP_STEP_S) / self.ramp_s

    def next_change(self, since_onset_s: int, length_s: int | None) -> int | None:
        """Return the next second after the onset at which `share` changes, None if it never does."""
        if since_onset_s < 0:
            return 0
        found = []
        if length_s is not None:
            found += [length_s, length_s + self.fade_s]
        ended = length_s is not None and since_onset_s >= length_s
        fading = ended and length_s is not None and since_onset_s < length_s + self.fade_s
        if since_onset_s < self.ramp_s or fading:
            base = length_s if fading and length_s is not None else 0
            found.append(base + ((since_onset_s - base) // RAMP_STEP_S + 1) * RAMP_STEP_S)
        on, period = self.pulse_s
        if period and not ended:
            inside = since_onset_s % period
            found.append(since_onset_s + (on - inside if inside < on else period - inside))
        later = [second for second in found if second > since_onset_s]
        return min(later) if later else None


STEP = Course()


@dataclass(frozen=True)
class FaultKind:
    """One named fault.

    meaning in words; kind; unit, low, high, severity: of the severity and its default; duration_s default length
    (None: until the end of the shift); targets allowed, the first is the default; acts: the effects it sets; signature:
    how it shows at its default severity; course in time; recovery: what happens when it ends, in words; recovers_s:
    seconds after the end (and fading) by which the first move of the signature is gone, None if a trace stays.
    """

    name: str
    kind: FaultClass
    meaning: str
    unit: str
    low: float
    high: float
    severity: float
    duration_s: int | None
    targets: tuple[str, ...]
    acts: tuple[Act, ...]
    signature: tuple[Move, ...]
    course: Course = STEP
    recovery: str = "at once when it ends"
    recovers_s: int | None = 60

    def __post_init__(self) -> None:
        if not self.low <= self.severity <= self.high:
            raise ValueError(f"{self.name}: default severity {self.severity:g} is outside {self.low:g}..{self.high:g}")
        if self.duration_s is not None and self.duration_s <= 0:
            raise ValueError(f"{self.name}: duration {self.duration_s} s is not positive")

    @property
    def moves(self) -> tuple[str, ...]:
        """The tags that show it, the clearest first."""
        return tuple(dict.fromkeys(move.tag for move in self.signature))

    @property
    def mechanism(self) -> tuple[str, ...]:
        """The effects it sets, in order of name: faults of one mechanism set the same ones."""
        return tuple(sorted(act.effect for act in self.acts))

    def apply(self, effects: FaultEffects, line: int, severity: float, target: int) -> None:
        """Set every effect of the fault on one line."""
        for act in self.acts:
            act.apply(effects, line, severity, target)

    def body(self) -> dict[str, object]:
        """Return the JSON form: everything a person or a program needs to use the fault."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "meaning": self.meaning,
            "tags": list(self.moves),
            "severity": {"unit": self.unit, "low": self.low, "high": self.high, "default": self.severity},
            "duration_s": self.duration_s,
            "ramp_s": self.course.ramp_s,
            "fade_s": self.course.fade_s,
            "pulse_s": list(self.course.pulse_s) if self.course.pulse_s[1] else None,
            "targets": list(self.targets),
            "effects": list(self.mechanism),
            "recovery": self.recovery,
            "signature": [
                {
                    "tag": m.tag,
                    "feature": m.feature,
                    "sign": m.sign,
                    "least": m.least,
                    "most": None if math.isinf(m.most) else m.most,
                }
                for m in self.signature
            ],
        }
