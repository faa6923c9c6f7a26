"""Time is an argument."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from line.clock import EPOCH, ManualClock, SystemClock, WallClock, simulated_utc


@pytest.mark.parametrize(("step", "text"), [(0, "2026-01-01T00:00:00+00:00"), (3600, "2026-01-01T01:00:00+00:00")])
def test_a_step_is_a_second_from_the_epoch(step: int, text: str) -> None:
    assert simulated_utc(step).isoformat() == text


def test_a_manual_clock_moves_only_when_told() -> None:
    clock: WallClock = ManualClock()
    assert (clock.utc(), clock.monotonic_s()) == (EPOCH, 0.0)
    clock.sleep_s(1.5)
    clock.sleep_s(2.0)
    assert clock.monotonic_s() == 3.5 and clock.utc() == EPOCH + timedelta(seconds=3.5)


def test_the_system_clock_is_aware_of_utc_and_never_runs_back() -> None:
    clock: WallClock = SystemClock()
    first = clock.monotonic_s()
    clock.sleep_s(0.001)
    assert clock.monotonic_s() >= first + 0.001
    assert clock.utc().tzinfo is UTC
