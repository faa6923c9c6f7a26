"""The release laboratory: content and weight of single tablets, hours after they were pulled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plant_sim.columns import Columns
from plant_sim.streams import RELEASE_LABORATORY, NormalStream
from plant_sim.units.tablets import Tablets


@dataclass(frozen=True)
class Report:
    """A report on its way: line, second it is due, the event that will carry it."""

    line: int
    due: int
    event: dict[str, Any]


class ReleaseLaboratory:
    """Measures each tablet of an at-line assay sample by a reference method, `delay` after the pull.

    content = true (1 + day + content_noise z), day one draw a line and report with SD `day_bias` (between-day precision:
    every report is a run of its own); weight = true + weight_noise z. Assay is the sample's content over its weight.
    Arrives as event LAB_RESULT with sample number and counters. Wrong where several samples share a run.
    """

    def __init__(self, groups: dict[str, Columns], n_units: int, seeds: Sequence[int]) -> None:
        self._p, content = groups["release_laboratory"], groups["content"]
        self._claim_kg = content["label_claim"]
        self._target = content["label_claim"] / content["tablet_mass"]
        self._every = np.maximum(np.rint(self._p["every"]), 1.0).astype(np.int64)
        self._stream = NormalStream(seeds, RELEASE_LABORATORY, 1 + 2 * n_units, steps_a_block=4)
        self._normals = np.zeros((len(seeds), 1 + 2 * n_units))
        self._under_way: deque[Report] = deque()

    def next_sample(self, kind: str) -> None:
        """Draw the chance of the next sample; only assay samples come here."""
        if kind == "assay":
            self._normals = self._stream.take()

    def receive(self, line: int, second: int, number: int, tablets: Tablets, chosen: np.ndarray) -> None:
        """Take the chosen tablets (indices of this second's) of a line's assay sample `number`, pulled at `second`."""
        if number % self._every[line]:
            return
        p, z, n = self._p, self._normals[line], chosen.size
        method = 1.0 + float(p["day_bias"][line]) * float(z[0])
        content = tablets.content_kg[line, chosen] * (method + p["content_noise"][line] * z[1 : 1 + n])
        weight = tablets.mass_kg[line, chosen] + p["weight_noise"][line] * z[1 + n : 1 + 2 * n]
        counters = tablets.counter[line, chosen]
        due = second + round(float(p["delay"][line]))
        event = {
            "code": "LAB_RESULT",
            "kind": "release",
            "sample_id": number,
            "counter_from": int(counters[0]),
            "counter_to": int(counters[-1]),
            "counters": [int(c) for c in counters],
            "pulled_step": second,
            "content_pct_lc": [round(float(c), 2) for c in content / self._claim_kg[line] * 100.0],
            "weight_mg": [round(float(w), 2) for w in weight * 1e6],
            "assay_pct_lc": round(float(content.sum() / weight.sum() / self._target[line]) * 100.0, 2),
            "n": int(n),
            "step": due,
        }
        self._under_way.append(Report(line, due, event))

    def report(self, second: int) -> list[tuple[int, dict[str, Any]]]:
        """Return (line, event) of the reports that arrive at `second`."""
        if not self._under_way:
            return []
        ready = [(r.line, r.event) for r in self._under_way if r.due <= second]
        if ready:
            self._under_way = deque(r for r in self._under_way if r.due > second)
        return ready
