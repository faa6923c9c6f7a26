"""From a spectrum on the wire to a verdict."""

from __future__ import annotations

from line.samples import Snapshot
from sensing.soft_sensor import SoftSensor
from sensing.verdict import SpectrumVerdict


class Probe:
    """Judges each new spectrum once."""

    def __init__(self, sensor: SoftSensor) -> None:
        self.sensor = sensor
        self._last_id = -1

    def judge(self, snapshot: Snapshot) -> SpectrumVerdict | None:
        """Return the verdict on a spectrum that is new this second, else None. A repeated spectrum id is not new."""
        sample = snapshot.arrays.get("NIR/Spectrum")
        if sample is None:
            return None
        spectrum_id = snapshot.raw("NIR/SpectrumId")
        number = int(spectrum_id) if spectrum_id == spectrum_id else self._last_id + 1
        if number == self._last_id:
            return None
        self._last_id = number
        return self.sensor.judge(
            sample.values,
            step=sample.source_step,
            spectrum_id=number,
            quality=sample.quality,
            integration_time_ms=snapshot.value("NIR/IntegrationTime"),
        )
