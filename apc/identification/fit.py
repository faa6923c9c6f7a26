"""Bounded least squares that knows what it does not know: intervals from blocks of the record, identifiability."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from line.errors import DataError

Vector = NDArray[np.float64]
Labels = NDArray[np.int64]
Residual = Callable[[Vector], Vector]

#: Largest collinearity index of a set of parameters that is estimated together. Source: Brun, Reichert & Kuensch,
#: Water Resour. Res. 37 (2001) 1015: above 10-15 a set is poorly identifiable.
COLLINEARITY_MAX = 15.0
#: A parameter is worth estimating if its 95 % interval is at most this share of the range it was believed to lie in.
INTERVAL_SHARE_MAX = 0.5
#: Residuals beyond this many standard deviations count linearly (Huber 1964; 95 % efficient for a normal).
HUBER = 1.345
#: Fewest blocks from which an interval is made.
BLOCKS_MIN = 6
BOUND_SHARE = 1e-3
NORMAL_95 = 1.96
#: Share of the largest weight in a singular direction from which a parameter takes part in it.
TAKES_PART = 0.3


@dataclass(frozen=True)
class Unknown:
    """A parameter to be estimated: where the search starts and the range it must stay in. low < value < high."""

    name: str
    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low


@dataclass(frozen=True)
class Estimated:
    """A parameter that the runs speak of: value and 95 % interval, in the unit of its Unknown."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """What a least-squares problem said.

    estimated: by name; kept: name -> why the runs do not identify it (its value stays); collinearity: index of the set
    that was estimated (1: independent); singular_values: of the Jacobian of all unknowns over their ranges, largest
    first; sigma: robust standard deviation of the residuals (1: as large as stated); values: all unknowns by name.
    """

    estimated: tuple[Estimated, ...]
    kept: dict[str, str]
    collinearity: float
    singular_values: tuple[float, ...]
    sigma: float
    values: dict[str, float]


def fit(residual: Residual, unknowns: Sequence[Unknown], blocks: Labels, interval_share: float = INTERVAL_SHARE_MAX) -> Fit:
    """Return the least-squares estimate of the unknowns that the residuals identify; the others keep their value.

    residual: (n_unknowns,) values -> (m,) residuals over their stated standard deviation, NaN where nothing was
    measured (always the same ones); blocks: (m,) label of the stretch of a run that a residual belongs to, long against
    the residuals' correlation.

    Equation: min sum rho(r), Huber's rho, inside the ranges; covariance (J'WJ)^-1 (sum over blocks g g') (J'WJ)^-1 with
    g the block's score (Liang & Zeger, Biometrika 73 (1986) 13), times G/(G-1), Student's t with G - 1 degrees. An
    unknown is kept if nothing depends on it, if it cannot be told from others that come before it, if it runs into its
    bound or if its interval is wider than interval_share of its range. A value holds with the kept ones as they are.
    Wrong where all blocks share an error (span of a load cell): that is in no interval. Raises DataError for fewer than
    BLOCKS_MIN blocks or a start where the model gives no number.
    """
    start = np.array([u.value for u in unknowns])
    width = np.array([u.width for u in unknowns])
    first = residual(start)
    used = np.isfinite(first)
    labels = np.unique(blocks[used], return_inverse=True)[1] if used.any() else np.zeros(0, dtype=np.int64)
    n_blocks = int(labels.max()) + 1 if labels.size else 0
    if n_blocks < BLOCKS_MIN:
        raise DataError(
            f"too little was measured to identify {', '.join(u.name for u in unknowns)}", where="identification",
            how_much=f"{n_blocks} stretches of the record, {BLOCKS_MIN} needed", what_now="Name more or longer runs.",
        )  # fmt: skip

    def scaled(z: Vector) -> Vector:
        return residual(start + z * width)[used]

    whole = _jacobian(scaled, np.zeros(len(start)))
    free, kept = _separable(whole, unknowns, interval_share)
    z = np.zeros(len(start))
    while free:
        z = _solve(scaled, unknowns, free)
        jacobian, r = _jacobian(scaled, z)[:, free], scaled(z)
        half = _half_widths(jacobian, r, labels, n_blocks)
        worst, why = _worst(free, z, half, unknowns, interval_share)
        if worst is None:
            break
        kept[unknowns[worst].name] = why
        free = [i for i in free if i != worst]
        z[worst] = 0.0
    values = start + z * width if free else start
    estimated = tuple(
        Estimated(unknowns[i].name, float(values[i]), float(values[i] - h * width[i]), float(values[i] + h * width[i]))
        for i, h in zip(free, half if free else (), strict=True)
    )
    return Fit(
        estimated, kept, collinearity(jacobian) if free else 1.0,
        tuple(np.linalg.svd(whole, compute_uv=False).tolist()), robust_sigma(scaled((values - start) / width)),
        dict(zip((u.name for u in unknowns), values.tolist(), strict=True)),
    )  # fmt: skip


def collinearity(jacobian: Vector) -> float:
    """Return the collinearity index of the columns (m, k): 1/sqrt(least eigenvalue of the normalised J'J), 1 if k < 2."""
    if jacobian.shape[1] < 2:
        return 1.0
    norms = np.linalg.norm(jacobian, axis=0)
    least = float(np.linalg.svd(jacobian / np.where(norms > 0, norms, 1.0), compute_uv=False)[-1])
    return 1.0 / least if least > 1e-12 else math.inf


def robust_sigma(r: Vector) -> float:
    """Return the standard deviation of a normal with the median absolute deviation of r, NaN left out."""
    finite = r[np.isfinite(r)]
    return float(1.4826 * np.median(np.abs(finite - np.median(finite)))) if finite.size else math.nan


def _separable(whole: Vector, unknowns: Sequence[Unknown], interval_share: float) -> tuple[list[int], dict[str, str]]:
    """Return the unknowns that the residuals may tell apart, and why the others are kept.

    First those whose interval would be too wide even alone and with white residuals; then, while the set is collinear,
    the one that comes last in `unknowns` among those that take part in its least singular direction.
    """
    norms = np.linalg.norm(whole, axis=0)
    enough = 2.0 * NORMAL_95 / interval_share
    kept = {u.name: "these runs hardly depend on it" for u, n in zip(unknowns, norms, strict=True) if n < enough}
    free = [i for i, n in enumerate(norms) if n >= enough]
    while len(free) > 1:
        normalised = whole[:, free] / norms[free]
        index = collinearity(normalised)
        if index <= COLLINEARITY_MAX:
            break
        direction = np.abs(np.linalg.svd(normalised, full_matrices=False)[2][-1])
        mixed = [free[j] for j in np.flatnonzero(direction > TAKES_PART * direction.max())]
        worst = max(mixed)
        others = ", ".join(unknowns[i].name for i in mixed if i != worst)
        kept[unknowns[worst].name] = f"cannot be told from {others} (collinearity {min(index, 9999):.0f})"
        free.remove(worst)
    return free, kept


def _solve(scaled: Residual, unknowns: Sequence[Unknown], free: Sequence[int]) -> Vector:
    """Return z (n,) that minimises Huber's loss over the free unknowns; the others stay at 0."""
    from scipy.optimize import least_squares

    z = np.zeros(len(unknowns))

    def some(part: Vector) -> Vector:
        at = z.copy()
        at[free] = part
        r = scaled(at)
        return np.where(np.isfinite(r), r, 1e3)

    low = np.array([(unknowns[i].low - unknowns[i].value) / unknowns[i].width for i in free])
    high = np.array([(unknowns[i].high - unknowns[i].value) / unknowns[i].width for i in free])
    begin = np.clip(0.0, low + 1e-6, high - 1e-6)
    found = least_squares(some, begin, bounds=(low, high), loss="huber", f_scale=HUBER, xtol=1e-7, ftol=1e-8, max_nfev=60)
    z[free] = found.x
    return z


def _jacobian(scaled: Residual, z: Vector) -> Vector:
    """Return (m, n) by central differences of a thousandth of each range."""
    columns = []
    for i in range(len(z)):
        step = np.zeros(len(z))
        step[i] = 1e-3
        columns.append((scaled(z + step) - scaled(z - step)) / 2e-3)
    return np.nan_to_num(np.column_stack(columns))


def _half_widths(jacobian: Vector, r: Vector, labels: Labels, n_blocks: int) -> Vector:
    """Return (k,) half widths of the 95 % intervals, in ranges."""
    from scipy.special import stdtrit

    weights = np.minimum(1.0, HUBER / np.maximum(np.abs(r), 1e-12))
    bread = np.linalg.pinv((jacobian * weights[:, None]).T @ jacobian)
    scores = np.zeros((n_blocks, jacobian.shape[1]))
    np.add.at(scores, labels, jacobian * (weights * r)[:, None])
    covariance = bread @ (scores.T @ scores) @ bread * n_blocks / (n_blocks - 1.0)
    spread: Vector = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return float(stdtrit(n_blocks - 1, 0.975)) * spread


def _worst(
    free: Sequence[int], z: Vector, half: Vector, unknowns: Sequence[Unknown], interval_share: float
) -> tuple[int | None, str]:
    """Return the free unknown that the runs do not identify, and why; None if they identify all."""
    for i in free:
        u = unknowns[i]
        value = u.value + z[i] * u.width
        for bound, gap in ((u.low, value - u.low), (u.high, u.high - value)):
            if gap < BOUND_SHARE * u.width:
                return i, f"runs into its bound {bound:.6g}"
    j = int(np.argmax(half))
    if 2.0 * half[j] > interval_share:
        return free[j], f"known only within {200.0 * half[j]:.0f} % of its range"
    return None, ""
