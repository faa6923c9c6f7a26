"""`kilter sensor transfer`: a model for a second probe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hil.figures import Figure
from kilter import data_sets
from kilter.figures import show_figures
from kilter.model_file import write_model
from line.errors import DataError
from sensing.model import load_model
from sensing.spectra import parse_calibration_csv
from sensing.transfer import Transfer, transfer_slope_bias, transfer_spectra

PERCENT = 100.0


def transfer(
    model: Annotated[Path, typer.Argument(help="Model file of the first probe.")],
    second: Annotated[Path, typer.Argument(help="CSV of spectra with reference values, measured on the second probe.")],
    out: Annotated[Path, typer.Option(help="Write the transferred model to this file.")],
    instrument: Annotated[str, typer.Option(help="Serial number of the second spectrometer.")],
    version: Annotated[str, typer.Option("--model-version", help="Version of the transferred model.")],
    first: Annotated[
        Path | None,
        typer.Option(help="CSV of the same samples on the first probe; left out: slope and bias."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Transfer a model to a second probe, as a new model that must be registered and approved.

    With the same samples measured on both probes spectra are standardised; without, predictions get slope and bias. The
    error is that of batches which the transfer did not see.
    """
    if out.exists():
        raise DataError("the file is there already", where=str(out), what_now="Name another one: models are not overwritten.")
    known, samples = load_model(data_sets.read_text(model)), parse_calibration_csv(data_sets.read_text(second))
    if first is not None:
        pairs = parse_calibration_csv(data_sets.read_text(first))
        found = transfer_spectra(known, pairs, samples, instrument=instrument, version=version)
    else:
        found = transfer_slope_bias(known, samples, instrument=instrument, version=version)
    write_model(out, found.model)
    extra = {"model_sha256": found.model.hash, "derived_from": known.hash, "out": str(out)}
    code = show_figures(f"{known.id} {version} for {instrument}", _figures(found, second.name), as_json, extra)
    if not as_json:
        sys.stdout.write(f"SHA-256 {found.model.hash}\nwritten to {out}\n")
    raise typer.Exit(code)


def _figures(found: Transfer, source: str) -> list[Figure]:
    held = f"{source}: {found.n_batches} batches left out in turn; 95 % interval, batches drawn anew"
    return [
        Figure("rmsep_before", PERCENT * found.before, "% w/w", f"{source}, the model as it was"),
        Figure("rmsep_after", PERCENT * found.after, "% w/w", held, PERCENT * found.after_low, PERCENT * found.after_high),
        Figure(
            "components", found.n_components, "1", "of the standardisation, least error of batches left out; 0: slope, bias"
        ),
    ]
