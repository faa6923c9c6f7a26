"""Content uniformity of the lot: the designed sample decides (E2810); a drawn sample says whether it would comply if tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from line.recipe import Recipe
from rtr.disposition.attributes import Attribute, AttributeState, within
from rtr.disposition.design import MG_PER_KG, DesignedSample, judge_slices, take_slices
from rtr.disposition.draw import Drawn, draw
from rtr.statistics.uniformity import UniformityResult, UniformityVerdict, judge
from rtr.statistics.weight_variation import route

#: Names of the random streams of the two samples; with the lot's seed they fix which tablets are taken.
DRAWN_STREAM, DESIGN_STREAM = 905, 2810
PASSED = (UniformityVerdict.PASS_S1, UniformityVerdict.PASS_S2)


@dataclass(frozen=True)
class Contents:
    """Accepted parcels with known contents, in counter order.

    `parcels` (n,) their indices in the lot, `accepted` (n,) tablets, `units` contents of single tablets [% of label claim]
    (one mean value where single masses are missing), `shared_bias_pct` the bound of a bias common to all of them, `hours`
    between the first and the last.
    """

    parcels: Sequence[int]
    accepted: NDArray[np.int64]
    units: Sequence[NDArray[np.float64]]
    shared_bias_pct: float
    hours: float


def drawn_sample(contents: Contents, recipe: Recipe, seed: int) -> tuple[UniformityResult | None, tuple[Drawn, ...]]:
    """Return <905> on 10 and then 20 tablets, one in each of as many equal strata; (None, ()) for fewer than 30 tablets."""
    n_1, n_2, rules = recipe.sampling.udu_n_stage_1, recipe.sampling.udu_n_stage_2, recipe.uniformity
    if contents.accepted.sum() < n_1 + n_2:
        return None, ()
    generator = _generator(seed, DRAWN_STREAM)
    first, second = (draw(contents.accepted, contents.units, n, generator) for n in (n_1, n_2))
    result = judge(
        [d.content_pct_lc for d in first],
        [d.content_pct_lc for d in second],
        recipe.product.target_pct_lc,
        rounding=rules.rounding,
        residual_variance=rules.residual_variance_pct2,
        shared_bias=contents.shared_bias_pct,
        l1=rules.l1,
        l2=rules.l2,
    )
    return result, tuple(Drawn(d.place, contents.parcels[d.parcel], d.content_pct_lc) for d in (*first, *second))


def designed_sample(contents: Contents, recipe: Recipe, seed: int) -> DesignedSample:
    """Return the recipe's designed sample and its E2810 bound. Only parcels with enough single masses can be a slice."""
    rows = recipe.design.slices_for(contents.hours)
    usable = [i for i, units in enumerate(contents.units) if len(units) >= rows.n_units]
    gap = math.ceil(recipe.design.slice_gap_kg * MG_PER_KG / recipe.product.tablet_mass_mg)
    slices = take_slices(
        [int(contents.accepted[i]) for i in usable],
        [contents.units[i] for i in usable],
        [contents.parcels[i] for i in usable],
        gap,
        rows,
        _generator(seed, DESIGN_STREAM),
    )
    return judge_slices(slices, rows, recipe.design, recipe.uniformity, recipe.product.target_pct_lc, contents.shared_bias_pct)


def drawn_attribute(result: UniformityResult | None, recipe: Recipe) -> Attribute:
    """Return the acceptance value of the drawn sample as an attribute: would the lot comply if tested?"""
    name, limit = "acceptance value", recipe.uniformity.l1
    if result is None:
        return Attribute(name, "", math.nan, 0.0, limit, AttributeState.MISSING, "fewer than 30 accepted tablets")
    product = recipe.product
    table_1 = route("none", product.label_claim_mg, product.tablet_mass_mg)
    basis = f"USP <905> by content (Table 1: {table_1}), {result.verdict.value} on {result.decisive.n} drawn tablets"
    basis += f", {', '.join(result.fail_reasons)}" if result.fail_reasons else ""
    state = AttributeState.PASS if result.verdict in PASSED else AttributeState.FAIL
    return Attribute(name, "", result.decisive.acceptance_value, 0.0, limit, state, basis)


def designed_attribute(sample: DesignedSample, recipe: Recipe) -> Attribute:
    """Return the E2810 bound as an attribute: what decides on content uniformity.

    It fails if the sample, taken at its word, is below what is asked. If only the confidence is wanting, the lot is not
    proven, which is not failing: the attribute is missing, and so it is for a lot too short for its design.
    """
    design, low = recipe.design, 100.0 * recipe.design.lower_bound
    name = "content uniformity"
    asked = f"{sample.n_slices} slices x {sample.n_units} tablets at least {design.slice_gap_kg:g} kg apart"
    if sample.plan is None:
        return within(name, "%", math.nan, low, 100.0, f"{len(sample.slices)} of {asked}: the lot is too short for its design")
    basis = (
        f"ASTM E2810 plan 2: least probability of passing USP <905> with {100 * design.confidence:g} % confidence; {asked}, "
        f"mean {sample.mean:.2f} +- {sample.plan.mean_half_width:.2f} % LC, sigma at most {sample.plan.sigma_upper:.2f}"
    )
    found = within(name, "%", 100.0 * min(sample.plan.bound, 1.0), low, 100.0, basis)
    if found.state is AttributeState.FAIL and sample.plan.estimate >= design.lower_bound:
        return replace(found, state=AttributeState.MISSING, basis=f"not proven: {basis}")
    return found


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed & (2**63 - 1), stream]))
