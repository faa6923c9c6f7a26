"""What is written down: events, alarms, moves, decisions, parcels, verdicts. Every record carries who, why and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from line.canonical import quantise
from line.modes import Regime

ENGINE = "engine"


class Reason(StrEnum):
    """Stable reason codes. Never renamed, never reused."""

    # supervision
    START = "START"
    MODE_CHANGED = "MODE_CHANGED"
    REMOTE_ACCEPTED = "REMOTE_ACCEPTED"
    PLC_LOCAL = "PLC_LOCAL"
    MOVE_REFUSED = "MOVE_REFUSED"
    SOLVE_FAILED = "SOLVE_FAILED"
    DEADLINE = "DEADLINE"
    NO_VALID_DECISION = "NO_VALID_DECISION"
    INPUT_UNUSABLE = "INPUT_UNUSABLE"
    ADVICE_TAKEN = "ADVICE_TAKEN"
    ADVICE_DECLINED = "ADVICE_DECLINED"
    LIMIT_CHANGED = "LIMIT_CHANGED"
    LIMITS_CONTRADICT = "LIMITS_CONTRADICT"
    COMMS_LOST = "COMMS_LOST"
    COMMAND = "COMMAND"
    THROUGHPUT_CHANGE = "THROUGHPUT_CHANGE"
    RUN_OUT = "RUN_OUT"
    INTERRUPTED = "INTERRUPTED"
    END = "END"
    # material
    MATERIAL_LOADED = "MATERIAL_LOADED"
    REFILL = "REFILL"
    SAMPLE_PULLED = "SAMPLE_PULLED"
    TESTER_RESULT = "TESTER_RESULT"
    ASSAY_RESULT = "ASSAY_RESULT"
    LINE_HOLD = "LINE_HOLD"
    LINE_RESUMED = "LINE_RESUMED"
    SETPOINT_REFUSED = "SETPOINT_REFUSED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    STATE_CHANGED = "STATE_CHANGED"
    INTERLOCK = "INTERLOCK"
    FEEDER_DEVIATION = "FEEDER_DEVIATION"
    FEEDER_SUPPLY = "FEEDER_SUPPLY"
    LAB_RESULT = "LAB_RESULT"
    # parcels
    CONFORMS = "CONFORMS"
    START_UP = "START_UP"
    RUN_OUT_MATERIAL = "RUN_OUT_MATERIAL"
    THROUGHPUT_TRANSITION = "THROUGHPUT_TRANSITION"
    POTENCY_OUTSIDE = "POTENCY_OUTSIDE"
    WEIGHT_OUTSIDE = "WEIGHT_OUTSIDE"
    GUARD = "GUARD"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    EVIDENCE_DISAGREES = "EVIDENCE_DISAGREES"
    HELD_TOO_LONG = "HELD_TOO_LONG"
    LINE_NOT_RUNNING = "LINE_NOT_RUNNING"
    GATE_UNPROVEN = "GATE_UNPROVEN"
    # disposition
    R1_ATTRIBUTE_FAILED = "R1_ATTRIBUTE_FAILED"
    R2_TRENDING = "R2_TRENDING"
    R3_EVIDENCE_MISSING = "R3_EVIDENCE_MISSING"
    R4_FALLBACK_USED = "R4_FALLBACK_USED"
    R5_LEDGER_GAP = "R5_LEDGER_GAP"
    R6_OPEN_EXCEPTION = "R6_OPEN_EXCEPTION"
    R7_ALL_PASS = "R7_ALL_PASS"  # noqa: S105
    R8_DIVERTED_SHARE = "R8_DIVERTED_SHARE"
    R8_DIVERT_EVENTS = "R8_DIVERT_EVENTS"
    R8_BIN_GAP = "R8_BIN_GAP"


class Disposition(StrEnum):
    """What the engine says of a lot. RELEASED and REJECTED exist only with a person's signature."""

    HOLD = "HOLD"
    RELEASE_RECOMMENDED = "RELEASE_RECOMMENDED"
    REJECT_RECOMMENDED = "REJECT_RECOMMENDED"


class AlarmState(StrEnum):
    """ISA-18.2 states used so far."""

    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    RETURNED = "RETURNED"


class MaterialState(StrEnum):
    """Where a parcel's tablets went."""

    ACCEPTED = "ACCEPTED"
    DIVERTED = "DIVERTED"
    MIXED = "MIXED"
    NONE = "NONE"


