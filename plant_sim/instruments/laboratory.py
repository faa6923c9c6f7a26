"""At-line tester and assay: tablets are pulled, measured, and the result arrives later with their counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import Flags, Vector
from plant_sim.streams import LABORATORY, NormalStream
from plant_sim.units.press import Tablets

N_NORMALS = 4


@dataclass(frozen=True)
class Sampling:
    """How often and how many tablets are pulled."""

    tester_interval_s: int = 300
    tester_n: int = 10
    assay_interval_s: int = 900
    assay_n: int = 10


@dataclass(frozen=True)
class Result:
    """One result on its way: where, kind (tester | assay), seconds of pull and delivery, identity, values by tag name."""

    line: int
    kind: str
    pulled: int
    due: int
    values: dict[str, float]


class Laboratory:
    """Pulls the first accepted-by-the-press tablets of the sampling second, (n_lines)."""

    def __init__(self, groups: dict[str, Columns], sampling: Sampling, seeds: Sequence[int]) -> None:
        self._g, self._plan = groups, sampling
        self._streams = {
            kind: NormalStream(seeds, LABORATORY + 100 * (i + 1), N_NORMALS, steps_a_block=4)
            for i, kind in enumerate(("tester", "assay"))
        }
        self._numbers = {kind: np.zeros(len(seeds), np.int64) for kind in self._streams}
        self._under_way: deque[Result] = deque()
        self._target = groups["content"]["label_claim"] / groups["content"]["tablet_mass"]

    def pull(self, second: int, tablets: Tablets) -> tuple[Flags, list[tuple[int, dict[str, Any]]]]:
        """Pull what is due in the second that ends at `second`; return (sampled (n_lines, tablets), events)."""
        sampled = np.zeros(tablets.made.shape, np.bool_)
        events: list[tuple[int, dict[str, Any]]] = []
        plan = self._plan
        for kind, interval, n in (
            ("tester", plan.tester_interval_s, plan.tester_n),
            ("assay", plan.assay_interval_s, plan.assay_n),
        ):
            if second % interval:
                continue
            normals = self._streams[kind].take()
            free = tablets.made & ~tablets.rejected & ~sampled
            for line in np.flatnonzero(free.sum(axis=1) >= n):
                chosen = np.flatnonzero(free[line])[:n]
                sampled[line, chosen] = True
                events.append(self._measure(kind, int(line), second, tablets, chosen, normals[line]))
        return sampled, events

    def _measure(
        self, kind: str, line: int, second: int, tablets: Tablets, chosen: np.ndarray, normals: Vector
    ) -> tuple[int, dict[str, Any]]:
        self._numbers[kind][line] += 1
        counters = tablets.counter[line, chosen]
        identity = {
            "SampleId": float(self._numbers[kind][line]),
            "CounterFrom": float(counters[0]),
            "CounterTo": float(counters[-1]),
            "PulledStep": float(second),
        }
        measured = (
            self._test(line, tablets, chosen, normals) if kind == "tester" else self._assay(line, tablets, chosen, normals)
        )
        due = second + round(float(self._g[kind]["delay"][line]))
        self._under_way.append(Result(line, kind, second, due, identity | measured))
        event = {
            "code": "SAMPLE_PULLED",
            "kind": kind,
            "sample_id": int(self._numbers[kind][line]),
            "counter_from": int(counters[0]),
            "counter_to": int(counters[-1]),
            "n": len(chosen),
            "step": second,
        }
        return line, event

    def _test(self, line: int, tablets: Tablets, chosen: np.ndarray, z: Vector) -> dict[str, float]:
        p, root = self._g["tester"], float(np.sqrt(chosen.size))
        diameter = self._g["compaction"]["die_diameter"][line]
        height = tablets.height_m[line, chosen]
        hardness = tablets.strength_pa[line, chosen] * np.pi * diameter * height / 2.0
        return {
            "WeightMean": float(tablets.mass_kg[line, chosen].mean() + p["weight_noise"][line] * z[0] / root) * 1e6,
            "ThicknessMean": float(height.mean() + p["thickness_noise"][line] * z[1] / root) * 1e3,
            "HardnessMean": float(hardness.mean() * (1.0 + p["hardness_noise"][line] * z[2] / root)),
        }

    def _assay(self, line: int, tablets: Tablets, chosen: np.ndarray, z: Vector) -> dict[str, float]:
        share = float((tablets.content_kg[line, chosen] / tablets.mass_kg[line, chosen]).mean())
        noise = 1.0 + float(self._g["assay"]["noise"][line] * z[3])
        return {"PotencyMean": share / float(self._target[line]) * 100.0 * noise}

    def deliver(self, second: int) -> list[Result]:
        """Return the results that arrive at `second`."""
        arrived = [r for r in self._under_way if r.due <= second]
        if arrived:
            self._under_way = deque(r for r in self._under_way if r.due > second)
        return arrived
