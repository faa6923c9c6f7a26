"""What a disturbance at the inlet becomes behind tanks in series: peak, crossings, tolerable size, what to divert.

Closed form: a rectangular pulse of height m and length d gives m (F(t) - F(t - d)), F the cumulative exit-age distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from line.errors import DataError

TAIL = 0.005


@dataclass(frozen=True)
class TankCascade:
    """Dead time [s] and n equal tanks with a total mean time tau [s] (dead time not included)."""

    tau_s: float
    n_tanks: float
    dead_time_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no residence-time distribution."""
        good = math.isfinite(self.tau_s) and self.tau_s > 0 and self.n_tanks >= 1 and self.dead_time_s >= 0
        if not (good and math.isfinite(self.n_tanks) and math.isfinite(self.dead_time_s)):
            raise DataError(
                "no residence-time distribution",
                where="tanks in series",
                how_much=f"tau {self.tau_s} s, n {self.n_tanks}, dead time {self.dead_time_s} s",
                what_now="Give tau > 0, n >= 1, dead time >= 0.",
            )

    def cumulative(self, t_s: float) -> float:
        """Return F(t), the share of material that has left t seconds after it entered."""
        aged = (t_s - self.dead_time_s) * self.n_tanks / self.tau_s
        return float(special.gammainc(self.n_tanks, aged)) if aged > 0 else 0.0

    def quantile_s(self, p: float) -> float:
        """Return the age [s] below which a share p (0..1 exclusive) leaves."""
        if not 0 < p < 1:
            raise DataError("share outside 0..1", where="residence-time quantile", how_much=f"p = {p}")
        return self.dead_time_s + self.tau_s / self.n_tanks * float(special.gammaincinv(self.n_tanks, p))


def attenuation(cascade: TankCascade, duration_s: float) -> tuple[float, float]:
    """Return (largest F(t) - F(t - d), the t [s] of it) for a pulse of d seconds, d > 0.

    The peak solves E(t) = E(t - d): t = d / (1 - exp(-d (n / tau) / (n - 1))) + dead time for n > 1, and t = d + dead time
    for one tank. Errors: DataError for a duration that is not positive and finite.
    """
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise DataError("pulse length must be positive", where="funnel", how_much=f"{duration_s} s")
    rate, n = cascade.n_tanks / cascade.tau_s, cascade.n_tanks
    inner = duration_s if n == 1 else duration_s / -math.expm1(-rate * duration_s / (n - 1))
    peak_s = inner + cascade.dead_time_s
    return cascade.cumulative(peak_s) - cascade.cumulative(peak_s - duration_s), peak_s


def tolerable(cascade: TankCascade, duration_s: float, limit: float) -> float:
    """Return the largest |inlet deviation| whose outlet stays within +-limit (same unit): limit / attenuation."""
    if not limit > 0:
        raise DataError("limit must be positive", where="funnel", how_much=f"{limit}")
    return limit / attenuation(cascade, duration_s)[0]


@dataclass(frozen=True)
class PulseDiversion:
    """A pulse that began at t = 0: its peak and what each rule diverts [s after the pulse began].

    `up_s`, `down_s` where the outlet crosses the limit (NaN: it never does); prediction rule with guard:
    `from_s`..`to_s`; `window_s` length of the window rule at 0.5 % tails, without guard.
    """

    peak: float
    peak_s: float
    up_s: float
    down_s: float
    from_s: float
    to_s: float
    window_s: float

    @property
    def diverted_s(self) -> float:
        """Seconds that the prediction rule diverts; 0 if the limit is never crossed."""
        return self.to_s - self.from_s if math.isfinite(self.from_s) else 0.0


def divert_pulse(cascade: TankCascade, height: float, duration_s: float, limit: float, guard_s: float) -> PulseDiversion:
    """Return what a pulse of `height` (sign does not matter) and `duration_s` asks to be diverted at `limit` and guard.

    Crossings by root finding to 1e-9 s on either side of the peak. Errors: DataError for a limit that is not positive or
    a negative guard.
    """
    if not (guard_s >= 0 and limit > 0 and math.isfinite(height)):
        raise DataError("limit must be positive and the guard not negative", where="diversion of a pulse")
    from scipy import optimize

    share, peak_s = attenuation(cascade, duration_s)
    peak = abs(height) * share
    window = cascade.quantile_s(1 - TAIL) + duration_s - cascade.quantile_s(TAIL)

    def excess(t: float) -> float:
        return abs(height) * (cascade.cumulative(t) - cascade.cumulative(t - duration_s)) - limit

    if peak <= limit:
        nan = math.nan
        return PulseDiversion(math.copysign(peak, height), peak_s, nan, nan, nan, nan, window)
    end = peak_s + duration_s
    while excess(end) > 0:
        end += cascade.tau_s
    up = optimize.brentq(excess, cascade.dead_time_s, peak_s, xtol=1e-9)
    down = optimize.brentq(excess, peak_s, end, xtol=1e-9)
    return PulseDiversion(math.copysign(peak, height), peak_s, up, down, up - guard_s, down + guard_s, window)
