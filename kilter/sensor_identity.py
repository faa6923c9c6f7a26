"""`kilter sensor identify`: whose product these spectra are."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kilter import data_sets
from sensing.identity import identify
from sensing.model import load_model
from sensing.spectra import parse_calibration_csv


def identify_(
    spectra: Annotated[Path, typer.Argument(help="CSV of spectra, as kilter sensor calibrate reads it.")],
    models: Annotated[list[Path], typer.Argument(help="Model files, one a product.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Identify spectra by their match with the mean spectrum of each model, and Q. Exit 1 if one is nobody's."""
    data, library = parse_calibration_csv(data_sets.read_text(spectra)), [load_model(data_sets.read_text(m)) for m in models]
    found = identify(data.spectra, library)
    if as_json:
        bodies = [{"batch": batch, **asdict(one)} for batch, one in zip(data.batches, found, strict=True)]
        sys.stdout.write(json.dumps({"identified": all(one.identified for one in found), "spectra": bodies}, indent=2) + "\n")
    else:
        table = Table(title=f"Identity of {len(found)} spectra")
        for column in ("product", "best match of", "identified", "lowest match", "limit"):
            table.add_column(column)
        for model in library:
            mine = [one for one in found if one.model_id == model.id]
            lowest = f"{min(one.match for one in mine):.4f}" if mine else "-"
            table.add_row(
                model.id, str(len(mine)), str(sum(one.identified for one in mine)), lowest, f"{model.limits.match_min:.4f}"
            )
        Console().print(table)
    raise typer.Exit(0 if all(one.identified for one in found) else 1)
