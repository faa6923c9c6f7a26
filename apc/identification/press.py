"""Press and tablet as a run measured them: die fill, compaction, thickness and hardness against the model's equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca
import numpy as np

from apc.identification.fit import Vector
from apc.identification.mixing import open_parameters
from apc.identification.recorded import RecordedRun
from flowsheet import press
from flowsheet.parameters import FlowsheetParameters

#: What these equations hold of the parameters; of two that a run cannot tell apart the later one keeps its value.
PARAMETERS = (
    "fill_density", "yield_pressure", "strength", "press_stiffness", "porosity_factor", "fill_turret_term",
    "lubrication_loss", "elastic_recovery", "heckel_intercept", "true_density", "lubrication_share", "fill_depth_term",
)  # fmt: skip
#: Seconds around the pull of a sample over which press signals are averaged.
AROUND_S = 5


@dataclass(frozen=True)
class PressRows:
    """(k, 7) per moment: main force [N], main height [m], fill depth [m], turret speed [rev/s], lubrication relative to
    nominal [-], and for a tester sample weight [kg], thickness [m], hardness [N] in `results` (k, 3), else NaN."""

    signals: Vector
    results: Vector
    seconds: Vector


def tester_rows(run: RecordedRun, lubrication: Vector) -> PressRows:
    """Return one row a tester sample; lubrication (k,) at the seconds at which they were pulled."""
    at = run.tester.seconds
    scale = (1e3, 1e-3, 1e-3, 1 / 60)
    tags = ("Press/MainForceMean", "Press/MainHeight", "Press/FillDepth", "Press/TurretSpeed")
    signals = [run.around(tag, at, AROUND_S) * factor for tag, factor in zip(tags, scale, strict=True)]
    results = run.tester.values * np.array([1e-6, 1e-3, 1.0])
    return PressRows(np.column_stack([*signals, lubrication]), results, at)


def running_rows(run: RecordedRun, window_s: int) -> PressRows:
    """Return the means of the press signals over windows in which the press ran all the time, without results."""
    n = len(run.seconds) // window_s
    on = run.running[: n * window_s].reshape(n, window_s).all(axis=1)
    scale = (1e3, 1e-3, 1e-3, 1 / 60)
    tags = ("Press/MainForceMean", "Press/MainHeight", "Press/FillDepth", "Press/TurretSpeed")
    means = [
        np.where(np.isfinite(v := run.signals[tag][: n * window_s].reshape(n, window_s)), v, np.nan).mean(axis=1) * factor
        for tag, factor in zip(tags, scale, strict=True)
    ]
    signals = np.column_stack([*means, np.ones(n)])
    signals[~on] = np.nan
    return PressRows(signals, np.full((n, 3), np.nan), run.seconds[window_s - 1 : n * window_s : window_s])


class PressModel:
    """The flowsheet's press equations over rows of a run, with some parameters left open.

    Predicted per row: ln weight by force and height, ln weight by fill depth, thickness [m], ln hardness.
    """

    def __init__(self, parameters: FlowsheetParameters, names: Sequence[str]) -> None:
        p, theta = open_parameters(parameters, names)
        row = ca.SX.sym("row", 5)
        force, height, depth, speed, lubrication = (row[i] for i in range(5))
        strength = press.tensile_strength(force, 0.0, lubrication, 0.0, p)
        y = ca.vertcat(
            ca.log(press.mass_for_force(force, height, 0.0, p)),
            ca.log(press.fill_mass(depth, speed, 0.0, p)),
            (height + force / p.press_stiffness) * (1.0 + p.elastic_recovery),
            ca.log(press.hardness(strength, force, height, p)),
        )
        self._row = ca.Function("press", [row, theta], [y])

    def predict(self, rows: PressRows, theta: Vector) -> Vector:
        """Return (k, 4); NaN where a signal is."""
        n = len(rows.signals)
        if not n:
            return np.zeros((0, 4))
        good = np.isfinite(rows.signals)
        y = np.array(self._row.map(n)(np.where(good, rows.signals, 1.0).T, np.tile(theta[:, None], (1, n)))).T
        y[~good.all(axis=1)] = np.nan
        return y
