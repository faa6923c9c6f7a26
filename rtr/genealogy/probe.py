"""What the probe saw of the blend: the start of the NIR road, and the bridges between valid spectra."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from line.recipe import Evidence
from rtr.genealogy.propagation import Line, Tracer
from sensing.verdict import SpectrumVerdict, Validity

#: A spectrum may arrive this much later than its material passed the probe (transport and computing).
ARRIVAL_MAX_S = 12
#: These carry a value that must be believed as an alarm, though release may not rest on it.
ALARMING = (Validity.EXTRAPOLATION, Validity.OUT_OF_RANGE)


@dataclass(frozen=True)
class Sight:
    """One spectrum that release may use: second, API mass fraction, squared standard error."""

    step: int
    api_w_w: float
    variance: float


class ProbeRoad:
    """Writes spectra onto the slugs of powder that passed the probe.

    Material between two VALID spectra at most `bridge_max_s` apart has the value on the straight line between them, if
    enough of the last spectra due were VALID (k of n): a probe that fails again and again is not bridged.
    A slug under EXTRAPOLATION or OUT_OF_RANGE carries the value as an alarm and counts as not proven; under an INVALID
    spectrum it is bridged or unseen. Until the next spectrum a new slug provisionally has the last valid value.
    Spectra of another model, late or doubled ones are not used. Purely NIR: no feeder value enters. `i_line`: which of
    the lines in step it writes to.
    """

    def __init__(self, evidence: Evidence, model_hash: str, sample_s: float, i_line: int = 0) -> None:
        self.i_line = i_line
        self.bridge_s = evidence.bridge_max_s
        self.bridge_valid_min, self.bridge_window = evidence.bridge_valid_min, evidence.bridge_window
        self.model_hash = model_hash
        self.sample_s = max(round(sample_s), 1)
        self.last: Sight | None = None
        self._valid: deque[int] = deque(maxlen=evidence.bridge_window)
        self.newest_step = -1
        self.foreign = 0
        #: (second, API mass fraction) of the spectrum of this second, VALID or an alarm; None without one.
        self.told: tuple[int, float] | None = None

    def see(self, step: int, verdict: SpectrumVerdict | None, line: Line) -> bool:
        """Take this second's spectrum, if any; return True if release may use it. Call after `line.advance`."""
        self.told = None
        self._provisional(step, line)
        if verdict is None or verdict.step <= self.newest_step or verdict.step > step:
            return False
        self.newest_step = verdict.step
        if verdict.model_hash != self.model_hash:
            self.foreign += 1
            return False
        if not math.isfinite(verdict.api_w_w):
            return False
        if verdict.validity in ALARMING:
            self.told = verdict.step, verdict.api_w_w
            self._write(
                line, self._since(verdict.step), verdict.step, verdict.api_w_w, verdict.standard_error_w_w**2, valid=False
            )
            return False
        if not (verdict.valid and math.isfinite(verdict.standard_error_w_w)):
            return False
        self.told = verdict.step, verdict.api_w_w
        self._bridge(line, Sight(verdict.step, verdict.api_w_w, verdict.standard_error_w_w**2))
        return True

    def _since(self, step: int) -> int:
        return step - self.sample_s

    def _provisional(self, step: int, line: Line) -> None:
        """Give the newest slug the last valid value; unsee slugs that no bridge can reach any more."""
        sight = self.last
        if sight is None:
            return
        if step - sight.step <= self.bridge_s + ARRIVAL_MAX_S:
            self._write(line, step - 1, step, sight.api_w_w, sight.variance, valid=True, settle=False)
        else:
            self._unsee(line, sight.step + self.sample_s, step)

    def _bridge(self, line: Line, sight: Sight) -> None:
        last, self.last = self.last, sight
        self._valid.append(sight.step)
        near = last is not None and self._bridges(sight.step - last.step)
        start = last.step if near and last is not None else self._since(sight.step)
        if last is not None and not near:
            self._unsee(line, last.step + self.sample_s, start)
        slugs = line.hopper.entered_between(start, sight.step)
        if near and last is not None:
            way = (line.hopper.steps[slugs] - last.step) / (sight.step - last.step)
            api = last.api_w_w + (sight.api_w_w - last.api_w_w) * way
        else:
            api = np.full(slugs.stop - slugs.start, sight.api_w_w)
        open_ = ~line.hopper.settled[slugs, self.i_line]
        self._put(line, np.arange(slugs.start, slugs.stop)[open_], api[open_], sight.variance, 1.0, 1.0)
        line.hopper.settled[slugs, self.i_line] = True
        self._write(line, sight.step, int(line.hopper.steps[line.hopper.end - 1]) if line.hopper.end else 0,
                    sight.api_w_w, sight.variance, valid=True, settle=False)  # fmt: skip

    def _bridges(self, gap_s: int) -> bool:
        """Return True if the newest spectrum may be joined to the one before it, `gap_s` seconds earlier."""
        if gap_s <= self.sample_s:
            return True
        oldest = self._valid[-1] - self.bridge_window * self.sample_s
        return gap_s <= self.bridge_s and sum(step > oldest for step in self._valid) >= self.bridge_valid_min

    def _write(
        self, line: Line, after: int, until: int, api: float, variance: float, *, valid: bool, settle: bool = True
    ) -> None:
        slugs = line.hopper.entered_between(after, until)
        index = np.arange(slugs.start, slugs.stop)[~line.hopper.settled[slugs, self.i_line]]
        self._put(line, index, np.full(len(index), api), variance if math.isfinite(variance) else 0.0, 1.0, float(valid))
        if settle:
            line.hopper.settled[slugs, self.i_line] = True

    def _unsee(self, line: Line, after: int, until: int) -> None:
        slugs = line.hopper.entered_between(after, until)
        index = np.arange(slugs.start, slugs.stop)[~line.hopper.settled[slugs, self.i_line]]
        self._put(line, index, np.zeros(len(index)), 0.0, 0.0, 0.0)

    def _put(self, line: Line, index: np.ndarray, api: np.ndarray, variance: float, seen: float, valid: float) -> None:
        values = line.hopper.values
        values[index, self.i_line, Tracer.NIR_API] = api * seen
        values[index, self.i_line, Tracer.NIR_SEEN] = seen
        values[index, self.i_line, Tracer.NIR_VALID] = valid
        values[index, self.i_line, Tracer.NIR_VARIANCE] = variance * seen
