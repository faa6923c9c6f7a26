"""The mass ledger: what the scales fed against what the containers hold and what is left in the line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from line.samples import Snapshot

BIN_TAGS = {
    "accepted": "Bin/AcceptedMass",
    "diverted": "Bin/DivertedMass",
    "rejected": "Bin/RejectedMass",
    "sampled": "Bin/SampledMass",
}
HOPPER_EMPTY_KG = 0.01


@dataclass(frozen=True)
class Ledger:
    """Mass balance of the lot [kg]: fed by the scales, in the containers, change of hold-up, on the way in the chute.

    `residual_pct` = 100 (fed - bins - hold-up - chute) / fed; NaN if a value is missing: then nothing is proven.
    `bin_gap_pct`: accepted container's share of all container mass against the share by counted tablets times
    predicted mass, in % of the lot: tablets that went the wrong way.
    """

    fed_kg: float
    accepted_kg: float
    diverted_kg: float
    rejected_kg: float
    sampled_kg: float
    hold_up_kg: float
    chute_kg: float
    residual_kg: float
    residual_pct: float
    bin_gap_pct: float


class LedgerBook:
    """Keeps the first and the last usable value of each scale; the feed frame has none, so its fill is followed.

    The frame counts as full once the press has drawn powder, and empties by what the press takes while the hopper is
    empty (below 10 g). Error: at most its hold-up for a line that is stopped in between.
    """

    def __init__(self, feeders: tuple[int, ...], frame_kg: float) -> None:
        self.fed_tags = tuple(f"Feeder{n}/Totalizer" for n in feeders)
        self.frame_full_kg, self.frame_kg = frame_kg, 0.0
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self._hold_tags = ("Blender/HoldUpMass", "Hopper/Level")

    def observe(self, snapshot: Snapshot, press_kg: float) -> None:
        """Take the values of this second; `press_kg` is the powder that the press took in."""
        for tag in (*self.fed_tags, *BIN_TAGS.values(), *self._hold_tags):
            value = snapshot.value(tag)
            if value == value:
                self.first.setdefault(tag, value)
                self.last[tag] = value
        level = self.last.get("Hopper/Level", math.nan)
        if not self.first_frame_known:
            self._start_frame(snapshot)
        if level > HOPPER_EMPTY_KG and press_kg > 0.0:
            self.frame_kg = self.frame_full_kg
        elif level <= HOPPER_EMPTY_KG:
            self.frame_kg = max(self.frame_kg - press_kg, 0.0)

    @property
    def first_frame_known(self) -> bool:
        """True once the fill of the feed frame at the start is settled."""
        return "frame" in self.first

    def _start_frame(self, snapshot: Snapshot) -> None:
        made = snapshot.value("Press/TabletsMade")
        if made == made:
            self.frame_kg = self.frame_full_kg if made > 0 else 0.0
            self.first["frame"] = self.frame_kg

    def close(self, counted_kg: dict[str, float], chute_kg: float) -> Ledger:
        """Return the ledger; counted_kg: tablets by the gate's counters times predicted mass, by container."""
        bins = {name: self._change(tag) for name, tag in BIN_TAGS.items()}
        fed = sum(self._change(tag) for tag in self.fed_tags)
        held = sum(self._change(tag) for tag in self._hold_tags) + self.frame_kg - self.first.get("frame", 0.0)
        residual = fed - sum(bins.values()) - held - chute_kg
        pct = 100.0 * residual / fed if fed > 0 else math.nan
        return Ledger(
            fed_kg=fed,
            accepted_kg=bins["accepted"],
            diverted_kg=bins["diverted"],
            rejected_kg=bins["rejected"],
            sampled_kg=bins["sampled"],
            hold_up_kg=held,
            chute_kg=chute_kg,
            residual_kg=residual,
            residual_pct=pct,
            bin_gap_pct=100.0 * (_share(bins) - _share(counted_kg)),
        )

    def _change(self, tag: str) -> float:
        return self.last[tag] - self.first[tag] if tag in self.last else math.nan


def _share(masses: dict[str, float]) -> float:
    total = sum(masses.values())
    return masses["accepted"] / total if total > 0 else math.nan
