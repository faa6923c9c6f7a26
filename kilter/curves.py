"""`kilter release curves`: how often the recipe's lot designs accept good and bad lots."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hil.canvas import ESTIMATE, RELEASE, TRUTH, canvas
from kilter.runner import configured, stage_bar
from line.errors import RecordError
from line.recipe import Slices
from rtr.disposition.operating import Point, acceptance

MEANS, SIGMAS = (100.0, 97.0, 94.0), (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
STROKES = ((ESTIMATE, "-"), (RELEASE, "--"), (TRUTH, ":"))
Curves = list[tuple[Slices, list[Point]]]


def curves(
    lots: Annotated[int, typer.Option(help="Simulated lots a point.", min=20, max=100_000)] = 300,
    seed: Annotated[int, typer.Option(help="One seed repeats the curves.", min=0, max=2**31 - 1)] = 1,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (.svg) of the curves.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show the operating characteristics of the recipe's lot designs: share of lots accepted by true mean and spread.

    A lot is good if USP <905> would pass it at least as often as the design demands. False accept: a bad lot that is accepted;
    false reject: a good lot that is not. A minute on a free machine.
    """
    recipe = configured().recipe
    pairs = [(mean, sigma) for mean in MEANS for sigma in SIGMAS]
    found: Curves = []
    with stage_bar(Console(stderr=True)) as bar:
        for rows in recipe.design.slices:
            points = []
            for i, (mean, sigma) in enumerate(pairs):
                bar(f"{rows.n_slices} x {rows.n_units}", i, len(pairs))
                points.append(acceptance(recipe.design, rows, recipe.uniformity, mean, sigma, lots, seed))
            found.append((rows, points))
    if plot is not None:
        _draw(plot, found)
    demand = recipe.design.lower_bound
    if as_json:
        body = [
            {"n_slices": rows.n_slices, "n_units": rows.n_units,
             "points": [{**asdict(p), "good": p.good(demand)} for p in points], **_worst(points, demand)}
            for rows, points in found
        ]  # fmt: skip
        sys.stdout.write(json.dumps({"lots_a_point": lots, "designs": body}, indent=2, allow_nan=False) + "\n")
        return
    _show(found, demand, lots)


def _worst(points: Sequence[Point], demand: float) -> dict[str, float]:
    """Return the largest share of bad lots accepted and of good lots refused over the grid."""
    bad = [p.accepted for p in points if not p.good(demand)]
    good = [1.0 - p.accepted for p in points if p.good(demand)]
    return {"false_accept_max": max(bad, default=0.0), "false_reject_max": max(good, default=0.0)}


def _show(found: Curves, demand: float, lots: int) -> None:
    table = Table(title=f"Share of lots accepted, {lots} simulated lots a point")
    for column in (
        "true mean",
        "true sigma",
        "P(pass <905>)",
        *(f"{rows.n_slices} x {rows.n_units}" for rows, _ in found),
        "lot",
    ):
        table.add_column(column, justify="right")
    for same in zip(*(points for _, points in found)):
        first = same[0]
        shares = [f"{p.accepted:.3f}" for p in same]
        word = "good" if first.good(demand) else "bad"
        table.add_row(f"{first.mean:g}", f"{first.sigma:g}", f"{first.p_pass_905:.3f}", *shares, word)
    Console().print(table)
    for rows, points in found:
        worst = _worst(points, demand)
        sys.stdout.write(
            f"{rows.n_slices} x {rows.n_units}: bad lots accepted at most {worst['false_accept_max']:.3f}, "
            f"good lots not accepted up to {worst['false_reject_max']:.3f}\n"
        )


def _draw(path: Path, found: Curves) -> None:
    from matplotlib.figure import Figure

    with canvas("curves"):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for axes, (rows, points) in zip(panels, found, strict=True):
            for mean, (colour, stroke) in zip(MEANS, STROKES, strict=True):
                line = [p for p in points if p.mean == mean]
                sigma = [p.sigma for p in line]
                axes.plot(sigma, [p.accepted for p in line], stroke, color=colour, label=f"accepted, mean {mean:g} %")
                axes.plot(sigma, [p.p_pass_905 for p in line], stroke, color=colour, linewidth=0.7, alpha=0.6)
            axes.set(
                xlabel="true standard deviation of contents [% LC]", title=f"{rows.n_slices} slices x {rows.n_units} tablets"
            )
        panels[0].set_ylabel("share of lots")
        panels[-1].plot([], [], "-", color="k", linewidth=0.7, label="thin: passes USP <905>")
        panels[-1].legend()
        try:
            figure.savefig(path, format="svg", metadata={"Date": None})
            path.write_text("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", "utf-8")
        except OSError as error:
            raise RecordError("picture not written", where=str(path), how_much=str(error)) from error
