"""What measures is shown in one way: a table for people, one JSON object for programs, an exit code."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from hil.figures import Figure

EXIT_HOLDS, EXIT_FALLS_SHORT = 0, 1
#: Columns of a table that goes to a file or another program.
WIDTH_OF_A_FILE = 132
PACKAGES = ("kilter", "numpy", "scipy", "scikit-learn", "casadi", "daqp", "do-mpc", "asyncua")


def measurement_body(figures: Sequence[Figure], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON object: versions, machine load, figures, and whatever else the command tells."""
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "load_1_5_15_min": list(os.getloadavg())},
        "figures": [figure.body() for figure in figures],
        "holds": all(figure.holds for figure in figures),
        **(extra or {}),
    }


def show_figures(title: str, figures: Sequence[Figure], as_json: bool, extra: Mapping[str, Any] | None = None) -> int:
    """Write the figures to standard output; return the exit code: 0 if all hold, 1 if not."""
    if as_json:
        sys.stdout.write(json.dumps(measurement_body(figures, extra), indent=2, allow_nan=False) + "\n")
    else:
        console = Console() if sys.stdout.isatty() else Console(width=WIDTH_OF_A_FILE)
        console.print(figure_table(title, figures))
        for number, source in enumerate(_sources(figures), start=1):
            console.print(f"  [{number}] {source}", markup=False, highlight=False)
        for figure in figures:
            if figure.reason:
                console.print(f"  {figure.name}: {figure.reason}", markup=False, highlight=False)
    return EXIT_HOLDS if all(figure.holds for figure in figures) else EXIT_FALLS_SHORT


def figure_table(title: str, figures: Sequence[Figure]) -> Table:
    """Return the table for people; sources by number, as `show_figures` lists them below it."""
    numbers = {source: number for number, source in enumerate(_sources(figures), start=1)}
    table = Table(title=title)
    table.add_column("figure", no_wrap=True)
    for name in ("value", "interval", "asked"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("holds")
    kinds = any(figure.kind for figure in figures)
    if kinds:
        table.add_column("kind")
    table.add_column("source")
    for figure in figures:
        shown = "-" if figure.value is None else f"{figure.value:.4g} {figure.unit if figure.unit != '1' else ''}".rstrip()
        interval = "" if figure.low is None or figure.high is None else f"{figure.low:.4g}..{figure.high:.4g}"
        asked = _asked(figure)
        table.add_row(
            figure.name,
            shown,
            interval,
            asked,
            ("yes" if figure.holds else "NO") if asked else "",
            *((figure.kind,) if kinds else ()),
            f"\\[{numbers[figure.source]}]",
        )
    return table


def _sources(figures: Sequence[Figure]) -> list[str]:
    return list(dict.fromkeys(figure.source for figure in figures))


def _asked(figure: Figure) -> str:
    if figure.at_least is not None and figure.at_most is not None:
        return f"{figure.at_least:.4g}..{figure.at_most:.4g}"
    words = [f">= {figure.at_least:g}"] if figure.at_least is not None else []
    words += [f"<= {figure.at_most:g}"] if figure.at_most is not None else []
    return ", ".join(words)
