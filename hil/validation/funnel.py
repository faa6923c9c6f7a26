"""How long the API feeder may fail before the tablets do: pulses in the plant against a convolution of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.wiring import LineFiles
from hil.figures import Figure
from hil.validation.drive import Drive, LinePlan, without_noise
from hil.validation.residence import GRID_S, computed_density
from hil.virtual_plant import reference_plant
from line.configuration import PlantFault
from plant_sim.extents import ACTIVE, TOTAL

FUNNEL_SOURCE = (
    "longest deviation of the API feeder that keeps the tablet's potency within the limit, 8 % product, 25 kg/h: pulses "
    "in the plant without noise, against box pulses through the control model's residence times; +-(1 s + 3 %)"
)
TABLE_SOURCE = "interruption of the API feeder, API flow at the tablet, computed for this product; +-5 % of the figure"
SHARE_SOURCE = "the same interruption as concentration, 0.92 of the flow because the total shrinks with the API; +-5 %"
DEVIATIONS_PCT = (-100, -50, -20, 20, 50, 100)
LIMITS_PCT = (5.0, 7.5, 10.0)
ONSET_S, FOLLOW_S, N_DURATIONS = 900, 620, 9
#: duration [s] -> change of API flow at the tablet [%]
INTERRUPTIONS = {12: -7.3, 17: -10.0, 25: -15.0, 30: -18.0}
CONCENTRATIONS = {12: -6.6, 30: -16.8}
SHARE_API = 0.08


@dataclass(frozen=True)
class Funnel:
    """Longest durations [s], (deviations, limits): at the tablet and behind the blender, and the convolution's."""

    tablet: np.ndarray
    blender: np.ndarray
    computed: np.ndarray


def computed_peaks(durations: np.ndarray, place: str) -> np.ndarray:
    """Return the largest share of a box pulse of each duration [s] that is at a place ("blender", "tablet") at one time."""
    time, density = computed_density(place)
    left = np.concatenate(([0.0], np.cumsum(density) * GRID_S))
    edges = np.concatenate(([0.0], time + GRID_S))
    return np.array([float((np.interp(edges + d, edges, left) - left).max()) for d in durations])


def flow_change(potency_change: np.ndarray | float) -> np.ndarray:
    """Return the change of API flow that a change of potency (both relative) stands for: (1 + x)/(1 + 0.08 x) = 1 + p."""
    change = np.asarray(potency_change, dtype=np.float64)
    return change / (1.0 - SHARE_API * (1.0 + change))


def computed_durations(deviation_pct: float, place: str) -> np.ndarray:
    """Return the longest duration [s] for each of LIMITS_PCT by the convolution."""
    durations = np.arange(1.0, 400.0, 1.0)
    sign = np.sign(deviation_pct)
    asked = np.abs(flow_change(sign * np.array(LIMITS_PCT) / 100.0)) / abs(deviation_pct / 100.0)
    return np.interp(asked, computed_peaks(durations, place), durations)


def measured_funnel(files: LineFiles) -> Funnel:
    """Return the funnel of the reference plant without noise, by pulses of several durations around the computed ones."""
    computed = np.array([computed_durations(d, "tablet") for d in DEVIATIONS_PCT])
    starts = [computed_durations(d, "blender")[0] for d in DEVIATIONS_PCT]
    durations = [
        np.unique(np.rint(np.geomspace(0.75 * low, 1.3 * row[-1], N_DURATIONS)).astype(int))
        for low, row in zip(starts, computed, strict=True)
    ]
    parameters = without_noise(reference_plant(files))
    plans = [LinePlan(parameters)]
    for deviation, some in zip(DEVIATIONS_PCT, durations, strict=True):
        plans += [LinePlan(parameters, faults=(_fault(deviation, int(d)),)) for d in some]
    tablet, blender = _peaks(Drive(files, plans))
    found = np.zeros((2, len(DEVIATIONS_PCT), len(LIMITS_PCT)))
    first = 1
    for row, some in enumerate(durations):
        mine = slice(first, first + some.size)
        first += some.size
        for place, peaks in enumerate((tablet, blender)):
            found[place, row] = np.interp(np.array(LIMITS_PCT) / 100.0, peaks[mine], some)
    return Funnel(found[0], found[1], computed)


def _fault(deviation_pct: int, duration_s: int) -> PlantFault:
    """A deviation that the scale does not feel, so that the loop does not answer; a stop is a stop."""
    if deviation_pct == -100:
        return PlantFault(name="api_interruption", at_s=ONSET_S, duration_s=duration_s)
    return PlantFault(name="mgst_bias", target="api", at_s=ONSET_S, duration_s=duration_s, severity=deviation_pct)


def _peaks(drive: Drive) -> tuple[np.ndarray, np.ndarray]:
    """Largest relative change of potency of each line against line 0: at the tablet, behind the blender."""
    drive.run(ONSET_S)
    peaks = np.zeros((2, drive.lines.n_lines))
    for _ in range(FOLLOW_S):
        drive.step()
        for row, flow in enumerate((drive.lines.path.frame_exit, drive.lines.path.blender_exit)):
            potency = flow[:, ACTIVE] / np.maximum(flow[:, TOTAL], 1e-12)
            peaks[row] = np.maximum(peaks[row], np.abs(potency / potency[0] - 1.0))
    return peaks[0], peaks[1]


def funnel_figures(funnel: Funnel) -> list[Figure]:
    """Return the tablet's funnel, each duration against the convolution's."""
    figures = []
    for row, deviation in enumerate(DEVIATIONS_PCT):
        for column, limit in enumerate(LIMITS_PCT):
            expected = float(funnel.computed[row, column])
            slack = 1.0 + 0.03 * expected
            name = f"funnel_{'minus' if deviation < 0 else 'plus'}_{abs(deviation)}_pct_within_{limit:g}_pct_s"
            value = float(funnel.tablet[row, column])
            figures.append(
                Figure(name, value, "s", FUNNEL_SOURCE, None, None, expected - slack, expected + slack, kind="verified")
            )
    return figures


def interruption_figures(files: LineFiles) -> list[Figure]:
    """Return what interruptions of the API feeder become at the tablet: as API flow, and as concentration."""
    parameters = without_noise(reference_plant(files))
    faults = [PlantFault(name="api_interruption", at_s=ONSET_S, duration_s=d) for d in INTERRUPTIONS]
    drive = Drive(files, [LinePlan(parameters), *(LinePlan(parameters, faults=(f,)) for f in faults)])
    tablet, _ = _peaks(drive)
    figures = []
    for i, (duration, expected) in enumerate(INTERRUPTIONS.items(), start=1):
        flow = 100.0 * float(flow_change(-tablet[i]))
        name = f"interruption_{duration}_s_api_flow_pct"
        figures.append(_loss(name, flow, expected, TABLE_SOURCE))
        if duration in CONCENTRATIONS:
            name = f"interruption_{duration}_s_potency_pct"
            figures.append(_loss(name, -100.0 * float(tablet[i]), CONCENTRATIONS[duration], SHARE_SOURCE))
    return figures


def _loss(name: str, value: float, expected: float, source: str) -> Figure:
    return Figure(name, value, "%", source, at_least=1.05 * expected, at_most=0.95 * expected, kind="verified")
