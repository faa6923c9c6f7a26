"""`kilter observability`: which disturbances the instruments can tell, over which time, and which instrument it takes."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from apc.estimation.observability import Observability, ObservabilityModel
from apc.supervision.assembly import known_parameters
from engine.folders import find_configs
from engine.wiring import load_files
from flowsheet.assembly import build_flowsheet
from flowsheet.layout import OUTPUT, OUTPUT_UNITS
from flowsheet.parameters import flowsheet_parameters
from kilter.demo import AsJson
from line.configuration import near
from line.errors import ConfigurationError


def observability(
    minutes: Annotated[float, typer.Option(help="Length of the window.", min=0.5, max=240)] = 15.0,
    without: Annotated[
        str, typer.Option(help="Instruments that are out, with commas: nir, tester, assay, level, hold_up, force, ...")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say which disturbances the estimator can tell from which instruments over a window, and which it confuses.

    Fisher information of the linear model at its reference point, scaled by the instruments' noise, with the estimator's
    prior: doubt before and after (1 sigma), the instruments without which it would be half as large again, the disturbance
    that is mistaken for it.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    parameters = flowsheet_parameters(files.controller.model, known_parameters(files.recipe, files.configuration))
    sampling = files.recipe.sampling
    model = ObservabilityModel(
        build_flowsheet(parameters), files.controller.noise, sampling.tester_interval_s, sampling.assay_interval_s
    )
    out = [word for word in without.replace(" ", "").split(",") if word]
    for word in out:
        if word not in model.schedules:
            raise ConfigurationError(
                "no such instrument", where="--without", how_much=word, what_now=near(word, list(model.schedules))
            )
    report = model.report(60.0 * minutes, out)
    if as_json:
        sys.stdout.write(json.dumps(asdict(report), indent=2, allow_nan=False) + "\n")
        return
    _show(report)


def _show(report: Observability) -> None:
    console = Console()
    table = Table(title=f"What {report.window_s / 60:g} min of {', '.join(report.instruments)} tell")
    for column in ("disturbance", "before [%]", "after [%]", "told", "needs", "confused with"):
        table.add_column(column, justify="right" if "[%]" in column else "left")
    for told in report.disturbances:
        other = f"{told.confused_with} ({told.correlation:+.2f})" if told.confused_with else ""
        verdict = "yes" if told.told else "no"
        table.add_row(told.name, f"{told.prior_pct:.3g}", f"{told.after_pct:.3g}", verdict, ", ".join(told.needs), other)
    console.print(table)
    for name, doubt in report.outputs.items():
        console.print(f"  {name} known to {doubt:.2g} {OUTPUT_UNITS[OUTPUT[name]]}", highlight=False)
    weakest = ", ".join(f"{value:+.2f} {name}" for name, value in report.weakest.items())
    console.print(
        f"  {report.n_told} directions of {report.n_state} states told; least told of the disturbances: {weakest}",
        highlight=False,
    )
