"""The interlocks: what stops a line, by which limit, as bits of Sys/Interlock."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Counts, Flags, Vector

#: Bits of Sys/Interlock.
HOPPER_LEVEL, MAIN_FORCE, EJECTION_FORCE, PRESS_STOP, WATCHDOG, DIVERTER_FEEDBACK = 1, 2, 4, 8, 16, 32
GUARD_OPEN, EMERGENCY_STOP, POWER_DIP = 64, 128, 256
BIT_NAMES: Final[dict[int, str]] = {
    HOPPER_LEVEL: "hopper level",
    MAIN_FORCE: "main force",
    EJECTION_FORCE: "ejection force",
    PRESS_STOP: "press stop",
    WATCHDOG: "watchdog",
    DIVERTER_FEEDBACK: "diverter feedback",
    GUARD_OPEN: "guard open",
    EMERGENCY_STOP: "emergency stop",
    POWER_DIP: "power dip",
}
#: Causes that hold the line (HOLDING), and that abort it (ABORTING) in any state.
HOLDS: Final = MAIN_FORCE | EJECTION_FORCE | PRESS_STOP | DIVERTER_FEEDBACK
#: Causes after which the fill depth is not to be trusted.
OVERLOADS: Final = MAIN_FORCE | EJECTION_FORCE
ABORTS: Final = GUARD_OPEN | EMERGENCY_STOP | POWER_DIP
#: The blender's feed is allowed again below this share of the high level.
HIGH_RESET = 0.9
#: The gate may differ from its command for this long [s].
FEEDBACK_MAX_S = 1


def bit_words(bits: int) -> str:
    """Return the names of the bits that are set, in order.

    >>> bit_words(8 | 128)
    'press stop, emergency stop'
    """
    return ", ".join(name for bit, name in BIT_NAMES.items() if bits & bit)


class Signals(NamedTuple):
    """What the interlocks look at, (n,) each.

    level and its set-point [kg]; main force and ejection [N] of the last second; whether the watchdog tripped; `contacts`
    the safety contacts as bits (PRESS_STOP, GUARD_OPEN, EMERGENCY_STOP, POWER_DIP, DIVERTER_FEEDBACK), None while no
    contact of any line is open.
    """

    level: Vector
    level_setpoint: Vector
    main_force: Vector
    ejection: Vector
    watchdog: Flags
    contacts: Counts | None = None


def contact_bits(press_stop: Flags, guard_open: Flags, e_stop: Flags, power_dip: Flags, gate_odd: Flags) -> Counts:
    """Return the contacts of n lines as bits of Sys/Interlock, (n,)."""
    bits = press_stop * PRESS_STOP + guard_open * GUARD_OPEN + e_stop * EMERGENCY_STOP
    total: Counts = bits + power_dip * POWER_DIP + gate_odd * DIVERTER_FEEDBACK
    return total


class Limits:
    """Limits of level and force of n lines, with what they latch: `feed_stop` (n,) at high level, `stopped` if any."""

    def __init__(self, p: Columns, n_lines: int) -> None:
        self._p = p
        self._high, self._low = p["hopper_high"], p["hopper_low"]
        self._force_trip, self._ejection_trip = p["force_trip"], p["ejection_trip"]
        self.feed_stop: Flags = np.zeros(n_lines, np.bool_)
        self.stopped = False

    def crossed(self, s: Signals, execute: Flags) -> bool:
        """Return whether any limit of any line is crossed or latched, or a contact open: a quick look."""
        if s.contacts is not None or self.stopped:
            return True
        over = (s.level >= self._high) | (s.main_force > self._force_trip) | (s.ejection > self._ejection_trip)
        return bool(np.count_nonzero(over | (execute & (s.level <= self._low)) | s.watchdog))

    def trips(self, s: Signals) -> Counts:
        """Return the bits that hold or abort, (n,), and renew `feed_stop`."""
        high = self._p["hopper_high"]
        self.feed_stop = (s.level >= high) | (self.feed_stop & (s.level >= HIGH_RESET * high))
        self.stopped = bool(self.feed_stop.any())
        bits = (s.main_force > self._p["force_trip"]) * MAIN_FORCE + (s.ejection > self._p["ejection_trip"]) * EJECTION_FORCE
        return bits if s.contacts is None else bits + s.contacts

    def starved(self, s: Signals) -> Flags:
        """Return where the hopper is too low to press, (n,)."""
        return s.level <= self._p["hopper_low"]

    def empty(self, s: Signals) -> Flags:
        """Return where the hopper is empty, (n,)."""
        return s.level <= self._p["hopper_empty"]


class GateWatch:
    """Compares the diverter's feedback with its command: odd for longer than it takes to switch is an interlock.

    `odd` (n,); `calm` while no gate differs from its command: then only a fault can make one differ.
    """

    def __init__(self, switching_s: Vector) -> None:
        """Take the mean switching time of the gates [s], (n,); what is shorter than FEEDBACK_MAX_S counts as that."""
        n = switching_s.shape[0]
        self.odd: Flags = np.zeros(n, np.bool_)
        self.calm = True
        self._allowed_s = np.maximum(np.ceil(switching_s), FEEDBACK_MAX_S)
        self._odd_s: Counts = np.zeros(n, np.int64)

    def look(self, command: Flags, feedback: Flags) -> None:
        """Take the command and the feedback of the last second, (n,) True for accept, and renew `odd`."""
        differs = command != feedback
        self._odd_s = np.where(differs, self._odd_s + 1, 0)
        self.odd = self._odd_s > self._allowed_s
        self.calm = not differs.any()
