"""Rules R1-R8 as a table. Each is a small pure function: facts and recipe in, reasons in words out; none means silent.

R1 rejects; every other one holds; only silence of all, with every attribute passed, recommends release (R7).
Basis: EMA guideline on real time release testing (R1, R2), EU GMP Annex 17 (R3, R4), 21 CFR 211.103 (R5), ICH Q13 (R8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from line.recipe import Recipe, RecipeStatus
from line.records import Disposition, Reason
from rtr.disposition.attributes import Attribute, AttributeState, Trend
from rtr.disposition.ledger import Ledger
from rtr.disposition.sensor_checks import SensorChecks


@dataclass(frozen=True)
class LotFacts:
    """All that the rules look at. Shares are of accepted mass unless named otherwise; NaN means not known.

    `accepted_nonconforming` counts tablets that the gate let pass although their parcel was predicted so; `running_h`
    hours between the first and the last accepted parcel.
    """

    attributes: tuple[Attribute, ...]
    trend: Trend
    accepted_kg: float
    share_nir: float
    share_rtd: float
    share_unverified: float
    accepted_nonconforming: int
    diverted_share: float
    divert_events: int
    running_h: float
    ledger: Ledger
    sensor: SensorChecks
    open_exceptions: tuple[str, ...]
    complete: bool

    @property
    def shares(self) -> dict[str, float]:
        """Return the shares by name."""
        return {
            "nir": self.share_nir,
            "rtd": self.share_rtd,
            "unverified": self.share_unverified,
            "diverted": self.diverted_share,
        }


Words = tuple[str, ...]


def attribute_failed(facts: LotFacts, recipe: Recipe) -> Words:
    """R1: any attribute fails, or nonconforming tablets were accepted. No laboratory test may override."""
    failed = [a.words for a in facts.attributes if a.state is AttributeState.FAIL]
    if facts.accepted_nonconforming:
        failed.append(f"{facts.accepted_nonconforming} tablets of parcels predicted outside the divert limit were accepted")
    return tuple(failed)


def trending(facts: LotFacts, recipe: Recipe) -> Words:
    """R2: potency is trending to failure: the named statistic is above its limit."""
    if not facts.trend.trending:
        return ()
    limit = recipe.rules.trending_assay_slope_pct_per_h
    return (f"potency moves by {facts.trend.slope_pct_per_h:+.1f} % of label claim an hour, limit {limit:g}",)


def evidence_missing(facts: LotFacts, recipe: Recipe) -> Words:
    """R3: an attribute has no value, nothing was accepted, or too much accepted mass has no evidence or more fallback
    evidence than the recipe approves."""
    found = [f"missing: {a.words}" for a in facts.attributes if a.state is AttributeState.MISSING]
    if not facts.accepted_kg > 0:
        found.append("no material was accepted")
        return tuple(found)
    limit = recipe.rules.unverified_share_max
    if not facts.share_unverified <= limit:
        found.append(f"{100 * facts.share_unverified:.2f} % of accepted mass has no evidence, limit {100 * limit:g} %")
    approved = recipe.evidence.fallback_share_max if recipe.evidence.fallback_preapproved else 0.0
    if facts.share_rtd > max(approved, limit):
        found.append(
            f"{100 * facts.share_rtd:.1f} % of accepted mass rests on feeders and residence time, approved {100 * approved:g} %"
        )
    return tuple(found)


def fallback_used(facts: LotFacts, recipe: Recipe) -> Words:
    """R4: accepted mass rests on the fallback: hold until a person has evaluated the fallback's criteria."""
    if not facts.share_rtd > recipe.rules.unverified_share_max:
        return ()
    return (
        f"{100 * facts.share_rtd:.1f} % of accepted mass rests on feeders and residence time: evaluate the fallback evidence",
    )


def ledger_gap(facts: LotFacts, recipe: Recipe) -> Words:
    """R5: mass in and mass out differ by more than the limit, or the ledger cannot be closed."""
    gap, limit = facts.ledger.residual_pct, recipe.rules.ledger_gap_max_pct
    if gap != gap:
        return ("the mass ledger cannot be closed: a scale has no value",)
    return () if abs(gap) <= limit else (f"mass ledger is open by {gap:+.2f} % of mass fed, limit {limit:g} %",)


