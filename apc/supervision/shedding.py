"""When control is shed and when it is taken back."""

from __future__ import annotations

from line.modes import ControlState

#: Periods without a valid decision after which control is shed, and valid ones in a row that bring it back.
SHED_AFTER, RESTORE_AFTER = 2, 2


class Shedding:
    """Counts valid and failed decisions.

    state     event                        -> state
    CONTROL   failed, second in a row      -> HOLD
    HOLD      valid, second in a row       -> CONTROL
    LOCAL     valid                        -> CONTROL
    any       OFF, WARM or PLC in LOCAL    -> LOCAL
    """

    def __init__(self) -> None:
        self.state = ControlState.CONTROL
        self._failed = self._valid = 0

    def valid(self) -> None:
        """A decision was valid."""
        self._failed, self._valid = 0, self._valid + 1
        if self.state is ControlState.LOCAL or self._valid >= RESTORE_AFTER:
            self.state = ControlState.CONTROL

    def failed(self) -> None:
        """A decision was refused."""
        self._failed, self._valid = self._failed + 1, 0
        if self._failed >= SHED_AFTER:
            self.state = ControlState.HOLD

    def idle(self) -> None:
        """Nobody asks for control: OFF, WARM or a PLC in LOCAL."""
        self.state = ControlState.LOCAL
        self._failed = self._valid = 0
