"""Proportional-integral control with external reset, and integral control of results that come now and then."""

from __future__ import annotations

import math

from flowsheet.layout import STEP_S


class ProportionalIntegral:
    """v = K e + I. The integral is told what was really in force, so that no limit, refusal or hand winds it up.

    | argument | shape | first sample | last sample |
    | error e | scalar | this decision | this decision |
    | applied | scalar | what is in force before this decision: the answer to the last v | the same |

    Equations: I += h/T_i K e_last + h/T_t (applied - v_last) at each call (back-calculation, T_t the tracking time);
    a first call, or one after `reset`, sets I so that v = applied: no bump. T_t is never taken below h.
    Source: Astrom & Hagglund, Advanced PID Control, ISA 2006, 3.5. Wrong where the sign of the gain may change.
    """

    def __init__(self, gain: float, reset_s: float, tracking_s: float) -> None:
        self._gain, self._integrate = gain, gain * STEP_S / reset_s
        self._track = min(STEP_S / tracking_s, 1.0)
        self.reset()

    def reset(self) -> None:
        """Forget integral and last answer: the next call starts without a bump."""
        self._integral: float | None = None
        self._last_error, self._last_answer = 0.0, 0.0

    @property
    def integral(self) -> float:
        """The integral part, 0 before the first call."""
        return self._integral if self._integral is not None else 0.0

    def answer(self, error: float, applied: float) -> float:
        """Return v for this decision's error; `applied` is what is in force now."""
        if self._integral is None:
            self._integral = applied - self._gain * error
        else:
            self._integral += self._integrate * self._last_error + self._track * (applied - self._last_answer)
        self._last_error = error
        self._last_answer = self._gain * error + self._integral
        return self._last_answer


class SampledIntegral:
    """Removes a share 1 - exp(-gap/T) of each result's error; gap is the time since the result before, at most `longest`.

    With results every h seconds a lasting error falls with time constant T, whatever h. It has no memory but the time:
    moves are counted from what is in force, so that it cannot wind up.
    """

    def __init__(self, time_s: float, longest_gap_s: float) -> None:
        self._time_s, self._longest_s = time_s, longest_gap_s
        self.reset()

    def reset(self) -> None:
        """The next result counts as after the longest gap."""
        self._gap_s = self._longest_s

    def share(self, new: bool) -> float:
        """Return the share of the error to remove now: 0 without a new result. Call once a decision."""
        if not new:
            self._gap_s = min(self._gap_s + STEP_S, self._longest_s)
            return 0.0
        share = 1.0 - math.exp(-max(self._gap_s, STEP_S) / self._time_s)
        self._gap_s = STEP_S
        return share