def open_exception(facts: LotFacts, recipe: Recipe) -> Words:
    """R6: unreviewed alarm or deviation, incomplete record, recipe not effective, sensor that fails its checks."""
    found = list(facts.open_exceptions)
    if not facts.complete:
        found.append("the record of the lot is incomplete")
    if recipe.status is not RecipeStatus.EFFECTIVE:
        found.append(f"recipe {recipe.id} {recipe.version} is {recipe.status.value}, not effective")
    sensor, rules = facts.sensor, recipe.rules
    if abs(sensor.bias_pct) > rules.sensor_bias_max_pct:
        found.append(f"sensor bias {_bias(sensor)}, limit +-{rules.sensor_bias_max_pct:g}")
    if facts.share_nir > 0 and sensor.n_assays == 0:
        found.append("no assay checked the sensor in this lot")
    if facts.share_nir > 0 and sensor.residual_variance_pct2 != sensor.residual_variance_pct2:
        found.append("too few spectra to check the sensor's residual variance in this lot")
    if sensor.residual_variance_pct2 > rules.sensor_residual_variance_max_pct2:
        found.append(
            f"residual variance of {sensor.n_spectra} spectra {sensor.residual_variance_pct2:.1f} (% of label claim)^2, "
            f"limit {rules.sensor_residual_variance_max_pct2:g}; bias {_bias(sensor)}, limit +-{rules.sensor_bias_max_pct:g}"
        )
    return tuple(found)


def _bias(sensor: SensorChecks) -> str:
    """The sensor's bias in words: with its standard error where there is one."""
    error = sensor.bias_standard_error_pct
    spread = f" +- {error:.2f}" if error == error else ", one value only,"
    assays = f"{sensor.n_assays} assay{'s' if sensor.n_assays != 1 else ''}"
    return f"{sensor.bias_pct:+.2f}{spread} % of label claim against {assays}" if sensor.n_assays else "not known: no assay"


def diverted_share(facts: LotFacts, recipe: Recipe) -> Words:
    """R8: more of what was made was diverted than a line in a state of control diverts."""
    limit = recipe.rules.diverted_share_max
    if facts.diverted_share <= limit:
        return ()
    return (f"{100 * facts.diverted_share:.1f} % of tablets made were diverted, limit {100 * limit:g} %",)


def divert_events(facts: LotFacts, recipe: Recipe) -> Words:
    """R8: more excursions an hour than the limit; fewer than one hour counts as one."""
    rate, limit = facts.divert_events / max(facts.running_h, 1.0), recipe.rules.divert_events_max_per_h
    return () if rate <= limit else (f"{facts.divert_events} diversions, {rate:.1f} an hour, limit {limit:g}",)


def bin_gap(facts: LotFacts, recipe: Recipe) -> Words:
    """R8: the containers' masses do not fit what the gate counted."""
    gap, limit = facts.ledger.bin_gap_pct, recipe.rules.bin_gap_max_pct
    if gap != gap:
        return ("container masses or gate counts have no value",)
    return () if abs(gap) <= limit else (f"accepted container is off its count by {gap:+.2f} % of the lot, limit {limit:g} %",)


@dataclass(frozen=True)
class Rule:
    """One row: the reason code, what it leads to, and the function that finds it."""

    reason: Reason
    leads_to: Disposition
    find: Callable[[LotFacts, Recipe], Words]


HOLD, REJECT = Disposition.HOLD, Disposition.REJECT_RECOMMENDED

RULES: tuple[Rule, ...] = (
    Rule(Reason.R1_ATTRIBUTE_FAILED, REJECT, attribute_failed),
    Rule(Reason.R2_TRENDING, HOLD, trending),
    Rule(Reason.R3_EVIDENCE_MISSING, HOLD, evidence_missing),
    Rule(Reason.R4_FALLBACK_USED, HOLD, fallback_used),
    Rule(Reason.R5_LEDGER_GAP, HOLD, ledger_gap),
    Rule(Reason.R6_OPEN_EXCEPTION, HOLD, open_exception),
    Rule(Reason.R8_DIVERTED_SHARE, HOLD, diverted_share),
    Rule(Reason.R8_DIVERT_EVENTS, HOLD, divert_events),
    Rule(Reason.R8_BIN_GAP, HOLD, bin_gap),
)


def apply_rules(facts: LotFacts, recipe: Recipe) -> tuple[Disposition, tuple[tuple[Reason, str], ...]]:
    """Return the disposition and every reason found, in the order of the table.

    REJECT_RECOMMENDED if R1 speaks; HOLD if another rule does, or if not every attribute passed; else R7.
    """
    reasons: list[tuple[Reason, str]] = []
    outcome: Disposition | None = None
    for rule in RULES:
        for words in rule.find(facts, recipe):
            reasons.append((rule.reason, words))
            outcome = rule.leads_to if outcome is not REJECT else REJECT
    if outcome is not None:
        return outcome, tuple(reasons)
    if facts.attributes and all(a.state is AttributeState.PASS for a in facts.attributes):
        return Disposition.RELEASE_RECOMMENDED, ((Reason.R7_ALL_PASS, "all attributes pass and no rule holds the lot"),)
    return HOLD, ((Reason.R3_EVIDENCE_MISSING, "not every attribute has passed"),)
