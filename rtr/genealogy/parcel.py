"""Parcels: the tablets made in one second, followed by counter order until the gate has counted them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

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

    @property
    def total(self) -> int:
        """All tablets that passed."""
        return self.rejected + self.sampled + self.accepted + self.diverted


@dataclass
class _Open:
    made: Made
    counter_from: int
    counter_to: int
    left: int
    counts: GateCounts
    gate_reason: Reason | None = None


class ParcelBook:
    """Opens a parcel each second in which tablets were made, and closes it when the gate has counted all of them.

    The gate counts tablets some seconds after the die made them. Tablets keep their order, so the next tablets that the
    gate counts are the oldest ones not yet counted; within one gate second rejects and samples are spread in proportion
    and the gate's earlier position comes first. Counters are relative to the first ones seen. Parcels tile the counter
    without gap or overlap; `lost` counts tablets that the gate counted but no die made.
    """

    def __init__(self) -> None:
        self.open: deque[_Open] = deque()
        self.lost = 0
        self._made: int | None = None
        self._gate: dict[str, int] = {}
        self._last_accepting = False

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
        return GateCounts(*seen)

    def make(self, made: Made, n: int) -> None:
        """Open a parcel of n tablets, the last of which has the current counter."""
        if n > 0:
            self.open.append(_Open(made, self.counter - n, self.counter, n, GateCounts()))

    def pass_gate(self, counts: GateCounts, gate_reason: Reason) -> tuple[Parcel, ...]:
        """Give this second's gate counts to the oldest tablets; return the parcels that are complete now.

        `gate_reason` is why the gate stood as it did when these tablets passed.
        """
        shares = self._split(counts)
        for parcel, share in zip(list(self.open), shares):
            parcel.left -= share.total
            parcel.counts = _add(parcel.counts, share)
            if share.diverted and parcel.gate_reason is None:
                parcel.gate_reason = gate_reason
        if counts.accepted or counts.diverted:
            self._last_accepting = (
                counts.accepted > 0 if not (counts.accepted and counts.diverted) else not self._last_accepting
            )
        done = []
        while self.open and self.open[0].left == 0:
            done.append(_closed(self.open.popleft()))
        return tuple(done)

    def flush(self) -> tuple[Parcel, ...]:
        """Close what is open: tablets still on their way belong nowhere."""
        done = [_closed(parcel) for parcel in self.open]
        self.open.clear()
        return tuple(done)

    def _split(self, counts: GateCounts) -> list[GateCounts]:
        sizes, wanted = [], counts.total
        for parcel in self.open:
            if wanted == 0:
                break
            sizes.append(min(parcel.left, wanted))
            wanted -= sizes[-1]
        self.lost += wanted
        counts = _without(counts, wanted)
        rejected = spread(counts.rejected, sizes)
        rest = [n - r for n, r in zip(sizes, rejected)]
        sampled = spread(counts.sampled, rest)
        rest = [n - s for n, s in zip(rest, sampled)]
        first = counts.accepted if self._last_accepting else counts.diverted
        shares = []
        for n, r, s in zip(rest, rejected, sampled):
            take = min(n, first)
            first -= take
            accepted, diverted = (take, n - take) if self._last_accepting else (n - take, take)
            shares.append(GateCounts(r, s, accepted, diverted))
        return shares


def spread(n: int, sizes: list[int]) -> list[int]:
    """Return n split over places in proportion to their sizes, integers, each at most its size, earliest first on a tie.

    >>> spread(5, [10, 20, 10])
    [1, 3, 1]
    """
    total = sum(sizes)
    if n == 0 or total == 0:
        return [0] * len(sizes)
    n = min(n, total)
    shares = [n * size // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (-(n * sizes[i] % total), i))
    for i in by_remainder[: n - sum(shares)]:
        shares[i] += 1
    return shares


def _add(a: GateCounts, b: GateCounts) -> GateCounts:
    return GateCounts(a.rejected + b.rejected, a.sampled + b.sampled, a.accepted + b.accepted, a.diverted + b.diverted)


def _without(counts: GateCounts, surplus: int) -> GateCounts:
    """Take `surplus` tablets that no die made off the counts: diverted first, accepted last."""
    left = []
    for n in (counts.diverted, counts.rejected, counts.sampled, counts.accepted):
        take = min(n, surplus)
        surplus -= take
        left.append(n - take)
    return replace(counts, diverted=left[0], rejected=left[1], sampled=left[2], accepted=left[3])


def _closed(parcel: _Open) -> Parcel:
    made, counts = parcel.made, parcel.counts
    if counts.accepted and counts.diverted:
        material = MaterialState.MIXED
    elif counts.accepted:
        material = MaterialState.ACCEPTED
    else:
        material = MaterialState.DIVERTED if counts.diverted else MaterialState.NONE
    reason = made.reason
    if reason is Reason.CONFORMS and parcel.gate_reason is not None:
        reason = parcel.gate_reason
    return Parcel(
        step=made.step,
        counter_from=parcel.counter_from,
        counter_to=parcel.counter_to,
        made=parcel.counter_to - parcel.counter_from,
        rejected=counts.rejected,
        sampled=counts.sampled,
        accepted=counts.accepted,
        diverted=counts.diverted,
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
