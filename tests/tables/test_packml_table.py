"""The PackML states of the line as a procedure: what follows from which state and cause, and what the line does then.

Transitions and state numbers are written down from the PackML nodeset of the OPC Foundation (Opc.Ua.PackML.NodeSet2.xml,
model http://opcfoundation.org/UA/PackML/ 1.01, 2020-10-08): FromState, ToState and HasCause of each transition.
"""

from __future__ import annotations

import numpy as np
import pytest

from line.modes import LineCommand, LineState
from plant_sim.columns import group_columns
from plant_sim.plc.interlocks import DIVERTER_FEEDBACK, EMERGENCY_STOP, GUARD_OPEN, POWER_DIP, PRESS_STOP, Signals
from plant_sim.plc.packml import ACTING_S, ADDITIONS, Cause, PackState, line_states, transition_table
from plant_sim.plc.sequence import Sequence
from tests.plant_bench import nominal

NUMBERS = """
  Clearing 1  Stopped 2  Starting 3  Idle 4  Suspended 5  Execute 6  Stopping 7  Aborting 8  Aborted 9  Holding 10  Held 11
  Unholding 12  Suspending 13  Unsuspending 14  Resetting 15  Completing 16  Complete 17
"""
#: The nodeset's transitions; "Running" and "Cleared" are its superstates.
NODESET = """
# from           cause         | to
  Aborted        Clear         | Clearing
  Clearing       -             | Stopped
  Cleared        Abort         | Aborting
  Aborting       -             | Aborted
  Stopped        Reset         | Resetting
  Running        Stop          | Stopping
  Stopping       -             | Stopped
  Resetting      -             | Idle
  Idle           Start         | Starting
  Starting       -             | Execute
  Execute        ToComplete    | Completing
  Completing     -             | Complete
  Complete       Reset         | Resetting
  Execute        Hold          | Holding
  Starting       Hold          | Holding
  Suspending     Hold          | Holding
  Suspended      Hold          | Holding
  Unsuspending   Hold          | Holding
  Unholding      Hold          | Holding
  Holding        -             | Held
  Held           Unhold        | Unholding
  Unholding      -             | Execute
  Execute        Suspend       | Suspending
  Suspending     -             | Suspended
  Suspended      Unsuspend     | Unsuspending
  Unsuspending   -             | Execute
"""
RUNNING = (
    "Resetting", "Idle", "Starting", "Execute", "Completing", "Complete", "Holding", "Held", "Unholding", "Suspending",
    "Suspended", "Unsuspending",
)  # fmt: skip
SUPERSTATES = {"Running": RUNNING, "Cleared": (*RUNNING, "Clearing", "Stopping", "Stopped")}
CAUSES = {"-": Cause.DONE, "ToComplete": Cause.TO_COMPLETE}


def rows(table: str) -> list[list[str]]:
    return [line.split("#")[0].replace("|", " ").split() for line in table.strip().splitlines() if line.split("#")[0].strip()]


def state_of(word: str) -> PackState:
    return PackState[word.upper()]


def test_states_have_the_numbers_of_the_nodeset() -> None:
    words = NUMBERS.split()
    assert {state.name.capitalize(): int(state) for state in PackState} == dict(
        zip(words[::2], (int(n) for n in words[1::2]), strict=True)
    )


def test_the_table_is_the_nodesets_and_what_this_line_adds_and_nothing_else() -> None:
    wanted = {
        (CAUSES.get(cause) or Cause[cause.upper()], state_of(one), state_of(after))
        for state, cause, after in rows(NODESET)
        for one in SUPERSTATES.get(state, (state,))
    }
    wanted |= set(ADDITIONS)
    table = transition_table()
    found = {
        (cause, state, PackState(int(table[cause, state])))
        for cause in Cause
        for state in PackState
        if table[cause, state] != state
    }
    assert found == wanted
    assert {(c.name, s.name, after.name) for c, s, after in ADDITIONS} == {
        ("HOLD", "COMPLETING", "HOLDING"),
        *(("TO_COMPLETE", s, "COMPLETING") for s in ("STARTING", "SUSPENDING", "SUSPENDED", "UNSUSPENDING")),
    }


def test_every_acting_state_ends_and_no_other_has_a_time() -> None:
    table = transition_table()
    assert {state for state in PackState if table[Cause.DONE, state] != state} == set(ACTING_S)
    assert all(1 <= seconds <= 2 for seconds in ACTING_S.values())
    assert ACTING_S[PackState.HOLDING] <= 2  # a press stop stops feeders and blender within 2 s


