"""The controller's solver in a process of its own: killed at its deadline, begun again cold.

`python -m engine.solver_process` reads one line of JSON (configuration and the controller's name), answers `{"ready": ...}`,
then one plan for each problem until its input ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self

from apc.control.problem import Controller, Plan, Problem
from apc.supervision.assembly import ControllerName, build_parts
from apc.supervision.tuned import tuned
from engine.solver_frames import LONGEST, error_body, pack, plan_body, plan_of, problem_body, problem_of, unpack
from engine.wiring import LineFiles
from line.clock import WallClock
from line.configuration import ControllerConfiguration, LineConfiguration
from line.errors import DeadlineError, SolverError
from line.recipe import Recipe
from line.tags import Tag, TagRegister

#: Controllers that solve a program.
SOLVES: tuple[ControllerName, ...] = ("lmpc", "nmpc", "dompc")
#: Seconds that a plan may take (of the 5 s a decision has; the lower rungs need 0.05), and the first answer of a new process.
DEADLINE_S, START_S = 3.0, 30.0
COMMAND = (sys.executable, "-m", "engine.solver_process")
WHERE = "solver process"


class SolverProcess:
    """A Controller whose `plan` runs in a child process. A hang is killed at the deadline; the next plan waits for a new child.

    Same plan to the last bit as in this process: the child builds the same controller from the same configuration. A child
    that was killed, died or answered garbage costs one decision, which the ladder's next rung makes.
    """

    def __init__(
        self,
        files: LineFiles,
        controller: Controller,
        clock: WallClock,
        deadline_s: float = DEADLINE_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.name, self.n_steps = controller.name, controller.n_steps
        self._clock, self._deadline_s, self._command = clock, deadline_s, tuple(command)
        self._configuration = pack(
            {
                "name": controller.name,
                "recipe": files.recipe.model_dump(mode="json"),
                "line": files.configuration.model_dump(mode="json"),
                "controller": files.controller.model_dump(mode="json", by_alias=True),
                "tags": [tag.model_dump(mode="json") for tag in files.register.tags.values()],
            }
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._ready, self._rest = False, b""
        self.started = 0
        self._start()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._child.pid if self._child is not None else None

    def plan(self, problem: Problem) -> Plan:
        """Return the child's plan. Raises SolverError: its own words, no answer in time (DeadlineError), or no child."""
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._start()
        end_s = self._clock.monotonic_s() + self._deadline_s
        try:
            if not self._ready:
                self._wait_ready(end_s)
            self._write(pack({"problem": problem_body(problem)}))
            answer = unpack(self._read(end_s))
            plan = None if "error" in answer else plan_of(answer)
        except SolverError as error:
            starting = isinstance(error, DeadlineError) and not self._ready
            if not starting or self._clock.monotonic_s() > self._began_s + START_S:
                self._end()
                self._start()
            raise
        if plan is None:
            raise SolverError(**answer["error"])
        return plan

    def reset(self) -> None:
        """Forget all warm starts: the child's controller is reset before its next plan."""
        if self._ready and self._child is not None and self._child.poll() is None:
            self._write(pack({"reset": True}))

    def close(self) -> None:
        """End the child, whatever it does; never raises, never waits long."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        try:
            self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603
        except OSError as error:
            raise SolverError("no process can be started", where=WHERE, how_much=str(error)) from error
        self._ready, self._rest, self._began_s = False, b"", self._clock.monotonic_s()
        self.started += 1
        self._write(self._configuration)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    def _wait_ready(self, end_s: float) -> None:
        body = unpack(self._read(end_s))
        if "error" in body:
            raise SolverError(**body["error"])
        self._ready = True

    def _write(self, message: bytes) -> None:
        if self._child is None or self._child.stdin is None:
            raise SolverError("there is no process", where=WHERE)
        try:
            left = memoryview(message)
            while left:
                left = left[os.write(self._child.stdin.fileno(), left) :]
        except OSError as error:
            raise SolverError("the process is gone", where=WHERE, what_now="A new one begins.") from error

    def _read(self, end_s: float) -> bytes:
        """Return the next line. Raises DeadlineError when time is up, SolverError if the process ends or talks too much."""
        if self._child is None or self._child.stdout is None:
            raise SolverError("there is no process", where=WHERE)
        pipe = self._child.stdout.fileno()
        while b"\n" not in self._rest:
            left_s = end_s - self._clock.monotonic_s()
            if left_s <= 0.0 or not select.select([pipe], [], [], left_s)[0]:
                raise DeadlineError(
                    "no plan in time", where=WHERE, how_much=f"{self._deadline_s:g} s", what_now="It was killed."
                )
            part = os.read(pipe, 1 << 16)
            self._rest += part
            if not part or len(self._rest) > LONGEST:
                code = self._child.poll()
                raise SolverError(
                    "the process ended" if not part else "the answer has no end", where=WHERE, how_much=f"code {code}"
                )
        line, self._rest = self._rest.split(b"\n", 1)
        return line


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer problems with plans until the input ends: the child's whole life."""

    def answer(body: dict[str, Any]) -> None:
        sink.write(pack(body))
        sink.flush()

    controller = built(unpack(source.readline()))
    answer({"ready": controller.name})
    for line in source:
        body = unpack(line)
        if "reset" in body:
            controller.reset()
            continue
        try:
            answer(plan_body(controller.plan(problem_of(body["problem"]))))
        except SolverError as error:
            answer({"error": error_body(error)})


def built(body: dict[str, Any]) -> Controller:
    """Return the controller that a first message asks for."""
    configuration = tuned(ControllerConfiguration.model_validate(body["controller"]), body["name"])
    recipe, line = Recipe.model_validate(body["recipe"]), LineConfiguration.model_validate(body["line"])
    register = TagRegister([Tag.model_validate(tag) for tag in body["tags"]])
    return build_parts(recipe, line, configuration, register, body["name"]).controller


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
