"""The section of `docs/release.md` that the bench writes, and its picture: what escapes against what is diverted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hil.canvas import ESTIMATE, LIMIT, RELEASE, TRUTH, canvas
from hil.diversion.bench import Bench
from hil.diversion.judging import Outcome
from hil.diversion.score import ESCAPED_MAX_PCT, TIMES_MAX
from hil.figures import Figure
from historian.store import write_error
from line.errors import DataError

PICTURE = "images/release-diversion.svg"
BEGIN, END = "<!-- written by kilter bench diversion -->", "<!-- end of what kilter bench diversion writes -->"
STYLES = {"window": (TRUTH, "^:"), "prediction": (ESTIMATE, "s--"), "risk": (RELEASE, "o-")}
#: What is drawn in the place of zero on the logarithmic axes.
NOTHING_KG = 1e-3


def require_place(page: Path) -> str:
    """Return the text of a page that has the marks of the section. Raises DataError if it cannot be read or has not."""
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("page not readable", where=str(page), how_much=str(error)) from error
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise DataError("no place for the section", where=str(page), how_much=f"needs one {BEGIN} and one {END}")
    return text


def write_section(bench: Bench, page: Path, told: str) -> None:
    """Put the section between its marks in a page, and the picture beside it. Raises DataError if the marks are missing,
    RecordError if it cannot be written. `told`: command, machine, wall time."""
    text = require_place(page)
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    try:
        page.write_text(f"{before}{BEGIN}\n{section(bench, told)}\n{after}", encoding="utf-8")
        (page.parent / PICTURE).parent.mkdir(exist_ok=True)
        (page.parent / PICTURE).write_text(picture(bench), encoding="utf-8")
    except OSError as error:
        raise write_error(page, error) from error


def section(bench: Bench, told: str) -> str:
    """Return the section in Markdown."""
    plan = bench.plan
    head = (
        f"{told}\n\n{plan.shifts} shifts of {plan.seconds / 3600:g} h and {plan.events} targeted events, vendor loops, seed "
        f"{plan.seed}, simulated once; every setting of every rule judged on the same recordings. Scored from minute 10 on."
    )
    columns = {"all": bench.figures, "shifts": bench.shifts, "targeted events": bench.events}
    return "\n\n".join(
        [head, f"![What escapes against what is diverted]({PICTURE})", _figure_table(columns), _settings_table(bench.outcomes)]
    )


def _settings_table(outcomes: Sequence[Outcome]) -> str:
    head = (
        "| rule | setting | escaped s | of nonconforming s | diverted s | times | other reasons s | accepted kg | "
        "out of limit accepted | expected |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    rows = []
    for o in sorted(outcomes, key=lambda o: (list(STYLES).index(o.setting.diversion.rule), -o.diverted_s.sum())):
        wrong, mark = o.nonconforming_s.sum(), " (recipe)" if o.setting.recipe else ""
        rows.append(
            f"| {o.setting.diversion.rule} | {o.setting.words}{mark} | {o.escaped_s.sum():.0f} | "
            f"{100 * o.escaped_s.sum() / max(wrong, 1):.3f} % of {wrong:.0f} | {o.diverted_s.sum():.0f} | "
            f"{o.diverted_s.sum() / max(wrong, 1):.2f} | {o.other_s.sum():.0f} | {o.accepted_kg.sum():.1f} | "
            f"{o.out_of_limit.sum():.0f} of {o.accepted.sum():.4g} | {o.expected.sum():.1f} |"
        )
    return "\n".join([head, *rows])


def _figure_table(columns: Mapping[str, Sequence[Figure]]) -> str:
    """Return one row a figure; value and interval of all lines and of their parts."""
    rows = ["| figure | asked | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    found = {name: {f.name: f for f in figures} for name, figures in columns.items()}
    for figure in next(iter(columns.values())):
        asked = "" if figure.at_most is None else f"<= {figure.at_most:g}: {'holds' if figure.holds else '**missed**'}"
        cells = (_cell(figures.get(figure.name)) for figures in found.values())
        rows.append(f"| `{figure.name}` [{figure.unit}] | {asked} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return ""
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3g}"
    return f"{figure.value:.3g} ({figure.low:.3g} .. {figure.high:.3g})"


def picture(bench: Bench) -> str:
    """Return the picture as SVG text: escaped against diverted, seconds and mass, a curve a rule, the recipe's filled."""
    import io

    from matplotlib.figure import Figure as Canvas

    buffer = io.StringIO()
    with canvas("diversion"):
        figure = Canvas(figsize=(9, 3.8), layout="constrained")
        seconds, mass = figure.subplots(1, 2)
        wrong = float(bench.outcomes[0].nonconforming_s.sum())
        for rule, (colour, stroke) in STYLES.items():
            mine = sorted((o for o in bench.outcomes if o.setting.diversion.rule == rule), key=lambda o: o.diverted_s.sum())
            times = np.array([o.diverted_s.sum() / max(wrong, 1.0) for o in mine])
            escaped = np.array([100.0 * o.escaped_s.sum() / max(wrong, 1.0) for o in mine])
            kg = np.array([o.escaped_kg.sum() for o in mine])
            diverted = np.array([o.diverted_kg.sum() for o in mine])
            for axis, x, y in ((seconds, times, escaped), (mass, diverted, kg)):
                _curve(axis, np.maximum(x, NOTHING_KG), np.maximum(y, NOTHING_KG), mine, colour, stroke, rule)
        seconds.axhline(ESCAPED_MAX_PCT, color=LIMIT, linewidth=1.0)
        seconds.axvline(TIMES_MAX, color=LIMIT, linewidth=1.0)
        seconds.set(xlabel="diverted, times the nonconforming seconds", ylabel="escaped [% of nonconforming seconds]")
        mass.set(xlabel="diverted [kg]", ylabel="accepted in nonconforming seconds [kg]")
        for axis in (seconds, mass):
            axis.set(yscale="log", xscale="log", ylim=(NOTHING_KG / 2.0, None))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("{x:g}")
            axis.legend(title="recipe: filled; lowest line: none", title_fontsize=7)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _curve(axis: Any, x: Any, y: Any, outcomes: Sequence[Outcome], colour: str, stroke: str, rule: str) -> None:
    axis.plot(x, y, stroke, color=colour, markerfacecolor="none", label=rule)
    for at_x, at_y, outcome in zip(x, y, outcomes, strict=True):
        if outcome.setting.recipe:
            axis.plot(at_x, at_y, stroke[0], color=colour, markersize=8)
