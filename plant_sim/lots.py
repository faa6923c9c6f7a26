"""Raw-material lots: which lot a feeder is refilled from, and the events of refilling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from line.configuration import LotLoad, Scenario
from plant_sim.faults import FEEDER_NAMES
from plant_sim.plc.feeder_loops import FeederLoops
from plant_sim.units.feeders import FeederBank

Events = list[tuple[int, dict[str, Any]]]


def first_lot(i_feeder: int) -> str:
    """Return the name of the lot a feeder (0..3) is filled with before the shift."""
    return f"{FEEDER_NAMES[i_feeder].upper()}-0001"


class LotSupply:
    """Lots of n lines x 4 feeders. A lot loaded at `at_s` arrives with the next refill that starts then or later."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._waiting: list[list[LotLoad]] = [sorted(s.lots, key=lambda lot: lot.at_s) for s in scenarios]
        self.lot = [[first_lot(i) for i in range(4)] for _ in scenarios]

    def opening(self, reading_kg: np.ndarray) -> Events:
        """Return the events of the fills before the shift; reading_kg (n, 4)."""
        lines = range(reading_kg.shape[0])
        return [(line, self._loaded(line, i, float(reading_kg[line, i]))) for line in lines for i in range(4)]

    def serve(self, second: int, loops: FeederLoops, feeders: FeederBank) -> Events:
        """Give refills that start now their lot, and report refills that start or end."""
        events: Events = []
        if loops.started.any():
            for line, i in np.argwhere(loops.started):
                self._change(second, int(line), int(i), feeders)
                events.append((int(line), {"code": "REFILL_STARTED", "feeder": int(i) + 1, "lot": self.lot[line][i]}))
        if loops.completed.any():
            for line, i in np.argwhere(loops.completed):
                mass = float(loops.loaded[line, i])
                events.append((int(line), {"code": "REFILL_COMPLETE", "feeder": int(i) + 1, "mass_kg": round(mass, 6)}))
                events.append((int(line), self._loaded(int(line), int(i), mass)))
        return events

    def _change(self, second: int, line: int, i_feeder: int, feeders: FeederBank) -> None:
        due = [lot for lot in self._waiting[line] if lot.feeder == i_feeder + 1 and lot.at_s <= second]
        for lot in due:
            self._waiting[line].remove(lot)
            self.lot[line][i_feeder] = lot.lot
            feeders.load_lot(line, i_feeder, 1.0 + lot.bulk_density_pct / 100.0)

    def _loaded(self, line: int, i_feeder: int, mass_kg: float) -> dict[str, Any]:
        lot = self.lot[line][i_feeder]
        return {"code": "MATERIAL_LOADED", "feeder": i_feeder + 1, "lot": lot, "mass_kg": round(mass_kg, 6)}
