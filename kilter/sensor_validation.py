"""`kilter sensor validate`: what a soft sensor is worth on batches that it never saw."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hil.validation.sensor import figures_of, validate_sensor
from hil.validation.sensor_page import marked_page, write_sensor_page
from hil.validation.surrogates import read_surrogate_batches, surrogate_figures
from kilter import data_sets
from kilter.figures import show_figures
from kilter.runner import stage_bar
from sensing.spectra import parse_calibration_csv


def validate(
    file: Annotated[Path | None, typer.Argument(help="CSV of spectra; the open tablet set if left out.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits and of the bootstrap.", min=0, max=2**31 - 1)] = 0,
    docs: Annotated[Path | None, typer.Option(help="Folder whose soft-sensor.md and pictures are written anew.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure error and prediction intervals on whole batches held out. Exit 1 if a figure falls short.

    RMSECV nested by batch; intervals of nominal 90 % over 20 splits of batches into training, calibration and test:
    coverage, worst batch, width against Gaussian ones; and what the sensor sees inside a batch. Takes half a minute. Limits are
    those of the open tablet set; another set is reported only.
    """
    path = file or data_sets.find(data_sets.TABLETS, data)
    if docs is not None:
        marked_page(docs)
    calibration_set = parse_calibration_csv(data_sets.read_text(path))
    with stage_bar(Console(stderr=True)) as progress:
        found = validate_sensor(calibration_set, path.name, seed, progress)
    figures = figures_of(found, asked=file is None)
    written = [str(p) for p in write_sensor_page(found, figures, docs)] if docs is not None else []
    extra = {"file": str(path), "calibration_set_sha256": calibration_set.hash, "seed": seed, "written": written}
    code = show_figures(f"Soft sensor on {path.name}", figures, as_json, extra)
    if not as_json:
        sys.stdout.write("".join(f"written: {path}\n" for path in written))
    raise typer.Exit(code)


def surrogates(
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how often press signals alone may declare hardness and dissolution, and how often wrongly.

    1,005 commercial batches of 25 products; each product left out in turn, and the newest batches predicted from those before.
    Reported, nothing is asked: a surrogate that decides nothing sends every batch to the laboratory, and says so.
    """
    batches = read_surrogate_batches(data_sets.find(data_sets.BATCHES, data).parent)
    with stage_bar(Console(stderr=True)) as progress:
        figures = surrogate_figures(batches, progress)
    raise typer.Exit(show_figures("Surrogates of hardness and dissolution", figures, as_json))
