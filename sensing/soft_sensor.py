"""The soft sensor in operation: one spectrum in, one verdict out. Plain NumPy from the model file; never adapts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from line.quality import Quality
from sensing.model import SoftSensorModel
from sensing.pls import rotations
from sensing.preprocessing import apply_steps
from sensing.verdict import SpectrumVerdict, Validity, model_space

Vector = NDArray[np.float64]
NAN = float("nan")
#: Integration times [ms] at which the instrument is working.
INTEGRATION_TIME_LOW_MS, INTEGRATION_TIME_HIGH_MS = 1.0, 1000.0
PERCENT = 100.0
Finding = tuple[Validity, str]


class SoftSensor:
    """Judges spectra by one model.

    Order of checks: instrument, presentation, model space (Q), extrapolation (T2, or an Uncertain status), range, else
    VALID. A flagged spectrum is never dropped: it comes back with its numbers and the reason in words.
    """

    def __init__(self, model: SoftSensorModel) -> None:
        self.model = model
        self._rotations = rotations(model.weights, model.loadings)
        self._loadings = np.ascontiguousarray(model.loadings.T)
        self._precision = 1.0 / model.score_variances

    def judge(
        self,
        spectrum: Vector,
        *,
        step: int,
        spectrum_id: int,
        quality: Quality = Quality.GOOD,
        integration_time_ms: float | None = None,
        instrument_fault: str = "",
    ) -> SpectrumVerdict:
        """Return the verdict on one spectrum (p,) [AU] on the model's axis.

        step: second at which the material passed the probe; quality: of the spectrum on the wire; integration_time_ms:
        None if the instrument does not tell, NaN if it should and does not; instrument_fault: in words why the
        instrument may not be believed, empty if it may. Never raises for what an instrument may send.
        """
        found = self._instrument(spectrum, quality, integration_time_ms, instrument_fault)
        if found is not None:
            return self._verdict(step, spectrum_id, (NAN, NAN, NAN, NAN), found)
        numbers = self._numbers(spectrum)
        found = self._presentation(spectrum) or self._space(numbers, spectrum, quality) or (Validity.VALID, "")
        return self._verdict(step, spectrum_id, numbers, found)

    def _instrument(self, spectrum: Vector, quality: Quality, time_ms: float | None, fault: str) -> Finding | None:
        invalid = Validity.INVALID_INSTRUMENT
        if fault:
            return invalid, fault
        if quality not in (Quality.GOOD, Quality.UNCERTAIN):
            return invalid, f"spectrum is {quality.name}"
        if np.shape(spectrum) != self.model.axis.shape:
            return invalid, f"{np.size(spectrum)} points, the model has {self.model.axis.size}"
        if not math.isfinite(float(np.sum(spectrum))):
            return invalid, "spectrum holds NaN or infinity"
        if time_ms is not None and not INTEGRATION_TIME_LOW_MS <= time_ms <= INTEGRATION_TIME_HIGH_MS:
            return invalid, f"integration time {time_ms:g} ms"
        top = float(np.max(spectrum))
        if top > self.model.presentation.absorbance_max:
            return invalid, f"too little light: {top:.2f} AU above {self.model.presentation.absorbance_max:.2f} AU"
        return None

    def _presentation(self, spectrum: Vector) -> Finding | None:
        seen, invalid = self.model.presentation, Validity.INVALID_PRESENTATION
        level, spread = float(np.mean(spectrum)), float(np.std(spectrum, ddof=1))
        if not seen.spread_low <= spread <= seen.spread_high:
            return (
                invalid,
                f"no powder or a bad window: spread {spread:.3f} AU outside {seen.spread_low:.3f}..{seen.spread_high:.3f} AU",
            )
        if not seen.level_low <= level <= seen.level_high:
            return (
                invalid,
                f"window fouled or uncovered: level {level:.3f} AU outside {seen.level_low:.3f}..{seen.level_high:.3f} AU",
            )
        return None

    def _space(self, numbers: tuple[float, float, float, float], spectrum: Vector, quality: Quality) -> Finding | None:
        api_w_w, _, t2, q = numbers
        model = self.model
        space = model_space(t2, model.limits.t2, q, model.limits.q)
        if space is Validity.INVALID_MODEL_SPACE:
            place, share = self.contributions(spectrum)[1]
            at = f"{PERCENT * share:.0f} % of it at {place:.0f} 1/cm"
            return space, f"new variation: Q {q:.3g} above {model.limits.q:.3g}, {at}"
        if space is Validity.EXTRAPOLATION:
            component, share = self.contributions(spectrum)[0]
            at = f"{PERCENT * share:.0f} % of it in component {component:.0f}"
            return space, f"T2 {t2:.1f} above {model.limits.t2:.1f}, {at}"
        if not model.range_low_w_w <= api_w_w <= model.range_high_w_w:
            low, high = PERCENT * model.range_low_w_w, PERCENT * model.range_high_w_w
            return Validity.OUT_OF_RANGE, f"{PERCENT * api_w_w:.2f} % w/w outside {low:.2f}..{high:.2f} % w/w"
        if quality is Quality.UNCERTAIN:
            return Validity.EXTRAPOLATION, "the instrument calls this spectrum Uncertain"
        return None

    def _numbers(self, spectrum: Vector) -> tuple[float, float, float, float]:
        """Return (API mass fraction, its standard error, T2, Q).

        Standard error: RMSECV sqrt(1 + 1/n + T2/(n - 1)), the leverage added to the error of whole batches left out
        (in the manner of ASTM E1655). Wrong, too small, where the model space is left: then the verdict says so.
        """
        model = self.model
        centred, scores, residual = self._parts(spectrum)
        t2, q = float((scores * scores * self._precision).sum()), float(residual @ residual)
        error = model.performance.rmsecv_w_w * math.sqrt(1.0 + 1.0 / model.n_spectra + t2 / (model.n_spectra - 1))
        return model.mean_y + float(centred @ model.coefficients), error, t2, q

    def _parts(self, spectrum: Vector) -> tuple[Vector, Vector, Vector]:
        """Return the treated and centred spectrum (p,), its scores (A,) and its residual (p,)."""
        model = self.model
        centred = apply_steps(model.preprocessing, np.asarray(spectrum, dtype=np.float64)[None, :])[0] - model.mean
        scores = centred @ self._rotations
        return centred, scores, centred - scores @ self._loadings

    def contributions(self, spectrum: Vector) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (component, its share of T2) and (wavenumber [1/cm], its share of Q) that contribute most to a spectrum (p,).

        Component counts from 1; share of Q: of the twentieth of the axis around the wavenumber.
        """
        _, scores, residual = self._parts(spectrum)
        t2, q = scores * scores * self._precision, residual * residual
        wide = max(q.size // 20, 1)
        around = np.convolve(q, np.ones(wide), mode="same")
        first, second = int(np.argmax(t2)), int(np.argmax(around))
        return (first + 1.0, float(t2[first] / t2.sum())), (float(self.model.axis[second]), float(around[second] / q.sum()))

    def _verdict(
        self, step: int, spectrum_id: int, numbers: tuple[float, float, float, float], found: Finding
    ) -> SpectrumVerdict:
        model = self.model
        api_w_w, error, t2, q = numbers
        return SpectrumVerdict(
            step=step,
            spectrum_id=spectrum_id,
            api_w_w=api_w_w,
            standard_error_w_w=error,
            t2=t2,
            t2_limit=model.limits.t2,
            q=q,
            q_limit=model.limits.q,
            validity=found[0],
            reason=found[1],
            model_id=model.id,
            model_hash=model.hash,
        )
