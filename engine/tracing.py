"""The genealogy of a lot from its record alone: raw-material lots followed from the feeders into every parcel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.replay import recorded
from historian.frames import unpack_frame
from historian.queries import RecordReader
from line.errors import RecordError
from line.recipe import Recipe
from line.samples import Snapshot
from rtr.genealogy.front import Front, hold_ups
from rtr.genealogy.lot_queries import Genealogy, genealogy_of
from rtr.genealogy.material_lots import Load, LotFollower
from rtr.genealogy.parcel import ParcelBook

#: A gap in the record longer than this [s] is stepped through no further: what the line did is not known.
GAP_MAX_S = 1800


def trace(folder: Path, progress: Callable[[int], None] | None = None) -> Genealogy:
    """Return the genealogy of the lot in `folder`. It reads the record and nothing else; it writes nothing.

    Errors: RecordError if the record cannot be read or names no recipe or no lots; DataError if nothing was made.
    """
    with RecordReader(folder) as reader:
        if "recipe" not in reader.meta:
            raise RecordError("the record names no recipe", where=str(reader.path), what_now="Only lots of an engine have one.")
        recipe, loads = recorded(reader, "recipe", Recipe), recorded_loads(reader)
        if not loads:
            raise RecordError("the record names no raw-material lots", where=str(reader.path))
        lots = {load.lot: load.feeder for load in loads}
        shares: dict[int, NDArray[np.float32]] = {}
        spread: dict[int, float] = {}
        front, book, follower, before = Front(recipe), ParcelBook(), None, 0
        for entry in reader.entries("frame"):
            snapshot = Snapshot(reader.register, unpack_frame(entry.body, reader.register, {}))
            if follower is None:
                follower, before = LotFollower(recipe, list(lots), loads, hold_ups(snapshot, recipe)), snapshot.step - 1
            if snapshot.step <= before:
                continue
            elapsed_s, made = min(snapshot.step - before, GAP_MAX_S), book.count_made(snapshot)
            reading = front.read(snapshot, made, elapsed_s)
            flows = [road.flow_kg_per_s for road in front.feeders.roads]
            now = follower.follow(snapshot.step, reading, flows, elapsed_s)
            if made > 0:
                shares[snapshot.step], spread[snapshot.step] = now, reading.spread_pct
            before = snapshot.step
            if progress is not None:
                progress(snapshot.step)
        return genealogy_of(lots, reader.parcels(), shares, spread)


def recorded_loads(reader: RecordReader) -> list[Load]:
    """Return what came into the feeders by the record's events, each from the start of its refill to its end."""
    started: dict[int, int] = {}
    loads = []
    for step, body in reader.events():
        told = body["extra"]
        if body["subject"] == "REFILL_STARTED":
            started[int(told["feeder"])] = step
        elif body["subject"] == "MATERIAL_LOADED":
            feeder = int(told["feeder"])
            loads.append(Load(feeder, str(told["lot"]), float(told["mass_kg"]), started.pop(feeder, step), step))
    return loads
