"""USP <711> dissolution of immediate-release tablets: Acceptance Table 1, and its pooled form; USP <1216> friability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from line.errors import DataError

N_S1, N_S2, N_S3 = 6, 6, 12
FRIABILITY_LIMIT_PCT, WHOLE_TABLETS_BELOW_MG, SAMPLE_G, N_HEAVY = 1.0, 650.0, 6.5, 10


class DissolutionVerdict(StrEnum):
    """Outcome after the stages given. CONTINUE: test the next stage, nothing is decided."""

    PASS_S1 = "PASS_S1"  # noqa: S105
    CONTINUE_S2 = "CONTINUE_S2"
    PASS_S2 = "PASS_S2"  # noqa: S105
    CONTINUE_S3 = "CONTINUE_S3"
    PASS_S3 = "PASS_S3"  # noqa: S105
    FAIL = "FAIL"


def judge_dissolution(
    q: float, s1: Sequence[float], s2: Sequence[float] | None = None, s3: Sequence[float] | None = None
) -> DissolutionVerdict:
    """Return the verdict of Acceptance Table 1 for amounts dissolved [% LC] against Q [% LC].

    S1: 6 units, each >= Q + 5. S2: 6 more, mean of 12 >= Q and none < Q - 15. S3: 12 more, mean of 24 >= Q, not more
    than 2 < Q - 15 and none < Q - 25. A unit below Q - 25 fails at once when stage 3 is reached, not before (the table
    judges it there). Clause: <711> Acceptance Table 1. Rounding: none; equality passes.
    Errors: DataError for other numbers of units, values not finite or negative, Q outside 0..100, a stage left out.
    """
    _check_q(q)
    if s3 is not None and s2 is None:
        raise DataError("stage 3 without stage 2", where="USP <711>", what_now="Give the six units of stage 2.")
    first = _units(s1, N_S1, "S1")
    if min(first) >= q + 5:
        return DissolutionVerdict.PASS_S1
    if s2 is None:
        return DissolutionVerdict.CONTINUE_S2
    both = first + _units(s2, N_S2, "S2")
    if math.fsum(both) / len(both) >= q and min(both) >= q - 15:
        return DissolutionVerdict.PASS_S2
    if s3 is None:
        return DissolutionVerdict.CONTINUE_S3
    every = both + _units(s3, N_S3, "S3")
    far = sum(x < q - 15 for x in every)
    good = math.fsum(every) / len(every) >= q and far <= 2 and min(every) >= q - 25
    return DissolutionVerdict.PASS_S3 if good else DissolutionVerdict.FAIL


def judge_pooled(q: float, means: Sequence[float]) -> DissolutionVerdict:
    """Return the verdict for pooled samples: mean of 6 >= Q + 10, of 12 >= Q + 5, of 24 >= Q.

    means: one to three means [% LC] over all units so far. Clause: <711> Pooled Sample. Rounding: none.
    """
    _check_q(q)
    if not 1 <= len(means) <= 3:
        raise DataError("one to three stage means are needed", where="USP <711> pooled", how_much=f"{len(means)}")
    values = [float(x) for x in means]
    if not all(math.isfinite(x) and x >= 0 for x in values):
        raise DataError("means must be finite and not negative", where="USP <711> pooled")
    stages = ((10, DissolutionVerdict.PASS_S1), (5, DissolutionVerdict.PASS_S2), (0, DissolutionVerdict.PASS_S3))
    for value, (margin, verdict) in zip(values, stages, strict=False):
        if value >= q + margin:
            return verdict
    following = (DissolutionVerdict.CONTINUE_S2, DissolutionVerdict.CONTINUE_S3, DissolutionVerdict.FAIL)
    return following[len(values) - 1]


def friability_sample(tablet_mass_mg: float) -> int:
    """Return how many tablets the drum takes: whole ones nearest to 6.5 g up to 650 mg, else 10.

    Clause: <1216>. Errors: DataError for a mass that is not positive and finite.

    >>> friability_sample(225.0)
    29
    """
    if not (math.isfinite(tablet_mass_mg) and tablet_mass_mg > 0):
        raise DataError("tablet mass must be positive", where="USP <1216>", how_much=f"{tablet_mass_mg} mg")
    if tablet_mass_mg > WHOLE_TABLETS_BELOW_MG:
        return N_HEAVY
    return max(1, round(SAMPLE_G * 1000.0 / tablet_mass_mg))


def judge_friability(losses_pct: Sequence[float], broken: bool) -> str:
    """Return PASS, REPEAT (test twice more and take the mean of three) or FAIL for one or three mass losses [%].

    A cracked, cleaved or broken tablet fails. One loss above 1.0 % asks for two more; the mean of three decides.
    Clause: <1216>. Rounding: none; equality passes. Errors: DataError for other numbers of losses, negative or NaN.
    """
    values = [float(x) for x in losses_pct]
    if len(values) not in (1, 3) or not all(math.isfinite(x) and 0 <= x <= 100 for x in values):
        raise DataError("one or three mass losses in 0..100 % are needed", where="USP <1216>", how_much=f"{values}")
    if broken:
        return "FAIL"
    if math.fsum(values) / len(values) <= FRIABILITY_LIMIT_PCT:
        return "PASS"
    return "REPEAT" if len(values) == 1 else "FAIL"


def _units(values: Sequence[float], n: int, stage: str) -> list[float]:
    units = [float(x) for x in values]
    if len(units) != n or not all(math.isfinite(x) and x >= 0 for x in units):
        raise DataError(
            "wrong units", where=f"USP <711> {stage}", how_much=f"{len(units)} given", what_now=f"Give {n} values >= 0."
        )
    return units


def _check_q(q: float) -> None:
    if not (math.isfinite(q) and 0 < q <= 100):
        raise DataError("Q must lie in 0..100 % LC", where="USP <711>", how_much=f"Q = {q}")
