"""One second of the line's life. Newcomers: read this page first.

read -> validate -> sense -> trace -> divert -> (every fifth second: estimate, decide) -> beat -> record

The plant advances by one second inside `read_snapshot`; what is written here is carried by the next second's message.
Everything below happens in this order, in one thread, once a second; nothing calls back into it.
"""

from __future__ import annotations

from apc.observation import Observation
from engine.line import Line
from line.modes import LineState, PlcMode
from line.records import Decision
from line.samples import Snapshot


def run_cycle(line: Line) -> Snapshot:
    """Let one second pass and do what it asks for. Raises CommunicationError if the plant does not answer."""
    began_s = line.clock.monotonic_s()
    snapshot = line.port.read_snapshot()
    verdict = line.probe.judge(snapshot)
    line.desk.waits = line.supervisor.waits
    line.desk.serve(snapshot)
    release = line.release.observe(
        snapshot,
        verdict,
        plc_remote=snapshot.value("Sys/CtrlMode") == PlcMode.REMOTE,
        comms_ok=not line.port_lost,
        running_out=line.desk.running_out,
    )
    line.moves.update(line.desk.pending)
    line.moves["SP/AcceptRequest"] = 1.0 if release.accept and not line.withheld else 0.0
    line.supervisor.observe(snapshot)
    line.news.collect(snapshot, verdict)
    decision = None
    if snapshot.step % line.configuration.decision_every == 0:
        decision = decide(line, snapshot)
    beat(line, snapshot.step)
    line.port.write_moves(line.moves)
    line.journal.second(line, snapshot, verdict, release, decision, began_s)
    line.moves.clear()
    return snapshot


def decide(line: Line, snapshot: Snapshot) -> Decision:
    """Estimate and decide; queue the moves of a valid decision, or of advice that was taken, if the PLC obeys us."""
    began_s = line.clock.monotonic_s()
    decision = line.supervisor.decide(observation(line, snapshot))
    line.news.clear()
    line.solve_ms = (line.clock.monotonic_s() - began_s) * 1e3
    remote = snapshot.value("Sys/CtrlMode") == PlcMode.REMOTE
    running = snapshot.value("Sys/LineState") in (LineState.STARTING, LineState.EXECUTE)
    line.desk.proposal = decision.moves if decision.rung == "warm" else {}
    if decision.valid:
        line.decisions += 1
    if (decision.valid or line.desk.take_advice()) and remote and running and not line.desk.running_out:
        line.moves.update(decision.moves)
    return decision


def observation(line: Line, snapshot: Snapshot) -> Observation:
    """Return what the estimator may know at this second."""
    return Observation(
        step=snapshot.step,
        snapshot=snapshot,
        nir=line.news.verdict,
        tester_new=line.news.tester_new,
        assay_new=line.news.assay_new,
        throughput_plan=line.desk.throughput_plan(snapshot.step),
        mode=line.desk.mode,
        planned_diversion=line.release.planned,
    )


def beat(line: Line, step: int) -> None:
    """Queue the beat and the decision counter. The wire forwards each beat once and never makes one itself."""
    if not line.desk.beat_frozen(step):
        line.moves["SP/HeartbeatCtrl"] = float(step + 1)
    line.moves["SP/DecisionCounter"] = float(line.decisions)
