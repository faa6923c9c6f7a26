"""What each rule would have done with a recording: gate requests, and where every tablet went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.diversion.plan import SCORED_FROM_S
from hil.diversion.recording import N_HALVES, Bools, Recording
from hil.truth_kpis import PARCEL_LIMITS
from line.configuration import Geometry
from line.recipe import Diversion
from line.records import plain
from rtr.genealogy.diversion import Excursions, Reach, reach_of, transport_s
from rtr.genealogy.risk import Risk, risk_outside

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """A rule with its figures: the recipe's own, or one of those it is compared with."""

    diversion: Diversion
    recipe: bool = False

    @property
    def words(self) -> str:
        """What distinguishes it from other settings of the same rule."""
        d = self.diversion
        if d.rule == "risk":
            return f"tablet {d.risk_tablet_max:g}, parcel {d.risk_parcel_max:g}"
        return f"guard {d.guard_s:g} s"


#: Guards [s] and factors of the stated risks along which the rules are compared.
GUARDS_S, RISK_FACTORS = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0), (30.0, 10.0, 3.0, 1.0, 0.3, 0.1)


def settings_of(diversion: Diversion) -> list[Setting]:
    """Return every setting that is judged; first of each rule the recipe's own."""
    found = []
    for rule in ("window", "prediction"):
        own = diversion.model_copy(update={"rule": rule})
        found.append(Setting(own, True))
        found += [Setting(own.model_copy(update={"guard_s": g})) for g in GUARDS_S if g != diversion.guard_s]
    own = diversion.model_copy(update={"rule": "risk"})
    found.append(Setting(own, True))
    for factor in RISK_FACTORS:
        if factor != 1.0:
            risks = {name: min(getattr(own, name) * factor, 0.49) for name in ("risk_tablet_max", "risk_parcel_max")}
            found.append(Setting(own.model_copy(update=risks)))
    return found


@dataclass(frozen=True)
class Outcome:
    """What came of one setting, by line (n_lines,), from SCORED_FROM_S on.

    Seconds whose true mean content is outside the divert limits and how many of them had a tablet accepted; seconds
    (as shares of tablets) diverted for potency, by the rule or for its evidence, and for other reasons alone (mass,
    verification after a hold); tablets accepted, of them out of limit, and how many of them the posterior expected to be;
    masses accepted and diverted [kg]; the mass of escaped seconds' tablets that was accepted [kg].
    """

    setting: Setting
    nonconforming_s: Vector
    escaped_s: Vector
    diverted_s: Vector
    other_s: Vector
    accepted: Vector
    out_of_limit: Vector
    expected: Vector
    accepted_kg: Vector
    diverted_kg: Vector
    escaped_kg: Vector

    def body(self) -> dict[str, Any]:
        """Return the JSON form: the rule, its figures, and sums over all lines."""
        d = self.setting.diversion
        names = ("rule", "guard_s", "uncertainty_k", "window_tail", "risk_tablet_max", "risk_parcel_max")
        sums = {name: float(v.sum()) for name, v in vars(self).items() if isinstance(v, np.ndarray)}
        return dict(plain({**{name: getattr(d, name) for name in names}, "recipe": self.setting.recipe, **sums}))


