"""The gate: accept only what is proven, now and for the guard time on both sides. The default is to divert."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.configuration import Geometry
from line.recipe import Diversion
from line.records import PlannedDiversion, Reason
from rtr.genealogy.risk import Risk
from rtr.genealogy.roads import Flags, Roads

#: After this change of the throughput set-point, diversions belong to the transition until the line is washed out.
THROUGHPUT_CHANGE_SHARE = 0.02
#: A planned diversion is announced so far ahead [s].
ANNOUNCED_S = 21
#: 99 % of a normal lies within so many standard deviations.
Z_99 = 2.576

WORDS: dict[Reason, str] = {
    Reason.CONFORMS: "accepting: potency and mass proven inside the limits",
    Reason.COMMS_LOST: "diverting: no contact with the line",
    Reason.PLC_LOCAL: "diverting: the PLC is in LOCAL",
    Reason.LINE_NOT_RUNNING: "diverting: the press makes no tablets",
    Reason.START_UP: "diverting: start-up, not yet proven for long enough",
    Reason.RUN_OUT_MATERIAL: "diverting: run-out, too little powder left in the hopper",
    Reason.HELD_TOO_LONG: "diverting: material stood in the line longer than the recipe allows",
    Reason.LINE_HOLD: "diverting: held material is being verified again",
    Reason.GATE_UNPROVEN: "diverting: the gate's feedback does not follow the request",
    Reason.WEIGHT_OUTSIDE: "diverting: tablet mass outside the divert limit",
    Reason.POTENCY_OUTSIDE: "diverting: potency predicted outside the divert limit",
    Reason.THROUGHPUT_TRANSITION: "diverting: potency or mass outside the divert limit after the throughput change",
    Reason.GUARD: "diverting: guard time around an excursion",
    Reason.EVIDENCE_MISSING: "diverting: neither spectra nor scales prove this material",
    Reason.EVIDENCE_DISAGREES: "diverting: spectra and scales disagree by more than the recipe allows",
}


@dataclass(frozen=True)
class Second:
    """What the rule is told each second.

    `now` and `ahead` flags of the tablets in the dies, (1,), and of the next `look_ahead` seconds; `roads` of now;
    mass deviation of the tablets [%] including its doubt, NaN if unknown; `mass_valid` False while the weight map is
    INVALID; `hopper_kg` NaN if unknown; `risk` of now under the risk rule.
    """

    step: int
    now: Flags
    ahead: Flags
    roads: Roads
    nir_proven: bool
    mass_deviation_pct: float
    mass_valid: bool
    made: int
    hopper_kg: float
    running: bool
    held: bool
    running_out: bool
    plc_remote: bool
    comms_ok: bool
    gate_proven: bool
    throughput_setpoint: float
    risk: Risk | None = None


@dataclass(frozen=True)
class GateDecision:
    """Accept or divert, a stable reason and words for the person at the line."""

    accept: bool
    reason: Reason
    words: str


@dataclass(frozen=True)
class Reach:
    """How far an excursion of the tablets in the dies reaches at the gate: seconds before it comes, and after it has left."""

    before_s: int
    after_s: int


def reach_of(diversion: Diversion, geometry: Geometry) -> Reach:
    """Return the reach of an excursion by the recipe's rule.

    Window and prediction: the guard on both sides, and after it the slowest way to the gate. Risk: residence times and
    noise are in the probability, so that only the gate is left: a request of second n moves the flap between n + its
    switching time and one second later, and what passes it then was pressed within the transport times before.
    Transport and switching: mean +- 2.576 spreads, 99 % of a normal.
    """
    if diversion.rule != "risk":
        guard = math.ceil(diversion.guard_s)
        return Reach(max(guard, 1) + 1, guard + transport_s(geometry))
    places = (geometry.ejection_from_die, geometry.gate_from_ejection)
    mean, spread = sum(p.mean_s for p in places), math.hypot(*(p.spread_s for p in places))
    flap = geometry.gate_switching
    early = max(flap.mean_s - Z_99 * flap.spread_s, 0.0) - (mean + Z_99 * spread)
    late = 1.0 + flap.mean_s + Z_99 * flap.spread_s - max(mean - Z_99 * spread, 0.0)
    return Reach(max(math.floor(late) + 1, 1), max(-(math.floor(early) + 1), 1))


def transport_s(geometry: Geometry) -> int:
    """Return the slowest way from die to a moved gate, mean + 2 spreads of each part [s]."""
    places = (geometry.ejection_from_die, geometry.gate_from_ejection, geometry.gate_switching)
    return math.ceil(sum(p.mean_s + 2.0 * p.spread_s for p in places))


class Excursions:
    """Until which second excursions block the gate; for one line, or for arrays of lines of any shape."""

    def __init__(self, reach: Reach, shape: tuple[int, ...] = ()) -> None:
        self.reach = reach
        self.until: NDArray[np.int64] = np.full(shape, -1)

    def block(self, step: int, now: NDArray[np.bool_] | bool, coming: NDArray[np.bool_] | bool) -> NDArray[np.bool_]:
        """Take one second, return who is blocked: `now` an excursion of the tablets in the dies, `coming` within `before_s`."""
        until = np.where(now, step + self.reach.after_s, np.where(coming, step, -1))
        self.until = np.maximum(self.until, until)
        return np.asarray(step <= self.until)


class DiversionRule:
    """One of three rules for excursions of potency; confirmation at the start, verification after a hold, run-out.

    A flag set for the dies reaches the gate after ejection and chute; accepting again waits for the rule's reach (see
    `reach_of`). Flags of the seconds that come within it divert at once, so that the flap has moved before the material
    comes.
    """

    def __init__(self, diversion: Diversion, geometry: Geometry, transition_s: float) -> None:
        self.diversion = diversion
        self.transport_s = transport_s(geometry)
        self.reach = reach_of(diversion, geometry)
        self.transition_s = transition_s
        self.confirmed = False
        self.excursions = Excursions(self.reach)
        self._clear_s = 0
        self._blocked: dict[Reason, int] = {}
        self._verify_left_s = 0.0
        self._run_out = False
        self._throughput = math.nan
        self._transition_until = -1

    def decide(self, second: Second) -> GateDecision:
        """Return the gate's request for this second."""
        self._watch_throughput(second)
        self._note_flags(second)
        reason = self._first_reason(second)
        if reason in (Reason.POTENCY_OUTSIDE, Reason.WEIGHT_OUTSIDE, Reason.GUARD, Reason.EVIDENCE_DISAGREES):
            reason = Reason.THROUGHPUT_TRANSITION if second.step <= self._transition_until else reason
        return GateDecision(reason is Reason.CONFORMS, reason, self._words(reason, second))

    def look_ahead(self, announce: bool) -> int:
        """Return how many seconds ahead the rule wants to see: what it decides on, or also what it announces."""
        return max(self.reach.before_s, ANNOUNCED_S) if announce else self.reach.before_s

    def planned(self, second: Second) -> PlannedDiversion | None:
        """Return what will be diverted for potency, as far as `second.ahead` shows; None if nothing. Call after `decide`."""
        until, flags = int(self.excursions.until), second.ahead.outside.reshape(len(second.ahead.outside), -1)[:, 0]
        coming = second.step + 1 + np.flatnonzero(flags)
        blocked = until >= second.step
        if not blocked and not coming.size:
            return None
        from_s = second.step if blocked else max(int(coming[0]) - self.reach.before_s, second.step)
        last = int(coming[-1]) if coming.size else -1
        to_s = max(until, last + self.reach.after_s if coming.size else -1)
        return PlannedDiversion(from_s, to_s, bool(last == second.step + len(flags)))

    def _watch_throughput(self, second: Second) -> None:
        now, before = second.throughput_setpoint, self._throughput
        if now != now:
            return
        if self.confirmed and before == before and abs(now - before) > THROUGHPUT_CHANGE_SHARE * before:
            self._transition_until = second.step + math.ceil(self.transition_s)
        if before != before or second.step > self._transition_until or abs(now - before) > THROUGHPUT_CHANGE_SHARE * before:
            self._throughput = now

    def _note_flags(self, second: Second) -> None:
        """Remember until when each reason blocks the gate; count how long nothing blocks."""
        now, ahead, mass = second.now, second.ahead, second.mass_deviation_pct
        hold_s = self.transport_s
        if second.made > 0:
            outside = abs(mass) > self.diversion.weight_divert_limit_pct
            self._block(Reason.WEIGHT_OUTSIDE, second.step, hold_s, bool(outside))
            self._block(Reason.EVIDENCE_MISSING, second.step, hold_s, mass != mass or not second.mass_valid)
        outside = bool(now.outside[0])
        self._block(Reason.POTENCY_OUTSIDE, second.step, 0, outside)
        coming = bool(ahead.outside[: self.reach.before_s].any())
        self._block(Reason.GUARD, second.step, 0, bool(self.excursions.block(second.step, outside, coming)))
        self._block(Reason.EVIDENCE_MISSING, second.step, hold_s, bool(now.missing[0]))
        self._block(Reason.EVIDENCE_DISAGREES, second.step, hold_s, bool(now.disagree[0]))
        self._block(Reason.HELD_TOO_LONG, second.step, hold_s, bool(now.held[0]))
        clear = second.running and second.made > 0 and not any(second.step <= until for until in self._blocked.values())
        self._clear_s = self._clear_s + 1 if clear and second.nir_proven else 0
        self.confirmed = self.confirmed or self._clear_s > self.diversion.start_up_confirm_s
        if second.held:
            self._verify_left_s = self.diversion.guard_s + self.transport_s
        elif second.made > 0:
            self._verify_left_s = max(self._verify_left_s - 1.0, 0.0)
        low = not second.hopper_kg >= self.diversion.run_out_hold_up_kg or not second.nir_proven
        self._run_out = self._run_out or (second.running_out and self.confirmed and low)

    def _block(self, reason: Reason, step: int, hold_s: int, flag: bool) -> None:
        if flag:
            self._blocked[reason] = max(self._blocked.get(reason, -1), step + hold_s)

    def _first_reason(self, second: Second) -> Reason:
        """Return the first row of the table that applies: reading order is priority."""
        blocks = {reason for reason, until in self._blocked.items() if second.step <= until}
        table = (
            (Reason.COMMS_LOST, not second.comms_ok),
            (Reason.PLC_LOCAL, not second.plc_remote),
            (Reason.GATE_UNPROVEN, not second.gate_proven),
            (Reason.LINE_NOT_RUNNING, not second.running or second.made == 0),
            (Reason.RUN_OUT_MATERIAL, self._run_out),
            (Reason.START_UP, not self.confirmed),
            (Reason.HELD_TOO_LONG, Reason.HELD_TOO_LONG in blocks),
            (Reason.WEIGHT_OUTSIDE, Reason.WEIGHT_OUTSIDE in blocks),
            (Reason.POTENCY_OUTSIDE, Reason.POTENCY_OUTSIDE in blocks),
            (Reason.EVIDENCE_MISSING, Reason.EVIDENCE_MISSING in blocks),
            (Reason.EVIDENCE_DISAGREES, Reason.EVIDENCE_DISAGREES in blocks),
            (Reason.GUARD, Reason.GUARD in blocks),
            (Reason.LINE_HOLD, self._verify_left_s > 0.0),
        )
        return next((reason for reason, applies in table if applies), Reason.CONFORMS)

    def _risk_words(self, risk: Risk | None) -> str:
        if risk is None:
            return ""
        stated = self.diversion
        tablet, parcel = float(risk.tablet[0]), float(risk.parcel[0])
        return (
            f"; risk of a tablet out of limit {tablet:.1e} (at most {stated.risk_tablet_max:g}), "
            f"of the parcel's mean {parcel:.1e} (at most {stated.risk_parcel_max:g})"
        )

    def _words(self, reason: Reason, second: Second) -> str:
        words, roads = WORDS[reason], second.roads
        if reason in (Reason.POTENCY_OUTSIDE, Reason.THROUGHPUT_TRANSITION, Reason.EVIDENCE_DISAGREES, Reason.GUARD):
            k, limit = self.diversion.uncertainty_k, self.diversion.divert_limit_pct
            nir = f"by spectra {roads.nir[0]:.1f} +- {k * roads.nir_uncertainty[0]:.1f} %"
            rtd = f"by scales {roads.rtd[0]:.1f} +- {k * roads.rtd_uncertainty[0]:.1f} %"
            return f"{words}: {nir}, {rtd} of label claim, limit +-{limit:g} %{self._risk_words(second.risk)}"
        if reason is Reason.WEIGHT_OUTSIDE:
            limit = self.diversion.weight_divert_limit_pct
            return f"{words}: off by up to {second.mass_deviation_pct:+.1f} %, limit +-{limit:g} %"
        if reason is Reason.EVIDENCE_MISSING:
            return (
                f"{words}: {100 * roads.nir_share[0]:.0f} % of it under valid spectra, "
                f"{100 * roads.feeder_share[0]:.0f} % weighed, weight map {'valid' if second.mass_valid else 'invalid'}"
            )
        if reason is Reason.HELD_TOO_LONG:
            return f"{words}: {roads.held_s[0]:.0f} s, limit {self.diversion.hold_max_s:g} s"
        return words
