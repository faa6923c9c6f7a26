"""A shift from the first second to the verdict, however it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.alarms import open_exceptions
from engine.cycle import run_cycle
from engine.line import Line
from line.errors import CommunicationError, KilterError
from line.records import Event, Reason
from line.samples import Snapshot
from rtr.release import LotVerdict

Progress = Callable[[int, int, Line], None]


@dataclass(frozen=True)
class ShiftEnd:
    """How a shift ended: its verdict, whether it is complete, and why not."""

    verdict: LotVerdict
    complete: bool
    why: str
    error: KilterError | None = None
    interrupted: bool = False


def run_shift(line: Line, seconds: int, seed: int, progress: Progress | None = None) -> ShiftEnd:
    """Run the cycle until `seconds` of the line have passed, hand the line back to the PLC, judge the lot.

    In real time a lost link is waited for (`line.patience_s`); what was made meanwhile is unverified. Ctrl-C and a plant
    that stays away end the shift early: the PLC gets LOCAL if it still answers, the record says incomplete
    and why, the verdict is HOLD. Errors of the record itself (disk full) propagate: what cannot be written down
    cannot be judged.
    """
    snapshot: Snapshot | None = None
    complete, why, error, interrupted = True, "", None, False
    try:
        snapshot = line.port.open()
        line.probe.check_axis(snapshot)
        line.journal.opened(snapshot)
        line.port.write_moves({"SP/RemoteRequest": 1.0, "SP/HeartbeatCtrl": 1.0})
        first = snapshot.step
        while snapshot.step - first < seconds:
            snapshot = _patiently(line, snapshot)
            if progress is not None:
                progress(snapshot.step - first, seconds, line)
            if line.desk.stopping and snapshot.value("Sys/LineState") == 5:
                complete, why = False, "stopped by command after run-out"
                break
    except KeyboardInterrupt:
        complete, why, interrupted = False, "interrupted from the keyboard", True
    except CommunicationError as lost:
        complete, why, error = False, lost.line(), lost
        line.port_lost = True
    verdict = _finish(line, snapshot, seed, complete, why)
    line.port.close()
    return ShiftEnd(verdict, complete, why, error, interrupted)


def _patiently(line: Line, snapshot: Snapshot) -> Snapshot:
    """Return the next second; wait out a lost link for `line.patience_s`, with an alarm, an event and a gap in the record.

    Raises CommunicationError when patience ends.
    """
    began_s: float | None = None
    while True:
        try:
            after = run_cycle(line)
        except CommunicationError as lost:
            now_s = line.clock.monotonic_s()
            began_s = now_s if began_s is None else began_s
            if not line.port_lost:
                line.journal.link(snapshot.step, lost.line(), lost_now=True)
            line.port_lost = True
            if now_s - began_s >= line.patience_s:
                raise
            continue
        if line.port_lost:
            line.port_lost = False
            gap = f"the link is back: nothing is known of seconds {snapshot.step + 1} to {after.step - 1}"
            line.journal.link(after.step, gap, lost_now=False)
        return after


def _finish(line: Line, snapshot: Snapshot | None, seed: int, complete: bool, why: str) -> LotVerdict:
    step = snapshot.step if snapshot is not None else 0
    if not line.port_lost:
        _hand_back(line)
    reason = Reason.END if complete else (Reason.COMMS_LOST if line.port_lost else Reason.INTERRUPTED)
    line.journal.event(step, Event(reason, "shift", why or "the shift is over"))
    if snapshot is not None:
        for parcel in line.release.finish(snapshot):
            line.journal.recorder.append("content", "parcel", step, parcel.body())
    exceptions = open_exceptions(line.journal.alarms)
    if line.port_lost:
        exceptions.append("COMMS_LOST: the plant stopped answering")
    asked = {"open_exceptions": exceptions, "complete": complete, "seed": seed, "finished": snapshot is not None}
    line.journal.recorder.append("content", "lot_input", step, asked)
    verdict = line.release.dispose(open_exceptions=exceptions, complete=complete, seed=seed)
    line.journal.recorder.append("content", "lot_verdict", step, verdict.body())
    line.journal.recorder.commit()
    return verdict


def _hand_back(line: Line) -> None:
    """Withdraw REMOTE and the accept request with one last step, so that the PLC runs or stops the line alone."""
    try:
        line.port.write_moves({"SP/RemoteRequest": 0.0, "SP/AcceptRequest": 0.0})
        line.port.read_snapshot()
    except (CommunicationError, KeyboardInterrupt):
        line.port_lost = True
