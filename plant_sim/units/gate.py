"""The diverter gate: moves some time after its command, may be stuck or slow."""

from __future__ import annotations

import numpy as np

from plant_sim.effects import FaultEffects
from plant_sim.extents import Flags, Vector

STUCK_OPEN, STUCK_SHUT = 1.0, 2.0


class Gate:
    """Gates of n lines, at first at divert. `open` (n,): true position at the end of the second.

    A command changes the position `switching` seconds later (registered mean), in one moment; a new command replaces
    one that is under way. A stuck gate goes to where it sticks and stays there.
    """

    def __init__(self, switching: Vector) -> None:
        n = switching.shape[0]
        self._switching = switching
        self.open: Flags = np.zeros(n, np.bool_)
        self._target: Flags = self.open
        self._moves_at: Vector = np.full(n, np.inf)
        self._under_way = False
        # of the last second, for `open_at`
        self._before: Flags = self.open
        self._changed_at: Vector = np.full(n, np.inf)

    def step(self, second: int, command: Flags, effects: FaultEffects) -> Flags | None:
        """Advance second..second+1; return which gates moved in it, (n,), or None when none did."""
        if effects.any_active:
            stuck = effects.gate_stuck
            command = (command | (stuck == STUCK_OPEN)) & (stuck != STUCK_SHUT)
        new = command != self._target
        self._before = self.open
        return self._move(second, command, new, effects) if self._under_way or np.count_nonzero(new) else None

    def _move(self, second: int, command: Flags, new: Flags, effects: FaultEffects) -> Flags | None:
        arrive = second + self._switching + effects.gate_slow_s
        self._moves_at = np.where(new, np.where(command == self.open, np.inf, arrive), self._moves_at)
        self._target = command.copy()
        moving: Flags = self._moves_at < second + 1.0
        self._changed_at = np.where(moving, self._moves_at, np.inf)
        self.open = np.where(moving, self._target, self.open)
        self._moves_at = np.where(moving, np.inf, self._moves_at)
        self._under_way = bool(np.isfinite(self._moves_at).any()) or bool(moving.any())
        return moving if moving.any() else None

    def open_at(self, line: int, when: Vector) -> Flags:
        """Return whether the gate of one line stood open at times within the last second."""
        return np.where(when >= self._changed_at[line], self.open[line], self._before[line])
