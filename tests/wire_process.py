"""The engine's port, a plant in a process of its own, and a small run whose content can be compared."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from gateway.port import OpcUaPort
from line.clock import SystemClock
from line.ports import PlantPort
from line.samples import Snapshot
from tests.wire_bench import ROOT, register

TAGS = register()
SERVE = ROOT / "tests" / "hil" / "serve_first_order.py"


def port_to(endpoint: str, secrets: Path, **more: object) -> OpcUaPort:
    return OpcUaPort(endpoint, TAGS, secrets, SystemClock(), **more)  # type: ignore[arg-type]


class Process:
    """A served plant in a process of its own."""

    def __init__(self, secrets: Path, port: int = 0, mode: str = "LOCKSTEP", *more: str) -> None:
        command = [sys.executable, str(SERVE), str(secrets), str(port), mode, *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        self.ready = json.loads(line) if line else {}
        self.endpoint = str(self.ready.get("endpoint", ""))

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, float]:
        """Send a signal; return exit code, standard error and how long it took [s]."""
        started = time.monotonic()
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        _, said = self.popen.communicate(timeout=20)
        return self.popen.returncode, said, time.monotonic() - started


def run(port: PlantPort, steps: int, *, start_up: bool = False) -> list[Snapshot]:
    """A small controller: moves depend on what was measured, so that any difference grows."""
    snapshots = [port.open()]
    for k in range(steps):
        force = 5.0 + np.nan_to_num(snapshots[-1].raw("Press/MainForceMean")) % 1.0
        port.write_moves({"SP/HeartbeatCtrl": k + 1, "SP/MainForce": force, "SP/AcceptRequest": k % 2})
        if start_up:
            port.write_moves({"SP/RemoteRequest": 1, "SP/LineCommand": 1 if k == 2 else 0})
        snapshots.append(port.read_snapshot())
    return snapshots


def content(snapshots: list[Snapshot]) -> list[tuple[object, ...]]:
    return [
        (
            s.step,
            s.values.tobytes(),
            s.statuses.tobytes(),
            s.source_steps.tobytes(),
            [(i, a.values.tobytes(), a.status, a.source_step, a.quality) for i, a in s.arrays.items()],
            json.dumps(s.events),
        )
        for s in snapshots
    ]


def line_of(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and text
    return text


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
