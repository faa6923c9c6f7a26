"""Time is an argument: simulated seconds decide, wall time is only written down."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

#: Origin of simulated time, so that source times of two runs are equal.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def simulated_utc(step: int) -> datetime:
    """Return the source time of a step (1 s each) in UTC."""
    return EPOCH + timedelta(seconds=step)


class WallClock(Protocol):
    """What a clock can do: tell the time of day and a time that never jumps."""

    def utc(self) -> datetime:
        """Return the time of day, UTC aware."""

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary origin."""

    def sleep_s(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock. Built by the composition root only."""

    def utc(self) -> datetime:
        """Return the time of day, UTC aware."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary origin."""
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class ManualClock:
    """A clock that tests move by hand; sleeping moves it."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start, self._elapsed_s = start, 0.0

    def utc(self) -> datetime:
        """Return the time of day, UTC aware."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Return seconds since the clock was made."""
        return self._elapsed_s

    def sleep_s(self, seconds: float) -> None:
        """Move the clock forward."""
        self._elapsed_s += seconds
