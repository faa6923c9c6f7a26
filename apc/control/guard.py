"""A gross-error guard for controllers without an estimator: one wild value is clipped, a repeated one is believed."""

from __future__ import annotations

#: A value this many standard deviations off what is expected is wild.
GATE_SIGMA = 3.5


class Guard:
    """Clips an innovation to its gate until `patience` values in a row say the same; gate 0: no guard.

    The same rule and gate as the estimator's channels have, so that no controller sees cleaner readings than another.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._run = 0

    def reset(self) -> None:
        """Forget the values before."""
        self._run = 0

    def judge(self, innovation: float, error: float) -> float:
        """Return what to use of value minus expectation; error: the value's standard deviation."""
        gate = GATE_SIGMA * error
        if gate <= 0.0 or abs(innovation) <= gate:
            self._run = 0
            return innovation
        side = 1 if innovation > 0 else -1
        self._run = self._run + side if self._run * side >= 0 else side
        return innovation if abs(self._run) >= self._patience else gate * side
