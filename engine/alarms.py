"""Alarms: each asks a person to act. A row says cause, consequence and action; edges become records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from line.modes import LineState, PlcMode, Regime
from line.records import Alarm, AlarmState, Reason
from line.samples import Snapshot


@dataclass(frozen=True)
class AlarmRow:
    """One rationalised alarm. Priority 1 and 2 are open exceptions of the lot until a person has reviewed them."""

    id: str
    priority: int
    reason: Reason
    cause: str
    consequence: str
    action: str


ROWS: dict[str, AlarmRow] = {
    row.id: row
    for row in (
        AlarmRow(
            "COMMS_LOST",
            1,
            Reason.COMMS_LOST,
            "the plant does not answer",
            "material is unverified; the PLC takes LOCAL after 3 s and diverts",
            "check the plant's server and the network",
        ),
        AlarmRow(
            "PLC_LOCAL",
            1,
            Reason.PLC_LOCAL,
            "the PLC left REMOTE: no new beat for 3 s, or REMOTE was withdrawn",
            "level-1 loops keep their last set-points; the diverter diverts",
            "find why the beat stopped, then request REMOTE",
        ),
        AlarmRow(
            "LINE_HELD",
            2,
            Reason.LINE_HOLD,
            "an interlock or a person stopped the press; feeders and blender stopped with it",
            "material ages in the line; after the recipe's time it is diverted",
            "remove the cause, then resume",
        ),
        AlarmRow(
            "CONTROL_SHED",
            2,
            Reason.NO_VALID_DECISION,
            "no valid decision for two periods",
            "set-points stay where they are",
            "read the last decisions; the controller returns by itself after two valid ones",
        ),
        AlarmRow(
            "CONTROL_FALLBACK",
            3,
            Reason.SOLVE_FAILED,
            "the controller's own plan was refused twice in a row; a lower rung of the ladder moves the line",
            "weight and ratio are held, less well",
            "read the last decisions; switch the controller to WARM if it does not return by itself",
        ),
        AlarmRow(
            "SETPOINT_REFUSED",
            3,
            Reason.SETPOINT_REFUSED,
            "the PLC refused a set-point",
            "the old set-point stays in force",
            "compare the controller's limits with the PLC's",
        ),
        AlarmRow(
            "FEEDER_DEVIATION",
            3,
            Reason.FEEDER_DEVIATION,
            "a feeder's mass flow is off its set-point for longer than the PLC's limit",
            "potency leaves its target within a few minutes; release predicts and diverts",
            "look at the feeder: bridge, empty hopper, jam; compare its screw speed with its feed factor",
        ),
        AlarmRow(
            "FEEDER_SUPPLY",
            3,
            Reason.FEEDER_SUPPLY,
            "a feeder is low, overfilled, or its refill takes too long",
            "the feeder runs empty, or its refill is blind for too long",
            "check refill valve, vacuum and supply of the feeder that the event names",
        ),
        AlarmRow(
            "NIR_LOST",
            2,
            Reason.EVIDENCE_MISSING,
            "no valid spectrum for longer than the recipe's bridge",
            "release falls back to feeders and residence time, or diverts",
            "check probe window, lamp and spectrometer",
        ),
        AlarmRow(
            "POTENCY_DIVERT",
            3,
            Reason.POTENCY_OUTSIDE,
            "potency predicted outside the divert limit",
            "tablets are diverted until the prediction is inside again",
            "look at the API feeder",
        ),
        AlarmRow(
            "WEIGHT_DIVERT",
            3,
            Reason.WEIGHT_OUTSIDE,
            "tablet mass predicted outside the divert limit",
            "tablets are diverted until the mass is inside again",
            "look at the press and the last tester sample",
        ),
        AlarmRow(
            "EVIDENCE_DISAGREES",
            2,
            Reason.EVIDENCE_DISAGREES,
            "NIR and feeders disagree by more than the recipe allows",
            "material is unverified and diverted",
            "check NIR against the next assay; check the API feeder's scale",
        ),
    )
}


#: Messages of the PLC about a feeder and the alarm they stand for.
FEEDER_EVENTS: dict[str, str] = {
    "FLOW_DEVIATION": "FEEDER_DEVIATION",
    "REFILL_TIMEOUT": "FEEDER_SUPPLY",
    "FEEDER_LOW": "FEEDER_SUPPLY",
    "FEEDER_OVERFILL": "FEEDER_SUPPLY",
}


def open_exceptions(alarms: Iterable[Alarm]) -> list[str]:
    """Return, once each, the alarms of priority 1 and 2 that no person has reviewed: open exceptions of the lot (R6)."""
    lines = [f"{a.id}: {a.cause}" for a in alarms if a.priority <= 2 and a.state is AlarmState.UNACKNOWLEDGED]
    return list(dict.fromkeys(lines))


class AlarmBoard:
    """Turns conditions into alarm records at their edges: raised once, returned once."""

    def __init__(self, bridge_max_s: float) -> None:
        self.raised: list[Alarm] = []
        self._standing: dict[str, AlarmRow] = {}
        self._bridge_max_s = bridge_max_s
        self._last_valid_spectrum: int | None = None
        self._was_remote = False
        self._refused = 0.0
        self._feeders: dict[str, set[str]] = {alarm: set() for alarm in FEEDER_EVENTS.values()}

    def note_event(self, message: Mapping[str, Any]) -> None:
        """Note a message of the PLC about a feeder: it stands from `active` true (or no word on it) to `active` false."""
        code = str(message.get("code", ""))
        if code == "REFILL_COMPLETE":
            self._feeders["FEEDER_SUPPLY"].discard(f"REFILL_TIMEOUT {message.get('feeder')}")
        if code not in FEEDER_EVENTS:
            return
        standing, name = self._feeders[FEEDER_EVENTS[code]], f"{code} {message.get('feeder')}"
        if message.get("active", True):
            standing.add(name)
        else:
            standing.discard(name)

    def note_spectrum(self, step: int, valid: bool) -> None:
        """Note that a spectrum came at `step`; only valid ones count as sight."""
        if valid:
            self._last_valid_spectrum = step

    def conditions(self, snapshot: Snapshot, gate_reason: Reason, shed: bool, fallback: bool = False) -> dict[str, bool]:
        """Return which alarms stand this second; fallback: a lower rung of the ladder moves the line."""
        state = snapshot.value("Sys/LineState")
        running = state in (LineState.EXECUTE, LineState.STARTING)
        local = snapshot.value("Sys/CtrlMode") == PlcMode.LOCAL
        self._was_remote = self._was_remote or not local
        refused = snapshot.raw("Sys/RefusedWrites")
        more_refused, self._refused = refused > self._refused, max(refused, self._refused)
        if not running and self._last_valid_spectrum is not None:
            self._last_valid_spectrum = snapshot.step
        seen = self._last_valid_spectrum
        blind = running and seen is not None and snapshot.step - seen > self._bridge_max_s + 10
        return {
            "PLC_LOCAL": local and self._was_remote and running,
            "LINE_HELD": state == LineState.HELD,
            "CONTROL_SHED": shed and running,
            "CONTROL_FALLBACK": fallback and running,
            "SETPOINT_REFUSED": more_refused,
            **{alarm: bool(names) for alarm, names in self._feeders.items()},
            "NIR_LOST": blind,
            "POTENCY_DIVERT": gate_reason is Reason.POTENCY_OUTSIDE,
            "WEIGHT_DIVERT": gate_reason is Reason.WEIGHT_OUTSIDE,
            "EVIDENCE_DISAGREES": gate_reason is Reason.EVIDENCE_DISAGREES,
        }

    def update(self, standing: dict[str, bool], regime: Regime) -> list[Alarm]:
        """Return the alarms whose state changed."""
        changed: list[Alarm] = []
        for alarm_id, stands in standing.items():
            if stands and alarm_id not in self._standing:
                self._standing[alarm_id] = ROWS[alarm_id]
                changed.append(self._alarm(ROWS[alarm_id], AlarmState.UNACKNOWLEDGED, regime))
            elif not stands and alarm_id in self._standing:
                del self._standing[alarm_id]
                changed.append(self._alarm(ROWS[alarm_id], AlarmState.RETURNED, regime))
        self.raised += changed
        return changed

    @property
    def standing(self) -> tuple[str, ...]:
        """Ids of the alarms that stand now."""
        return tuple(self._standing)

    @staticmethod
    def _alarm(row: AlarmRow, state: AlarmState, regime: Regime) -> Alarm:
        return Alarm(row.id, row.priority, row.cause, row.consequence, row.action, state, row.reason, regime)
