"""Parcels: the tablets made in one second, followed by counter order until the gate has counted them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from line.modes import Regime
from line.records import EvidenceSource, MaterialState, Parcel, QualityState, Reason
from line.samples import Snapshot

GATE_TAGS = (
    "Press/TabletsRejected",
    "Diverter/TabletsSampled",
    "Diverter/TabletsAccepted",
    "Diverter/TabletsDiverted",
)
MADE_TAG = "Press/TabletsMade"


@dataclass(frozen=True)
class Made:
    """What is known of a parcel when its tablets leave the dies; fields as in `line.records.Parcel`."""

    step: int
    potency_pct_lc: float
    potency_nir_pct_lc: float
    potency_rtd_pct_lc: float
    potency_uncertainty_pct_lc: float
    tablet_mass_mg: float
    evidence: EvidenceSource
    nir_share: float
    quality: QualityState
    reason: Reason
    regime: Regime
    held_s: float
    model_hash: str


@dataclass(frozen=True)
class GateCounts:
    """Tablets the gate has counted in one second: rejected by the press, sampled, accepted, diverted."""

    rejected: int = 0
    sampled: int = 0
    accepted: int = 0
    diverted: int = 0


@dataclass
class _Open:
    made: Made
    counter_from: int
    counter_to: int
    left: int
    rejected: int = 0
    sampled: int = 0
    accepted: int = 0
    diverted: int = 0
    gate_reason: Reason | None = None


class ParcelBook:
    """Opens a parcel each second in which tablets were made, and closes it when the gate has counted all of them.

    Rejected and sampled tablets leave at ejection, within the second they are made: they belong to the newest parcel.
    The others reach the gate some seconds later. Tablets keep their order, so the next tablets that the gate counts are
    the oldest ones not yet counted; within one second the gate's earlier position comes first. Counters are relative to
    the first ones seen. Parcels tile the counter without gap or overlap; `lost` counts tablets that were counted behind
    the press but never made.
    """

    def __init__(self) -> None:
        self.open: deque[_Open] = deque()
        self.lost = 0
        self._made: int | None = None
        self._gate: dict[str, int] = {}
        self._accepting = False
        self._backlog: int | None = None

    @property
    def counter(self) -> int:
        """The last tablet counter seen."""
        return self._made or 0

    def count_made(self, snapshot: Snapshot) -> int:
        """Return tablets made since the last readable counter; 0 at the first sight, without a GOOD value, or if the
        counter runs backwards."""
        if not snapshot.good(MADE_TAG):
            return 0
        now = int(snapshot.value(MADE_TAG))
        before, self._made = self._made, max(now, self._made or 0)
        return 0 if before is None else max(now - before, 0)

    def count_gate(self, snapshot: Snapshot) -> GateCounts:
        """Return tablets counted at the gate since the last readable counters."""
        seen = []
        for tag in GATE_TAGS:
            now = int(snapshot.value(tag)) if snapshot.good(tag) else self._gate.get(tag, 0)
            before = self._gate.get(tag)
            if before is None and not snapshot.good(tag):
                seen.append(0)
                continue
            self._gate[tag] = max(now, before or 0)
            seen.append(0 if before is None else max(now - before, 0))
        if self._backlog is None and self._made is not None and len(self._gate) == len(GATE_TAGS):
            self._backlog = max(self._made - sum(self._gate.values()) - sum(p.left for p in self.open), 0)
        return GateCounts(*seen)

    def make(self, made: Made, n: int) -> None:
        """Open a parcel of n tablets, the last of which has the current counter."""
        if n > 0:
            self.open.append(_Open(made, self.counter - n, self.counter, n))

    def pass_gate(self, counts: GateCounts, gate_reason: Reason) -> tuple[Parcel, ...]:
        """Give this second's gate counts to the oldest tablets; return the parcels that are complete now.

        `gate_reason` is why the gate stood as it did when these tablets passed.
        """
        counts = self._without_backlog(counts)
        self._leave_at_ejection(counts.rejected, counts.sampled)
        first, second = (counts.accepted, counts.diverted) if self._accepting else (counts.diverted, counts.accepted)
        for parcel in self.open:
            a = min(first, parcel.left)
            b = min(second, parcel.left - a)
            first, second, parcel.left = first - a, second - b, parcel.left - a - b
            accepted, diverted = (a, b) if self._accepting else (b, a)
            parcel.accepted += accepted
            parcel.diverted += diverted
            if diverted and parcel.gate_reason is None:
                parcel.gate_reason = gate_reason
        self.lost += first + second
        if counts.accepted or counts.diverted:
            both = counts.accepted > 0 and counts.diverted > 0
            self._accepting = not self._accepting if both else counts.accepted > 0
        done = []
        while self.open and self.open[0].left == 0:
            done.append(_closed(self.open.popleft()))
        return tuple(done)

    def flush(self) -> tuple[Parcel, ...]:
        """Close what is open: tablets still on their way belong nowhere."""
        done = [_closed(parcel) for parcel in self.open]
        self.open.clear()
        return tuple(done)

    def _without_backlog(self, counts: GateCounts) -> GateCounts:
        """Take tablets off that were already behind the die when the book was opened."""
        if not self._backlog:
            return counts
        diverted = min(counts.diverted, self._backlog)
        accepted = min(counts.accepted, self._backlog - diverted)
        self._backlog -= diverted + accepted
        return GateCounts(counts.rejected, counts.sampled, counts.accepted - accepted, counts.diverted - diverted)

    def _leave_at_ejection(self, rejected: int, sampled: int) -> None:
        for parcel in reversed(self.open):
            r = min(rejected, parcel.left)
            s = min(sampled, parcel.left - r)
            rejected, sampled, parcel.left = rejected - r, sampled - s, parcel.left - r - s
            parcel.rejected += r
            parcel.sampled += s
        self.lost += rejected + sampled


def _closed(parcel: _Open) -> Parcel:
    made = parcel.made
    if parcel.accepted and parcel.diverted:
        material = MaterialState.MIXED
    elif parcel.accepted:
        material = MaterialState.ACCEPTED
    else:
        material = MaterialState.DIVERTED if parcel.diverted else MaterialState.NONE
    reason = made.reason
    if reason is Reason.CONFORMS and parcel.gate_reason is not None:
        reason = parcel.gate_reason
    return Parcel(
        step=made.step,
        counter_from=parcel.counter_from,
        counter_to=parcel.counter_to,
        made=parcel.counter_to - parcel.counter_from,
        rejected=parcel.rejected,
        sampled=parcel.sampled,
        accepted=parcel.accepted,
        diverted=parcel.diverted,
        potency_pct_lc=made.potency_pct_lc,
        potency_nir_pct_lc=made.potency_nir_pct_lc,
        potency_rtd_pct_lc=made.potency_rtd_pct_lc,
        potency_uncertainty_pct_lc=made.potency_uncertainty_pct_lc,
        tablet_mass_mg=made.tablet_mass_mg,
        evidence=made.evidence,
        nir_share=made.nir_share,
        quality=made.quality,
        reason=reason,
        material=material,
        regime=made.regime,
        held_s=made.held_s,
        model_hash=made.model_hash,
    )
