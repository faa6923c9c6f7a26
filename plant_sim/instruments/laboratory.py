"""At-line tester and assay: tablets are pulled, measured, and the result arrives later with their counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.effects import FaultEffects
from plant_sim.extents import Flags, Vector
from plant_sim.instruments.release_laboratory import ReleaseLaboratory
from plant_sim.streams import LABORATORY, NormalStream
from plant_sim.units.tablets import Tablets

N_NORMALS = 4
Events = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Sampling:
    """How often and how many tablets are pulled."""

    tester_interval_s: int = 300
    tester_n: int = 10
    assay_interval_s: int = 900
    assay_n: int = 10


@dataclass(frozen=True)
class Result:
    """One result on its way: where, kind (tester | assay), seconds of pull and delivery, values in plant units in the order
    of frame.TESTER_TAGS or ASSAY_TAGS: sample number, first and last counter, second of the pull, measured ones."""

    line: int
    kind: str
    pulled: int
    due: int
    values: tuple[float, ...]


class Laboratory:
    """Pulls the first accepted-by-the-press tablets of the sampling second, (n_lines), and measures them.

    The at-line assay spares its tablets (near-infrared transmission): they go on to the release laboratory.
    """

    def __init__(self, groups: dict[str, Columns], sampling: Sampling, seeds: Sequence[int]) -> None:
        self._g, self._plan = groups, sampling
        self._streams = {
            kind: NormalStream(seeds, LABORATORY + 100 * (i + 1), N_NORMALS, steps_a_block=4)
            for i, kind in enumerate(("tester", "assay"))
        }
        self._numbers = {kind: np.zeros(len(seeds), np.int64) for kind in self._streams}
        self._label: dict[int, tuple[float, ...]] = {}
        self._under_way: list[Result] = []
        self._next_due: float = np.inf
        self._target = groups["content"]["label_claim"] / groups["content"]["tablet_mass"]
        self.release = ReleaseLaboratory(groups, sampling.assay_n, seeds)

    def pull(self, second: int, tablets: Tablets, effects: FaultEffects) -> tuple[Flags, Events]:
        """Pull what is due in the second that ends at `second`; return (sampled (n_lines, tablets), events)."""
        sampled = np.zeros(tablets.made.shape, np.bool_)
        events: Events = []
        plan = self._plan
        for kind, interval, n in (
            ("tester", plan.tester_interval_s, plan.tester_n),
            ("assay", plan.assay_interval_s, plan.assay_n),
        ):
            if second % interval:
                continue
            normals = self._streams[kind].take()
            self.release.next_sample(kind)
            free = tablets.made & ~tablets.rejected & ~sampled
            for line in np.flatnonzero(free.sum(axis=1) >= n):
                chosen = np.flatnonzero(free[line])[:n]
                sampled[line, chosen] = True
                events.append(self._measure(kind, int(line), second, tablets, chosen, normals[line], effects))
        return sampled, events

    def _measure(
        self, kind: str, line: int, second: int, tablets: Tablets, chosen: np.ndarray, normals: Vector, effects: FaultEffects
    ) -> tuple[int, dict[str, Any]]:
        self._numbers[kind][line] += 1
        number = int(self._numbers[kind][line])
        counters = tablets.counter[line, chosen]
        label = (float(counters[0]), float(counters[-1]), float(second))
        if kind == "tester":
            self._send_to_tester(line, second, (float(number), *label), self._test(line, tablets, chosen, normals), effects)
        else:
            self._send_to_assay(line, second, number, label, self._assay(line, tablets, chosen, normals), effects)
            self.release.receive(line, second, number, tablets, chosen)
        event = {
            "code": "SAMPLE_PULLED",
            "kind": kind,
            "sample_id": number,
            "counter_from": int(counters[0]),
            "counter_to": int(counters[-1]),
            "n": len(chosen),
            "step": second,
        }
        return line, event

    def _send_to_tester(
        self, line: int, second: int, identity: tuple[float, ...], seen: tuple[float, float, float], effects: FaultEffects
    ) -> None:
        if effects.tester_out[line]:
            return
        weight, thickness, hardness = seen
        seen = (weight * float(effects.tester_weight[line]), thickness, hardness * float(effects.tester_hardness[line]))
        due = second + round(float(self._g["tester"]["delay"][line]))
        self._send(Result(line, "tester", second, due, (*identity, *seen)))

    def _send_to_assay(
        self, line: int, second: int, number: int, label: tuple[float, ...], potency: float, effects: FaultEffects
    ) -> None:
        """Send an assay result; a swapped sample keeps its number but carries counters and second of the one before."""
        before = self._label.get(line, label)
        self._label[line] = label
        shown = before if effects.sample_swap[line] else label
        due = second + round(float(self._g["assay"]["delay"][line] + effects.assay_late_s[line]))
        self._send(Result(line, "assay", second, due, (float(number), *shown, potency * float(effects.assay_gain[line]))))

    def _send(self, result: Result) -> None:
        self._under_way.append(result)
        self._next_due = min(self._next_due, result.due)

    def _test(self, line: int, tablets: Tablets, chosen: np.ndarray, z: Vector) -> tuple[float, float, float]:
        """Return mean weight [mg], thickness [mm] and breaking force [N] of the chosen tablets."""
        p, root = self._g["tester"], float(np.sqrt(chosen.size))
        diameter = self._g["compaction"]["die_diameter"][line]
        height = tablets.height_m[line, chosen]
        hardness = tablets.strength_pa[line, chosen] * np.pi * diameter * height / 2.0
        return (
            float(tablets.mass_kg[line, chosen].mean() + p["weight_noise"][line] * z[0] / root) * 1e6,
            float(height.mean() + p["thickness_noise"][line] * z[1] / root) * 1e3,
            float(hardness.mean() * (1.0 + p["hardness_noise"][line] * z[2] / root)),
        )

    def _assay(self, line: int, tablets: Tablets, chosen: np.ndarray, z: Vector) -> float:
        """Return the mean concentration of the chosen tablets [% of target]."""
        share = float((tablets.content_kg[line, chosen] / tablets.mass_kg[line, chosen]).mean())
        return share / float(self._target[line]) * 100.0 * (1.0 + float(self._g["assay"]["noise"][line] * z[3]))

    def deliver(self, second: int) -> list[Result]:
        """Return the results that arrive at `second`."""
        if second < self._next_due:
            return []
        arrived = [r for r in self._under_way if r.due <= second]
        self._under_way = [r for r in self._under_way if r.due > second]
        self._next_due = min((r.due for r in self._under_way), default=np.inf)
        return arrived

    def report(self, second: int) -> Events:
        """Return the release laboratory's results that arrive at `second`, as events."""
        return self.release.report(second)