LINE_STATES = """
# state          | LineState    after an abort that cut off production
  CLEARING       | STOPPED      HELD
  STOPPED        | STOPPED      HELD
  STARTING       | STARTING     STARTING
  IDLE           | STOPPED      HELD
  SUSPENDED      | STARTING     STARTING
  EXECUTE        | EXECUTE      EXECUTE
  STOPPING       | STOPPED      STOPPED
  ABORTING       | STOPPED      HELD
  ABORTED        | STOPPED      HELD
  HOLDING        | HELD         HELD
  HELD           | HELD         HELD
  UNHOLDING      | HELD         HELD
  SUSPENDING     | STARTING     STARTING
  UNSUSPENDING   | STARTING     STARTING
  RESETTING      | STOPPED      HELD
  COMPLETING     | COMPLETING   COMPLETING
  COMPLETE       | COMPLETE     COMPLETE
"""


@pytest.mark.parametrize("row", rows(LINE_STATES), ids=lambda row: row[0])
def test_the_engine_reads_a_line_state_for_each(row: list[str]) -> None:
    state, plain, interrupted = row
    table = line_states()
    assert LineState(int(table[0, PackState[state]])).name == plain
    assert LineState(int(table[1, PackState[state]])).name == interrupted


#: One second of the PLC. Level: full (at set-point), half, low (starved), empty, high. Verdicts: state after the second,
#: what runs in it (F feeders, B blender, P press), tag Sys/LineState.
SECOND = """
# before         command   level   contact     | after          runs   line
  IDLE           START     empty   -           | STARTING       FB     STARTING
  IDLE           RESUME    empty   -           | IDLE           -      STOPPED     # nothing to resume
  IDLE           START     empty   guard       | ABORTING       -      STOPPED     # an open guard lets nothing start
  STOPPED        START     empty   -           | RESETTING      -      STOPPED
  COMPLETE       START     empty   -           | RESETTING      -      STOPPED
  ABORTED        START     half    -           | CLEARING       -      STOPPED
  ABORTED        START     half    e-stop      | ABORTED        -      STOPPED     # refused: the cause stands
  ABORTED        RESUME    half    -           | ABORTED        -      STOPPED     # nothing was cut off
  ABORTED        HOLD      half    -           | ABORTED        -      STOPPED
  ABORTED        STOP      half    -           | ABORTED        -      STOPPED
  STARTING       -         half    -           | STARTING       FB     STARTING
  STARTING       -         full    -           | EXECUTE        FBP    EXECUTE
  STARTING       HOLD      half    -           | HOLDING        -      HELD
  STARTING       RUN_OUT   half    -           | COMPLETING     BP     COMPLETING
  STARTING       STOP      half    -           | STOPPING       -      STOPPED
  EXECUTE        -         full    -           | EXECUTE        FBP    EXECUTE
  EXECUTE        START     full    -           | EXECUTE        FBP    EXECUTE
  EXECUTE        -         high    -           | EXECUTE        P      EXECUTE     # the press eats the surplus
  EXECUTE        -         low     -           | SUSPENDING     FB     STARTING    # starved: fill up again
  EXECUTE        HOLD      full    -           | HOLDING        -      HELD
  EXECUTE        HOLD      low     -           | HOLDING        -      HELD
  EXECUTE        RUN_OUT   full    -           | COMPLETING     BP     COMPLETING
  EXECUTE        RUN_OUT   low     -           | COMPLETING     BP     COMPLETING
  EXECUTE        STOP      full    -           | STOPPING       -      STOPPED
  EXECUTE        -         full    press-stop  | HOLDING        -      HELD
  EXECUTE        -         full    gate        | HOLDING        -      HELD
  EXECUTE        -         full    guard       | ABORTING       -      HELD        # the engine sees a held line
  EXECUTE        -         full    e-stop      | ABORTING       -      HELD
  EXECUTE        -         full    power       | ABORTING       -      HELD
  EXECUTE        RUN_OUT   full    e-stop      | ABORTING       -      HELD
  EXECUTE        STOP      full    press-stop  | STOPPING       -      STOPPED
  SUSPENDED      -         half    -           | SUSPENDED      FB     STARTING
  SUSPENDED      -         full    -           | UNSUSPENDING   FB     STARTING
  SUSPENDED      HOLD      half    -           | HOLDING        -      HELD
  COMPLETING     -         half    -           | COMPLETING     BP     COMPLETING
  COMPLETING     -         empty   -           | COMPLETE       -      COMPLETE
  COMPLETING     -         half    press-stop  | HOLDING        -      HELD
  COMPLETING     HOLD      half    -           | HOLDING        -      HELD
  HELD           RESUME    full    -           | UNHOLDING      -      HELD
  HELD           RESUME    full    press-stop  | HELD           -      HELD        # it waits for the cause to go
  HELD           START     full    -           | HELD           -      HELD
  HELD           -         full    e-stop      | ABORTING       -      HELD
  HELD           STOP      full    -           | STOPPING       -      STOPPED
  UNHOLDING      -         full    -           | EXECUTE        FBP    EXECUTE
  UNHOLDING      -         full    press-stop  | HOLDING        -      HELD
  UNHOLDING      HOLD      full    -           | HOLDING        -      HELD
  COMPLETE       -         empty   guard       | ABORTING       -      STOPPED     # somebody cleans the press
  HOLDING        -         full    -           | HELD           -      HELD
  STOPPING       -         half    -           | STOPPED        -      STOPPED
  ABORTING       -         half    e-stop      | ABORTED        -      STOPPED
  CLEARING       -         half    -           | STOPPED        -      STOPPED
  RESETTING      -         half    -           | IDLE           -      STOPPED
  SUSPENDING     -         low     -           | SUSPENDED      FB     STARTING
  UNSUSPENDING   -         full    -           | EXECUTE        FBP    EXECUTE
"""
LEVELS = {"low": 0.02, "empty": 0.04, "half": 0.4, "full": 0.6, "high": 1.1}
CONTACTS = {
    "-": 0, "press-stop": PRESS_STOP, "gate": DIVERTER_FEEDBACK, "guard": GUARD_OPEN, "e-stop": EMERGENCY_STOP,
    "power": POWER_DIP,
}  # fmt: skip


