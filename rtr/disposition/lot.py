"""The lot: what was made, accepted and measured, and the verdict the engine recommends."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError
from line.recipe import Recipe
from line.records import Disposition, EvidenceSource, Parcel, QualityState, Reason, plain
from line.samples import Snapshot
from rtr.disposition.attributes import Attribute, Trend, assay_trend, within
from rtr.disposition.content import Contents, designed_attribute, designed_sample, drawn_attribute, drawn_sample
from rtr.disposition.design import DesignedSample
from rtr.disposition.draw import Drawn
from rtr.disposition.laboratory import LaboratoryBook, LabResult
from rtr.disposition.ledger import Ledger, LedgerBook
from rtr.disposition.rules import LotFacts, apply_rules
from rtr.disposition.sensor_checks import AssayPair, SensorChecks, check_sensor
from rtr.disposition.summary import Summary, summarise
from rtr.statistics.uniformity import UniformityResult

#: Diversions for these reasons belong to the plan of the shift; they are not excursions.
PLANNED = frozenset(
    {
        Reason.START_UP,
        Reason.RUN_OUT_MATERIAL,
        Reason.LINE_NOT_RUNNING,
        Reason.LINE_HOLD,
        Reason.HELD_TOO_LONG,
        Reason.THROUGHPUT_TRANSITION,
        Reason.PLC_LOCAL,
    }
)


TABLETS = ("made", "rejected", "sampled", "accepted", "diverted")


@dataclass(frozen=True)
class TesterSample:
    """One at-line tester result: tablets by counter, means of mass [mg], thickness [mm] and breaking force [N]."""

    sample_id: int
    counter_from: int
    counter_to: int
    mass_mg: float
    thickness_mm: float
    hardness_n: float


@dataclass(frozen=True)
class LotVerdict:
    """What the engine says of the lot, with everything it rests on. Potencies in % of label claim, masses in kg.

    `design` is the designed sample that decides on content uniformity; `acceptance_value` that of the decisive stage of
    <905> on the `drawn` tablets, None without them. `descriptive` decides nothing.
    """

    disposition: Disposition
    reasons: tuple[tuple[Reason, str], ...]
    attributes: tuple[Attribute, ...]
    acceptance_value: float | None
    uniformity: UniformityResult | None
    drawn: tuple[Drawn, ...]
    design: DesignedSample
    trend: Trend
    ledger: Ledger
    sensor: SensorChecks
    assays: tuple[AssayPair, ...]
    tablets: dict[str, int]
    shares: dict[str, float]
    divert_events: int
    descriptive: Summary
    recipe_id: str
    recipe_hash: str

    def body(self) -> dict[str, Any]:
        """Return the JSON form."""
        return plain(asdict(self))


class LotBook:
    """Collects parcels in counter order, sample results and the ledger; judges when asked. Nothing here adapts."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        feeders = tuple(c.feeder for c in recipe.product.components)
        self.ledger = LedgerBook(feeders, recipe.rtd.feed_frame_hold_up_kg)
        self.parcels: list[Parcel] = []
        self.unit_mass_mg: list[NDArray[np.float32] | None] = []
        self.mass_doubt_pct: list[float] = []
        self.testers: dict[int, TesterSample] = {}
        self.assays: dict[int, tuple[int, int, float]] = {}
        self.laboratory = LaboratoryBook()
        self._ends: list[int] = []

    def add(self, parcel: Parcel, unit_mass_mg: NDArray[np.float32] | None, mass_doubt_pct: float = 0.0) -> None:
        """Add the next finished parcel with the masses of single tablets made then, if there are any, and the doubt
        about masses by force [%] at that time.

        Errors: DataError for a parcel that comes twice or out of order: its tablets would count twice.
        """
        last = self._ends[-1] if self._ends else parcel.counter_from
        if not last <= parcel.counter_from <= parcel.counter_to:
            raise DataError(
                "a parcel comes twice or out of order",
                where=f"second {parcel.step}",
                how_much=f"tablets {parcel.counter_from + 1}..{parcel.counter_to} after {last}",
                what_now="Nothing is decided on it: see `kilter lot verify`.",
            )
        self.parcels.append(parcel)
        self.unit_mass_mg.append(unit_mass_mg)
        self.mass_doubt_pct.append(mass_doubt_pct)
        self._ends.append(parcel.counter_to)

    def between(self, counter_from: int, counter_to: int) -> list[Parcel]:
        """Return the parcels that hold tablets counter_from .. counter_to (both inclusive)."""
        first = bisect_left(self._ends, counter_from)
        last = bisect_left(self._ends, counter_to)
        return self.parcels[first : last + 1]

    def note_assay(self, snapshot: Snapshot) -> bool:
        """Take a new at-line assay result; return True if there was one."""
        tags = ("Assay/SampleId", "Assay/CounterFrom", "Assay/CounterTo", "Assay/PotencyMean")
        if not all(snapshot.good(tag) for tag in tags) or snapshot.value(tags[0]) < 1:
            return False
        sample_id, first, last, potency = (snapshot.value(tag) for tag in tags)
        if int(sample_id) in self.assays:
            return False
        self.assays[int(sample_id)] = (int(first), int(last), potency)
        return True

    def note_tester(self, snapshot: Snapshot, sample: tuple[int, int, int, float]) -> None:
        """Keep a tester sample with its thickness and hardness (NaN unless GOOD)."""
        thickness, hardness = (
            snapshot.value(tag) if snapshot.good(tag) else math.nan for tag in ("Tester/ThicknessMean", "Tester/HardnessMean")
        )
        sample_id, first, last, mass = sample
        self.testers[sample_id] = TesterSample(sample_id, first, last, mass, thickness, hardness)

    def note_laboratory(self, result: LabResult) -> None:
        """Take a late laboratory result. Errors: DataError if its counters are not those of tablets that were sampled."""
        parcels = self.between(result.counter_from, result.counter_to)
        last = self._ends[-1] if self._ends else 0
        if result.counter_to > last or not any(p.sampled > 0 for p in parcels):
            raise DataError(
                "no sample was pulled among these tablets",
                where=f"sample {result.sample}",
                how_much=f"{result.counter_from}..{result.counter_to}, the lot ends at {last}",
                what_now="Give the counters that stand in the record's SAMPLE_PULLED event.",
            )
        self.laboratory.add(result)

    def dispose(
        self, *, open_exceptions: Sequence[str], complete: bool, seed: int, residuals: Sequence[tuple[int, float]]
    ) -> LotVerdict:
        """Return the verdict. `seed` fixes the draw; `residuals` (step, NIR - RTD) of the lot's spectra."""
        accepted = [i for i, p in enumerate(self.parcels) if p.accepted > 0]
        contents = self._contents(accepted)
        result, drawn = drawn_sample(contents, self.recipe, seed)
        design = designed_sample(contents, self.recipe, seed)
        pairs = self._pairs()
        sensor = check_sensor(pairs, residuals)
        uniformity = (designed_attribute(design, self.recipe), drawn_attribute(result, self.recipe))
        attributes = (*self._attributes(accepted, pairs), *uniformity, *self.laboratory.attributes(self.recipe))
        trend = self._trend(accepted)
        ledger = self.ledger.close(self._counted_kg(), self._chute_kg())
        blind = len(accepted) - len(contents.parcels)
        unknown = [f"{blind} accepted parcels have no predicted content"] if blind else []
        exceptions = (*open_exceptions, *unknown, *self.laboratory.corrections)
        facts = self._facts(accepted, attributes, trend, ledger, sensor, exceptions, complete)
        disposition, reasons = apply_rules(facts, self.recipe)
        return LotVerdict(
            disposition=disposition,
            reasons=reasons,
            attributes=attributes,
            acceptance_value=result.decisive.acceptance_value if result else None,
            uniformity=result,
            drawn=drawn,
            design=design,
            trend=trend,
            ledger=ledger,
            sensor=sensor,
            assays=pairs,
            tablets={name: sum(getattr(p, name) for p in self.parcels) for name in TABLETS},
            shares=facts.shares,
            divert_events=facts.divert_events,
            descriptive=self._summary(),
            recipe_id=f"{self.recipe.id} {self.recipe.version}",
            recipe_hash=self.recipe.hash,
        )

    def contents(self, i: int) -> NDArray[np.float64]:
        """Return predicted contents [% LC] of single tablets of parcel i: its potency times single masses by station
        force (the parcel's mean mass without them). NaN if the parcel has no evidence."""
        parcel, masses = self.parcels[i], self.unit_mass_mg[i]
        units = np.array([parcel.tablet_mass_mg]) if masses is None else masses.astype(np.float64)
        return parcel.potency_pct_lc * units / self.recipe.product.tablet_mass_mg

    def _contents(self, accepted: list[int]) -> Contents:
        known = [i for i in accepted if math.isfinite(self.parcels[i].potency_pct_lc * self.parcels[i].tablet_mass_mg)]
        counts = np.array([self.parcels[i].accepted for i in known], dtype=np.int64)
        bias = self.recipe.uniformity.shared_bias_pct + _mean([self.mass_doubt_pct[i] for i in known], counts)
        return Contents(known, counts, [self.contents(i) for i in known], bias, self._running_h(known))

    def _running_h(self, accepted: Sequence[int]) -> float:
        return (self.parcels[accepted[-1]].step - self.parcels[accepted[0]].step) / 3600.0 if accepted else 0.0

    def _attributes(self, accepted: list[int], pairs: tuple[AssayPair, ...]) -> tuple[Attribute, ...]:
        rules, target = self.recipe.rules, self.recipe.product.tablet_mass_mg
        weights = np.array([self.parcels[i].accepted for i in accepted], dtype=float)
        potency = np.array([self.parcels[i].potency_pct_lc for i in accepted])
        mass = np.array([self.parcels[i].tablet_mass_mg for i in accepted]) / target
        samples = [s for s in self.testers.values() if self._conforming(s.counter_from, s.counter_to)]
        at_line = [value for first, last, value in self.assays.values() if self._conforming(first, last)]
        basis = f"{len(at_line)} assay samples"
        if not at_line and pairs:
            at_line, basis = [p.assay_pct_lc for p in pairs], f"none at line: {len(pairs)} samples by the laboratory"
        assay, weight = (rules.assay_low_pct, rules.assay_high_pct), (rules.weight_low_pct, rules.weight_high_pct)
        hardness = (rules.hardness_low_n, rules.hardness_high_n)
        tester = f"{len(samples)} tester samples"
        by_tester = [100.0 * s.mass_mg / target for s in samples]
        return (
            within("assay", "% LC", _mean(potency * mass, weights), *assay, "predicted potency times mass by force"),
            within("assay at line", "% LC", _mean(at_line), *assay, basis),
            within("tablet mass", "%", 100.0 * _mean(mass, weights), *weight, "by main force"),
            within("tablet mass at line", "%", _mean(by_tester), *weight, tester),
            within("hardness", "N", _mean([s.hardness_n for s in samples]), *hardness, tester),
        )

    def _conforming(self, counter_from: int, counter_to: int) -> bool:
        """True if tablets of this range were accepted: only then does the sample speak for the lot."""
        return any(p.accepted > 0 for p in self.between(counter_from, counter_to))

    def _pairs(self) -> tuple[AssayPair, ...]:
        """Assays of material that was accepted, with release's predictions for the same tablets: the laboratory's value of a
        sample, where there is one, before the at-line one."""
        known = dict(self.assays) | {r.sample: (r.counter_from, r.counter_to, r.values[0]) for r in self.laboratory.assays}
        pairs = []
        for sample_id, (first, last, potency) in sorted(known.items()):
            parcels = self.between(first, last)
            if not any(p.accepted > 0 for p in parcels):
                continue
            nir = _mean([p.potency_nir_pct_lc for p in parcels])
            rtd = _mean([p.potency_rtd_pct_lc for p in parcels])
            pairs.append(AssayPair(sample_id, first, last, potency, nir, rtd))
        return tuple(pairs)

    def _trend(self, accepted: list[int]) -> Trend:
        parcels = [self.parcels[i] for i in accepted]
        rules = self.recipe.rules
        steps, potency = [p.step for p in parcels], [p.potency_pct_lc for p in parcels]
        return assay_trend(steps, potency, rules.trending_assay_slope_pct_per_h, rules.assay_low_pct, rules.assay_high_pct)

    def _summary(self) -> Summary:
        rules = self.recipe.rules
        return summarise(self.parcels, self.recipe.product.tablet_mass_mg, rules.assay_low_pct, rules.assay_high_pct)

    def _counted_kg(self) -> dict[str, float]:
        mass = [
            p.tablet_mass_mg if math.isfinite(p.tablet_mass_mg) else self.recipe.product.tablet_mass_mg for p in self.parcels
        ]
        names = ("accepted", "diverted", "rejected", "sampled")
        return {name: 1e-6 * math.fsum(getattr(p, name) * m for p, m in zip(self.parcels, mass)) for name in names}

    def _chute_kg(self) -> float:
        on_the_way = sum(p.made - p.rejected - p.sampled - p.accepted - p.diverted for p in self.parcels)
        return 1e-6 * on_the_way * self.recipe.product.tablet_mass_mg

    def _facts(
        self,
        accepted: list[int],
        attributes: tuple[Attribute, ...],
        trend: Trend,
        ledger: Ledger,
        sensor: SensorChecks,
        exceptions: tuple[str, ...],
        complete: bool,
    ) -> LotFacts:
        parcels = [self.parcels[i] for i in accepted]
        total = sum(p.accepted for p in parcels)
        share = {source: _share(sum(p.accepted for p in parcels if p.evidence is source), total) for source in EvidenceSource}
        bad = {state: sum(p.accepted for p in parcels if p.quality is state) for state in QualityState}
        made = sum(p.made for p in self.parcels)
        return LotFacts(
            attributes=attributes,
            trend=trend,
            accepted_kg=1e-6 * total * self.recipe.product.tablet_mass_mg,
            share_nir=share[EvidenceSource.NIR],
            share_rtd=share[EvidenceSource.RTD],
            share_unverified=_share(bad[QualityState.UNVERIFIED], total),
            accepted_nonconforming=bad[QualityState.NONCONFORM],
            diverted_share=_share(sum(p.diverted for p in self.parcels), made),
            divert_events=count_events(self.parcels),
            running_h=self._running_h(accepted),
            ledger=ledger,
            sensor=sensor,
            open_exceptions=exceptions,
            complete=complete,
        )


def count_events(parcels: Sequence[Parcel]) -> int:
    """Return how many times the gate went from accepting to diverting for a reason that was not planned."""
    events, inside = 0, True
    for parcel in parcels:
        if parcel.diverted == 0:
            inside = inside and parcel.accepted == 0
        elif not inside and parcel.reason not in PLANNED:
            events, inside = events + 1, True
        else:
            inside = True
    return events


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _mean(values: Any, weights: Any = None) -> float:
    """Return the (weighted) mean of the finite values, NaN without any."""
    array = np.asarray(values, dtype=float)
    known = np.isfinite(array)
    if not known.any():
        return math.nan
    return float(np.average(array[known], weights=None if weights is None else np.asarray(weights)[known]))
