"""What force and height do to weight and hardness at the reference point: the gains of the press trims."""

from __future__ import annotations

from dataclasses import dataclass

from flowsheet import press
from flowsheet.parameters import FlowsheetParameters

#: Relative step of the central differences.
STEP = 1e-3


@dataclass(frozen=True)
class PressGains:
    """Elasticities [% per %] of weight and hardness to force and height, force loop closed.

    The force that holds weight when the height moves follows: `force_per_height` = -weight_height / weight_force; what
    a height move then does to hardness is `hardness_at_weight`.
    """

    weight_force: float
    weight_height: float
    hardness_force: float
    hardness_height: float

    @property
    def force_per_height(self) -> float:
        """Relative force move that holds the weight, per relative height move (negative)."""
        return -self.weight_height / self.weight_force

    @property
    def hardness_at_weight(self) -> float:
        """Relative hardness a relative height move brings while the force holds the weight (negative)."""
        return self.hardness_height + self.hardness_force * self.force_per_height


def press_gains(p: FlowsheetParameters) -> PressGains:
    """Return the gains by central differences of the press equations at the recipe's force and height.

    Wrong away from the reference point: a gain changes by about a quarter over the normal range of the force.
    """

    def weight(force: float, height: float) -> float:
        return float(press.mass_for_force(force, height, 0.0, p))

    def hardness(force: float, height: float) -> float:
        return float(press.hardness(press.tensile_strength(force, 0.0, 1.0, 0.0, p), force, height, p))

    f, h = p.main_force, p.main_height
    up, down = 1.0 + STEP, 1.0 - STEP
    values = []
    for figure in (weight, hardness):
        at = figure(f, h)
        values.append((figure(f * up, h) - figure(f * down, h)) / (2.0 * STEP * at))
        values.append((figure(f, h * up) - figure(f, h * down)) / (2.0 * STEP * at))
    return PressGains(*values)
