"""Which part of the lot's life this second belongs to."""

from __future__ import annotations

from line.modes import FeederMode, LineState, Regime
from line.samples import Snapshot


def regime_of(snapshot: Snapshot, accepted_before: bool) -> Regime:
    """Return the regime: stop and hold by the line's state, start until material was first accepted, else refill or steady."""
    state = snapshot.value("Sys/LineState")
    if state in (LineState.STOPPED, LineState.COMPLETING, LineState.COMPLETE):
        return Regime.START if state == LineState.STOPPED and not accepted_before else Regime.STOP
    if state == LineState.HELD:
        return Regime.HOLD
    if not accepted_before:
        return Regime.START
    modes = (snapshot.value(f"Feeder{i}/Mode") for i in range(1, 5))
    return Regime.REFILL if any(m in (FeederMode.REFILL, FeederMode.VOLUMETRIC) for m in modes) else Regime.STEADY
