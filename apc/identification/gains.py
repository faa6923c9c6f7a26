"""Step responses that a test measured: by how much each is larger than the model's, input by input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apc.identification.fit import Fit, Labels, Unknown, Vector, fit
from apc.identification.mixing import bridged, ends_of
from apc.identification.recorded import PERIOD, RecordedRun
from flowsheet.assembly import Flowsheet
from flowsheet.layout import INPUTS, N_D, N_U, OUTPUT, STEP_S
from line.errors import DataError
from line.parameter_set import Gain

#: Outputs that an instrument sees, and the error (1 sigma) that its readings are weighed by, plant units.
MEASURED: Mapping[str, float] = {"potency_blend": 2.5, "weight": 1.0, "hardness": 3.0, "level_hopper": 0.01}
#: Range in which the ratio of a measured to a modelled response is looked for [-].
LOWEST, HIGHEST = 0.3, 1.7
#: Widest interval of a factor that is used, as a share of that range: 0.35.
INTERVAL_SHARE = 0.25
#: Seconds after the start that are left out, and that a stretch of the record shares its errors.
WARM_S, BLOCK_S = 600.0, 300.0


def fit_gains(runs: Sequence[RecordedRun], flowsheet: Flowsheet) -> dict[str, Fit]:
    """Return for each measured output the factors by which the responses to each input exceed the model's.

    Equation: y - y_model = sum over inputs (k_i - 1) (y_model - y_model without what input i did) + line in time, least
    squares over k_i with the blocks of `fit`; 1 says that the model is right. An input that was not moved enough, or
    only together with others, is kept at 1 and named. Wrong where a response's shape, not its size, is off.
    """
    found = {}
    for output, error in MEASURED.items():
        rows = [_rows(run, flowsheet, output) for run in runs]
        seconds = np.concatenate([r[0] for r in rows])
        owners = np.concatenate([np.full(len(r[0]), i) for i, r in enumerate(rows)])
        blocks: Labels = (100_000 * owners + seconds // BLOCK_S).astype(np.int64)
        unknowns = [Unknown(name, 1.0, LOWEST, HIGHEST) for name in INPUTS]

        def residual(k: Vector, rows: Sequence[tuple[Vector, Vector, Vector]] = rows, error: float = error) -> Vector:
            return np.concatenate([_detrended(t, gap - parts @ (k - 1.0)) / error for t, gap, parts in rows])

        try:
            found[output] = fit(residual, unknowns, blocks, INTERVAL_SHARE)
        except DataError:
            continue
    return found


def gain_table(fits: Mapping[str, Fit]) -> dict[str, dict[str, Gain]]:
    """Return the factors that were identified, by output, then input."""
    return {
        output: {e.name: Gain(factor=round(e.value, 4), low=round(e.low, 4), high=round(e.high, 4)) for e in found.estimated}
        for output, found in fits.items()
        if found.estimated
    }


def driven_inputs(run: RecordedRun, flowsheet: Flowsheet) -> Vector:
    """Return (n, N_U) a period: inputs as the line really had them, scaled; 1 until it makes tablets."""
    p = flowsheet.parameters
    signals, periods = run.signals, run.periods
    flows = periods(run.flows()) / 3600.0 / (np.array(p.fractions) * p.reference_flow)
    columns = [
        *flows.T,
        periods(signals["Press/MainForceSetpoint"]) * 1e3 / p.main_force,
        periods(signals["Press/MainHeight"]) * 1e-3 / p.main_height,
        periods(signals["SP/HopperLevel"]) / p.hopper_level,
        periods(signals["Blender/ImpellerSpeed"]) / 60.0 / p.blender_reference_speed,
    ]
    inputs = np.column_stack([bridged(column) for column in columns])
    inputs[periods(run.since_start()) < PERIOD] = 1.0
    return inputs


def _rows(run: RecordedRun, flowsheet: Flowsheet, output: str) -> tuple[Vector, Vector, Vector]:
    """Return seconds (k,), measured less modelled (k,), and what each input did in the model (k, N_U)."""
    inputs, ends = driven_inputs(run, flowsheet), ends_of(run)
    whole = _modelled(flowsheet, inputs, output)
    parts = np.empty((len(whole), N_U))
    for i in range(N_U):
        without = inputs.copy()
        without[:, i] = 1.0
        parts[:, i] = whole - _modelled(flowsheet, without, output)
    seconds, values = _measured(run, flowsheet, output, ends)
    since = np.interp(seconds, run.seconds, run.since_start())
    values = np.where(since > WARM_S, values, np.nan)
    moved = np.column_stack([np.interp(seconds, ends, part) for part in parts.T])
    return seconds, values - np.interp(seconds, ends, whole), moved


def _modelled(flowsheet: Flowsheet, inputs: Vector, output: str) -> Vector:
    n = len(inputs)
    d = np.zeros((N_D, n))
    x = flowsheet.step.mapaccum(n)(flowsheet.x_nominal, inputs.T, d)
    return np.array(flowsheet.outputs.map(n)(x, inputs.T, d))[OUTPUT[output]]


def _measured(run: RecordedRun, flowsheet: Flowsheet, output: str, ends: Vector) -> tuple[Vector, Vector]:
    if output == "potency_blend":
        return run.spectra.seconds, 100.0 * run.spectra.values[:, 0] / flowsheet.parameters.fraction_api
    if output == "level_hopper":
        return ends, run.periods(run.signals["Hopper/Level"])
    return run.tester.seconds, run.tester.values[:, 0 if output == "weight" else 2]


def _detrended(t: Vector, values: Vector) -> Vector:
    """Return values less the straight line through the finite ones."""
    good = np.isfinite(values)
    if good.sum() < 3:
        return np.full(len(values), np.nan)
    slopes = np.column_stack([np.ones(int(good.sum())), (t[good] - t[good].mean()) / STEP_S])
    out = np.full(len(values), np.nan)
    out[good] = values[good] - slopes @ np.linalg.lstsq(slopes, values[good], rcond=None)[0]
    return out
