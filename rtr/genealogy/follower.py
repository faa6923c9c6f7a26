"""Follows the material of n lines in step: what is known of the tablets in the dies, and of those to come.

One second on line and a thousand lines in a benchmark pass through the same code; on line there is one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.recipe import Recipe
from rtr.genealogy.front import Reading
from rtr.genealogy.posterior import Discrepancy
from rtr.genealogy.probe import ProbeRoad
from rtr.genealogy.propagation import Flows, Line
from rtr.genealogy.risk import Masses, Risk, risk_of, risk_outside
from rtr.genealogy.roads import RoadMap, Roads
from rtr.genealogy.window import Windows
from sensing.verdict import SpectrumVerdict

#: A deviation of the feed counts as one for the window rule if its mean over so many seconds is outside.
TRIGGER_MEAN_S = 10


@dataclass(frozen=True)
class Sight:
    """Roads of the tablets in the dies, (n_lines,), and of the next seconds, (seconds, n_lines); and which of them the
    recipe's rule calls outside; `risk` of now, if the rule is that of the risk."""

    now: Roads
    ahead: Roads
    outside: NDArray[np.bool_]
    outside_ahead: NDArray[np.bool_]
    risk: Risk | None = None


class Follower:
    """Line, spectra and posterior of n lines in step, and the recipe's rule for excursions of potency."""

    def __init__(self, recipe: Recipe, sensor_hash: str, sample_s: float, hold_ups: Sequence[tuple[float, float]]) -> None:
        self.recipe = recipe
        blender, hopper = np.array(hold_ups, dtype=np.float64).T
        self.line = Line(recipe.rtd, blender, hopper)
        self.road_map = RoadMap(recipe, self.line)
        self.probes = [ProbeRoad(recipe.evidence, sensor_hash, sample_s, i) for i in range(len(hold_ups))]
        self.both = Discrepancy(self.line, recipe.diversion.filter_gain, self.probes[0].sample_s)
        n = len(hold_ups)
        self.windows = Windows(recipe.rtd, recipe.diversion.window_tail, n) if recipe.diversion.rule == "window" else None
        self._fed = np.full((TRIGGER_MEAN_S, n), recipe.fraction(recipe.product.api))

    def advance(
        self, step: int, readings: Sequence[Reading], verdicts: Sequence[SpectrumVerdict | None], elapsed_s: int = 1
    ) -> list[bool]:
        """Let `elapsed_s` seconds pass until `step`; return for each line whether release may use its spectrum."""
        flows = _flows(readings)
        fed = np.array([reading.fed for reading in readings])
        for late in range(elapsed_s - 1, -1, -1):
            self.line.advance(step - late, flows, fed)
            self.both.carry(step - late, self.line)
        used = [probe.see(step, verdict, self.line) for probe, verdict in zip(self.probes, verdicts, strict=True)]
        for i, probe in enumerate(self.probes):
            if probe.told is not None:
                self.both.learn(i, *probe.told, self.line)
        if self.windows is not None:
            self._book(self.windows, fed, flows)
        return used

    def _book(self, windows: Windows, fed: NDArray[np.float64], flows: Flows) -> None:
        limit, target = self.recipe.diversion.divert_limit_pct / 100.0, self.recipe.fraction(self.recipe.product.api)
        feed = np.asarray(flows.feed_kg_per_s)
        self._fed = np.vstack([self._fed[1:], np.where(feed > 0.0, fed[:, 0], target)])
        told = np.array([probe.told[1] if probe.told is not None else target for probe in self.probes])
        by_scales, by_probe = (np.abs(x / target - 1.0) > limit for x in (self._fed.mean(axis=0), told))
        windows.see(feed, by_scales, by_probe, np.asarray(flows.press_kg_per_s) > 0.0)

    def look(self, masses: Masses, seconds: int, press_kg_per_s: NDArray[np.float64] | float) -> Sight:
        """Return what is known of the tablets in the dies and of those of the next `seconds`, by the recipe's rule."""
        now = self.road_map.read(self.line.die)
        ahead = self.road_map.read(self.line.look_ahead(seconds, press_kg_per_s))
        if self.windows is not None:
            return Sight(now, ahead, self.windows.booked[0], self.windows.booked[1 : seconds + 1])
        if self.recipe.diversion.rule == "prediction":
            return Sight(now, ahead, self.road_map.predicted_outside(now), self.road_map.predicted_outside(ahead))
        risks = [risk_of(roads, masses, self.recipe) for roads in (now, ahead)]
        outside = [
            risk_outside(risk, self.road_map.filed(roads), self.recipe.diversion)
            for risk, roads in zip(risks, (now, ahead), strict=True)
        ]
        return Sight(now, ahead, outside[0], outside[1], risks[0])


def _flows(readings: Sequence[Reading]) -> Flows:
    rows = [(r.feed_kg_per_s, r.press_kg_per_s, r.impeller_rev_per_s, r.hopper_kg) for r in readings]
    feed, press, impeller, hopper = np.array(rows).T
    return Flows(feed, press, impeller, hopper, np.array([r.held for r in readings]))
