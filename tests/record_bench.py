"""Small records for tests, and one process that is killed while it writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from historian.record import Record
from historian.store import RECORD_FILE
from line.clock import ManualClock
from line.tags import TagRegister, load_register

ROOT = Path(__file__).resolve().parents[1]
REGISTER: TagRegister = load_register(ROOT / "configs/line/tags.csv")
SMALL = TagRegister([REGISTER[tag] for tag in ("Sys/StepIndex", "Feeder1/MassFlow", "SP/Feeder1MassFlow")])

KILLED = """
import sys
from pathlib import Path
from historian.record import Record
from line.clock import SystemClock
from tests.record_bench import SMALL
record = Record.create(Path(sys.argv[1]), {"seed": 1}, SystemClock(), register=SMALL)
for step in range(1, 101):
    record.append("content", "event", step, {"n": step})
    if step in (30, 60):
        record.commit()
    if step == 90:
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        sys.stdin.read()
"""


def write_small(folder: Path, steps: int = 6, seed: int = 1, close: bool = True, wall: bool = True) -> Record:
    """Write a record of a few entries in both streams; `close` seals it."""
    record = Record.create(folder, {"seed": seed}, ManualClock(), register=SMALL)
    for step in range(1, steps + 1):
        record.append("content", "event", step, {"value": step / 7, "word": "refill"})
        record.append_bytes("content", "blob", step, bytes([1, step, 255]))
        if wall:
            record.append("wall", "timing", step, {"cycle_ms": 1.5})
        record.commit()
    if close:
        record.close(True)
    return record


def execute(folder: Path, *statements: str) -> None:
    """Change a record behind its back."""
    connection = sqlite3.connect(folder / RECORD_FILE)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def start_writer(folder: Path) -> subprocess.Popen[str]:
    """Start a process that has committed 60 of 90 entries and now waits to be killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process
