"""May the estimate move the line yet? By what it doubts of the tablets, not by the clock."""

from __future__ import annotations

from collections.abc import Mapping

from flowsheet.layout import OUTPUTS
from line.configuration import near
from line.errors import ConfigurationFaults, Fault

#: Doubts beyond this many times their limit take the right to move away again.
LOST_FACTOR = 2.0


class Convergence:
    """Compares the doubt about each quality with its limit; keeps what it granted until a doubt is LOST_FACTOR too large.

    limits: standard deviation [% of nominal] by output name. Raises ConfigurationFaults for an unknown output or a limit
    that nothing reaches.
    """

    def __init__(self, limits: Mapping[str, float]) -> None:
        key, file = "converged_pct", "controller"
        faults = [Fault(file, f"{key}.{n}", f"{v:g}", near(n, OUTPUTS)) for n, v in limits.items() if n not in OUTPUTS]
        faults += [Fault(file, f"{key}.{n}", f"{v:g}", "must be above 0") for n, v in limits.items() if not v > 0]
        if faults:
            raise ConfigurationFaults(faults)
        self._limits = dict(limits)
        self.reset()

    def reset(self) -> None:
        """The estimate starts anew."""
        self._granted = False
        self.waits = "no estimate yet"

    def judge(self, doubts: Mapping[str, float], pressing: bool) -> str:
        """Return what is still waited for, in words, empty if the estimate may move the line.

        doubts: standard deviations [% of nominal] now; pressing: tablets are made and their signals were read.
        """
        factor = LOST_FACTOR if self._granted else 1.0
        wide = [
            f"{name} known to {doubts[name]:.2g} %, needed {limit:g} %"
            for name, limit in self._limits.items()
            if not doubts[name] <= factor * limit
        ]
        self.waits = "the press makes no tablets" if not pressing else "; ".join(wide)
        self._granted = not self.waits
        return self.waits
