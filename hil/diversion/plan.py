"""Which shifts are simulated: ordinary ones with what happens to a line by itself, and lines full of targeted events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hil.validation.drive import LinePlan
from hil.validation.ensemble import STOP_LOG_SIGMA, STOP_MAX_S, STOP_MEDIAN_S
from line.configuration import PlantFault
from line.recipe import ReleaseRtd
from plant_sim.parameters import DRAW_LIMIT_SIGMA, PlantParameters, Quantity, draw_parameters

#: Seeds of plants and of what happens to them.
FIRST_SEED, CHANCE = 50_000, 83
#: Seconds of a line before anything is scored, and before anything happens to it.
SCORED_FROM_S, EVENTS_FROM_S = 600, 700
#: Bridges of the API feeder, deviations that its scale does not feel, press stops: how many an hour (estimates of the
#: process description, section 10.3; the second is ours).
BRIDGES_PER_H, UNFELT_PER_H, STOPS_PER_H = 0.25, 0.1, 0.3
#: Targeted events: one every so many seconds, as long as the line remembers; the longest [s].
EVENT_EVERY_S, EVENT_MAX_S = 420, 120


@dataclass(frozen=True)
class BenchPlan:
    """How many shifts of how many seconds, how many targeted events, how many lines run in step, the seed of all chance."""

    shifts: int = 200
    seconds: int = 7200
    events: int = 1000
    abreast: int = 67
    seed: int = 1

    @property
    def events_a_line(self) -> int:
        """Targeted events that one line has time for."""
        return max((self.seconds - EVENTS_FROM_S) // EVENT_EVERY_S, 1)

    @property
    def event_lines(self) -> int:
        """Lines that the targeted events need."""
        return -(-self.events // self.events_a_line)


QUICK = BenchPlan(shifts=12, seconds=3600, events=72, abreast=24)


def make_lines(nominal: PlantParameters, rtd: ReleaseRtd, plan: BenchPlan) -> list[LinePlan]:
    """Return every line: first the ordinary shifts, then those of the targeted events.

    Each has a plant of its own: parameters drawn as for any run, and the hold-ups of blender and feed frame and the plug
    share of the hopper off by the recipe's standard error, each for itself, cut at two of them.
    """
    lines = []
    for number in range(plan.shifts + plan.event_lines):
        seed = FIRST_SEED + 10_000 * plan.seed + number
        chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, CHANCE])))
        parameters = _with_rtd_error(draw_parameters(nominal, seed), nominal, rtd.relative_standard_error, chance)
        throughput = float(np.round(chance.uniform(rtd.throughput_min_kg_per_h, rtd.throughput_max_kg_per_h), 1))
        if number < plan.shifts:
            faults = _what_happens(chance, plan.seconds)
        else:
            left = plan.events - (number - plan.shifts) * plan.events_a_line
            faults = _targeted(chance, min(left, plan.events_a_line))
        lines.append(LinePlan(parameters, seed, faults=faults, throughput_kg_per_h=throughput))
    return lines


def _with_rtd_error(
    drawn: PlantParameters, nominal: PlantParameters, error: float, chance: np.random.Generator
) -> PlantParameters:
    z = np.clip(chance.standard_normal(3), -DRAW_LIMIT_SIGMA, DRAW_LIMIT_SIGMA)
    blender, hopper, frame = (1.0 + error * float(x) for x in z)
    return drawn.model_copy(
        update={
            "blender": drawn.blender.model_copy(update={"hold_up": _times(nominal.blender.hold_up, blender)}),
            "hopper": drawn.hopper.model_copy(update={"plug_share": _times(nominal.hopper.plug_share, hopper)}),
            "feed_frame": drawn.feed_frame.model_copy(update={"hold_up": _times(nominal.feed_frame.hold_up, frame)}),
        }
    )


def _times(quantity: Quantity, factor: float) -> Quantity:
    return quantity.model_copy(update={"value": min(max(quantity.value * factor, quantity.low), quantity.high)})


def _what_happens(chance: np.random.Generator, seconds: int) -> tuple[PlantFault, ...]:
    """Faults of an ordinary shift, each kind a Poisson process; one that begins before another has ended is left out."""
    faults: list[PlantFault] = []
    for name, per_h in (("api_interruption", BRIDGES_PER_H), ("mgst_bias", UNFELT_PER_H), ("press_stop", STOPS_PER_H)):
        at_s = float(EVENTS_FROM_S)
        while (at_s := at_s + float(chance.exponential(3600.0 / per_h))) < seconds - EVENT_EVERY_S:
            faults.append(_fault(name, chance, int(at_s)))
    kept: list[PlantFault] = []
    for fault in sorted(faults, key=lambda f: f.at_s):
        if not kept or fault.at_s >= kept[-1].at_s + (kept[-1].duration_s or 0):
            kept.append(fault)
    return tuple(kept)


def _fault(name: str, chance: np.random.Generator, at_s: int) -> PlantFault:
    if name == "press_stop":
        lasts = min(STOP_MEDIAN_S * float(np.exp(STOP_LOG_SIGMA * chance.standard_normal())), float(STOP_MAX_S))
        return PlantFault(name=name, at_s=at_s, duration_s=max(round(lasts), 5))
    if name == "api_interruption":
        lasts, severity = int(chance.integers(5, 31)), chance.uniform(70.0, 100.0)
    else:
        lasts, severity = int(chance.integers(20, EVENT_MAX_S + 1)), _either(chance, (-40.0, -15.0), (15.0, 60.0))
    return PlantFault(name=name, target="api", at_s=at_s, duration_s=lasts, severity=round(float(severity), 1))


def _targeted(chance: np.random.Generator, n: int) -> tuple[PlantFault, ...]:
    """One event every EVENT_EVERY_S: two in three the API feeder loses 30-100 % of its flow, one in three its scale does not
    feel that it feeds too little or too much; 10 to 120 s long, evenly on a logarithmic scale."""
    faults = []
    for i in range(n):
        lasts = round(float(np.exp(chance.uniform(np.log(10.0), np.log(EVENT_MAX_S)))))
        felt = chance.uniform() < 2.0 / 3.0
        severity = chance.uniform(30.0, 100.0) if felt else _either(chance, (-60.0, -15.0), (15.0, 100.0))
        name = "api_interruption" if felt else "mgst_bias"
        at_s = EVENTS_FROM_S + i * EVENT_EVERY_S
        faults.append(PlantFault(name=name, target="api", at_s=at_s, duration_s=lasts, severity=round(float(severity), 1)))
    return tuple(faults)


def _either(chance: np.random.Generator, low: tuple[float, float], high: tuple[float, float]) -> float:
    return float(chance.uniform(*(low if chance.uniform() < 0.5 else high)))
