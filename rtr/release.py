"""The face of release to the engine: each second a gate request and finished parcels, at the end a verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from line.canonical import content_hash
from line.configuration import LineConfiguration
from line.modes import FeederMode, LineState, Regime
from line.recipe import Recipe
from line.records import Event, Parcel, PlannedDiversion, QualityState, Reason, plain
from line.samples import Snapshot
from line.tags import TagRegister
from rtr.disposition.lot import LotBook, LotVerdict
from rtr.genealogy.diversion import WORDS, DiversionRule, GateDecision, Second
from rtr.genealogy.draws import residence_draws
from rtr.genealogy.parcel import Made, ParcelBook
from rtr.genealogy.tablet_mass import MapCheck, MapState
from rtr.genealogy.tracer import Seen, Tracer1s, mean_known
from sensing.verdict import SpectrumVerdict

#: The flap's feedback may differ from the request for this long: one second of wire, half a second of flap, margin.
GATE_FEEDBACK_MAX_S = 3
RUNNING_STATES = (LineState.EXECUTE, LineState.COMPLETING)


@dataclass(frozen=True)
class ReleaseStep:
    """What release says this second: gate request, why, the parcels that are complete now, events for the record.

    The current prediction rides along for screens: potency [% LC] by both roads, tablet mass [mg].
    """

    step: int
    accept: bool
    reason: Reason
    words: str
    parcels: tuple[Parcel, ...] = ()
    events: tuple[Event, ...] = ()
    potency_nir_pct_lc: float = float("nan")
    potency_rtd_pct_lc: float = float("nan")
    tablet_mass_mg: float = float("nan")

    def body(self) -> dict[str, Any]:
        """Return the JSON form without parcels and events, which have records of their own."""
        body = asdict(replace(self, parcels=(), events=()))
        return plain({key: value for key, value in body.items() if key not in ("parcels", "events")})


class ReleaseEngine:
    """Release of one lot on one line. Deterministic: the same snapshots and spectra give the same answers.

    `sensor_hash` is the hash of the sensor model of this lot; spectra judged by another one are not evidence.
    """

    def __init__(self, recipe: Recipe, line_configuration: LineConfiguration, register: TagRegister, sensor_hash: str) -> None:
        self.recipe = recipe
        self.model_hash = content_hash(
            {
                "rtd": recipe.rtd.model_dump(mode="json"),
                "residence_draws": residence_draws(recipe.rtd).tolist(),
                "filter_gain": recipe.diversion.filter_gain,
                "weight_map": recipe.weight_map.model_dump(mode="json"),
                "sensor": sensor_hash,
            }
        )
        self.tracer = Tracer1s(recipe, register, sensor_hash)
        self.rule = DiversionRule(recipe.diversion, line_configuration.geometry, line_configuration.t95_slowest_s)
        self.book = ParcelBook()
        self.lot = LotBook(recipe)
        self.announce_every_s = line_configuration.decision_every
        #: What is going to be diverted, as it was seen at the last second in which the controller decides.
        self.planned: PlannedDiversion | None = None
        self.exceptions: list[str] = []
        self._units: deque[tuple[NDArray[np.float32] | None, float]] = deque()
        self._last: ReleaseStep | None = None
        self._gate_odd_s = 0
        self._held_from: int | None = None
        self._accepted_before = False

    def observe(
        self,
        snapshot: Snapshot,
        verdict: SpectrumVerdict | None,
        *,
        plc_remote: bool,
        comms_ok: bool,
        running_out: bool = False,
    ) -> ReleaseStep:
        """Take one second; return the gate's request for the next one.

        The same second twice returns the same answer; an older one is not used and diverts. `running_out`: a run-out
        has been ordered. Takes about 1 ms.
        """
        last = self._last
        if last is not None and snapshot.step <= last.step:
            if snapshot.step == last.step:
                return last
            return ReleaseStep(snapshot.step, False, Reason.INPUT_UNUSABLE, "diverting: this second came after a later one")
        elapsed_s = 1 if last is None else snapshot.step - last.step
        made = self.book.count_made(snapshot)
        announce = snapshot.step % self.announce_every_s == 0
        seen = self.tracer.observe(snapshot, verdict, made, elapsed_s, self.rule.look_ahead(announce))
        regime = self._regime(snapshot)
        self._make(snapshot, seen, made, regime)
        before = last.reason if last is not None else Reason.START_UP
        parcels = self.book.pass_gate(self.book.count_gate(snapshot), before)
        self._collect(parcels)
        self.lot.ledger.observe(snapshot, self.tracer.press_kg * elapsed_s)
        events = (*self._samples(snapshot, regime), *self._hold_events(snapshot, seen, regime))
        second = self._second(snapshot, seen, made, plc_remote, comms_ok, running_out)
        decision = self.rule.decide(second)
        if announce:
            self.planned = self.rule.planned(second) if self.rule.confirmed else None
        self._accepted_before = self._accepted_before or decision.accept
        self._last = self._answer(snapshot, seen, decision, parcels, events)
        return self._last

    def finish(self, snapshot: Snapshot) -> tuple[Parcel, ...]:
        """Close the parcels still on their way after the last second; return them."""
        parcels = self.book.pass_gate(self.book.count_gate(snapshot), self._last.reason if self._last else Reason.START_UP)
        parcels += self.book.flush()
        self._collect(parcels)
        return parcels

    def dispose(self, *, open_exceptions: Sequence[str], complete: bool, seed: int) -> LotVerdict:
        """Return the lot's verdict; `open_exceptions` of the engine join those of release. `seed` fixes the draw."""
        own = list(dict.fromkeys(self.exceptions))
        if self.book.lost:
            own.append(f"the gate counted {self.book.lost} tablets that no die made")
        if self.tracer.foreign:
            own.append(f"{self.tracer.foreign} spectra were judged by another sensor model")
        exceptions = [*open_exceptions, *own]
        return self.lot.dispose(open_exceptions=exceptions, complete=complete, seed=seed, residuals=self.tracer.residuals)

    def _make(self, snapshot: Snapshot, seen: Seen, made: int, regime: Regime) -> None:
        if made == 0:
            return
        roads = seen.roads
        self._units.append((seen.station_mass_mg, self.tracer.mass.doubt_pct))
        parcel = Made(
            step=snapshot.step,
            potency_pct_lc=seen.potency_pct_lc,
            potency_nir_pct_lc=float(roads.nir[0]),
            potency_rtd_pct_lc=float(roads.rtd[0]),
            potency_uncertainty_pct_lc=seen.potency_uncertainty_pct_lc,
            tablet_mass_mg=seen.mass_mg,
            evidence=seen.evidence,
            nir_share=float(roads.nir_share[0]),
            quality=seen.quality,
            reason=seen.reason,
            regime=regime,
            held_s=float(roads.held_s[0]),
            model_hash=self.model_hash,
        )
        self.book.make(parcel, made)

    def _collect(self, parcels: tuple[Parcel, ...]) -> None:
        for parcel in parcels:
            self.lot.add(parcel, *self._units.popleft())

    def _samples(self, snapshot: Snapshot, regime: Regime) -> list[Event]:
        """Check a new tester sample against the weight map; keep a new assay."""
        events = []
        self.lot.note_assay(snapshot)
        sample = self.tracer.mass.new_sample(snapshot)
        if sample is not None:
            self.lot.note_tester(snapshot, sample)
            predicted = mean_known([p.tablet_mass_mg for p in self.lot.between(sample[1], sample[2])])
            old = self.tracer.mass.state
            check = self.tracer.mass.check(sample, predicted)
            if check is not None and (check.state is not MapState.VALID or old is not MapState.VALID):
                events.append(self._map_event(check, old, regime))
        return events

    def _map_event(self, check: MapCheck, old: MapState, regime: Regime) -> Event:
        weight_map = self.recipe.weight_map
        text = (
            f"tester sample {check.sample_id}: {check.sample_mg:.1f} mg against {check.predicted_mg:.1f} mg by force, "
            f"{check.gap_pct:+.2f} %, CUSUM {check.cusum_pct:.2f} of {weight_map.cusum_limit_pct:g} %: "
            f"weight map {weight_map.id} is {check.state.value}"
        )
        if check.state is MapState.INVALID:
            self.exceptions.append(text)
        return Event(Reason.TESTER_RESULT, "weight_map", text, old=old.value, new=check.state.value, regime=regime)

    def _hold_events(self, snapshot: Snapshot, seen: Seen, regime: Regime) -> list[Event]:
        """Say when held material starts to move again what the recipe makes of it."""
        held = snapshot.value("Sys/LineState") == LineState.HELD
        if held and self._held_from is None:
            self._held_from = snapshot.step
        if held or self._held_from is None or self.tracer.press_kg <= 0.0:
            return []
        held_s, self._held_from = snapshot.step - self._held_from, None
        limit = self.recipe.diversion.hold_max_s
        verb = "is diverted" if held_s > limit else f"is verified again for {self.recipe.diversion.guard_s:g} s"
        text = f"material stood {held_s} s (limit {limit:g} s) and {verb}"
        return [Event(Reason.LINE_HOLD, "held_material", text, new={"held_s": held_s}, regime=regime)]

    def _second(self, snapshot: Snapshot, seen: Seen, made: int, plc_remote: bool, comms_ok: bool, running_out: bool) -> Second:
        state = snapshot.value("Sys/LineState")
        return Second(
            step=snapshot.step,
            now=seen.now,
            ahead=seen.ahead,
            roads=seen.roads,
            nir_proven=bool(seen.roads.nir_share[0] >= self.recipe.evidence.nir_share_min),
            mass_deviation_pct=seen.mass_deviation_pct,
            mass_valid=self.tracer.mass.state is not MapState.INVALID,
            made=made,
            hopper_kg=snapshot.value("Hopper/Level"),
            running=state in RUNNING_STATES,
            held=state == LineState.HELD,
            running_out=running_out or state == LineState.COMPLETING,
            plc_remote=plc_remote,
            comms_ok=comms_ok,
            gate_proven=self._gate_proven(snapshot),
            throughput_setpoint=snapshot.value("SP/Throughput"),
            risk=seen.risk,
        )

    def _gate_proven(self, snapshot: Snapshot) -> bool:
        """False while the flap says ACCEPT although divert was requested, or its feedback is lost, for over 3 s."""
        asked = self._last is not None and self._last.accept
        odd = not snapshot.good("Diverter/Position") or (not asked and snapshot.value("Diverter/Position") == 1.0)
        self._gate_odd_s = self._gate_odd_s + 1 if odd else 0
        if self._gate_odd_s == GATE_FEEDBACK_MAX_S + 1:
            self.exceptions.append(f"from second {snapshot.step}: {WORDS[Reason.GATE_UNPROVEN].removeprefix('diverting: ')}")
        return self._gate_odd_s <= GATE_FEEDBACK_MAX_S

    def _regime(self, snapshot: Snapshot) -> Regime:
        state = snapshot.value("Sys/LineState")
        if state == LineState.HELD:
            return Regime.HOLD
        if state in (LineState.COMPLETING, LineState.COMPLETE):
            return Regime.STOP
        if not self._accepted_before:
            return Regime.START
        if state == LineState.STOPPED:
            return Regime.STOP
        modes = (snapshot.value(f"Feeder{c.feeder}/Mode") for c in self.recipe.product.components)
        return Regime.REFILL if any(m in (FeederMode.REFILL, FeederMode.VOLUMETRIC) for m in modes) else Regime.STEADY

    @staticmethod
    def _answer(
        snapshot: Snapshot, seen: Seen, decision: GateDecision, parcels: tuple[Parcel, ...], events: tuple[Event, ...]
    ) -> ReleaseStep:
        accept, reason, words = decision.accept, decision.reason, decision.words
        if accept and seen.quality is not QualityState.CONFORM:
            accept, reason, words = False, seen.reason, WORDS[seen.reason]
        return ReleaseStep(
            step=snapshot.step,
            accept=accept,
            reason=reason,
            words=words,
            parcels=parcels,
            events=events,
            potency_nir_pct_lc=float(seen.roads.nir[0]),
            potency_rtd_pct_lc=float(seen.roads.rtd[0]),
            tablet_mass_mg=seen.mass_mg,
        )
