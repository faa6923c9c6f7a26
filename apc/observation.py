"""What the controller may know at one decision."""

from __future__ import annotations

from dataclasses import dataclass

from line.modes import ControllerMode
from line.records import PlannedDiversion
from line.samples import Snapshot
from sensing.verdict import SpectrumVerdict


@dataclass(frozen=True)
class Observation:
    """One decision's view of the line.

    `nir` the newest verdict since the last decision, else None; `tester_new`, `assay_new`: a result arrived since then;
    `throughput_plan`: (second, kg/h) set-points, the one in force first, then the known future ones. `planned_diversion`:
    what release is going to divert for potency; that material is lost whatever the controller does.
    """

    step: int
    snapshot: Snapshot
    nir: SpectrumVerdict | None
    tester_new: bool
    assay_new: bool
    throughput_plan: tuple[tuple[int, float], ...]
    mode: ControllerMode
    planned_diversion: PlannedDiversion | None = None
