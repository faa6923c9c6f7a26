"""Normal tolerance factors: how many standard deviations around the mean hold a share p of all units, with confidence."""

from __future__ import annotations

import math

from scipy import special

from line.errors import DataError


def two_sided_howe(n: int, p: float, confidence: float) -> float:
    """Return k2 so that mean -+ k2 s holds at least a share p with the confidence (Howe's approximation).

    k2 = z_{(1+p)/2} sqrt((n - 1)(1 + 1/n) / chi2_{1-confidence}(n - 1)); n >= 2, p and confidence in 0..1 exclusive.
    Wrong for n below about 5 (Howe: a few per mille above) and for contents that are not normal.
    Clause: none; k of USP <905> is this factor at p 0.91, confidence 0.84. Rounding: none. Errors: DataError.
    Source: Howe, JASA 64 (1969) 610; NIST/SEMATECH e-Handbook 7.2.6.3, whose example follows.

    >>> round(two_sided_howe(43, 0.90, 0.99), 4)
    2.2173
    """
    _check(n, p, confidence)
    z = float(special.ndtri((1 + p) / 2))
    return z * math.sqrt((n - 1) * (1 + 1 / n) / float(special.chdtri(n - 1, confidence)))


def one_sided_natrella(n: int, p: float, confidence: float) -> float:
    """Return k1 so that mean + k1 s is above a share p with the confidence (Natrella's approximation).

    a = 1 - z_c^2 / (2 (n - 1)), b = z_p^2 - z_c^2 / n, k1 = (z_p + sqrt(z_p^2 - a b)) / a.
    Wrong for small n: not defined where a <= 0. Rounding: none. Errors: DataError.
    Source: Natrella, NBS Handbook 91 (1963); NIST/SEMATECH e-Handbook 7.2.6.3.

    >>> round(one_sided_natrella(43, 0.90, 0.99), 4)
    1.8752
    """
    _check(n, p, confidence)
    z_p, z_c = float(special.ndtri(p)), float(special.ndtri(confidence))
    a, b = 1 - z_c**2 / (2 * (n - 1)), z_p**2 - z_c**2 / n
    if a <= 0:
        raise DataError(
            "Natrella's factor is not defined", where="tolerance interval", how_much=f"n = {n}", what_now="Use exact."
        )
    return (z_p + math.sqrt(z_p**2 - a * b)) / a


def one_sided_exact(n: int, p: float, confidence: float) -> float:
    """Return the exact k1 = t_{confidence}(n - 1, delta = z_p sqrt(n)) / sqrt(n), by the non-central t.

    Rounding: none. Errors: DataError. Source: Owen 1968; as in the two one-sided tolerance intervals (PTI-TOST).

    >>> round(one_sided_exact(43, 0.90, 0.99), 4)
    1.874
    """
    _check(n, p, confidence)
    return float(special.nctdtrit(n - 1, float(special.ndtri(p)) * math.sqrt(n), confidence)) / math.sqrt(n)


def two_one_sided(mean: float, s: float, n: int, p: float, confidence: float, limits: tuple[float, float]) -> bool:
    """Return whether both one-sided tolerance limits, mean -+ k1 s, stay inside `limits` (PTI-TOST); equality passes.

    p is the share each tail must keep. Rounding: none. Errors: DataError (also for a NaN mean or a negative s).
    """
    if not (math.isfinite(mean) and s >= 0 and limits[0] < limits[1]):
        raise DataError("mean, s or limits cannot be used", where="tolerance interval", how_much=f"{mean}, {s}, {limits}")
    k = one_sided_exact(n, p, confidence)
    return mean - k * s >= limits[0] and mean + k * s <= limits[1]


def _check(n: int, p: float, confidence: float) -> None:
    if n < 2 or not 0 < p < 1 or not 0 < confidence < 1:
        raise DataError(
            "a tolerance factor cannot be computed",
            where="tolerance interval",
            how_much=f"n = {n}, p = {p}, confidence = {confidence}",
            what_now="Give at least 2 units, p and confidence between 0 and 1.",
        )