def placed(states: list[PackState]) -> Sequence:
    """A PLC whose lines are in these states, at the end of their acting time."""
    sequence = Sequence(group_columns([nominal()] * len(states), "plc"), len(states))
    sequence.packml = np.array(states, np.int64)
    sequence._work_out()
    sequence._busy = True
    return sequence


def signals(level: np.ndarray, contacts: np.ndarray) -> Signals:
    n = level.shape[0]
    quiet = np.zeros(n)
    return Signals(level, np.full(n, 0.6), quiet, quiet, np.zeros(n, np.bool_), contacts if contacts.any() else None)


def test_levels_of_the_table_lie_between_the_plcs_limits() -> None:
    plc = nominal().plc
    limits = (plc.hopper_low.si, plc.hopper_empty.si, 0.6, plc.hopper_high.si)
    assert LEVELS["low"] <= limits[0] < LEVELS["empty"] <= limits[1] < LEVELS["half"] < limits[2] == LEVELS["full"]
    assert LEVELS["full"] < limits[3] <= LEVELS["high"]


@pytest.mark.parametrize("row", rows(SECOND), ids=lambda row: "-".join(row[:4]))
def test_one_second_of_the_plc(row: list[str]) -> None:
    before, command, level, contact, after, runs, line = row
    sequence = placed([PackState[before]])
    number = 0 if command == "-" else LineCommand[command]
    sequence.step(np.array([float(number)]), signals(np.array([LEVELS[level]]), np.array([CONTACTS[contact]])))
    assert PackState(int(sequence.packml[0])).name == after
    found = "".join(
        letter for letter, flag in (("F", sequence.feeding), ("B", sequence.blending), ("P", sequence.pressing)) if flag[0]
    )
    assert (found or "-") == runs
    assert LineState(int(sequence.state[0])).name == line


def test_a_line_does_in_company_what_it_does_alone() -> None:
    table = rows(SECOND)
    company = placed([PackState[row[0]] for row in table])
    command = np.array([0.0 if row[1] == "-" else float(LineCommand[row[1]]) for row in table])
    level = np.array([LEVELS[row[2]] for row in table])
    company.step(command, signals(level, np.array([CONTACTS[row[3]] for row in table])))
    assert [PackState(int(state)).name for state in company.packml] == [row[4] for row in table]


def test_every_state_is_a_row_of_the_procedure() -> None:
    assert {row[0] for row in rows(SECOND)} == {state.name for state in PackState}
