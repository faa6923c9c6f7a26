"""From a spectrum on the wire to a verdict."""

from __future__ import annotations

import numpy as np

from line.errors import ConfigurationError
from line.samples import ArraySample, Snapshot
from sensing.soft_sensor import SoftSensor
from sensing.verdict import SpectrumVerdict

#: Largest difference of wavenumbers that counts as the same axis [1/cm]; the resolution is about 8.
AXIS_TOLERANCE = 0.5
#: So many spectra equal in every bit are an instrument that hangs: a detector has noise.
FROZEN_AT = 3


class Probe:
    """Judges each new spectrum once.

    A `challenger` judges the same spectra in shadow: `shadow` is its verdict of this second, for the record and nothing else.
    """

    def __init__(self, sensor: SoftSensor, challenger: SoftSensor | None = None) -> None:
        self.sensor, self.challenger = sensor, challenger
        self.shadow: SpectrumVerdict | None = None
        self._last_id = -1
        self._before: np.ndarray = np.empty(0)
        self._equal = 1

    def check_axis(self, snapshot: Snapshot) -> None:
        """Refuse a spectrometer whose wavenumbers are not those of every model. Raises ConfigurationError."""
        sample = snapshot.arrays.get("NIR/Axis")
        for sensor in (self.sensor, self.challenger):
            if sample is None or sensor is None:
                continue
            axis = np.asarray(sensor.model.axis)
            if sample.values.shape != axis.shape or np.abs(sample.values - axis).max() >= AXIS_TOLERANCE:
                raise ConfigurationError(
                    "the spectrometer's axis is not the soft sensor's",
                    where="NIR/Axis",
                    how_much=f"{sample.values.size} points from {sample.values[0]:.1f}, "
                    f"model {axis.size} from {axis[0]:.1f} 1/cm",
                    what_now="Use a model calibrated for this instrument.",
                )

    def judge(self, snapshot: Snapshot) -> SpectrumVerdict | None:
        """Return the verdict on a spectrum that is new this second, else None. A repeated spectrum id is not new.

        Its numbers are rounded to the recorded decimals before anybody uses them, so that a replay sees what was seen.
        """
        self.shadow = None
        sample = snapshot.arrays.get("NIR/Spectrum")
        if sample is None:
            return None
        spectrum_id = snapshot.raw("NIR/SpectrumId")
        number = int(spectrum_id) if spectrum_id == spectrum_id else self._last_id + 1
        if number == self._last_id:
            return None
        self._last_id = number
        self._equal = self._equal + 1 if np.array_equal(sample.values, self._before) else 1
        self._before = sample.values
        frozen = f"{self._equal} spectra equal in every bit" if self._equal >= FROZEN_AT else ""
        if self.challenger is not None:
            self.shadow = _verdict(self.challenger, sample, number, snapshot, frozen)
        return _verdict(self.sensor, sample, number, snapshot, frozen)


def _verdict(sensor: SoftSensor, sample: ArraySample, number: int, snapshot: Snapshot, frozen: str) -> SpectrumVerdict:
    verdict = sensor.judge(
        sample.values,
        step=sample.source_step,
        spectrum_id=number,
        quality=sample.quality,
        integration_time_ms=snapshot.value("NIR/IntegrationTime"),
        instrument_fault=frozen or _instrument_fault(sensor.model.instrument, snapshot.raw("NIR/InstrumentSerial")),
    )
    return SpectrumVerdict.from_body(verdict.body())


def _instrument_fault(wanted: str, serial: float) -> str:
    """Return in words that the model is another spectrometer's; empty if it is not, or names none."""
    found = str(int(serial)) if serial == serial else "unknown"
    return f"spectrometer {found}, the model is for {wanted}" if wanted not in ("", found) else ""
