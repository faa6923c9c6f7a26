"""Runs every group of figures on the reference plant and on an ensemble of lots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.wiring import LineFiles
from hil.figures import Figure
from hil.validation.ensemble import LotLogs, LotPlan, run_lots
from hil.validation.feeder_noise import feeder_noise_figures
from hil.validation.funnel import Funnel, funnel_figures, interruption_figures, measured_funnel
from hil.validation.press_gains import press_gain_figures, uncalibrated_gain_figure
from hil.validation.real_batches import Comparison, compare, spread_figures, stop_figure
from hil.validation.real_data import read_batches, read_logs
from hil.validation.residence import Pulse, noise_figures, residence_figures, tracer_pulse
from hil.validation.steady_state import steady_state_figures

#: Stage name, steps done, steps of the stage.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DataFiles:
    """Where the published data are: the folder of real batches, the table of hydrostatic yield pressures."""

    batches: Path
    yield_table: Path


@dataclass(frozen=True)
class Validation:
    """Everything that was found: figures in the order in which they are shown, and what they were made from."""

    figures: tuple[Figure, ...]
    comparisons: tuple[Comparison, ...]
    pulse: Pulse
    funnel: Funnel
    logs: LotLogs
    plan: LotPlan

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Kind -> (figures that hold, figures)."""
        kinds = dict.fromkeys(figure.kind for figure in self.figures)
        mine = {kind: [f for f in self.figures if f.kind == kind] for kind in kinds}
        return {kind: (sum(f.holds for f in found), len(found)) for kind, found in mine.items()}


def run_validation(files: LineFiles, data: DataFiles, plan: LotPlan, progress: Progress) -> Validation:
    """Return every figure. Raises DataError before anything is simulated if the data cannot be read."""
    batches, real_logs = read_batches(data.batches), read_logs(data.batches)
    uncalibrated = uncalibrated_gain_figure(data.yield_table)
    figures: list[Figure] = []
    stages: Sequence[tuple[str, Callable[[LineFiles], list[Figure]]]] = (
        ("steady state", steady_state_figures),
        ("press gains", press_gain_figures),
        ("feeder noise", feeder_noise_figures),
        ("interruptions", interruption_figures),
    )
    for number, (stage, found) in enumerate(stages):
        progress(stage, number, len(stages))
        figures += found(files)
    progress("residence times", 0, 2)
    pulse = tracer_pulse(files)
    progress("funnel", 1, 2)
    funnel = measured_funnel(files)
    logs = run_lots(files, plan, lambda done, total: progress("lots", done, total)).with_production()
    comparisons = compare(logs, batches, real_logs)
    figures += [*residence_figures(pulse), *noise_figures(pulse), *funnel_figures(funnel), uncalibrated]
    figures += [figure for comparison in comparisons for figure in comparison.figures()]
    figures += [*spread_figures(logs, batches), stop_figure(logs, real_logs)]
    return Validation(_in_order(figures), tuple(comparisons), pulse, funnel, logs, plan)


def _in_order(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """Predicted figures first: they alone are validation. A mismatch nobody explained says so."""
    order = {"predicted": 0, "fitted": 1, "verified": 2}
    told = [
        figure if figure.holds or figure.reason else Figure(**{**vars(figure), "reason": "not explained"}) for figure in figures
    ]
    return tuple(sorted(told, key=lambda figure: order[figure.kind]))
