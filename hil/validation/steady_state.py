"""The reference plant in steady running: the self-consistent press figures that its parameters were solved for."""

from __future__ import annotations

import numpy as np

from engine.wiring import LineFiles
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import reference_plant

SOURCE = "press figures of the reference line at 25 kg/h, solved together from derived and estimated values; +-2 %"
N_SEEDS, WARM_S, UNTIL_S = 4, 600, 1500
TOLERANCE = 0.02
#: name -> (unit, expected, is it a value that parameters were chosen for, or what the equations make of them)
EXPECTED = {
    "steady_tablet_mass_mg": ("mg", 225.0, "verified"),
    "steady_main_force_kn": ("kN", 6.2, "fitted"),
    "steady_pressure_mpa": ("MPa", 123.0, "verified"),
    "steady_hardness_n": ("N", 70.0, "fitted"),
}


def steady_state_figures(files: LineFiles) -> list[Figure]:
    """Return tablet mass, main force, pressure and hardness of the reference plant (parameters not drawn), with noise."""
    parameters = reference_plant(files)
    drive = Drive(files, [LinePlan(parameters, seed) for seed in range(1, N_SEEDS + 1)]).run(WARM_S)
    sums, n_tablets = np.zeros((4, N_SEEDS)), np.zeros(N_SEEDS)
    diameter = parameters.compaction.die_diameter.si
    while drive.second < UNTIL_S:
        drive.step()
        tablets = drive.lines.tablets
        if tablets is None:
            continue
        hardness = tablets.strength_pa * tablets.height_m * (np.pi * diameter / 2.0)
        for row, values in enumerate((tablets.mass_kg, tablets.force_n, tablets.pressure_pa, hardness)):
            sums[row] += np.where(tablets.made, values, 0.0).sum(axis=1)
        n_tablets += tablets.made.sum(axis=1)
    means = sums / n_tablets * np.array([[1e6], [1e-3], [1e-6], [1.0]])
    return [_figure(name, row) for name, row in zip(EXPECTED, means, strict=True)]


def _figure(name: str, by_seed: np.ndarray) -> Figure:
    unit, expected, kind = EXPECTED[name]
    value, error = float(by_seed.mean()), float(by_seed.std(ddof=1) / np.sqrt(by_seed.size))
    band = (expected * (1.0 - TOLERANCE), expected * (1.0 + TOLERANCE))
    return Figure(name, value, unit, SOURCE, value - 2 * error, value + 2 * error, *band, kind=kind)
