"""A guided test as a plan: every input moved at once, each in its own rhythm, inside limits, rates and a quality budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apc.identification.fit import Vector
from flowsheet.assembly import Flowsheet
from flowsheet.layout import INPUTS, N_D, N_FEEDERS, N_U, OUTPUT, STEP_S

#: Size 1 of the test, relative to the recipe: half the swing of each input, and of the common flow.
SWING: Mapping[str, float] = {
    "mass_flow_api": 0.06, "mass_flow_premix": 0.02, "mass_flow_lactose": 0.03, "mass_flow_lubricant": 0.15,
    "force_main": 0.08, "height_main": 0.006, "level_hopper": 0.08, "speed_impeller": 0.10,
}  # fmt: skip
FLOW_SWING = 0.08
#: Mean seconds between two switches: about the time in which what the input moves has shown itself at its instrument.
SWITCH_S: Mapping[str, float] = {
    "mass_flow_api": 180, "mass_flow_premix": 240, "mass_flow_lactose": 240, "mass_flow_lubricant": 900,
    "force_main": 600, "height_main": 600, "level_hopper": 600, "speed_impeller": 500,
}  # fmt: skip
FLOW_SWITCH_S = 700.0
#: What the model does not know of itself, as a share of what it predicts.
MARGIN = 0.25
#: Outputs that a quality budget bounds [% of target].
QUALITY = ("potency_tablet", "weight", "hardness")
#: Settling of the model before the test [decisions].
SETTLE = 720


@dataclass(frozen=True)
class Reach:
    """What inputs may do, scaled: low, high, rate a decision (N_U,); rate of the total flow; its low and high."""

    low: Vector
    high: Vector
    rate: Vector
    flow_rate: float
    flow_low: float
    flow_high: float


@dataclass(frozen=True)
class GuidedTest:
    """inputs (n, N_U) scaled set-points, one row a decision; deviation: largest predicted deviation of each quality
    [% of its value at rest], margin included, and the decision at which it happens."""

    inputs: Vector
    deviation: Mapping[str, tuple[float, int]]

    @property
    def seconds(self) -> float:
        """Length [s]."""
        return len(self.inputs) * STEP_S


def plan_test(flowsheet: Flowsheet, reach: Reach, minutes: float, size: float, seed: int) -> GuidedTest:
    """Return a test of `minutes` around the recipe (inputs 1), `size` times the swings of SWING.

    Each input is a generalised binary noise (Tulleken, Automatica 26 (1990) 37): +-swing, switching with one chance a
    decision that gives SWITCH_S on average; walked to at the allowed rate and held inside the limits. Feeders also follow
    a common one, so that total flow and ratios are both moved. It begins and ends at the recipe. Deterministic by seed.
    """
    n = round(minutes * 60.0 / STEP_S)
    generator = np.random.default_rng(seed)
    common = _binary(generator, n, FLOW_SWITCH_S) * FLOW_SWING * size
    wanted = np.ones((n, N_U))
    for i, name in enumerate(INPUTS):
        wanted[:, i] += _binary(generator, n, SWITCH_S[name]) * SWING[name] * size
    wanted[:, :N_FEEDERS] *= 1.0 + common[:, None]
    home = max(round(2.0 * FLOW_SWING * size / reach.flow_rate), 1)
    wanted[max(n - home, 0) :] = 1.0
    inputs = _walked(wanted, reach, np.asarray(flowsheet.parameters.fractions))
    return GuidedTest(inputs, _deviation(flowsheet, inputs))


def _binary(generator: np.random.Generator, n: int, switch_s: float) -> Vector:
    """Return (n,) of -1 and 1 that begins with either."""
    switches = generator.random(n) < STEP_S / switch_s
    start = 1.0 if generator.random() < 0.5 else -1.0
    signs: Vector = start * np.where(np.cumsum(switches) % 2 == 0, 1.0, -1.0)
    return signs


def _walked(wanted: Vector, reach: Reach, fractions: Vector) -> Vector:
    """Return the set-points that rates and limits let follow `wanted`; the total flow walks at its own rate."""
    now, rows = np.ones(N_U), []
    for goal in np.clip(wanted, reach.low, reach.high):
        step = np.clip(goal - now, -reach.rate, reach.rate)
        total = float(fractions @ step[:N_FEEDERS])
        if abs(total) > reach.flow_rate:
            step[:N_FEEDERS] *= reach.flow_rate / abs(total)
        after = float(fractions @ (now + step)[:N_FEEDERS])
        if not reach.flow_low <= after <= reach.flow_high:
            step[:N_FEEDERS] = 0.0
        now = now + step
        rows.append(now)
    return np.array(rows)


def _deviation(flowsheet: Flowsheet, inputs: Vector) -> dict[str, tuple[float, int]]:
    n = len(inputs)
    whole = np.vstack([np.ones((SETTLE, N_U)), inputs])
    d = np.zeros((N_D, len(whole)))
    x = flowsheet.step.mapaccum(len(whole))(flowsheet.x_nominal, whole.T, d)
    y = np.array(flowsheet.outputs.map(len(whole))(x, whole.T, d))
    found = {}
    for name in QUALITY:
        series = y[OUTPUT[name]]
        off = 100.0 * (series[-n:] / series[SETTLE - 1] - 1.0) * (1.0 + MARGIN)
        worst = int(np.argmax(np.abs(off)))
        found[name] = (float(off[worst]), worst)
    return found
