"""`kilter identify RUN...`: the model's parameters from recorded runs, with intervals, as a proposal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from apc.identification.identify import Identification, identify
from apc.identification.proposal import Origin, propose, significant
from apc.identification.recorded import RecordedRun
from apc.supervision.assembly import known_parameters
from engine.folders import find_configs
from engine.recorded import recorded_run
from engine.wiring import LineFiles, load_files
from flowsheet.parameters import flowsheet_parameters, unit_of
from historian.runs import run_folder
from historian.store import write_error
from kilter.demo import AsJson
from kilter.runner import stage_bar
from line.canonical import content_hash
from line.errors import ConfigurationError
from line.parameter_set import FOLDER, ParameterSet, load_parameter_set, set_text
from line.units import from_si

#: Units of the feeders' curves, which are no parameters of the model.
CURVE_UNITS = {"factor_max": "kg/rev", "factor_ratio": "-", "level_coefficient": "1/kg"}


def identify_command(
    lots: Annotated[list[str], typer.Argument(metavar="RUN...", help="Lot names, folders below --runs.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the proposed set there, for example configs/parameters/line-7.toml.")
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Put the noise of analysers and tester into the set; it replaces the controller's.")
    ] = False,
    runs: Annotated[Path, typer.Option(help="Folder that holds the lots.", envvar="KILTER_RUNS")] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Estimate the control model's parameters and the instruments' noise from recorded runs, with 95 % intervals.

    Reads measurements only. What the runs do not identify keeps its value and is named, with the reason. Nothing changes
    itself: --out writes a hashed set, and `parameters = "NAME"` in the controller's file puts it in force.
    A run of an hour takes about five seconds.
    """
    files = load_files(find_configs(os.environ, Path.cwd()))
    if out is not None:
        refuse_existing(out)
    recorded = [recorded_run(run_folder(runs, lot)) for lot in lots]
    with stage_bar(Console(stderr=True)) as progress:
        parameters = flowsheet_parameters(files.controller.model, known_parameters(files.recipe, files.configuration))
        found = identify(recorded, parameters, files.controller.model, progress)
    proposed = propose(origin(files, out.stem if out else "proposal"), found, recorded, with_noise=noise)
    if out is not None:
        write_set(out, proposed)
    if as_json:
        sys.stdout.write(json.dumps(body(found, proposed, out), indent=2, allow_nan=False) + "\n")
        return
    show(found, files, recorded)
    sys.stdout.write(
        f"set {proposed.id} {proposed.version} {proposed.hash[:16]} written to {out}\n"
        if out
        else "not written: name a file with --out\n"
    )


def origin(files: LineFiles, name: str) -> Origin:
    """Return what a new set of that name starts from: the one that the controller's file names."""
    made_by, model = f"kilter {version('kilter')}", files.controller.model
    if not files.controller.parameters:
        hashed = content_hash({key: value.model_dump(mode="json") for key, value in model.items()})
        return Origin(name, "1.0.0", hashed, model, made_by)
    old = load_parameter_set(files.folder / FOLDER / f"{files.controller.parameters}.toml")
    major, minor, _ = (int(part) for part in old.version.split("."))
    return Origin(name, f"{major}.{minor + 1}.0", old.hash, model, made_by)


def refuse_existing(out: Path) -> None:
    """Raise ConfigurationError if the file exists: a set may be in force somewhere."""
    if out.exists():
        raise ConfigurationError(
            "the file exists; a parameter set is never overwritten", where=str(out), what_now="Choose another name."
        )


def write_set(out: Path, proposed: ParameterSet) -> None:
    """Write a set, whole or not at all. Raises RecordError (disk)."""
    part = out.with_suffix(".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(set_text(proposed), encoding="utf-8")
        part.replace(out)
    except OSError as error:
        raise write_error(out, error) from error


def body(found: Identification, proposed: ParameterSet, out: Path | None) -> dict[str, Any]:
    """Return the JSON form."""
    return {
        "runs": [run.model_dump(mode="json") for run in proposed.runs],
        "blocks": {
            name: {
                "estimated": [_row(e.name, e.value, e.low, e.high) for e in fit.estimated],
                "kept": fit.kept,
                "collinearity": significant(fit.collinearity),
                "singular_values": [significant(v) for v in fit.singular_values],
                "sigma": significant(fit.sigma),
            }
            for name, fit in found.fits.items()
        },
        "noise": [{"name": e.name, "value": e.value, "low": e.low, "high": e.high} for e in found.noise],
        "white_part": [{"name": e.name, "value": e.value, "low": e.low, "high": e.high} for e in found.white],
        "failed": dict(found.failed),
        "set": {"id": proposed.id, "version": proposed.version, "hash": proposed.hash, "file": str(out) if out else None},
    }  # fmt: skip


def _row(name: str, value: float, low: float, high: float) -> dict[str, Any]:
    unit, shown = _plant_unit(name), [value, low, high]
    if name not in CURVE_UNITS:
        shown = [from_si(v, unit) for v in shown]
    return {"name": name, "unit": unit, **dict(zip(("value", "low", "high"), map(significant, shown), strict=True))}


def _plant_unit(name: str) -> str:
    return CURVE_UNITS.get(name) or unit_of(name)


def show(found: Identification, files: LineFiles, recorded: Sequence[RecordedRun]) -> None:
    """Print what was found as tables."""
    console = Console()
    hours = sum(len(run.seconds) for run in recorded) / 3600.0
    table = Table(title=f"Identified from {len(recorded)} run{'s' if len(recorded) > 1 else ''}, {hours:.1f} h")
    for column in ("block", "parameter", "in force", "identified", "95 % interval", "unit"):
        table.add_column(column, justify="right" if column in ("in force", "identified", "95 % interval") else "left")
    for cells in _cells(found, files):
        table.add_row(*cells)
    console.print(table)
    for block, fit in found.fits.items():
        console.print(f"{block}: collinearity {fit.collinearity:.1f}, residuals {fit.sigma:.2f} of their stated size")
        for name, why in fit.kept.items():
            console.print(f"  kept {name}: {why}", highlight=False)
    for block, why in found.failed.items():
        console.print(f"{block}: {why}", highlight=False)


def _cells(found: Identification, files: LineFiles) -> Iterator[tuple[str, ...]]:
    for block, fit in found.fits.items():
        for e in fit.estimated:
            row = _row(e.name, e.value, e.low, e.high)
            old = files.controller.model.get(e.name)
            yield (
                block,
                e.name,
                f"{old.value:.4g}" if old else "-",
                f"{row['value']:.4g}",
                _interval(row["low"], row["high"]),
                row["unit"],
            )
    for e in (*found.noise, *found.white):
        now = files.controller.noise.get(e.name)
        block = "noise" if e in found.noise else "white part"
        yield block, e.name, f"{now:.3g}" if now is not None else "-", f"{e.value:.3g}", _interval(e.low, e.high), ""


def _interval(low: float, high: float) -> str:
    return f"{low:.4g} .. {high:.4g}"
