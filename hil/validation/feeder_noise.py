"""How noisy a feeder's mass flow looks by its scale alone, against the formula of the least-squares slope."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.wiring import LineFiles
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan, without_noise
from hil.virtual_plant import reference_plant
from line.modes import FeederMode

SOURCE = "slope of a least-squares line over T with N weighings of noise s: s/T sqrt(12/N), 10 weighings a second; +-10 %"
N_SEEDS, WARM_S, UNTIL_S = 8, 500, 1400
TOLERANCE = 0.10
WEIGHINGS_A_SECOND = 10.0
NAMES = ("api", "premix", "lactose", "lubricant")
KG_PER_H = 3600.0


def feeder_noise_figures(files: LineFiles) -> list[Figure]:
    """Return, a feeder, the standard deviation of displayed less true mass flow, with the scale as the only noise.

    The true flow is the slope of the true mass over the same window. Refills and what follows them are left out.
    """
    parameters = without_noise(reference_plant(files), keep=("scale_noise",))
    drive = Drive(files, [LinePlan(parameters, seed) for seed in range(1, N_SEEDS + 1)]).run(WARM_S)
    shown, mass, usable = [], [], []
    while drive.second < UNTIL_S:
        drive.step()
        shown.append([drive.tag(f"Feeder{i}/MassFlow") for i in range(1, 5)])
        usable.append([drive.tag(f"Feeder{i}/Mode") == FeederMode.GRAVIMETRIC for i in range(1, 5)])
        mass.append(drive.lines.feeders.mass.T.copy())
    each = parameters.feeders.each()
    figures = []
    for i, (name, feeder) in enumerate(zip(NAMES, each, strict=True)):
        window_s = round(feeder.scale_window.si)
        expected = slope_noise(feeder.scale_noise.si, window_s) * KG_PER_H
        one = [np.array(part)[:, i, :] for part in (shown, mass, usable)]
        value = _deviation(one[0], one[1], one[2], window_s)
        band = (expected * (1.0 - TOLERANCE), expected * (1.0 + TOLERANCE))
        label = f"feeder_noise_{name}_kg_per_h"
        figures.append(Figure(label, value, "kg/h", SOURCE, at_least=band[0], at_most=band[1], kind="verified"))
    return figures


def slope_noise(scale_noise_kg: float, window_s: float) -> float:
    """Return the standard deviation [kg/s] of a least-squares slope over `window_s` of 10 Hz weighings."""
    return scale_noise_kg / window_s * float(np.sqrt(12.0 / (WEIGHINGS_A_SECOND * window_s)))


def _deviation(shown: np.ndarray, mass: np.ndarray, usable: np.ndarray, window_s: int) -> float:
    """Standard deviation over time and lines; (seconds, lines) each. The display lags the mass by one second."""
    time = np.arange(window_s) - (window_s - 1) / 2.0
    weights = -time / (time**2).sum()
    true = sliding_window_view(mass, window_s, axis=0)[:-1] @ weights * KG_PER_H
    steady = np.asarray(sliding_window_view(usable, window_s + 10, axis=0).all(axis=-1))
    off = shown[window_s:] - true
    off = off[-steady.shape[0] :][steady[-off.shape[0] :]]
    return float(off.std(ddof=1))
