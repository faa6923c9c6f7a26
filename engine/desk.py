"""The operator's desk: what persons (or the scenario in their place) ask of the line, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from line.clock import WallClock
from line.configuration import OperatorAction, Scenario
from line.modes import ControllerMode, LineCommand, LineState, PlcMode
from line.ports import Command, CommandQueue
from line.records import Event, Reason
from line.samples import Snapshot

SCENARIO = "scenario"
OPERATOR = "operator"
#: Most proposals that one yes can be for: a quarter of an hour.
ADVICE_MOST = 180
#: Seconds the scenario's operator waits after the cause of a line-hold is gone.
RESUME_AFTER_S = 5


class Desk:
    """Turns requests into line commands, mode changes and throughput plans. Every request becomes an event.

    `proposal`: what the newest decision in WARM would write, by tag. `waits`: why ON would be refused now, in words; empty
    if it would not. `change_limit`: takes a set-point's new limits, or says why not.
    """

    def __init__(
        self,
        scenario: Scenario,
        queue: CommandQueue | None,
        clock: WallClock,
        mode: ControllerMode,
        setpoints: dict[str, float],
        frozen_beat: tuple[int, int] | None = None,
    ) -> None:
        self.mode = mode
        self.waits = ""
        self.proposal: Mapping[str, float] = {}
        self._advised = 0
        self.change_limit: Callable[[str, float, float], str] = lambda tag, low, high: "no controller keeps limits here"
        self.running_out = False
        self.stopping = False
        self.events: list[Event] = []
        self.pending: dict[str, float] = {}
        self._scenario, self._queue, self._clock = scenario, queue, clock
        self._due = sorted((a for a in scenario.operator), key=lambda a: a.at_s)
        self._setpoints = setpoints
        self._frozen_beat = frozen_beat
        self._plan: list[tuple[int, float]] = [(0, scenario.throughput_kg_per_h)]
        self._plan += [(a.at_s, float(a.value)) for a in self._due if a.action == "throughput"]
        self._clear_since: int | None = None
        self._started = False
        self._hold_requested = False

    def throughput_plan(self, step: int) -> tuple[tuple[int, float], ...]:
        """Return (second, kg/h) pairs: the set-point in force at `step`, then the known future ones."""
        current = [p for p in self._plan if p[0] <= step][-1]
        return (current, *[p for p in self._plan if p[0] > step])

    def beat_frozen(self, step: int) -> bool:
        """True while the injected fault `heartbeat_loss` freezes the beat."""
        return self._frozen_beat is not None and self._frozen_beat[0] <= step < self._frozen_beat[1]

    def serve(self, snapshot: Snapshot) -> None:
        """Take what is due now: the start, scenario actions, commands from the queue, the restart after a line-hold."""
        self.pending = {"SP/LineCommand": float(LineCommand.NONE), "SP/RemoteRequest": 1.0}
        if not self._started:
            self._start(snapshot)
        while self._due and self._due[0].at_s <= snapshot.step:
            self._act(self._due.pop(0), snapshot)
        for command in self._take():
            self._obey(command, snapshot)
        self._restart(snapshot)

    def _take(self) -> Sequence[Command]:
        return self._queue.take(self._clock.utc()) if self._queue is not None else ()

    def _start(self, snapshot: Snapshot) -> None:
        self.pending.update(self._setpoints)
        if snapshot.value("Sys/LineState") == LineState.STOPPED:
            self._command(LineCommand.START, Reason.START, "line started", SCENARIO, "the shift begins")
        self._started = True

    def _act(self, action: OperatorAction, snapshot: Snapshot) -> None:
        if action.action == "throughput":
            old = self.throughput_plan(max(snapshot.step - 1, 0))[0][1]
            text = f"throughput {old:g} -> {float(action.value):g} kg/h"
            self._note(Reason.THROUGHPUT_CHANGE, "throughput", text, SCENARIO, old, float(action.value))
        elif action.action == "run_out":
            self._run_out(SCENARIO, str(action.value))
        elif action.action == "mode":
            self._set_mode(str(action.value), SCENARIO, "scenario")
        elif action.action == "hold":
            self._hold(SCENARIO, str(action.value))
        else:
            self._resume(SCENARIO, str(action.value))

    def _obey(self, command: Command, snapshot: Snapshot) -> None:
        who, why = command.user, command.reason
        if command.verb == "mode":
            result = self._set_mode(command.argument, who, why, command.role)
        elif command.verb == "limit":
            result = self._set_limit(command.argument, who, why, command.role)
        elif command.verb == "advice":
            result = self._answer_advice(command.argument, snapshot, who, why, command.role)
        elif command.verb == "hold":
            result = self._hold(who, why, command.role)
        elif command.verb == "resume":
            result = self._resume(who, why, command.role)
        else:
            self.stopping = True
            result = self._run_out(who, why, command.role)
        if self._queue is not None:
            self._queue.answer(command.id, f"{result} at second {snapshot.step}")

    def _set_mode(self, word: str, actor: str, why: str, role: str = OPERATOR) -> str:
        try:
            new = ControllerMode(word.upper())
        except ValueError:
            return f"refused: {word!r} is not a mode; use OFF, WARM or ON"
        if new is ControllerMode.ON and self.mode is not ControllerMode.ON and self.waits:
            text = f"ON is refused, the estimate has not converged: {self.waits}"
            self._note(
                Reason.REQUEST_REFUSED, "controller mode", f"{text}: {why}", actor, self.mode.value, self.mode.value, role
            )
            return f"refused: {text}; take WARM and ask again"
        old, self.mode = self.mode, new
        self._advised = 0
        text = f"controller mode {old} -> {new}: {why}"
        self._note(Reason.MODE_CHANGED, "controller mode", text, actor, old.value, new.value, role)
        return f"mode {new}"

    def take_advice(self) -> bool:
        """Return whether an operator has said yes to this decision's proposal; each is counted once."""
        taken = self.mode is ControllerMode.WARM and self._advised > 0
        self._advised = max(self._advised - 1, 0)
        return taken

    def _answer_advice(self, argument: str, snapshot: Snapshot, actor: str, why: str, role: str) -> str:
        """Note a person's `yes N` (the next N proposals are written) or `no` (none is) to what WARM proposes."""
        word, _, count = argument.partition(" ")
        n = int(count) if word == "yes" and count.isdecimal() else 0
        told = ", ".join(f"{tag} {value:g}" for tag, value in self.proposal.items()) or "nothing"
        refused = "" if word == "no" or 1 <= n <= ADVICE_MOST else f"{argument!r} is not `yes 1..{ADVICE_MOST}` or `no`"
        if self.mode is not ControllerMode.WARM:
            refused = f"the controller is {self.mode}: it advises in WARM only"
        elif word == "yes" and snapshot.value("Sys/CtrlMode") != PlcMode.REMOTE:
            refused = "the PLC is in LOCAL and takes no set-points"
        elif word == "yes" and not self.proposal:
            refused = "there is no proposal that has passed the checks"
        if refused:
            self._note(Reason.REQUEST_REFUSED, "advice", f"advice {argument}: {refused}: {why}", actor, None, argument, role)
            return f"refused: {refused}"
        self._advised = n
        reason = Reason.ADVICE_TAKEN if n else Reason.ADVICE_DECLINED
        self._note(reason, "advice", f"advice {argument}, proposed {told}: {why}", actor, None, argument, role)
        return f"advice {argument}: {told}"

    def _set_limit(self, argument: str, actor: str, why: str, role: str) -> str:
        """Change the limits of a set-point, `TAG LOW HIGH` in plant units, if the controller finds them feasible."""
        try:
            tag, low, high = argument.split()
            refused = self.change_limit(tag, float(low), float(high))
        except ValueError:
            tag, refused = "limit", f"{argument!r} is not TAG LOW HIGH"
        if refused:
            self._note(Reason.REQUEST_REFUSED, tag, f"limit refused: {refused}: {why}", actor, None, argument, role)
            return f"refused: {refused}"
        self._note(Reason.LIMIT_CHANGED, tag, f"limits of {argument}: {why}", actor, None, argument, role)
        return f"limits of {argument}"

    def _hold(self, actor: str, why: str, role: str = OPERATOR) -> str:
        self._hold_requested = True
        self._command(LineCommand.HOLD, Reason.LINE_HOLD, "line-hold requested", actor, why, role)
        return "line-hold requested"

    def _resume(self, actor: str, why: str, role: str = OPERATOR) -> str:
        self._hold_requested = False
        self._command(LineCommand.RESUME, Reason.LINE_RESUMED, "restart requested", actor, why, role)
        return "restart requested"

    def _run_out(self, actor: str, why: str, role: str = OPERATOR) -> str:
        self.running_out = True
        self._command(LineCommand.RUN_OUT, Reason.RUN_OUT, "run-out", actor, why, role)
        return "run-out started"

    def _restart(self, snapshot: Snapshot) -> None:
        """The scenario's operator restarts a held line once no interlock stands, unless somebody asked for the hold."""
        held = snapshot.value("Sys/LineState") == LineState.HELD
        clear = held and snapshot.value("Sys/Interlock") == 0 and not self._hold_requested
        if not clear:
            self._clear_since = None
            return
        if self._clear_since is None:
            self._clear_since = snapshot.step
        if snapshot.step - self._clear_since == RESUME_AFTER_S:
            self._resume(SCENARIO, "cause of the line-hold is gone")

    def _command(self, command: LineCommand, reason: Reason, text: str, actor: str, why: str, role: str = OPERATOR) -> None:
        self.pending["SP/LineCommand"] = float(command)
        self._note(reason, "line", f"{text}: {why}" if why else text, actor, None, command.name, role)

    def _note(
        self, reason: Reason, subject: str, text: str, actor: str, old: object, new: object, role: str = OPERATOR
    ) -> None:
        self.events.append(Event(reason, subject, text, actor=actor, role=role, old=old, new=new))

    def drain(self) -> list[Event]:
        """Return the events since the last call."""
        events, self.events = self.events, []
        return events
