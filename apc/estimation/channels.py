"""One measurement channel's gross-error guard: a single wild value is clipped, a repeated one is believed."""

from __future__ import annotations

from dataclasses import dataclass

#: Weight of the newest innovation in the running mean of standardised innovations.
FORGETTING = 0.1


@dataclass(frozen=True)
class GrossError:
    """A reading that was not believed: its channel and how far off it was [standard deviations of the innovation]."""

    channel: str
    sigmas: float

    def words(self) -> str:
        """Return 'level_hopper 12.3 sigma too high'."""
        return f"{self.channel} {abs(self.sigmas):.1f} sigma too {'high' if self.sigmas > 0 else 'low'}"


class Channel:
    """Judges standardised innovations (value minus prediction over its standard deviation).

    Beyond `gate` the innovation is clipped to the gate; after `patience` values in a row on the same side it is
    believed whole: then it is the line that has changed. `persistent` tells a small but lasting one-sidedness.
    """

    def __init__(self, gate: float, patience: int) -> None:
        self._gate, self._patience = gate, patience
        self._run = 0
        self._mean = 0.0

    def judge(self, standardised: float) -> tuple[float, bool]:
        """Return the innovation to use and whether it was clipped."""
        self._mean += FORGETTING * (max(-self._gate, min(self._gate, standardised)) - self._mean)
        if abs(standardised) <= self._gate:
            self._run = 0
            return standardised, False
        side = 1 if standardised > 0 else -1
        self._run = self._run + side if self._run * side >= 0 else side
        if abs(self._run) >= self._patience:
            return standardised, False
        return self._gate * side, True

    def persistent(self, threshold_sigma: float) -> bool:
        """True once the running mean is beyond `threshold_sigma` of its own spread; then it starts anew.

        The mean of white unit innovations has variance f/(2 - f), f = FORGETTING.
        """
        spread = (FORGETTING / (2.0 - FORGETTING)) ** 0.5
        if abs(self._mean) < threshold_sigma * spread:
            return False
        self._mean = 0.0
        return True


class Channels:
    """A guard for each channel by name, made when it first speaks; `errors` since `begin`."""

    def __init__(self, gate: float) -> None:
        self._gate = gate
        self._channels: dict[str, Channel] = {}
        self.errors: list[GrossError] = []

    def begin(self) -> None:
        """Start a new period: what was wrong in the last one is forgotten."""
        self.errors = []

    def judge(self, name: str, standardised: float, patience: int = 3) -> tuple[float, bool]:
        """Return the innovation to use and whether it was clipped; a clipped one is noted as a gross error."""
        taken, gated = self._channels.setdefault(name, Channel(self._gate, patience)).judge(standardised)
        if gated:
            self.errors.append(GrossError(name, standardised))
        return taken, gated

    def persistent(self, name: str, threshold_sigma: float) -> bool:
        """True if the channel has been on one side for long."""
        return name in self._channels and self._channels[name].persistent(threshold_sigma)
