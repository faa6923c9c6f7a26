"""Whole shifts in one process, each run once a test session and shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from apc.supervision.assembly import ControllerName
from engine.wiring import LineFiles, load_files
from hil.bench import BenchOptions, BenchResult, run_bench
from hil.kpis import Kpis, compute_kpis
from hil.scenarios import load_scenario, shortened, with_fault
from hil.truth import ACCEPTED, Truth, read_truth
from historian.queries import RecordReader
from line.clock import ManualClock

ROOT = Path(__file__).resolve().parents[1]
FILES: LineFiles = load_files(ROOT / "configs")


@dataclass(frozen=True)
class Shift:
    """A finished shift: result, figures, record and truth."""

    folder: Path
    result: BenchResult
    kpis: Kpis

    @property
    def codes(self) -> set[str]:
        """Reason codes of the verdict."""
        return {code.value for code, _ in self.result.end.verdict.reasons}

    @property
    def disposition(self) -> str:
        """The verdict's word."""
        return self.result.end.verdict.disposition.value

    def truth(self) -> Truth:
        """What really happened."""
        truth = read_truth(self.folder / "truth")
        if truth is None:
            raise FileNotFoundError(self.folder)
        return truth

    def record(self) -> RecordReader:
        """The record, for reading."""
        return RecordReader(self.folder)

    def accepted_errors(self, start_s: int, end_s: int) -> tuple[float, float, float]:
        """Mean errors [%] of accepted tablets made in start..end: concentration, mass, strength."""
        truth = self.truth()
        chosen = (truth.destination == ACCEPTED) & (truth.second >= start_s) & (truth.second < end_s)
        product = FILES.recipe.product
        concentration = truth.content_pct_lc[chosen] * product.tablet_mass_mg / truth.mass_mg[chosen]
        mass = 100 * (truth.mass_mg[chosen].mean() / product.tablet_mass_mg - 1)
        strength = 100 * (truth.strength_mpa[chosen].mean() / product.tensile_strength_target_mpa - 1)
        return float(concentration.mean() - 100), float(mass), float(strength)

    def diverted_seconds(self, reasons: set[str]) -> np.ndarray:
        """Seconds of parcels that lost tablets to the divert bin for one of `reasons`."""
        return np.array([p["step"] for p in self.record().parcels() if p["diverted"] and p["reason"] in reasons])


def run(
    scenario: str = "demo",
    fault: str | None = None,
    controller: ControllerName = "nmpc",
    seed: int = 1,
    minutes: float | None = None,
    files: LineFiles = FILES,
) -> Shift:
    """Run a shift in this process."""
    wanted = shortened(with_fault(load_scenario(files.folder, scenario), fault), minutes)
    folder = Path(mkdtemp(prefix="kilter-shift-"))
    options = BenchOptions(wanted, seed, controller, folder, folder / "none", sockets=False)
    result = run_bench(files, options, ManualClock(), lambda done, total, line: None)
    return Shift(folder, result, compute_kpis(folder, result.truth_folder))


@cache
def shift(scenario: str = "demo", fault: str | None = None, controller: ControllerName = "nmpc", seed: int = 1) -> Shift:
    """Run a shift once; the same arguments give the same object."""
    return run(scenario, fault, controller, seed)
