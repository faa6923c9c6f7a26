"""Dead-time compensation: a model without the dead time is controlled, its error against the measurement is added."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from apc.control.guard import Guard
from apc.control.problem import Reading, Vector
from flowsheet.layout import STEP_S

#: Values kept for late measurements [decisions].
KEPT = 24
#: Late results in a row that must agree before a wild one is believed.
PATIENCE = 3


def stir(tanks: Vector, inflow: float, theta: float) -> Vector:
    """Return the contents of equal tanks in series after one step with constant inflow; theta: step over a tank's time.

    Exact: deviations z from the inflow obey z_j' = exp(-theta) sum_i z_(j-i) theta^i / i!.
    """
    z = tanks - inflow
    weights = [math.exp(-theta) * theta**i / math.factorial(i) for i in range(len(tanks))]
    return np.array([inflow + sum(weights[i] * z[j - i] for i in range(j + 1)) for j in range(len(tanks))])


class Mismatch:
    """What a measurement says that a prediction does not, at the measurement's own time, filtered and guarded.

    | argument | shape | first sample | last sample |
    | prediction | scalar a decision | 23 decisions ago | now |

    d += a (y(t - age) - prediction(t - age) - d), a = h/(h + T). One wild value is clipped to the gate; three on the same
    side are believed. Prediction between decisions is interpolated. A value older than what is kept is left out.
    """

    def __init__(self, share: float, kept: int = KEPT) -> None:
        self._share = share
        self._past: deque[float] = deque(maxlen=kept)
        self._guard = Guard(PATIENCE)
        self.value = 0.0

    def reset(self, value: float = 0.0) -> None:
        """Start anew from a mismatch."""
        self._past.clear()
        self._guard.reset()
        self.value = value

    def note(self, prediction: float) -> None:
        """Keep the prediction of this decision, with nothing of the mismatch in it."""
        self._past.appendleft(prediction)

    def predicted(self, age_s: float) -> float | None:
        """Return the prediction `age_s` ago, None if it is not kept."""
        steps = age_s / STEP_S
        low = math.floor(steps)
        if low < 0 or steps > len(self._past) - 1:
            return None
        share = steps - low
        later = self._past[low]
        return later if share == 0.0 else (1.0 - share) * later + share * self._past[low + 1]

    def take(self, reading: Reading) -> float:
        """Take a new measurement in; return the mismatch."""
        before = self.predicted(reading.age_s)
        if reading.new and before is not None and math.isfinite(reading.value):
            self.value += self._share * self._guard.judge(reading.value - before - self.value, reading.error)
        return self.value


class SmithPredictor:
    """Tanks in series behind a dead time, driven by what really flowed in; relative concentration, 1 is the target.

    | argument | shape | first sample | last sample |
    | inflow | scalar a decision | now | now |
    | answer | scalar | concentration now if there were no dead time | the same |

    predict -> fast(t) + d(t): `fast` are the tanks without the dead time, d the filtered mismatch of measurement and the
    delayed tanks. Equation: Smith 1957; filter on the mismatch alone: Normey-Rico & Camacho, Control of Dead-time
    Processes, Springer 2007. Wrong if dead time or hold-up are: then d carries dynamics and the gain must be lower.
    """

    def __init__(self, n_tanks: int, dead_s: float, filter_s: float) -> None:
        self._n, self._dead = n_tanks, dead_s / STEP_S
        self._inflows: deque[float] = deque(maxlen=math.ceil(self._dead) + 2)
        self._mismatch = Mismatch(STEP_S / (STEP_S + filter_s))
        self.started = False

    def reset(self) -> None:
        """Forget the tanks; the next call starts them."""
        self.started = False

    def start(self, inflow: float, level: float) -> None:
        """Fill the tanks with what flows in; believe that the concentration is `level` now."""
        self._fast = np.full(self._n, inflow)
        self._slow = self._fast.copy()
        self._inflows.extend([inflow] * self._inflows.maxlen if self._inflows.maxlen else [])
        self._mismatch.reset(level - inflow)
        self.started = True

    def predict(self, inflow: float, theta: float, reading: Reading | None) -> float:
        """Return the concentration as if there were no dead time.

        inflow: of the period that ended now; theta: 5 s over one tank's time; reading: concentration, relative.
        """
        self._inflows.appendleft(inflow)
        low = math.floor(self._dead)
        share = self._dead - low
        late = (1.0 - share) * self._inflows[low] + share * self._inflows[low + 1]
        self._fast = stir(self._fast, inflow, theta)
        self._slow = stir(self._slow, late, theta)
        self._mismatch.note(float(self._slow[-1]))
        d = self._mismatch.take(reading) if reading is not None else self._mismatch.value
        return float(self._fast[-1]) + d
