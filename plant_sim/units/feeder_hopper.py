"""What is in the feeders' hoppers and what is refilled into them: API, volume, water, compressibility, particle size, lots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_sim.columns import Columns
from plant_sim.extents import (
    ACTIVE,
    API,
    LOT_SLOTS,
    LOTS_FROM,
    N_EXTENTS,
    TINY_KG,
    TOTAL,
    VOLUME,
    WATER,
    YIELD,
    Vector,
)


@dataclass(frozen=True)
class LotProperties:
    """How a raw-material lot differs from the reference material.

    bulk_density, compressibility (of the yield pressure), particle_size (of d50), purity (active per dry mass): relative
    to the reference [fraction, above -1]; moisture: water per mass as received [kg/kg], None: the reference's.
    """

    bulk_density: float = 0.0
    compressibility: float = 0.0
    particle_size: float = 0.0
    purity: float = 0.0
    moisture: float | None = None


class FeederHoppers:
    """Contents of n lines x 4 hoppers, each well mixed: what leaves is like what is held, so only a refill changes that.

    `mass` (n, 4) [kg]; `carried` (n, 4, N_EXTENTS) what a kg held carries of each material column; `size` (n, 4) mean
    d50 relative to the reference; `supply` and `supply_size` the same of what is refilled now. Right for hoppers with an
    agitator over the screws; wrong where powder sinks as a plug: there a new lot arrives later and sharper.
    """

    def __init__(self, p: Columns, moisture: Vector) -> None:
        self._density, self._purity = p["bulk_density"], p["purity"]
        #: (n, 4) water of the reference material as it is received [kg/kg].
        self.moisture: Vector = moisture
        self.mass: Vector = p["initial_fill"].copy()
        self.supply: Vector = np.zeros((*self.mass.shape, N_EXTENTS))
        self.supply_size: Vector = np.ones(self.mass.shape)
        for line, feeder in np.ndindex(*self.mass.shape):
            self.load(line, feeder, LotProperties(), 0)
        self.carried: Vector = self.supply.copy()
        self.size: Vector = self.supply_size.copy()

    @property
    def density(self) -> Vector:
        """(n, 4) bulk density of what is held [kg/m3]."""
        return 1.0 / self.carried[..., VOLUME]

    def held(self, column: int) -> Vector:
        """Return what is held of a material column, (n, 4)."""
        return self.mass * self.carried[..., column]

    def load(self, i_line: int, i_feeder: int, lot: LotProperties, slot: int) -> None:
        """Refill from now on with a lot that is counted in `slot` (0..LOT_SLOTS - 1).

        The active share is that of the dry substance: active = purity (1 + d) (1 - w) / (1 - w_ref).
        """
        at = (i_line, i_feeder)
        moisture = float(self.moisture[at]) if lot.moisture is None else lot.moisture
        row = np.zeros(N_EXTENTS)
        row[TOTAL] = row[API + i_feeder] = row[LOTS_FROM + LOT_SLOTS * i_feeder + slot] = 1.0
        if i_feeder == 0:
            row[ACTIVE] = self._purity[at] * (1.0 + lot.purity) * ((1.0 - moisture) / (1.0 - self.moisture[at]))
        row[VOLUME] = 1.0 / (self._density[at] * (1.0 + lot.bulk_density))
        row[WATER] = moisture
        row[YIELD] = 1.0 + lot.compressibility
        self.supply[at] = row
        self.supply_size[at] = 1.0 + lot.particle_size

    def exchange_water(self, equilibrium: Vector, share: Vector | float) -> None:
        """Let the powder take up or give off `share` (0..1) of what its water content is off `equilibrium`, (n, 4) [kg/kg].

        Water is a property here, not a mass: less than 0.5 % of the powder, which scales and mass ledger do not feel.
        """
        self.carried[..., WATER] += share * (equilibrium - self.carried[..., WATER])

    def deliver(self, kg: Vector) -> Vector:
        """Take kg (n, 4), at most what is held; return all of it together, (n, N_EXTENTS)."""
        self.mass = self.mass - kg
        blend: Vector = np.add.reduce(self.carried * kg[..., None], axis=1)
        return blend

    def receive(self, added: Vector, purity: Vector | None = None) -> None:
        """Add `added` (n, 4) kg of the supply, its active content times `purity` (n, 4)."""
        supply = self.supply
        if purity is not None:
            supply = supply.copy()
            supply[..., ACTIVE] *= purity
        after = self.mass + added
        whole = np.maximum(after, TINY_KG)
        both = self.carried * self.mass[..., None] + supply * added[..., None]
        mixed = both / whole[..., None]
        fresh = added > 0.0
        self.carried = np.where(fresh[..., None], mixed, self.carried)
        size = (self.size * self.mass + self.supply_size * added) / whole
        self.size = np.where(fresh, size, self.size)
        self.mass = after
