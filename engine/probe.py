"""From a spectrum on the wire to a verdict."""

from __future__ import annotations

import numpy as np

from line.errors import ConfigurationError
from line.samples import Snapshot
from sensing.soft_sensor import SoftSensor
from sensing.verdict import SpectrumVerdict

#: Largest difference of wavenumbers that counts as the same axis [1/cm]; the resolution is about 8.
AXIS_TOLERANCE = 0.5


class Probe:
    """Judges each new spectrum once."""

    def __init__(self, sensor: SoftSensor) -> None:
        self.sensor = sensor
        self._last_id = -1

    def check_axis(self, snapshot: Snapshot) -> None:
        """Refuse a spectrometer whose wavenumbers are not the model's. Raises ConfigurationError."""
        sample = snapshot.arrays.get("NIR/Axis")
        axis = np.asarray(self.sensor.model.axis)
        if sample is None or (sample.values.shape == axis.shape and np.abs(sample.values - axis).max() < AXIS_TOLERANCE):
            return
        raise ConfigurationError(
            "the spectrometer's axis is not the soft sensor's",
            where="NIR/Axis",
            how_much=f"{sample.values.size} points from {sample.values[0]:.1f}, model {axis.size} from {axis[0]:.1f} 1/cm",
            what_now="Use a model calibrated for this instrument.",
        )

    def judge(self, snapshot: Snapshot) -> SpectrumVerdict | None:
        """Return the verdict on a spectrum that is new this second, else None. A repeated spectrum id is not new.

        Its numbers are rounded to the recorded decimals before anybody uses them, so that a replay sees what was seen.
        """
        sample = snapshot.arrays.get("NIR/Spectrum")
        if sample is None:
            return None
        spectrum_id = snapshot.raw("NIR/SpectrumId")
        number = int(spectrum_id) if spectrum_id == spectrum_id else self._last_id + 1
        if number == self._last_id:
            return None
        self._last_id = number
        verdict = self.sensor.judge(
            sample.values,
            step=sample.source_step,
            spectrum_id=number,
            quality=sample.quality,
            integration_time_ms=snapshot.value("NIR/IntegrationTime"),
        )
        return SpectrumVerdict.from_body(verdict.body())
