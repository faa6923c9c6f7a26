"""Everything that recorded runs say of the line, unit by unit, into one proposal; nothing changes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from apc.identification import mixing
from apc.identification import press as pressing
from apc.identification.feeders import fit_feeder
from apc.identification.fit import Estimated, Fit, Labels, Unknown, Vector, fit
from apc.identification.mixing import MixingLine, drive_of, ends_of
from apc.identification.noise import COMPONENTS, from_samples, signal_noise, white_equivalent
from apc.identification.press import PressModel, PressRows, running_rows, tester_rows
from apc.identification.recorded import RecordedRun
from flowsheet.parameters import FlowsheetParameters
from line.configuration import ModelParameter
from line.errors import DataError
from line.units import factor

#: Seconds after a start until what is inside no longer depends on what was assumed of it.
WARM_S = 600
#: Seconds of a record that share their errors.
BLOCK_S = 300
#: Windows over which force and fill depth are compared [s].
WINDOW_S = 30
#: Errors (1 sigma) of readings that the fits weigh by: hold-up [kg], spectra and assays [-]; weight by force and by fill
#: depth [-], thickness [m], hardness [-]. Their size sets weights only: intervals follow what the residuals do.
HOLD_UP_ERROR, SPECTRUM_ERROR, ASSAY_ERROR = 0.006, 0.02, 0.011
WEIGHT_ERROR, FILL_ERROR, THICKNESS_ERROR, HARDNESS_ERROR = 0.0045, 0.01, 1e-5, 0.05

CHANNELS = ("hold_up", "potency_blend", "weight", "weight_fill", "hardness")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Identification:
    """What was found. fits by block (mixing, press, feeder_*); noise: what analysers and tester scatter beyond the model, by
    its name in the controller's file; white: the same of signals, their white part only, less than a filter must be told;
    settings: what was read off (fill depth); failed: block -> why nothing was found."""

    fits: Mapping[str, Fit]
    noise: tuple[Estimated, ...]
    white: tuple[Estimated, ...] = ()
    settings: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """Model parameters that were identified or read off, SI."""
        found = {e.name: e.value for block in ("mixing", "press") if block in self.fits for e in self.fits[block].estimated}
        return {**self.settings, **found}


def identify(
    runs: Sequence[RecordedRun], parameters: FlowsheetParameters, table: Mapping[str, ModelParameter], progress: Progress
) -> Identification:
    """Return what the runs say of the parameters in `table` (unit and range each). Raises DataError if nothing at all."""
    fits: dict[str, Fit] = {}
    failed: dict[str, str] = {}
    steps = ["mixing", "press", *(f"feeder_{c}" for c in COMPONENTS)]
    settings = read_off(runs)
    p = parameters.model_copy(update=settings)
    rows: list[PressRows] = []
    noise: list[Estimated] = []
    for number, step in enumerate(steps):
        progress(step, number, len(steps))
        try:
            if step == "mixing":
                fits[step], rest = fit_mixing(runs, p, unknowns_of(table, mixing.PARAMETERS, p))
                p, noise = _with(p, fits[step]), noise + rest
            elif step == "press":
                rows = _lubricated(runs, p)
                fits[step], rest = fit_press(runs, rows, p, unknowns_of(table, pressing.PARAMETERS, p))
                p, noise = _with(p, fits[step]), noise + rest
            else:
                fits[step] = fit_feeder(runs, steps.index(step) - 2)
        except DataError as error:
            failed[step] = error.line()
    if not fits:
        raise DataError("these runs identify nothing", where="identification", what_now=next(iter(failed.values())))
    progress("noise", len(steps), len(steps))
    return Identification(fits, tuple(noise), tuple(signal_noise(runs, p)), settings, failed)


def unknowns_of(table: Mapping[str, ModelParameter], names: Sequence[str], p: FlowsheetParameters) -> list[Unknown]:
    """Return unknowns in SI: the present value, held a hundredth inside the range in which it may be believed."""
    unknowns = []
    for name in names:
        unit = factor(table[name].unit)
        low, high = table[name].low * unit, table[name].high * unit
        inner = 0.01 * (high - low)
        unknowns.append(Unknown(name, float(np.clip(getattr(p, name), low + inner, high - inner)), low, high))
    return unknowns


def read_off(runs: Sequence[RecordedRun]) -> dict[str, float]:
    """Return what is measured directly, SI: the typical fill depth [m]."""
    depth = np.concatenate([run.signals["Press/FillDepth"][run.since_start() > WARM_S] for run in runs])
    depth = depth[np.isfinite(depth)]
    return {"fill_depth": float(depth.mean()) * 1e-3} if depth.size else {}


def fit_mixing(runs: Sequence[RecordedRun], p: FlowsheetParameters, unknowns: Sequence[Unknown]) -> tuple[Fit, list[Estimated]]:
    """Return hold-up law and residence times by hold-up, spectra and assays; the noise of spectra and assays.

    An analyser's offset is taken out of each run: only what moves counts.
    """
    line = MixingLine(p, [u.name for u in unknowns])
    drives = [drive_of(run, p) for run in runs]

    def parts(theta: Vector) -> list[tuple[Vector, Vector, Vector]]:
        return [_mixing_parts(run, line, drive, theta) for run, drive in zip(runs, drives, strict=True)]

    def residual(theta: Vector) -> Vector:
        return np.concatenate([part for three in parts(theta) for part in three])

    found = fit(residual, unknowns, _mixing_blocks(runs))
    last = parts(np.array([found.values[u.name] for u in unknowns]))
    noise = [
        white_equivalent("measured_nir_pct", [100.0 * SPECTRUM_ERROR * three[1] for three in last]),
        from_samples("measured_assay_pct", [100.0 * ASSAY_ERROR * three[2] for three in last]),
    ]
    return found, [e for e in noise if e is not None]


def prediction_errors(runs: Sequence[RecordedRun], p: FlowsheetParameters) -> dict[str, float]:
    """Return the root mean square of what these parameters leave unexplained, by channel, in units of its stated error.

    hold_up, potency_blend (offset taken out), weight (by force and height), weight_fill (by fill depth), hardness.
    """
    line, model = MixingLine(p, ()), PressModel(p, ())
    found: dict[str, list[Vector]] = {}
    for run, rows in zip(runs, _lubricated(runs, p), strict=True):
        mixed = _mixing_parts(run, line, drive_of(run, p), line.theta)
        pressed = _press_parts(model, rows, running_rows(run, WINDOW_S), line.theta)
        channels = (mixed[0], mixed[1], pressed[0], pressed[4], pressed[3])
        for name, part in zip(CHANNELS, channels, strict=True):
            found.setdefault(name, []).append(part[np.isfinite(part)])
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    return {name: float(np.sqrt(np.mean(np.clip(r, -5.0, 5.0) ** 2))) for name, r in joined.items() if r.size}


def _mixing_parts(run: RecordedRun, line: MixingLine, drive: Vector, theta: Vector) -> tuple[Vector, Vector, Vector]:
    held, ends = line.run(theta, drive), ends_of(run)
    since = run.since_start()
    warm = run.periods(since) > WARM_S
    hold_up = (run.periods(run.signals["Blender/HoldUpMass"]) - held.hold_up) / HOLD_UP_ERROR
    parts = [np.where(warm, hold_up, np.nan)]
    for samples, modelled, scale, error in (
        (run.spectra, held.api_blend, 1.0, SPECTRUM_ERROR),
        (run.assay, held.api_tablet, float(line.fraction_api) / 100.0, ASSAY_ERROR),
    ):
        at = samples.seconds
        relative = samples.values[:, 0] * scale / np.interp(at, ends, modelled) - 1.0
        relative = np.where(np.interp(at, run.seconds, since) > WARM_S, relative, np.nan)
        parts.append((relative - _mean(relative)) / error)
    return parts[0], parts[1], parts[2]


def _mean(values: Vector) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else 0.0


def _mixing_blocks(runs: Sequence[RecordedRun]) -> Labels:
    times = [t for run in runs for t in (ends_of(run), run.spectra.seconds, run.assay.seconds)]
    owners = [np.full(len(t), i // 3) for i, t in enumerate(times)]
    return _labels(np.concatenate(owners), np.concatenate(times))


def _labels(owner: Vector, seconds: Vector) -> Labels:
    return (100_000 * owner + seconds // BLOCK_S).astype(np.int64)


def _lubricated(runs: Sequence[RecordedRun], p: FlowsheetParameters) -> list[PressRows]:
    """Return the tester's rows of each run with the lubrication that the mixing model gives their material."""
    line = MixingLine(p, ())
    rows = []
    for run in runs:
        held = line.run(line.theta, drive_of(run, p))
        warm = np.interp(run.tester.seconds, run.seconds, run.since_start()) > WARM_S / 2
        lubrication = np.where(warm, np.interp(run.tester.seconds, ends_of(run), held.lubrication), np.nan)
        rows.append(tester_rows(run, lubrication))
    return rows


