"""Uniformity of dosage units, USP <905> = Ph. Eur. 2.9.40 = JP 6.02, for solid dosage forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal

from line.errors import DataError

Rounding = Literal["compendial", "none"]

#: Acceptability constants of Table 2: number of units -> k. Other numbers of units are not defined by the chapter.
ACCEPTABILITY_CONSTANT = {10: 2.4, 30: 2.0}
N_STAGE_1, N_STAGE_2 = 10, 30
L1, L2 = 15.0, 25.0
M_LOW, M_HIGH = 98.5, 101.5
LIMIT_TOLERANCE = 1e-9


class UniformityVerdict(StrEnum):
    """Outcome of the two-stage test. CONTINUE_S2: test 20 more units, nothing is decided."""

    PASS_S1 = "PASS_S1"  # noqa: S105
    CONTINUE_S2 = "CONTINUE_S2"
    PASS_S2 = "PASS_S2"  # noqa: S105
    FAIL = "FAIL"


@dataclass(frozen=True)
class StageResult:
    """Terms of one stage as in the chapter; all contents in % of label claim.

    `acceptance_value` is never rounded; `acceptance_value_rounded` is to one decimal, half up. `low..high` is the
    range of single units (stage 2 only, else NaN) and `n_outside` how many units leave it.
    """

    n: int
    k: float
    mean: float
    s: float
    m_ref: float
    acceptance_value: float
    acceptance_value_rounded: float
    low: float = math.nan
    high: float = math.nan
    n_outside: int = 0


@dataclass(frozen=True)
class UniformityResult:
    """Verdict, the stages that were needed, and why it fails (`AV>L1`, `unit_outside_L2_range`)."""

    verdict: UniformityVerdict
    stage_1: StageResult
    stage_2: StageResult | None = None
    fail_reasons: tuple[str, ...] = ()

    @property
    def decisive(self) -> StageResult:
        """The last stage that was computed."""
        return self.stage_2 or self.stage_1


def acceptability_constant(n: int) -> float:
    """Return k for n units.

    Errors: DataError for n other than 10 and 30; k is not interpolated.
    Clause: <905> Table 2, k = 2.4 (n = 10), 2.0 (n = 30).
    """
    if n not in ACCEPTABILITY_CONSTANT:
        raise DataError(
            "number of units is not defined by the test",
            where="USP <905> Table 2",
            how_much=f"n = {n}",
            what_now="Use 10 or 30.",
        )
    return ACCEPTABILITY_CONSTANT[n]


def reference_value(mean: float, target: float = 100.0) -> float:
    """Return M [% LC] for a sample mean and the target content T [% LC], T in 85..115.

    Equation: M = clip(mean, 98.5, 101.5) for T <= 101.5, clip(mean, 98.5, T) above.
    Errors: DataError if T is outside 85..115 or a number is not finite. Clause: <905> Table 2, cases 1 and 2.

    >>> reference_value(105.9), reference_value(103.0, target=105.0)
    (101.5, 103.0)
    """
    if not 85.0 <= target <= 115.0 or not math.isfinite(mean):
        raise DataError(
            "target content or mean cannot be used",
            where="USP <905>",
            how_much=f"T = {target}, mean = {mean}",
            what_now="Give a target in 85..115 % LC and finite contents.",
        )
    return min(max(mean, M_LOW), max(M_HIGH, target))


def acceptance_value(mean: float, s: float, n: int, target: float = 100.0) -> float:
    """Return AV = |M - mean| + k s [% LC], unrounded, of a sample mean and sample standard deviation (n - 1).

    Clause: <905> Table 2. Rounding: none. Source of the example: USP frequently asked questions, Q2 (16.4).

    >>> round(acceptance_value(105.9, 5.0, 10), 9)
    16.4
    """
    if not s >= 0:
        raise DataError("standard deviation is negative or not a number", where="USP <905>", how_much=f"s = {s}")
    return abs(reference_value(mean, target) - mean) + acceptability_constant(n) * s


def round_half_up(value: float, decimals: int = 1) -> float:
    """Return `value` rounded half up, after removing binary noise below 1e-9 (15.05 is 15.1, not 15.0).

    Rounding: USP General Notices 7.20, last digit 5 rounds up.
    """
    step = Decimal(1).scaleb(-decimals)
    return float(Decimal(repr(round(value, 9))).quantize(step, rounding=ROUND_HALF_UP))


def conforms(value: float, limit: float, rounding: Rounding) -> bool:
    """Return whether AV meets its limit; equality passes.

    Rounding: `compendial` compares AV rounded half up to one decimal; `none` the unrounded AV (stricter).
    """
    shown = round_half_up(value) if rounding == "compendial" else value
    return shown <= limit + LIMIT_TOLERANCE


def unit_range(m_ref: float, l2: float = L2) -> tuple[float, float]:
    """Return the stage 2 range of single units, (1 -+ 0.01 L2) M.

    >>> unit_range(101.5)
    (76.125, 126.875)
    """
    return (1 - 0.01 * l2) * m_ref, (1 + 0.01 * l2) * m_ref


def checked(units: Sequence[float], n: int) -> list[float]:
    """Return the contents as floats. Errors: DataError unless there are exactly n finite, non-negative contents."""
    values = [float(x) for x in units]
    if len(values) != n:
        raise DataError("wrong number of units", where="USP <905>", how_much=f"{len(values)} instead of {n}")
    bad = [x for x in values if not (math.isfinite(x) and x >= 0)]
    if bad:
        raise DataError("contents must be finite and not negative", where="USP <905>", how_much=f"{bad[0]}")
    return values


def mean_and_s(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation (n - 1), by compensated sums in two passes."""
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def stage(
    units: Sequence[float], target: float = 100.0, *, residual_variance: float = 0.0, shared_bias: float = 0.0, l2: float = L2
) -> StageResult:
    """Return the terms of the stage that tests all of `units` (10 or 30 contents, % LC).

    For contents that a soft sensor predicted (not compendial: a design rule): s^2 is raised by `residual_variance`
    [(% LC)^2], what predictions do not carry of single units, and the mean moves by `shared_bias` [% LC] in the
    direction that gives the larger AV; single units are judged moved to both sides. Zero for measured contents.
    """
    if not (residual_variance >= 0 and shared_bias >= 0):
        raise DataError("residual variance and shared bias must not be negative", where="USP <905> on predictions")
    n = len(units)
    k = acceptability_constant(n)
    mean, s = mean_and_s(checked(units, n))
    s = math.sqrt(s * s + residual_variance)
    mean = max((mean - shared_bias, mean, mean + shared_bias), key=lambda m: acceptance_value(m, s, n, target))
    value, m_ref = acceptance_value(mean, s, n, target), reference_value(mean, target)
    low, high, n_outside = math.nan, math.nan, 0
    if n == N_STAGE_2:
        low, high = unit_range(m_ref, l2)
        n_outside = sum(
            x - shared_bias < low - LIMIT_TOLERANCE or x + shared_bias > high + LIMIT_TOLERANCE for x in map(float, units)
        )
    return StageResult(n, k, mean, s, m_ref, value, round_half_up(value), low, high, n_outside)


