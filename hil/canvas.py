"""What every picture of the report is drawn with: grey ground, quiet colours, never colour alone.

Matplotlib is imported when the first picture is drawn: commands that draw nothing start without it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from hil.report_data import Series

GROUND, INK, GRID = "#e4e5e7", "#1c1d1f", "#b9bbbf"
MEASURED, SETPOINT, ESTIMATE, RELEASE, TRUTH, LIMIT = "#56595e", "#1c1d1f", "#1d5a86", "#3f6b46", "#8a4b08", "#6b2d5c"
MAX_POINTS = 900
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.7,
    "path.simplify": True,
}


@contextmanager
def canvas(name: str) -> Iterator[None]:
    """Draw inside this: sets the style and puts the old one back. `name` keeps the ids of two pictures apart."""
    import matplotlib

    style: Any = {**_STYLE, "svg.hashsalt": f"kilter {name}"}
    with matplotlib.rc_context(style):
        yield


def time_figure(heights: Sequence[float], seconds: int | None) -> tuple[Any, list[Any]]:
    """Return (figure, axes one below the other, heights [inch]); a shared time axis up to `seconds`, none if None."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, sum(heights) + 0.75), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=seconds is not None, height_ratios=list(heights), squeeze=False)[:, 0]
    if seconds is not None:
        axes[-1].set_xlim(0, max(seconds, 1))
        axes[-1].xaxis.set_major_locator(_ticks(seconds))
        axes[-1].xaxis.set_major_formatter(lambda s, _: f"{int(s) // 3600:02d}:{int(s) % 3600 // 60:02d}")
        axes[-1].set_xlabel("simulated time (h:min)")
    return figure, list(axes)


def _ticks(seconds: int) -> Any:
    from matplotlib.ticker import MultipleLocator

    steps = (60, 120, 300, 600, 900, 1800, 3600, 7200)
    return MultipleLocator(next((s for s in steps if seconds / s <= 13), 14400))


def svg_of(figure: Any) -> str:
    """Return a figure as an SVG element without heading, date or creator."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[A-Za-z0-9.]+_\d+"', "<g", text)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1 role="presentation" aria-hidden="true" focusable="false"', text, count=1)


def thin(series: Series, limit: int = MAX_POINTS) -> Series:
    """Return at most about `limit` points that keep every extreme: lowest and highest of each block, in order of time."""
    n = series.value.size
    if n <= limit:
        return series
    edges = np.linspace(0, n, limit // 2 + 1).astype(int)
    keep: set[int] = {0, n - 1}
    for start, stop in pairwise(edges):
        block = series.value[start:stop]
        if np.isnan(block).any():
            keep.add(start + int(np.argmax(np.isnan(block))))
        if np.isfinite(block).any():
            keep |= {start + int(np.nanargmin(block)), start + int(np.nanargmax(block))}
    rows = np.array(sorted(keep))
    return Series(series.second[rows], series.value[rows])


def line(axis: Any, series: Series, label: str, color: str, style: str = "-", width: float = 1.2, steps: bool = False) -> None:
    """Draw a series as a line; nothing if it is empty."""
    if not series.empty:
        kept = thin(series)
        drawstyle = "steps-post" if steps else "default"
        axis.plot(kept.second, kept.value, style, color=color, linewidth=width, label=label, drawstyle=drawstyle)


def dots(axis: Any, series: Series, label: str, color: str, marker: str, size: float = 3.0, filled: bool = True) -> None:
    """Draw a series as single points; nothing if it is empty."""
    if not series.empty:
        face = color if filled else "none"
        axis.plot(
            series.second,
            series.value,
            marker,
            color=color,
            markerfacecolor=face,
            markersize=size,
            linestyle="none",
            label=label,
        )


def level(axis: Any, value: float, label: str, style: str = "--", color: str = SETPOINT) -> None:
    """Draw a target or limit across the axis."""
    axis.axhline(value, color=color, linestyle=style, linewidth=1.0, label=label)


def finish(axis: Any, label: str, simulated: bool, columns: int = 4) -> None:
    """Label an axis; hatch its frame and write SIMULATION where truth of a simulated plant is shown."""
    axis.set_ylabel(label)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.1, handlelength=2.2, columnspacing=1.2
        )
    if simulated:
        _hatched_frame(axis)


def _hatched_frame(axis: Any) -> None:
    from matplotlib.patches import Rectangle

    wide, high = 0.006, 0.03
    for x, y, w, h in ((0, 1 - high, 1, high), (0, 0, 1, high), (0, 0, wide, 1), (1 - wide, 0, wide, 1)):
        strip = Rectangle(
            (x, y), w, h, transform=axis.transAxes, facecolor="none", edgecolor=TRUTH, hatch="//////", linewidth=0.0, zorder=5
        )
        axis.add_patch(strip)
    axis.text(
        0.99,
        0.94,
        "SIMULATION",
        transform=axis.transAxes,
        ha="right",
        va="top",
        color=TRUTH,
        fontsize=8,
        fontweight="bold",
        bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 1.5},
        zorder=6,
    )


def frame_y(axis: Any, centre: float, half: float, *series: Series) -> None:
    """Show centre +- half at least, and what is drawn up to three times that: a spike must not flatten the rest."""
    values = np.concatenate([s.value[np.isfinite(s.value)] for s in series] or [np.empty(0)])
    low, high = centre - half, centre + half
    if values.size:
        low = min(low, max(float(np.quantile(values, 0.002)), centre - 3 * half))
        high = max(high, min(float(np.quantile(values, 0.998)), centre + 3 * half))
    margin = 0.06 * (high - low)
    axis.set_ylim(low - margin, high + margin)