def judge(recording: Recording, setting: Setting, geometry: Geometry) -> Outcome:
    """Return what one setting would have done with the recorded lines."""
    evidence, others = _other_reasons(recording, setting.diversion, geometry)
    blocked = _blocked(_outside(recording, setting.diversion), reach_of(setting.diversion, geometry)) | evidence
    scored = np.arange(recording.made.shape[0])[:, None] >= SCORED_FROM_S
    arriving, mass = recording.tablets * scored[..., None], recording.mass_kg * scored[..., None]
    at_gate = arriving.sum(axis=-1)
    gate, potency_gate = _reaching(recording.made & ~blocked & ~others), _reaching(recording.made & ~blocked)
    passed, by_potency = (arriving * gate).sum(axis=-1), (arriving * potency_gate).sum(axis=-1)
    share, wrong = np.maximum(at_gate, 1), _nonconforming(recording) & (at_gate > 0)
    accepted_kg = (mass * gate).sum(axis=-1)
    return Outcome(
        setting=setting,
        nonconforming_s=wrong.sum(axis=0).astype(float),
        escaped_s=(wrong & (passed > 0)).sum(axis=0).astype(float),
        diverted_s=((at_gate - by_potency) / share).sum(axis=0),
        other_s=((by_potency - passed) / share).sum(axis=0),
        accepted=passed.sum(axis=0).astype(float),
        out_of_limit=(recording.out_of_limit * gate * scored[..., None]).sum(axis=(0, 2)).astype(float),
        expected=np.nansum(recording.risk_tablet * passed, axis=0, dtype=float),
        accepted_kg=accepted_kg.sum(axis=0, dtype=float),
        diverted_kg=(mass.sum(axis=-1) - accepted_kg).sum(axis=0, dtype=float),
        escaped_kg=(accepted_kg * wrong).sum(axis=0, dtype=float),
    )


def _nonconforming(recording: Recording) -> Bools:
    with np.errstate(invalid="ignore"):
        return (recording.content_pct_lc < PARCEL_LIMITS[0]) | (recording.content_pct_lc > PARCEL_LIMITS[1])


def _outside(recording: Recording, diversion: Diversion) -> Bools:
    if diversion.rule == "window":
        return recording.booked
    if diversion.rule == "prediction":
        return recording.predicted
    tablet, parcel, filed = (x.astype(np.float64) for x in (recording.risk_tablet, recording.risk_parcel, recording.filed_pct))
    return risk_outside(Risk(tablet, parcel), filed, diversion)


def _blocked(outside: Bools, reach: Reach) -> Bools:
    """Return when excursions block the gate. What comes within the reach is what then came: the material is in the hopper."""
    excursions = Excursions(reach, outside.shape[1:])
    seen = np.vstack([np.zeros((1, outside.shape[1]), np.int64), np.cumsum(outside, axis=0)])
    last = len(outside)
    ends = np.minimum(np.arange(last) + 1 + reach.before_s, last)
    coming = seen[ends] > seen[np.arange(last) + 1]
    return np.array([excursions.block(t, outside[t], coming[t]) for t in range(last)])


def _other_reasons(recording: Recording, diversion: Diversion, geometry: Geometry) -> tuple[Bools, Bools]:
    """Return when the gate is shut whatever the rule says: for evidence; for mass or the verification after a hold."""
    way = Reach(0, transport_s(geometry))
    evidence, mass = (_blocked(odd & recording.made, way) for odd in (recording.evidence_bad, recording.mass_bad))
    left, verify = np.zeros(mass.shape[1]), np.zeros(mass.shape, np.bool_)
    for t in range(len(mass)):
        left = np.where(recording.held[t], diversion.guard_s + way.after_s, np.maximum(left - recording.made[t], 0.0))
        verify[t] = left > 0.0
    return evidence, np.asarray(mass | verify)


def _reaching(accept: Bools) -> Bools:
    """Return whether the gate stood open for tablets of each second and half second of arrival, (seconds, n_lines, N_HALVES).

    The request of second n is heard in the next one and the flap moves half a second later: it holds for arrivals from
    n + 0.5 to n + 1.5 s. Tablets of second t were pressed from t - 1 s on.
    """
    n, lines = accept.shape
    moved = np.zeros((2 * n + N_HALVES + 4, lines), np.bool_)
    moved[1 : 2 * n + 1 : 2] = moved[2 : 2 * n + 2 : 2] = accept
    moved[2 * n + 1 :] = accept[-1]
    first = 2 * np.arange(n)
    # half second h after the start of pressing of row t (second t + 1) is at 2 t + h
    return np.stack([moved[first + h] for h in range(N_HALVES)], axis=-1)
