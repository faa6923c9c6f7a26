"""The states of a line by PackML (ISA-TR88.00.02, OPC 30050) and which cause leads from which to which: a table, not code.

`NEXT[cause, state]` is the state that follows (the same where the cause means nothing there). Numbers are those of
OPC 30050, so that a client of any vendor reads Sys/PackMLState rightly.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from line.modes import LineState
from plant_sim.extents import Counts


class PackState(IntEnum):
    """Tag Sys/PackMLState: StateNumber of OPC 30050."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class Cause(IntEnum):
    """What moves a line to another state: the commands of PackML, and DONE: an acting state has finished."""

    RESET = 0
    START = 1
    HOLD = 2
    UNHOLD = 3
    SUSPEND = 4
    UNSUSPEND = 5
    TO_COMPLETE = 6
    STOP = 7
    ABORT = 8
    CLEAR = 9
    DONE = 10


N_STATES: Final = max(PackState) + 1
S = PackState
Row = tuple[Cause, PackState, PackState]

#: States that a STOP can end (the superstate "Running" of OPC 30050).
RUNNING: Final = (
    S.RESETTING, S.IDLE, S.STARTING, S.EXECUTE, S.HOLDING, S.HELD, S.UNHOLDING, S.SUSPENDING, S.SUSPENDED,
    S.UNSUSPENDING, S.COMPLETING, S.COMPLETE,
)  # fmt: skip
#: States that an ABORT can end (the superstate "Cleared").
CLEARED: Final = (*RUNNING, S.STOPPING, S.STOPPED, S.CLEARING)
#: The transitions of OPC 30050 (PackML nodeset 1.01), state by state.
STANDARD: Final[tuple[Row, ...]] = (
    (Cause.RESET, S.STOPPED, S.RESETTING),
    (Cause.RESET, S.COMPLETE, S.RESETTING),
    (Cause.DONE, S.RESETTING, S.IDLE),
    (Cause.START, S.IDLE, S.STARTING),
    (Cause.DONE, S.STARTING, S.EXECUTE),
    (Cause.TO_COMPLETE, S.EXECUTE, S.COMPLETING),
    (Cause.DONE, S.COMPLETING, S.COMPLETE),
    *((Cause.HOLD, state, S.HOLDING) for state in (
        S.STARTING, S.EXECUTE, S.UNHOLDING, S.SUSPENDING, S.SUSPENDED, S.UNSUSPENDING)),
    (Cause.DONE, S.HOLDING, S.HELD),
    (Cause.UNHOLD, S.HELD, S.UNHOLDING),
    (Cause.DONE, S.UNHOLDING, S.EXECUTE),
    (Cause.SUSPEND, S.EXECUTE, S.SUSPENDING),
    (Cause.DONE, S.SUSPENDING, S.SUSPENDED),
    (Cause.UNSUSPEND, S.SUSPENDED, S.UNSUSPENDING),
    (Cause.DONE, S.UNSUSPENDING, S.EXECUTE),
    *((Cause.STOP, state, S.STOPPING) for state in RUNNING),
    (Cause.DONE, S.STOPPING, S.STOPPED),
    *((Cause.ABORT, state, S.ABORTING) for state in CLEARED),
    (Cause.DONE, S.ABORTING, S.ABORTED),
    (Cause.CLEAR, S.ABORTED, S.CLEARING),
    (Cause.DONE, S.CLEARING, S.STOPPED),
)  # fmt: skip
#: What this line adds: an interlock may hold a run-out; a run-out may be ordered before the hopper was full.
ADDITIONS: Final[tuple[Row, ...]] = (
    (Cause.HOLD, S.COMPLETING, S.HOLDING),
    *((Cause.TO_COMPLETE, s, S.COMPLETING) for s in (S.STARTING, S.SUSPENDING, S.SUSPENDED, S.UNSUSPENDING)),
)

#: Shortest time in the acting states [s]. HOLDING and STOPPING: drives come to rest; UNHOLDING: the warning before the
#: machine moves; RESETTING: drives are enabled. All estimates. STARTING and COMPLETING end by the hopper's level.
ACTING_S: Final[dict[PackState, int]] = {
    S.CLEARING: 1, S.STARTING: 1, S.STOPPING: 2, S.ABORTING: 1, S.HOLDING: 2, S.UNHOLDING: 2, S.SUSPENDING: 1,
    S.UNSUSPENDING: 1, S.RESETTING: 2, S.COMPLETING: 1,
}  # fmt: skip

#: Sys/LineState for each state. A starved line (SUSPENDED) fills up again: for a reader of LineState it is starting.
LINE_STATE: Final[dict[PackState, LineState]] = {
    S.CLEARING: LineState.STOPPED, S.STOPPED: LineState.STOPPED, S.STOPPING: LineState.STOPPED,
    S.ABORTING: LineState.STOPPED, S.ABORTED: LineState.STOPPED, S.RESETTING: LineState.STOPPED,
    S.IDLE: LineState.STOPPED, S.STARTING: LineState.STARTING, S.SUSPENDING: LineState.STARTING,
    S.SUSPENDED: LineState.STARTING, S.UNSUSPENDING: LineState.STARTING, S.EXECUTE: LineState.EXECUTE,
    S.HOLDING: LineState.HELD, S.HELD: LineState.HELD, S.UNHOLDING: LineState.HELD,
    S.COMPLETING: LineState.COMPLETING, S.COMPLETE: LineState.COMPLETE,
}  # fmt: skip
#: The same where production was cut off by an abort and is to go on: material stands in the line, which is what HELD says.
INTERRUPTED: Final = (S.ABORTING, S.ABORTED, S.CLEARING, S.STOPPED, S.RESETTING, S.IDLE)


def transition_table() -> Counts:
    """Return NEXT, (n causes, N_STATES): the state that follows `state` when `cause` comes; entry 0 is no state."""
    table = np.tile(np.arange(N_STATES), (len(Cause), 1))
    for cause, state, after in (*STANDARD, *ADDITIONS):
        table[cause, state] = after
    return table


def acting_times() -> Counts:
    """Return the shortest time in each state [s], (N_STATES,); 0 for waiting states and EXECUTE."""
    return np.array([ACTING_S.get(S(i), 0) if i else 0 for i in range(N_STATES)], np.int64)


def line_states() -> Counts:
    """Return Sys/LineState by state, (2, N_STATES): row 0 as it is, row 1 where production was interrupted."""
    plain = [int(LineState.STOPPED), *(int(LINE_STATE[S(i)]) for i in range(1, N_STATES))]
    held = [int(LineState.HELD) if i in INTERRUPTED else state for i, state in enumerate(plain)]
    return np.array([plain, held], np.int64)


def members(*states: PackState) -> np.ndarray:
    """Return flags (N_STATES,), True for the given states."""
    flags = np.zeros(N_STATES, np.bool_)
    flags[list(states)] = True
    return flags
