"""`kilter sensor`: calibrate a soft sensor, look at a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kilter import data_sets, sensor_identity, sensor_monitor, sensor_registry, sensor_transfer, sensor_validation
from kilter.figures import Figure, show_figures
from kilter.model_file import write_model
from line.errors import DataError
from sensing.calibration import ALPHA, MAX_COMPONENTS, calibrate
from sensing.model import SoftSensorModel, load_model
from sensing.preprocessing import TREATMENTS, treatment
from sensing.spectra import CalibrationSet, parse_calibration_csv

app = typer.Typer(help="Soft sensors: models from spectra and reference values, as hashed files.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
app.command("validate")(sensor_validation.validate)
app.command("identify")(sensor_identity.identify_)
app.command("surrogates")(sensor_validation.surrogates)
app.command("transfer")(sensor_transfer.transfer)
app.command("monitor")(sensor_monitor.monitor)
app.command("register")(sensor_registry.register)
app.command("list")(sensor_registry.list_)
app.command("approve")(sensor_registry.approve)
app.command("retire")(sensor_registry.retire)
PERCENT = 100.0
#: What the open tablet set must reach [% w/w]; other sets are reported only.
RMSECV_TABLETS_MAX_PCT = 0.36


@app.command("calibrate")
def calibrate_(
    file: Annotated[Path | None, typer.Argument(help="CSV of spectra; the open tablet set if left out.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the model to this JSON file.")] = None,
    model_id: Annotated[str, typer.Option("--id", help="Name of the model; a recipe asks for it.")] = "nir-blend-api",
    version: Annotated[str, typer.Option("--model-version", help="Version of the model; a new one for each file.")] = "1",
    instrument: Annotated[str, typer.Option(help="Serial number of the spectrometer; approval asks for it.")] = "",
    preprocessing: Annotated[str, typer.Option(help=f"Treatment of spectra: {', '.join(TREATMENTS)}.")] = "snv",
    components: Annotated[int, typer.Option(help="Most components to choose from.", min=1, max=20)] = MAX_COMPONENTS,
    alpha: Annotated[float, typer.Option(help="Share of in-control spectra beyond a limit.", min=1e-6, max=0.5)] = ALPHA,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap of batches.", min=0, max=2**31 - 1)] = 0,
    in_control: Annotated[
        Path | None, typer.Option(help="CSV of independent in-control spectra to set the T2 and Q limits on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Calibrate on spectra with reference values, whole batches left out in turn. Exit 1 if a figure falls short."""
    path = file or data_sets.find(data_sets.TABLETS, data)
    calibration_set = parse_calibration_csv(data_sets.read_text(path))
    limits_set = _in_control(in_control, calibration_set)
    model = calibrate(
        calibration_set,
        model_id=model_id,
        version=version,
        preprocessing=treatment(preprocessing, calibration_set.spectra),
        instrument=instrument,
        seed=seed,
        max_components=components,
        alpha=alpha,
        in_control=limits_set.spectra if limits_set is not None else None,
    )
    if out is not None:
        write_model(out, model)
    figures = figures_of(model, path.name, RMSECV_TABLETS_MAX_PCT if file is None else None)
    extra = {"model_id": model.id, "model_sha256": model.hash, "out": str(out) if out else None, "file": str(path)}
    code = show_figures(f"{model.id} from {path.name}", figures, as_json, extra)
    if not as_json:
        sys.stdout.write(
            f"SHA-256 {model.hash}\n" + (f"written to {out}\n" if out else "not written: name a file with --out\n")
        )
    raise typer.Exit(code)


def _in_control(path: Path | None, calibration_set: CalibrationSet) -> CalibrationSet | None:
    if path is None:
        return None
    found = parse_calibration_csv(data_sets.read_text(path))
    if found.axis.shape != calibration_set.axis.shape or abs(found.axis - calibration_set.axis).max() > 1e-6:
        raise DataError("these spectra are on another axis", where=str(path), what_now="Measure them on the same instrument.")
    return found


def figures_of(model: SoftSensorModel, source: str, rmsecv_max_pct: float | None = None) -> list[Figure]:
    """Return the figures of a calibration in % w/w; `rmsecv_max_pct` is asked of the error by batch."""
    performance, nested = (
        model.performance,
        f"{source}, {model.n_batches} batches left out in turn, choice of components nested",
    )
    return [
        Figure(
            "rmsecv_by_batch",
            PERCENT * performance.rmsecv_w_w,
            "% w/w",
            f"{nested}; {PERCENT * performance.confidence:g} % interval over batches",
            PERCENT * performance.rmsecv_low_w_w,
            PERCENT * performance.rmsecv_high_w_w,
            at_most=rmsecv_max_pct,
        ),
        Figure("bias_by_batch", PERCENT * performance.bias_w_w, "% w/w", nested),
        Figure(
            "interval_half_width",
            PERCENT * performance.interval_half_width_w_w,
            "% w/w",
            f"{nested}; {PERCENT * performance.interval_level:g} % of errors are smaller",
        ),
        Figure("components", model.n_components, "1", "one-standard-error rule, batch by batch"),
        Figure("range_low", PERCENT * model.range_low_w_w, "% w/w", source),
        Figure("range_high", PERCENT * model.range_high_w_w, "% w/w", source),
        Figure("t2_limit", model.limits.t2, "1", f"alpha {model.limits.alpha:g}; {model.limits.set_on}"),
        Figure("q_limit", model.limits.q, "1", f"alpha {model.limits.alpha:g}; {model.limits.set_on}"),
        Figure("match_min", model.limits.match_min, "1", f"alpha {model.limits.alpha:g}; {model.limits.set_on}"),
        Figure("spectra", model.n_spectra, "1", source),
        Figure("batches", model.n_batches, "1", source),
    ]


@app.command("show")
def show(
    model: Annotated[Path, typer.Argument(help="A model file made by kilter sensor calibrate.")], as_json: AsJson = False
) -> None:
    """Show what a model file holds; an altered byte is refused."""
    found = load_model(data_sets.read_text(model))
    body = {key: value for key, value in found.body().items() if not isinstance(value, list) or key == "preprocessing"}
    body |= {"sha256": found.hash, "points": int(found.axis.size), "components": found.n_components}
    if as_json:
        sys.stdout.write(json.dumps(body, indent=2, allow_nan=False) + "\n")
        return
    table = Table(title=f"{found.id} version {found.version}", show_header=False)
    table.add_column("what")
    table.add_column("value", overflow="fold")
    for key, value in body.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key, shown)
    Console().print(table)