class QualityState(StrEnum):
    """What is known of a parcel. UNVERIFIED is not CONFORM and not NONCONFORM: it is diverted."""

    CONFORM = "CONFORM"
    NONCONFORM = "NONCONFORM"
    UNVERIFIED = "UNVERIFIED"


class EvidenceSource(StrEnum):
    """Rung of the evidence ladder a parcel's potency rests on."""

    NIR = "NIR"
    RTD = "RTD"
    NONE = "NONE"


@dataclass(frozen=True)
class Event:
    """Something happened: a person or a rule changed `subject` from `old` to `new`, for `reason`."""

    reason: Reason
    subject: str
    text: str
    actor: str = ENGINE
    role: str = ENGINE
    old: Any = None
    new: Any = None
    regime: Regime = Regime.STEADY
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


@dataclass(frozen=True)
class Alarm:
    """An alarm asks a person to act: cause, consequence, action. Priority 1 (highest) to 4."""

    id: str
    priority: int
    cause: str
    consequence: str
    action: str
    state: AlarmState
    reason: Reason
    regime: Regime = Regime.STEADY
    actor: str = ENGINE
    role: str = ENGINE

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


@dataclass(frozen=True)
class BindingLimit:
    """A limit that binds in a plan: which (`kind`: upper, lower, rate up, rate down, soft upper, soft lower), where, its price.

    `value` is what the plan reaches, `from_s..to_s` seconds ahead; `multiplier` what the plan's cost falls by for each
    unit that the limit gives way; `enough` what the limit would have to be for the plan to break no soft limit (NaN:
    none is broken, or this limit alone cannot mend it). A rate's unit is per decision. `text` says it to an operator.
    """

    name: str
    kind: str
    unit: str
    value: float
    limit: float
    from_s: float
    to_s: float
    multiplier: float
    enough: float = float("nan")
    text: str = ""

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


@dataclass(frozen=True)
class Decision:
    """What the controller decided in one period.

    `moves` by tag id in plant units (empty: hold); `status` the solver's word; `valid` whether supervision applied
    it; `rung` of the fallback ladder; `binding` names of limits that bind at once, `limits` all that bind in the
    horizon; `estimate` named values; `plan` predicted trajectories by name; `asked` what the controller was asked (scaled
    x, d, u_before, flow, api: its range), so that it can be asked again. `iterations` is deterministic; wall time goes
    to the wall stream.
    """

    step: int
    controller: str
    moves: Mapping[str, float]
    status: str
    valid: bool
    rung: str
    reason: Reason | None = None
    text: str = ""
    iterations: int = 0
    cost: float = float("nan")
    binding: tuple[str, ...] = ()
    estimate: Mapping[str, float] = field(default_factory=dict)
    plan: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    limits: tuple[BindingLimit, ...] = ()
    asked: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


@dataclass(frozen=True)
class Parcel:
    """The smallest traced mass: the tablets made in one second, keyed by second and tablet counter.

    Tablets counter_from (exclusive) .. counter_to (inclusive). Counts made, rejected (single-tablet window), sampled,
    accepted, diverted; the potency [% LC] and mass [mg] predicted by release's own frozen models, with the standard
    uncertainty of the potency; the rung of evidence and its share by NIR; quality and reason; whether the gate was
    asked to accept.
    """

    step: int
    counter_from: int
    counter_to: int
    made: int
    rejected: int
    sampled: int
    accepted: int
    diverted: int
    potency_pct_lc: float
    potency_nir_pct_lc: float
    potency_rtd_pct_lc: float
    potency_uncertainty_pct_lc: float
    tablet_mass_mg: float
    evidence: EvidenceSource
    nir_share: float
    quality: QualityState
    reason: Reason
    material: MaterialState
    regime: Regime
    held_s: float = 0.0
    model_hash: str = ""

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(vars(self))


@dataclass(frozen=True)
class PlannedDiversion:
    """What release means to divert for an excursion of potency: the gate's requests of seconds from_s to to_s, both included.

    `open_end` while the excursion goes on beyond what release sees coming. Said by release, passed on by the engine to the
    controller, which may count on it and must not try to save that material.
    """

    from_s: int
    to_s: int
    open_end: bool

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


def plain(value: Any) -> Any:
    """Return a JSON value: enumerations as words, tuples as lists, non-finite numbers as None, floats rounded."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return quantise(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return plain(value.item())
