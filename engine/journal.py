"""Everything that happens becomes a record: what seed, config and code fix goes to `content`, times and hosts to `wall`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.alarms import AlarmBoard
from engine.regime import regime_of
from historian.frames import pack_array, pack_frame
from line.canonical import quantise
from line.modes import ControlState, LineState, Regime
from line.ports import LiveFrames, Recorder
from line.records import Alarm, Decision, Event, PlannedDiversion, Reason
from line.samples import Snapshot
from rtr.release import ReleaseStep
from sensing.verdict import SpectrumVerdict

if TYPE_CHECKING:
    from engine.line import Line

#: Plant messages and the reason codes they are recorded under.
PLANT_EVENTS: dict[str, Reason] = {
    "MATERIAL_LOADED": Reason.MATERIAL_LOADED,
    "REFILL_STARTED": Reason.REFILL,
    "REFILL_COMPLETE": Reason.REFILL,
    "SAMPLE_PULLED": Reason.SAMPLE_PULLED,
    "LINE_HOLD": Reason.LINE_HOLD,
    "LINE_RESUMED": Reason.LINE_RESUMED,
    "PLC_LOCAL": Reason.PLC_LOCAL,
    "PLC_REMOTE": Reason.REMOTE_ACCEPTED,
    "SETPOINT_REFUSED": Reason.SETPOINT_REFUSED,
    "REMOTE_REFUSED": Reason.REQUEST_REFUSED,
    "COMMAND_REFUSED": Reason.REQUEST_REFUSED,
    "STATE_CHANGED": Reason.STATE_CHANGED,
    "INTERLOCK": Reason.INTERLOCK,
    "FLOW_DEVIATION": Reason.FEEDER_DEVIATION,
    "REFILL_TIMEOUT": Reason.FEEDER_SUPPLY,
    "FEEDER_LOW": Reason.FEEDER_SUPPLY,
    "FEEDER_OVERFILL": Reason.FEEDER_SUPPLY,
    "LAB_RESULT": Reason.LAB_RESULT,
}
#: What a spectrum is stored with, so that a model can be recalibrated from the record.
SPECTRUM_IDENTITY = ("SpectrumId", "IntegrationTime", "ReferenceId", "InstrumentSerial", "ProbeId")
BEATS = ("SP/HeartbeatCtrl", "SP/DecisionCounter", "SP/RemoteRequest", "SP/LineCommand")


class Journal:
    """Writes the record of each second and decides when it must be durable.

    `commit_every_s`: 1 in real time; up to 60 simulated seconds in accelerated runs.
    """

    def __init__(self, recorder: Recorder, live: LiveFrames | None, board: AlarmBoard, commit_every_s: int) -> None:
        self.recorder, self.live, self.board = recorder, live, board
        self.commit_every_s = commit_every_s
        self.accepted_before = False
        self.last_decision: Decision | None = None
        self.alarms: list[Alarm] = []
        self.gate_words = ""
        self._gate: tuple[bool, Reason] | None = None
        self._moves: dict[str, float] = {}
        self._inputs: dict[str, bool] = {}
        self._planned: PlannedDiversion | None = None

    def opened(self, snapshot: Snapshot) -> None:
        """Record what the plant says at connection: its frame, and the lots that are in the feeders."""
        self._measurements(snapshot, None)
        for event in self._plant_events(snapshot, regime_of(snapshot, False)):
            self.event(snapshot.step, event)

    def second(
        self,
        line: Line,
        snapshot: Snapshot,
        verdict: SpectrumVerdict | None,
        release: ReleaseStep,
        decision: Decision | None,
        began_s: float,
    ) -> None:
        """Record one second: frame, arrays, verdict, decision, moves, gate, parcels, events, alarms; then times."""
        step = snapshot.step
        regime = regime_of(snapshot, self.accepted_before)
        self._measurements(snapshot, verdict)
        if line.probe.shadow is not None:
            self.recorder.append("content", "shadow", step, line.probe.shadow.body())
        self._planned_diversion(step, line.release.planned)
        self._release_inputs(step, {"comms_ok": not line.port_lost, "running_out": line.desk.running_out})
        self._decision(step, decision, line.moves)
        self._release(step, release)
        self._events(line, snapshot, release, regime)
        self._alarms(line, snapshot, release, regime)
        cycle_ms = (line.clock.monotonic_s() - began_s) * 1e3
        timing: dict[str, Any] = {"cycle_ms": round(cycle_ms, 3), "utc": line.clock.utc().isoformat()}
        if decision is not None:
            timing["solve_ms"] = round(line.solve_ms, 3)
        self.recorder.append("wall", "timing", step, timing)
        if step % self.commit_every_s == 0:
            self.recorder.commit()
            self._publish(line, snapshot, release, regime)

    def _events(self, line: Line, snapshot: Snapshot, release: ReleaseStep, regime: Regime) -> None:
        plant, unconfirmed = self._plant_events(snapshot, regime), self._unconfirmed(line, regime)
        for event in (*plant, *unconfirmed, *release.events, *line.desk.drain()):
            self.event(snapshot.step, event)

    def link(self, step: int, text: str, *, lost_now: bool) -> None:
        """Record that the link to the plant was lost or came back, and make it durable."""
        self.event(step, Event(Reason.COMMS_LOST, "link", text, regime=Regime.HOLD))
        for alarm in self.board.update({"COMMS_LOST": lost_now}, Regime.HOLD):
            self.alarms.append(alarm)
            self.recorder.append("content", "alarm", step, alarm.body())
        self.recorder.commit()

    def event(self, step: int, event: Event) -> None:
        """Record one event."""
        self.recorder.append("content", "event", step, event.body())

    def _measurements(self, snapshot: Snapshot, verdict: SpectrumVerdict | None) -> None:
        self.recorder.append_bytes("content", "frame", snapshot.step, pack_frame(snapshot))
        for tag_id, sample in snapshot.arrays.items():
            spectrum = tag_id == "NIR/Spectrum"
            identity = {name: quantise(snapshot.raw(f"NIR/{name}")) for name in SPECTRUM_IDENTITY} if spectrum else {}
            body = pack_array(tag_id, sample, identity)
            self.recorder.append_bytes("content", "spectrum" if spectrum else "array", snapshot.step, body)
        if verdict is not None:
            self.recorder.append("content", "verdict", snapshot.step, verdict.body())
            self.board.note_spectrum(snapshot.step, verdict.valid)

    def _decision(self, step: int, decision: Decision | None, moves: Mapping[str, float]) -> None:
        if decision is not None:
            self.last_decision = decision
            self.recorder.append("content", "decision", step, decision.body())
        changed = {t: v for t, v in moves.items() if t not in BEATS and self._moves.get(t) != v}
        if changed:
            actor = decision.controller if decision is not None and decision.valid else "engine"
            old = {t: self._moves.get(t) for t in changed}
            self.recorder.append("content", "move", step, {"actor": actor, "old": old, "new": dict(changed)})
        self._moves.update(moves)

    def _release_inputs(self, step: int, inputs: dict[str, bool]) -> None:
        """Record what release was told besides the frame, when it changes: a replay needs it."""
        if inputs != self._inputs:
            self.recorder.append("content", "release_input", step, inputs)
            self._inputs = inputs

    def _planned_diversion(self, step: int, planned: PlannedDiversion | None) -> None:
        """Record what the controller is told of coming diversions, when it changes; null when there is none any more."""
        if planned != self._planned:
            self.recorder.append("content", "planned_diversion", step, {"planned": planned and planned.body()})
            self._planned = planned

    def _release(self, step: int, release: ReleaseStep) -> None:
        gate = (release.accept, release.reason)
        if gate != self._gate:
            self.recorder.append("content", "gate", step, release.body())
            self._gate = gate
        self.gate_words = release.words
        for parcel in release.parcels:
            self.recorder.append("content", "parcel", step, parcel.body())
        self.accepted_before = self.accepted_before or release.accept

    def _plant_events(self, snapshot: Snapshot, regime: Regime) -> list[Event]:
        events = []
        for message in snapshot.events:
            self.board.note_event(message)
            code = str(message.get("code", ""))
            reason = PLANT_EVENTS.get(code, Reason.COMMAND)
            words = ", ".join(f"{k} {v}" for k, v in message.items() if k != "code")
            text = f"{code.lower().replace('_', ' ')}: {words}" if words else code.lower().replace("_", " ")
            events.append(Event(reason, code, text, actor="plc", role="plc", regime=regime, extra=dict(message)))
        return events

    @staticmethod
    def _unconfirmed(line: Line, regime: Regime) -> list[Event]:
        return [
            Event(Reason.SETPOINT_REFUSED, tag, f"{tag} was not taken over: {what}", regime=regime)
            for tag, what in line.port.unconfirmed_writes().items()
        ]

    def _alarms(self, line: Line, snapshot: Snapshot, release: ReleaseStep, regime: Regime) -> None:
        shed = line.supervisor.state is ControlState.HOLD
        standing = self.board.conditions(snapshot, release.reason, shed, line.supervisor.on_lower_rung)
        for alarm in self.board.update(standing, regime):
            self.alarms.append(alarm)
            self.recorder.append("content", "alarm", snapshot.step, alarm.body())

    def _publish(self, line: Line, snapshot: Snapshot, release: ReleaseStep, regime: Regime) -> None:
        if self.live is None:
            return
        state = snapshot.value("Sys/LineState")
        frame = {
            "step": snapshot.step,
            "line_state": LineState(int(state)).name if state == state else None,
            "controller_mode": line.desk.mode.value,
            "control_state": line.supervisor.state.value,
            "regime": regime.value,
            "accept": release.accept,
            "gate_reason": release.reason.value,
            "alarms": list(self.board.standing),
            "estimate": {k: quantise(v) for k, v in (self.last_decision.estimate if self.last_decision else {}).items()},
            "values": {tag: quantise(snapshot.value(tag)) for tag in line.register.scalar_ids},
        }
        self.live.publish(snapshot.step, frame)
