"""Raw-material lots: what they are like, which one a feeder is refilled from, and the events of refilling."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from line.configuration import LotLoad, Scenario
from plant_sim.columns import Columns
from plant_sim.extents import LOT_SLOTS, LOTS_FROM, N_FEEDERS, Counts
from plant_sim.faults import FEEDER_NAMES
from plant_sim.parameters import DRAW_LIMIT_SIGMA
from plant_sim.plc.feeder_loops import FeederLoops
from plant_sim.streams import LOTS
from plant_sim.units.feeder_hopper import LotProperties
from plant_sim.units.feeders import FeederBank

Events = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class LotSpread:
    """How far lots of one component lie apart: relative standard deviations [fraction], and its usual moisture [kg/kg]."""

    bulk_density: float
    compressibility: float
    particle_size: float
    purity: float
    moisture: float
    moisture_usual: float


def first_lot(i_feeder: int) -> str:
    """Return the name of the lot a feeder (0..3) is filled with before the shift."""
    return f"{FEEDER_NAMES[i_feeder].upper()}-0001"


def draw_lot(name: str, seed: int, spread: LotSpread) -> LotProperties:
    """Return the properties of the lot of this name as the plant of this seed (>= 0) gets it; always the same.

    Each is normal around the reference and cut at DRAW_LIMIT_SIGMA; they are drawn independently, which is wrong where
    one cause moves several (finer lots are also lighter).
    """
    words = np.random.SeedSequence([seed, LOTS, zlib.crc32(name.encode())])
    normals = np.random.Generator(np.random.PCG64(words)).standard_normal(5)
    z = np.clip(normals, -DRAW_LIMIT_SIGMA, DRAW_LIMIT_SIGMA).tolist()
    return LotProperties(
        bulk_density=spread.bulk_density * z[0],
        compressibility=spread.compressibility * z[1],
        particle_size=spread.particle_size * z[2],
        purity=spread.purity * z[3],
        moisture=spread.moisture_usual * (1.0 + spread.moisture * z[4]),
    )


def lot_properties(load: LotLoad, seed: int, spread: LotSpread) -> LotProperties:
    """Return what a lot is like: what the load gives, and for the rest the reference or, if it asks so, a draw."""
    base = draw_lot(load.lot, seed, spread) if load.properties == "drawn" else LotProperties()
    return LotProperties(
        bulk_density=_given(load.bulk_density_pct, base.bulk_density),
        compressibility=_given(load.compressibility_pct, base.compressibility),
        particle_size=_given(load.particle_size_pct, base.particle_size),
        purity=_given(load.purity_pct, base.purity),
        moisture=base.moisture if load.moisture_w_w is None else load.moisture_w_w / 100.0,
    )


def certificate(load: LotLoad, lot: LotProperties) -> dict[str, float]:
    """Return what the supplier states of a lot: purity, moisture and particle size, where given or drawn, as rounded.

    Keys as in LotLoad, % of the reference or % w/w. Right by construction unless a fault makes the material another one.
    """
    drawn = load.properties == "drawn"
    stated: dict[str, float] = {}
    if drawn or load.purity_pct is not None:
        stated["purity_pct"] = round(100.0 * lot.purity, 2)
    if drawn or load.particle_size_pct is not None:
        stated["particle_size_pct"] = round(100.0 * lot.particle_size, 1)
    if lot.moisture is not None:
        stated["moisture_w_w"] = round(100.0 * lot.moisture, 2)
    return stated


def _given(percent: float | None, otherwise: float) -> float:
    return otherwise if percent is None else percent / 100.0


class LotSupply:
    """Lots of n lines x 4 feeders. A lot loaded at `at_s` arrives with the next refill that starts then or later.

    Each lot is counted in one of LOT_SLOTS slots of its feeder; a new one takes the next slot, round and round, a known
    one its own again. When the ring wraps, what is still left of the lot LOT_SLOTS changes ago counts as the new one:
    about half of it stays with each refill, so less than a thousandth if the lots between lasted four refills each.
    """

    def __init__(self, scenarios: Sequence[Scenario], seeds: Sequence[int], feeder: Columns) -> None:
        self._waiting: list[list[LotLoad]] = [sorted(s.lots, key=lambda lot: lot.at_s) for s in scenarios]
        self._seeds, self._feeder = list(seeds), feeder
        self.lot = [[first_lot(i) for i in range(N_FEEDERS)] for _ in scenarios]
        self.slots: list[list[list[str]]] = [[[name] for name in names] for names in self.lot]
        self.column: Counts = np.tile(LOTS_FROM + LOT_SLOTS * np.arange(N_FEEDERS), (len(scenarios), 1))
        self._stated: list[list[dict[str, float]]] = [[{} for _ in range(N_FEEDERS)] for _ in scenarios]
        self._newest = np.zeros((len(scenarios), N_FEEDERS), np.int64)

    def opening(self, reading_kg: np.ndarray) -> Events:
        """Return the events of the fills before the shift; reading_kg (n, 4)."""
        lines = range(reading_kg.shape[0])
        return [(line, self._loaded(line, i, float(reading_kg[line, i]))) for line in lines for i in range(N_FEEDERS)]

    def serve(self, second: int, loops: FeederLoops, feeders: FeederBank) -> Events:
        """Give refills that start now their lot, and report refills that start or end."""
        events: Events = []
        if not loops.switched:
            return events
        for line, i in np.argwhere(loops.started).tolist():
            self._change(second, line, i, feeders)
            events.append((line, {"code": "REFILL_STARTED", "feeder": i + 1, "lot": self.lot[line][i]}))
        for line, i in np.argwhere(loops.ended).tolist():
            mass = max(float(loops.loaded[line, i]), 0.0)
            if loops.completed[line, i]:
                events.append((line, {"code": "REFILL_COMPLETE", "feeder": i + 1, "mass_kg": round(mass, 6)}))
            events.append((line, self._loaded(line, i, mass)))
        return events

    def _change(self, second: int, line: int, i_feeder: int, feeders: FeederBank) -> None:
        due = [lot for lot in self._waiting[line] if lot.feeder == i_feeder + 1 and lot.at_s <= second]
        for load in due:
            self._waiting[line].remove(load)
            usual = float(feeders.hopper.moisture[line, i_feeder])
            lot = lot_properties(load, self._seeds[line], self._spread(line, i_feeder, usual))
            slot = self._slot(line, i_feeder, load.lot)
            feeders.load_lot(line, i_feeder, lot, slot)
            self.lot[line][i_feeder] = load.lot
            self._stated[line][i_feeder] = certificate(load, lot)
            self.column[line, i_feeder] = LOTS_FROM + LOT_SLOTS * i_feeder + slot

    def _slot(self, line: int, i_feeder: int, name: str) -> int:
        names = self.slots[line][i_feeder]
        if name in names:
            return names.index(name)
        if len(names) < LOT_SLOTS:
            names.append(name)
            self._newest[line, i_feeder] = len(names) - 1
        else:
            self._newest[line, i_feeder] = (self._newest[line, i_feeder] + 1) % LOT_SLOTS
            names[self._newest[line, i_feeder]] = name
        return int(self._newest[line, i_feeder])

    def _spread(self, line: int, i_feeder: int, moisture_usual: float) -> LotSpread:
        density, compressibility, size, purity, moisture = (
            float(self._feeder[f"lot_{name}_sigma"][line, i_feeder])
            for name in ("bulk_density", "yield", "size", "purity", "moisture")
        )
        return LotSpread(density, compressibility, size, purity, moisture, moisture_usual)

    def _loaded(self, line: int, i_feeder: int, mass_kg: float) -> dict[str, Any]:
        lot = self.lot[line][i_feeder]
        event = {"code": "MATERIAL_LOADED", "feeder": i_feeder + 1, "lot": lot, "mass_kg": round(mass_kg, 6)}
        return event | self._stated[line][i_feeder]
