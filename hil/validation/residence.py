"""Residence times by a tracer in the running plant, and what the line leaves of a feeder's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.wiring import LineFiles
from flowsheet.rtd import convolve, dead_time, tanks_in_series
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan
from hil.virtual_plant import reference_plant
from plant_sim.extents import TRACER

SOURCE = "residence times of the line computed from its unit operations at 25 kg/h; +-2 %"
NOISE_SOURCE = (
    "what residence times leave of first-order noise, |H|^2 weighted by its spectrum (Gao, Ierapetritou, Muzzio, AIChE J. "
    "2011): the tracer in the plant against the control model's kernels; +-2 %"
)
INJECT_S, FOLLOW_S = 900, 1000
GRID_S = 0.25
TOLERANCE = 0.02
EXPECTED_S = {
    "rtd_mean_s": 241.0, "rtd_sigma_s": 72.0, "rtd_t5_s": 143.0, "rtd_t50_s": 231.0, "rtd_t95_s": 374.0, "rtd_t99_s": 452.0,
}  # fmt: skip
QUANTILES = {"rtd_t5_s": 0.05, "rtd_t50_s": 0.50, "rtd_t95_s": 0.95, "rtd_t99_s": 0.99}
CORRELATION_TIMES_S = (1, 3, 10, 30, 60)


@dataclass(frozen=True)
class Pulse:
    """Share of a tracer pulse that leaves in each second after it was fed: behind the blender and at the tablet."""

    blender: np.ndarray
    tablet: np.ndarray


def tracer_pulse(files: LineFiles) -> Pulse:
    """Return what comes of a weightless marker fed within one second into the reference plant in steady running."""
    drive = Drive(files, [LinePlan(reference_plant(files))]).run(INJECT_S)
    drive.lines.inject_tracer(np.array([1.0]))
    out = np.zeros((2, FOLLOW_S))
    for second in range(FOLLOW_S):
        drive.step()
        path = drive.lines.path
        out[:, second] = path.blender_exit[0, TRACER], path.frame_exit[0, TRACER]
    return Pulse(out[0], out[1])


def residence_figures(pulse: Pulse) -> list[Figure]:
    """Return mean, spread and quantiles of the line's residence time."""
    share = pulse.tablet / pulse.tablet.sum()
    age = np.arange(share.size, dtype=float)
    mean = float((age * share).sum())
    found = {"rtd_mean_s": mean, "rtd_sigma_s": float(np.sqrt((share * (age - mean) ** 2).sum()))}
    cumulative = np.cumsum(share)
    # what has left by the end of second k was at most k + 1/2 old on average
    found |= {name: float(np.interp(q, cumulative, age + 0.5)) for name, q in QUANTILES.items()}
    return [
        Figure(
            name, found[name], "s", SOURCE, at_least=e * (1 - TOLERANCE), at_most=e * (1 + TOLERANCE), kind="verified"
        )
        for name, e in EXPECTED_S.items()
    ]  # fmt: skip


def attenuation(share: np.ndarray, correlation_s: float) -> float:
    """Return the share of a noise's standard deviation that is left behind a pulse response.

    share (n,) of a pulse per second; the noise is first order with that correlation time, sampled each second:
    var_out / var_in = sum_ij h_i h_j exp(-|i - j| / tau).
    """
    kernel = share / share.sum()
    products = np.correlate(kernel, kernel, mode="full")[kernel.size - 1 :]
    weights = np.exp(-np.arange(kernel.size) / correlation_s)
    return float(np.sqrt(products[0] + 2.0 * (products[1:] * weights[1:]).sum()))


def computed_density(place: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (age [s], density [1/s]) at a place ("blender", "tablet") by the control model's kernels, which share nothing
    with the plant.

    Blender 6 s and three tanks of 94.8 s together; hopper 64.8 s and a tank of 21.6 s; feed frame 3 s, tanks 39.8 s, 10.6 s.
    """
    time = np.arange(0.0, float(FOLLOW_S), GRID_S)
    density = tanks_in_series(time, 94.8, 3, 6.0)
    if place == "tablet":
        for mean_s in (21.6, 0.79 * 50.4, 0.21 * 50.4):
            density = convolve(density, tanks_in_series(time, mean_s, 1), GRID_S)
        density = dead_time(time, 67.8, density)
    return time, density


def computed_pulse() -> Pulse:
    """Return the share of a pulse that leaves in each second, by the control model's kernels."""
    a_second = round(1.0 / GRID_S)
    blender, tablet = (computed_density(place)[1] for place in ("blender", "tablet"))
    return Pulse(*(x.reshape(-1, a_second).sum(axis=1) * GRID_S for x in (blender, tablet)))


def noise_figures(pulse: Pulse) -> list[Figure]:
    """Return what is left of feeder noise of five correlation times, behind the blender and at the tablet."""
    figures, computed = [], computed_pulse()
    for correlation_s in CORRELATION_TIMES_S:
        for place in ("blender", "tablet"):
            wanted = attenuation(getattr(computed, place), correlation_s)
            value = attenuation(getattr(pulse, place), correlation_s)
            band = (wanted * (1.0 - TOLERANCE), wanted * (1.0 + TOLERANCE))
            name = f"noise_left_{place}_{correlation_s}_s"
            figures.append(Figure(name, value, "1", NOISE_SOURCE, at_least=band[0], at_most=band[1], kind="verified"))
    return figures
