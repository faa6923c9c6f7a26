"""Plots of a validation as SVG files: residence times, funnel, distributions over lots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hil.canvas import ESTIMATE, RELEASE, TRUTH, canvas
from hil.validation.funnel import DEVIATIONS_PCT, LIMITS_PCT, Funnel
from hil.validation.real_batches import Comparison
from hil.validation.residence import Pulse, computed_pulse
from hil.validation.suite import Validation

#: file name -> title
PLOTS = {
    "validation-residence.svg": "Tracer in the running plant against the computed residence times",
    "validation-funnel.svg": "How long the API feeder may deviate",
    "validation-lots.svg": "Simulated lots against commercial batches, cumulative",
}
#: Colour and stroke: real values and the first place are dashed, so that grey prints tell them apart.
SIMULATED, REAL = (ESTIMATE, "-"), (TRUTH, "--")
COLUMNS = 4


def write_plots(validation: Validation, folder: Path) -> list[Path]:
    """Write every plot and return their paths."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    with canvas("validation"):
        drawn = (
            _residence(Figure(figsize=(7, 3)), validation.pulse),
            _funnel(Figure(figsize=(5, 3)), validation.funnel),
            _lots(Figure(figsize=(10, 10)), validation.comparisons),
        )
        paths = [folder / name for name in PLOTS]
        for figure, path in zip(drawn, paths, strict=True):
            figure.savefig(path, format="svg", metadata={"Date": None})
            path.write_text("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", "utf-8")
    return paths


def _residence(figure: Any, pulse: Pulse) -> Any:
    axes = figure.subplots()
    computed = computed_pulse()
    for place, (colour, stroke) in (("blender", REAL), ("tablet", SIMULATED)):
        share = getattr(pulse, place)
        age = np.arange(share.size)
        axes.plot(age, share / share.sum(), stroke, color=colour, label=f"{place}, plant")
        expected = getattr(computed, place)
        axes.plot(np.arange(expected.size), expected, "k:", linewidth=1, label="computed" if place == "tablet" else None)
    axes.set(xlabel="age [s]", ylabel="share leaving in a second", xlim=(0, 600))
    axes.legend()
    figure.tight_layout()
    return figure


def _funnel(figure: Any, funnel: Funnel) -> Any:
    axes = figure.subplots()
    for j, (limit, colour, stroke) in enumerate(zip(LIMITS_PCT, (ESTIMATE, RELEASE, TRUTH), ("o-", "s--", "^:"), strict=True)):
        axes.plot(DEVIATIONS_PCT, funnel.tablet[:, j], stroke, color=colour, label=f"tablet within {limit:g} %")
        axes.plot(DEVIATIONS_PCT, funnel.computed[:, j], "x", color=colour)
    axes.set(xlabel="deviation of the API feeder [%]", ylabel="longest [s]", yscale="log")
    axes.legend()
    figure.tight_layout()
    return figure


def _lots(figure: Any, comparisons: tuple[Comparison, ...]) -> Any:
    rows = -(-len(comparisons) // COLUMNS)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel, comparison in zip(axes, comparisons, strict=False):
        for values, (colour, stroke) in ((comparison.real, REAL), (comparison.simulated, SIMULATED)):
            ordered = np.sort(values)
            panel.step(ordered, np.linspace(0.0, 1.0, ordered.size), color=colour, linestyle=stroke, where="post")
        panel.set_title(f"{comparison.words} [{comparison.feature.unit}]\n({comparison.feature.kind})", fontsize=7)
        panel.set_xlim(*_window(comparison))
    for panel in axes[len(comparisons) :]:
        panel.set_visible(False)
    figure.suptitle("solid: simulated lots; dashed: real batches", fontsize=8)
    figure.tight_layout()
    return figure


def _window(comparison: Comparison) -> tuple[float, float]:
    """What of the axis to show: the middle 96 % of both."""
    both = [np.percentile(values, (2, 98)) for values in (comparison.real, comparison.simulated)]
    low, high = min(float(x[0]) for x in both), max(float(x[1]) for x in both)
    return low, high if high > low else low + 1.0
