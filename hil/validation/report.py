"""The page `docs/validation.md` and its plots, from what a validation found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hil.figures import Figure
from hil.validation.funnel import DEVIATIONS_PCT, LIMITS_PCT, Funnel
from hil.validation.plots import PLOTS, write_plots
from hil.validation.real_batches import DISTANCE_MAX, Comparison
from hil.validation.suite import Validation
from line.errors import DataError

PAGE = "validation.md"
HEAD = """# Validation of the simulated plant

Written by `kilter plant validate`; do not edit. Three kinds of figure:

- **predicted**: nothing of it was used to choose a parameter. Only these are validation.
- **fitted**: parameters were chosen for it, or for the same data. It shows that the choice reached the plant, no more.
- **verified**: the running plant repeats arithmetic that was done elsewhere. It says nothing about a real line.

How thresholds were chosen, before looking: a simulated median belongs into the middle 90 % of real batches; the distance is
the Wasserstein distance between lots over the width of the real middle half, and may be {distance:g}: simulated lots then
lie, on average, no further from the real ones than the real middle half is wide. The real table holds 25 products at four
strengths on presses over three years; the plant makes one product, so that it is narrower by nature and a smaller distance
cannot be asked. Nothing was tuned to make a figure hold; what does not hold says why, as far as it is known.
"""
REAL = """
Real batches: Zagar & Mihelic, Scientific Data 9:99 (2022), doi 10.1038/s41597-022-01203-x, CC BY 4.0: 1,005 commercial
direct-compression batches made batchwise, 10 s logs of codes 3 and 7. Simulated: {lots} lots of {minutes} min ({used} of them
with five minutes of production or more), each with a plant of its own (`draw_parameters`), a lot of its own (die-fill
density 3.3 %, yield pressure 4 %, strength 7.5 % standard deviation) and {stops:g} press stops an hour, as real presses have; a
continuous line would be run with about 0.3. Lots are far shorter than real batches (8 h and more): what grows with time, such
as the largest value or slow drift, is smaller here.
"""


def write_page(validation: Validation, folder: Path) -> list[Path]:
    """Write page and plots below a documentation folder; return their paths. Raises DataError if it cannot be written."""
    try:
        plots = write_plots(validation, folder / "images")
        page = folder / PAGE
        page.write_text(page_text(validation), encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(
            "cannot be written", where=str(folder), how_much=str(error), what_now="Name a folder with --docs."
        ) from error
    return [page, *plots]


def page_text(validation: Validation) -> str:
    """Return the page."""
    plan = validation.plan
    parts = [HEAD.format(distance=DISTANCE_MAX), _summary(validation)]
    for kind in dict.fromkeys(figure.kind for figure in validation.figures):
        parts.append(f"\n## {kind.capitalize()}\n\n{figure_rows([f for f in validation.figures if f.kind == kind])}")
    sizes = {"lots": plan.lots, "used": validation.logs.n_lots, "minutes": plan.minutes, "stops": plan.stops_per_hour}
    parts.append(f"\n## Distributions over lots\n{REAL.format(**sizes)}")
    parts.append(f"\n{_quantiles(validation.comparisons)}")
    parts.append(f"\n## Funnel of the API feeder\n\n{_funnel(validation.funnel)}")
    parts.append("\n## Plots\n\n" + "\n\n".join(f"![{title}](images/{name})" for name, title in PLOTS.items()))
    return "\n".join(parts) + "\n"


def _summary(validation: Validation) -> str:
    rows = ["\n| Kind | Hold | Of |", "|---|---|---|"]
    rows += [f"| {kind} | {held} | {total} |" for kind, (held, total) in validation.counts.items()]
    missed = [f for f in validation.figures if not f.holds]
    if missed:
        rows += [
            "\n**What does not match:**\n",
            *(f"- `{f.name}`: asked {_asked(f)}, is {_number(f.value)}: {f.reason}." for f in missed),
        ]
    return "\n".join(rows)


def figure_rows(figures: Sequence[Figure]) -> str:
    """Return the figures as a table of a page, with their numbered sources below it."""
    sources = list(dict.fromkeys(f.source for f in figures))
    rows = ["| Figure | Value | Interval | Asked | Holds | Source |", "|---|---|---|---|---|---|"]
    for f in figures:
        interval = "" if f.low is None or f.high is None else f"{f.low:.4g} .. {f.high:.4g}"
        unit = "" if f.unit == "1" else f" {f.unit}"
        holds = "" if f.at_least is f.at_most is None else "yes" if f.holds else "**no**"
        source = sources.index(f.source) + 1
        rows.append(f"| `{f.name}` | {_number(f.value)}{unit} | {interval} | {_asked(f)} | {holds} | {source} |")
    return "\n".join([*rows, "", *(f"{i}. {source}" for i, source in enumerate(sources, start=1))])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _asked(figure: Figure) -> str:
    if figure.at_least is not None and figure.at_most is not None:
        return f"{figure.at_least:.4g} .. {figure.at_most:.4g}"
    if figure.at_least is figure.at_most is None:
        return ""
    return f"<= {figure.at_most:.4g}" if figure.at_most is not None else f">= {figure.at_least:.4g}"


def _quantiles(comparisons: Sequence[Comparison]) -> str:
    rows = ["| Feature | Kind | Simulated 5 / 50 / 95 % | Real 5 / 50 / 95 % | Distance |", "|---|---|---|---|---|"]
    for c in comparisons:
        mine, real = (" / ".join(f"{x:.3g}" for x in np.percentile(v, (5, 50, 95))) for v in (c.simulated, c.real))
        unit = "" if c.feature.unit == "1" else f" [{c.feature.unit}]"
        rows.append(f"| {c.words}{unit} | {c.feature.kind} | {mine} | {real} | {c.distance:.2f} |")
    return "\n".join(rows)


def _funnel(funnel: Funnel) -> str:
    head = "Longest deviation of the API feeder that keeps the tablet within the limit, 8 % product, 25 kg/h; blender exit in"
    rows = [f"{head} brackets.\n", "| Deviation | " + " | ".join(f"±{x:g} %" for x in LIMITS_PCT) + " |", "|---|---|---|---|"]
    for i, deviation in enumerate(DEVIATIONS_PCT):
        cells = [f"{funnel.tablet[i, j]:.0f} s ({funnel.blender[i, j]:.0f})" for j in range(len(LIMITS_PCT))]
        rows.append(f"| {deviation:+d} % | " + " | ".join(cells) + " |")
    return "\n".join(rows)
