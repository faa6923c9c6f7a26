"""`kilter mode|hold|resume|stop`: what a person asks of the running engine, through its durable queue."""

from __future__ import annotations

import getpass
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from historian.lock import is_locked
from historian.ports import SqliteCommandQueue
from historian.runs import newest_running, run_folder
from line.clock import SystemClock, WallClock
from line.errors import CommunicationError, RecordError
from line.ports import Command, Verb

Reason = Annotated[str, typer.Option(help="Why; it is written into the record.")]
LotName = Annotated[str | None, typer.Option("--lot", help="Lot name; the newest running one if left out.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")]
User = Annotated[str | None, typer.Option(help="Who asks; your login name if left out.")]
Wait = Annotated[
    float, typer.Option(help="Seconds to wait for the result; after that the command is never carried out.", min=1, max=600)
]
ROLE = "operator"
POLL_S = 0.1


def mode(
    to: Annotated[
        Literal["OFF", "WARM", "ON"], typer.Argument(help="OFF, WARM (plans, writes nothing) or ON.", case_sensitive=False)
    ],
    reason: Reason,
    lot: LotName = None,
    runs: Runs = Path("runs"),
    user: User = None,
    wait: Wait = 10.0,
) -> None:
    """Change the mode of the predictive controller of the running lot."""
    _ask("mode", to, reason, lot, runs, user, wait)


def limit(
    tag: Annotated[str, typer.Argument(help="Set-point as it is called on the wire, e.g. SP/MainForce.")],
    low: Annotated[float, typer.Argument(help="New lower limit, plant units.")],
    high: Annotated[float, typer.Argument(help="New upper limit, plant units.")],
    reason: Reason,
    lot: LotName = None,
    runs: Runs = Path("runs"),
    user: User = None,
    wait: Wait = 10.0,
) -> None:
    """Narrow the limits of a set-point while the controller runs, or take that back; refused if no plan could keep them."""
    _ask("limit", f"{tag} {low!r} {high!r}", reason, lot, runs, user, wait)


def advice(
    answer: Annotated[
        Literal["yes", "no"], typer.Argument(help="yes: write what WARM proposes; no: do not.", case_sensitive=False)
    ],
    reason: Reason,
    decisions: Annotated[int, typer.Option(help="A yes is for so many decisions of 5 s.", min=1, max=180)] = 1,
    lot: LotName = None,
    runs: Runs = Path("runs"),
    user: User = None,
    wait: Wait = 10.0,
) -> None:
    """Answer what a controller in WARM proposes: recorded with the proposal; a yes writes what has passed the checks."""
    _ask("advice", f"yes {decisions}" if answer == "yes" else "no", reason, lot, runs, user, wait)


def hold(reason: Reason, lot: LotName = None, runs: Runs = Path("runs"), user: User = None, wait: Wait = 10.0) -> None:
    """Hold the running line: feeders and press stop, what is inside waits."""
    _ask("hold", "", reason, lot, runs, user, wait)


def resume(reason: Reason, lot: LotName = None, runs: Runs = Path("runs"), user: User = None, wait: Wait = 10.0) -> None:
    """Let a held line go on."""
    _ask("resume", "", reason, lot, runs, user, wait)


def stop(reason: Reason, lot: LotName = None, runs: Runs = Path("runs"), user: User = None, wait: Wait = 10.0) -> None:
    """Run the line out and end the lot."""
    _ask("stop", "", reason, lot, runs, user, wait)


def _ask(verb: Verb, argument: str, reason: str, lot: str | None, runs: Path, user: str | None, wait_s: float) -> None:
    folder = run_folder(runs, lot) if lot else newest_running(runs)
    if not is_locked(folder):
        raise RecordError("this lot is not running", where=folder.name, what_now="See `kilter lot list`.")
    result = submit_and_wait(folder, SystemClock(), verb, argument, user or login(), reason, wait_s)
    sys.stdout.write(f"{folder.name}: {result}\n")
    raise typer.Exit(1 if result.startswith("refused") else 0)


def submit_and_wait(folder: Path, clock: WallClock, verb: Verb, argument: str, user: str, reason: str, wait_s: float) -> str:
    """Submit a command and return its result. Raises CommunicationError if the engine does not answer in time.

    The command expires when the waiting ends, so that what was reported as unanswered is never carried out later
    (a command taken in the last moment may still be: its result then stands in the record).
    """
    ident = uuid.uuid4().hex
    with SqliteCommandQueue(folder) as queue:
        expires = clock.utc() + timedelta(seconds=wait_s)
        queue.submit(Command(ident, verb, argument, user, ROLE, reason, expires))
        end_s = clock.monotonic_s() + wait_s
        while (result := queue.result_of(ident)) is None:
            if clock.monotonic_s() >= end_s:
                raise CommunicationError(
                    f"no answer to {verb}",
                    where=folder.name,
                    how_much=f"{wait_s:g} s",
                    what_now="It has expired and will not be carried out unless it was taken already; see the record's events.",
                )
            clock.sleep_s(POLL_S)
    return result


def login() -> str:
    """Return the login name of whoever runs this. Raises RecordError if it is not known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise RecordError("who asks is not known", what_now="Name yourself with --user.") from error