def judge(
    units_10: Sequence[float],
    units_20: Sequence[float] | None = None,
    target: float = 100.0,
    *,
    rounding: Rounding = "none",
    residual_variance: float = 0.0,
    shared_bias: float = 0.0,
    l1: float = L1,
    l2: float = L2,
) -> UniformityResult:
    """Return the verdict of the two-stage test.

    units_10 (10,), units_20 (20,) contents [% LC]; target T [% LC]. Stage 2 uses all 30 and is judged only if stage 1
    does not pass; without units_20 the answer is then CONTINUE_S2.

    Clause: <905> Criteria. Stage 1: AV(10) <= L1, no limit on single units. Stage 2: AV(30) <= L1 - the limit is L1
    at both stages - and no unit outside (1 -+ 0.01 L2) M. Equality passes.
    Rounding: see `conforms`; mean and s are never rounded. Errors: DataError for other numbers of units, NaN,
    negative contents, target outside 85..115.
    """
    kwargs = {"residual_variance": residual_variance, "shared_bias": shared_bias, "l2": l2}
    first = stage(checked(units_10, N_STAGE_1), target, **kwargs)
    if conforms(first.acceptance_value, l1, rounding):
        return UniformityResult(UniformityVerdict.PASS_S1, first)
    if units_20 is None:
        return UniformityResult(UniformityVerdict.CONTINUE_S2, first)
    second = stage([*units_10, *checked(units_20, N_STAGE_2 - N_STAGE_1)], target, **kwargs)
    reasons = [] if conforms(second.acceptance_value, l1, rounding) else ["AV>L1"]
    if second.n_outside:
        reasons.append("unit_outside_L2_range")
    verdict = UniformityVerdict.FAIL if reasons else UniformityVerdict.PASS_S2
    return UniformityResult(verdict, first, second, tuple(reasons))
