"""`kilter rtd`: residence-time distributions from tracer tests."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from hil.canvas import ESTIMATE, MEASURED, TRUTH, canvas, time_figure
from line.errors import DataError, RecordError
from rtr.genealogy.tracer_fit import Baseline, Kind, Model, TracerCurve, TracerFit, clean, fit

app = typer.Typer(help="Residence-time distributions from tracer tests.", no_args_is_help=True)
MAX_BYTES, MAX_ROWS = 8 << 20, 100_000
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@app.callback()
def _group() -> None:
    pass


@app.command("fit")
def fit_curve(
    file: Annotated[Path, typer.Argument(help="CSV with a header: time (its name ends in _s, _min or _h), signal.")],
    kind: Annotated[str, typer.Option(help="What was given to the inlet: pulse or step.")] = "pulse",
    model: Annotated[str, typer.Option(help="tanks (in series), dispersion (axial, closed-closed), or best by AIC.")] = "best",
    baseline: Annotated[
        str, typer.Option(help="What the signal shows without tracer: none, constant, linear (drift).")
    ] = "none",
    dead_time: Annotated[bool, typer.Option(help="Fit a dead time as well.")] = True,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (.svg) of data and fit.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Fit a residence-time distribution to a tracer test and print its parameters with 95 % intervals.

    Sampling may be uneven and times may repeat (they are averaged). Times are printed in seconds.
    """
    choices = {"kind": (kind, ("pulse", "step")), "model": (model, ("tanks", "dispersion", "best")),
               "baseline": (baseline, ("none", "constant", "linear"))}  # fmt: skip
    for name, (value, known) in choices.items():
        if value not in known:
            raise DataError(f"unknown {name}", where=f"--{name}", how_much=value, what_now=f"Use {', '.join(known)}.")
    curve = _read(file, cast(Kind, kind))
    names: list[Model] = ["tanks", "dispersion"] if model == "best" else [cast(Model, model)]
    fits = sorted((fit(curve, m, cast(Baseline, baseline), dead_time) for m in names), key=lambda f: f.aic)
    if plot is not None:
        _draw(plot, curve, fits)
    if as_json:
        body = {"file": file.name, "kind": kind, "n": int(curve.times_s.size), "repeated_times": curve.n_repeated,
                "fits": [_body(f) for f in fits]}  # fmt: skip
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    for found in fits:
        _show(found, curve)


def _read(file: Path, kind: Kind) -> TracerCurve:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DataError("file too large", where=str(file), what_now="At most 8 MiB.")
        rows = [r for r in csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))) if r and any(c.strip() for c in r)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError("tracer test cannot be read", where=str(file), how_much=str(error)) from error
    if len(rows) < 2 or len(rows) > MAX_ROWS or len(rows[0]) != 2:
        size = f"{len(rows)} rows, {len(rows[0]) if rows else 0} columns"
        raise DataError("two columns with a header are needed", where=str(file), how_much=size, what_now="time_s,signal")
    unit = rows[0][0].strip().rsplit("_", 1)[-1].lower()
    if unit not in SECONDS:
        raise DataError(
            "unit of time not known", where=str(file), how_much=rows[0][0], what_now="Name the column time_s, _min or _h."
        )
    numbers = [_numbers(file, i, row) for i, row in enumerate(rows[1:], start=2)]
    return clean([t * SECONDS[unit] for t, _ in numbers], [v for _, v in numbers], kind)


def _numbers(file: Path, line: int, row: list[str]) -> tuple[float, float]:
    try:
        if len(row) != 2:
            raise ValueError(f"{len(row)} columns")
        return float(row[0]), float(row[1])
    except ValueError as error:
        raise DataError(
            "not two numbers",
            where=f"{file} line {line}",
            how_much=str(error),
            what_now="Use a decimal point and a comma between.",
        ) from error


def _body(found: TracerFit) -> dict[str, Any]:
    body = {k: v for k, v in asdict(found).items() if k not in ("fitted", "parameters")}
    body["parameters"] = [{k: _finite(v) for k, v in asdict(p).items()} for p in found.parameters]
    return {k: _finite(v) for k, v in body.items()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(found: TracerFit, curve: TracerCurve) -> None:
    title = {"tanks": "Tanks in series", "dispersion": "Axial dispersion, closed vessel"}[found.model]
    table = Table(title=f"{title}: {curve.times_s.size} times, R2 {found.r_squared:.4f}, AIC {found.aic:.1f}")
    for column in ("what", "value", "95 % interval", "unit"):
        table.add_column(column)
    for p in found.parameters:
        interval = f"{p.low:.4g} .. {p.high:.4g}" if math.isfinite(p.low) else "at its bound, none"
        table.add_row(p.name, f"{p.value:.5g}", interval if found.identifiable else "not identifiable", p.unit)
    table.add_row("mean residence time", f"{found.mean_s:.5g}", "", "s")
    table.add_row("standard deviation", f"{found.sd_s:.5g}", "", "s")
    for name, value in found.quantiles_s.items():
        table.add_row(name, f"{value:.5g}", "", "s")
    table.add_row("mean from the data alone", f"{found.moment_mean_s:.5g}", "", "s")
    table.add_row("deviation from the data alone", f"{found.moment_sd_s:.5g}", "", "s")
    Console().print(table)


def _draw(path: Path, curve: TracerCurve, fits: list[TracerFit]) -> None:
    with canvas("tracer"):
        figure, axes = time_figure([3.0], None)
        axes[0].plot(curve.times_s, curve.signal, "o", color=MEASURED, label="measured")
        for found, colour, style in zip(fits, (ESTIMATE, TRUTH), ("-", "--"), strict=False):
            axes[0].plot(curve.times_s, found.fitted, style, color=colour, label=f"{found.model}, mean {found.mean_s:.4g} s")
        axes[0].set_xlabel("time after injection [s]")
        axes[0].set_ylabel("signal")
        axes[0].legend()
        try:
            figure.savefig(path, format="svg")
        except OSError as error:
            raise RecordError("picture not written", where=str(path), how_much=str(error)) from error
