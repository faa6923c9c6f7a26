"""Snapshots for tests: every tag good and in range unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from line.modes import LineState, PlcMode
from line.samples import Snapshot, StepResult
from line.tags import TagRegister, load_register

ROOT = Path(__file__).resolve().parents[1]
REGISTER: TagRegister = load_register(ROOT / "configs/line/tags.csv")
RUNNING = {"Sys/CtrlMode": float(PlcMode.REMOTE), "Sys/LineState": float(LineState.EXECUTE)}


def frame(step: int, values: Mapping[str, float] | None = None, arrays: Mapping[str, object] | None = None) -> Snapshot:
    """A running line at second `step`: zero within range everywhere, except for `values` (plant units by tag id)."""
    column = np.clip(np.zeros(len(REGISTER.scalar_ids)), REGISTER.low, REGISTER.high)
    for tag, value in {**RUNNING, **(values or {})}.items():
        column[REGISTER.scalar_index[tag]] = value
    n = column.size
    result = StepResult(step, column, np.zeros(n, np.uint32), np.full(n, step, np.int64), dict(arrays or {}))
    return Snapshot(REGISTER, result)