def fit_press(
    runs: Sequence[RecordedRun], rows: Sequence[PressRows], p: FlowsheetParameters, unknowns: Sequence[Unknown]
) -> tuple[Fit, list[Estimated]]:
    """Return die fill, compaction and strength by tester samples, force and fill depth; the tester's noise."""
    model = PressModel(p, [u.name for u in unknowns])
    windows = [running_rows(run, WINDOW_S) for run in runs]

    def parts(theta: Vector) -> list[tuple[Vector, ...]]:
        return [_press_parts(model, row, window, theta) for row, window in zip(rows, windows, strict=True)]

    def residual(theta: Vector) -> Vector:
        return np.concatenate([part for several in parts(theta) for part in several])

    times = [t for row, window in zip(rows, windows, strict=True) for t in (*[row.seconds] * 4, window.seconds)]
    owners = np.concatenate([np.full(len(t), i // 5) for i, t in enumerate(times)])
    found = fit(residual, unknowns, _labels(owners, np.concatenate(times)))
    last = parts(np.array([found.values[u.name] for u in unknowns]))
    noise = [
        from_samples("measured_weight_pct", [100.0 * WEIGHT_ERROR * several[0] for several in last]),
        from_samples("measured_hardness_pct", [100.0 * HARDNESS_ERROR * several[3] for several in last]),
    ]
    return found, [e for e in noise if e is not None]


def _press_parts(model: PressModel, rows: PressRows, windows: PressRows, theta: Vector) -> tuple[Vector, ...]:
    y, z = model.predict(rows, theta), model.predict(windows, theta)
    weight, thickness, hardness = rows.results.T
    return (
        (np.log(weight) - y[:, 0]) / WEIGHT_ERROR,
        (np.log(weight) - y[:, 1]) / FILL_ERROR,
        (thickness - y[:, 2]) / THICKNESS_ERROR,
        (np.log(hardness) - y[:, 3]) / HARDNESS_ERROR,
        (z[:, 0] - z[:, 1]) / FILL_ERROR,
    )


def _with(p: FlowsheetParameters, found: Fit) -> FlowsheetParameters:
    return p.model_copy(update={e.name: e.value for e in found.estimated})
